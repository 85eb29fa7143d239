"""After a crash: compares what the rows say with what is true, and mends the difference."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta

from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.job import Job, JobStatus
from sqlalchemy import func, or_, select

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.operations.lifecycle import UNDOING
from rockonweb.core.operations.steps import ASIDE
from rockonweb.host import host_of
from rockonweb.models import ACTIVE, Installation, Operation, Progress, db, now
from rockonweb.work import heartbeat, queue, runner, scheduler

STILL_AT_WORK = timedelta(minutes=2)  # that Docker may go on with what a process asked for before it ended
logger = logging.getLogger(__name__)


def recover() -> list[int]:
    """Compare what the rows say with what is true: queue again what lost its job, end what lost its process.

    An operation that runs is alive while its process holds the operation's file lock. Returns the ids of those that
    were mended. Called by the watcher.
    """
    mended = []
    for operation in list(db.session.scalars(select(Operation).where(Operation.progress.in_(ACTIVE)))):
        if operation.progress is Progress.QUEUED and not scheduler.before(operation) and not _has_job(operation.id):
            scheduler.enqueue(operation.id)
            mended.append(operation.id)
        elif operation.progress is Progress.RUNNING and runner.interrupt(operation.id):
            mended.append(operation.id)
    mended += _tidied()
    scheduler.go_on()
    db.session.rollback()
    return mended


def _tidied() -> Iterator[int]:
    """Deal with what ended installs and changes left, because Docker was away or still at work when they ended."""
    try:
        with host_of().connect() as docker:
            known = docker.containers()
    except EngineError as error:
        logger.info("what operations left has to wait: %s", error)
        return
    for rockon_id in _with_remains(known):
        try:
            if (operation_id := runner.tidy(rockon_id)) is not None:
                yield operation_id
        except EngineError as error:  # of this rock-on alone, such as a stranger's container in the way
            logger.info("what operations left of rock-on %s has to wait: %s", rockon_id, error)


def _with_remains(known: Mapping[str, ContainerFacts]) -> list[int]:
    """Return the rock-ons without an operation of which something may be left; `known` are all containers."""
    aside = {facts.rockon for name, facts in known.items() if facts.rockon and name.endswith(ASIDE)}
    there = {facts.rockon for facts in known.values() if facts.rockon}
    busy = select(Operation.installation_id).where(
        Operation.progress.in_(ACTIVE), Operation.installation_id.is_not(None)
    )
    last = select(func.max(Operation.id)).where(Operation.kind.in_(UNDOING)).group_by(Operation.installation_id)
    undone = select(Operation.installation_id).where(Operation.id.in_(last), Operation.progress != Progress.DONE)
    query = select(Installation.id, Installation.name).where(
        Installation.id.not_in(busy), or_(Installation.name.in_(aside), Installation.id.in_(undone))
    )
    found = db.session.execute(query).all()
    return [rockon_id for rockon_id, name in found if name in aside or _may_have_left(rockon_id, there=name in there)]


def _may_have_left(rockon_id: int, *, there: bool) -> bool:
    """Whether the last operation that was undone may have left something, or Docker be at it; `there` are containers
    of the rock-on.
    """
    operation = runner.last_that_acted(rockon_id)
    if operation is None or operation.progress is Progress.DONE:
        return False
    return operation.notes.owes or (there and now() - (operation.finished or now()) < STILL_AT_WORK)


def _has_job(operation_id: int) -> bool:
    """Whether a worker is going to do an operation. One that was killed may have taken the job with it."""
    connection = queue.connection()
    try:
        job = Job.fetch(scheduler.job_id(operation_id), connection=connection)
    except NoSuchJobError:
        return False
    status = job.get_status()
    if status is JobStatus.QUEUED:
        return job.id in Queue(queue.NAME, connection=connection).job_ids
    if status is JobStatus.STARTED:
        return job.worker_name in heartbeat.listening()
    return status in (JobStatus.DEFERRED, JobStatus.SCHEDULED)
