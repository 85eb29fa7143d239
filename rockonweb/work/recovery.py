"""Recovers from crashes: queues operations that lost their job, and ends those that lost their process."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta

from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from sqlalchemy import func, or_, select

from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.operations.lifecycle import ROLLBACK_KINDS
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host import get_host
from rockonweb.models import ACTIVE_PROGRESS, Installation, Operation, OperationMember, Progress, db, utc_now
from rockonweb.work import heartbeat, network_operations, queue, runner, scheduler
from rockonweb.work.executor import find_renamers
from rockonweb.work.rehearsal_actions import close_room

DOCKER_GRACE = timedelta(minutes=2)  # for which Docker may still work on requests of a process that has ended
logger = logging.getLogger(__name__)


def recover_operations() -> list[int]:
    """Queue operations again that lost their job, end those that lost their process, and clean up after ended ones.

    An operation is alive while its process holds the operation's file lock. Returns the ids of the recovered
    operations. Called by the watcher.
    """
    recovered = []
    for operation in list(db.session.scalars(select(Operation).where(Operation.progress.in_(ACTIVE_PROGRESS)))):
        if (
            operation.progress is Progress.QUEUED
            and not scheduler.blocking_operations(operation)
            and not _has_job(operation.id)
        ):
            scheduler.enqueue_operation(operation.id)
            recovered.append(operation.id)
        elif operation.progress is Progress.RUNNING and runner.interrupt_operation(operation.id):
            recovered.append(operation.id)
    recovered += _clean_up_ended()
    _sweep_rooms()
    scheduler.dispatch_next()
    db.session.rollback()
    return recovered


def _clean_up_ended() -> Iterator[int]:
    """Clean up what ended operations left, as Docker was down or still at work; yield their ids."""
    try:
        with get_host().connect_docker() as docker:
            containers = docker.list_containers()
    except EngineError as error:
        logger.info("what operations left has to wait: %s", error)
        return
    for rockon_id in _rockons_with_leftovers(containers):
        try:
            if (operation_id := runner.clean_up_leftovers(rockon_id)) is not None:
                yield operation_id
        except EngineError as error:  # of this rock-on alone, such as an unmanaged container in the way
            logger.info("what operations left of rock-on %s has to wait: %s", rockon_id, error)
    for operation_id in network_operations.owed_rollbacks():
        try:
            if runner.finish_network_rollback(operation_id):
                yield operation_id
        except EngineError as error:
            logger.info("what operation %s left of its network has to wait: %s", operation_id, error)


def _sweep_rooms() -> None:
    """Remove what rehearsals left that have ended. The folder of one that was broken off stays for a while, as Docker
    may still create a container for it.
    """
    host = get_host()
    for uid in host.clones.list_rooms():
        operation = db.session.scalar(select(Operation).where(Operation.uid == uid))
        if operation and operation.is_active:
            continue
        broke_off = operation and operation.progress is not Progress.DONE and operation.finished
        try:
            with host.connect_docker() as docker:
                docker.enter_closed_room()
                close_room(host, docker, uid)
        except RockonwebError as error:
            logger.info("what the rehearsal %s left has to wait: %s", uid, error)
            continue
        if not broke_off or abs(utc_now() - broke_off) >= DOCKER_GRACE:
            host.clones.remove_room(uid)


def _rockons_with_leftovers(containers: Mapping[str, ContainerFacts]) -> list[int]:
    """Return the idle rock-ons (ids) that may have leftovers; `containers` are all of the host, by name."""
    renamers = find_renamers(
        {
            name.removesuffix(RENAMED_SUFFIX): facts
            for name, facts in containers.items()
            if facts.rockon and name.endswith(RENAMED_SUFFIX)
        }
    )
    present = {facts.rockon for facts in containers.values() if facts.rockon}
    busy = select(Operation.installation_id).where(
        Operation.progress.in_(ACTIVE_PROGRESS), Operation.installation_id.is_not(None)
    )
    on_busy_networks = (
        select(OperationMember.installation_id).join(Operation).where(Operation.progress.in_(ACTIVE_PROGRESS))
    )
    last_ids = (
        select(func.max(Operation.id)).where(Operation.kind.in_(ROLLBACK_KINDS)).group_by(Operation.installation_id)
    )
    undone = select(Operation.installation_id).where(Operation.id.in_(last_ids), Operation.progress != Progress.DONE)
    query = select(Installation.id, Installation.name).where(
        Installation.id.not_in(busy),
        Installation.id.not_in(on_busy_networks),
        or_(
            Installation.id.in_(renamers.values()),
            Installation.id.in_(undone),
        ),
    )
    rows = db.session.execute(query).all()
    return [
        rockon_id
        for rockon_id, name in rows
        if rockon_id in renamers.values() or _may_have_leftovers(rockon_id, has_containers=name in present)
    ]


def _may_have_leftovers(rockon_id: int, *, has_containers: bool) -> bool:
    """Whether a failed last operation has cleanup pending, or Docker may still create containers for it."""
    operation = runner.last_effective_operation(rockon_id)
    if operation is None or operation.progress is Progress.DONE:
        return False
    age = abs(utc_now() - (operation.finished or utc_now()))
    return operation.notes.owes or (has_containers and age < DOCKER_GRACE)


def _has_job(operation_id: int) -> bool:
    """Whether a worker will run an operation's job. RQ may show a job as started whose worker was killed."""
    connection = queue.redis_connection()
    try:
        job = Job.fetch(scheduler.job_id(operation_id), connection=connection)
    except NoSuchJobError:
        return False
    status = job.get_status()
    if status is JobStatus.QUEUED:
        return job.id in queue.waiting_jobs()
    if status is JobStatus.STARTED:
        return job.worker_name in heartbeat.listening_workers()
    return status in (JobStatus.DEFERRED, JobStatus.SCHEDULED)
