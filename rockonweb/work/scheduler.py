"""The scheduler of operations: what a queued one has to wait for, and which can run when another has ended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sqlalchemy import Select, and_, or_, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.errors import QueueUnreachable
from rockonweb.core.operations import conflicts
from rockonweb.core.operations.lifecycle import CLOSED_ROOM_KINDS, QUICK_KINDS, STATE_LABELS, Kind, Progress
from rockonweb.core.operations.requests import BackupDataRequest, ChangeRequest, RestoreDataRequest
from rockonweb.core.text import t
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Container,
    Installation,
    NetworkMember,
    Operation,
    db,
    repository,
    transaction,
    utc_now,
)
from rockonweb.work import queue
from rockonweb.work.dependents import find_dependents

JOB = "rockonweb.jobs.run"


def unfinished_operations(rockon_id: int) -> list[Operation]:
    """Return the queued and running operations of a rock-on, in the order of submission."""
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.progress.in_(ACTIVE_PROGRESS))
    return [*db.session.scalars(query.order_by(Operation.id))]


def is_changing(rockon_id: int) -> bool:
    """Whether an operation that may change a rock-on is queued or runs."""
    return any(operation.kind not in CLOSED_ROOM_KINDS for operation in unfinished_operations(rockon_id))


def is_rockon_busy(rockon_id: int) -> bool:
    """Whether an operation of a rock-on is running."""
    return any(operation.progress is Progress.RUNNING for operation in unfinished_operations(rockon_id))


def blocking_operations(operation: Operation) -> list[Operation]:
    """Return the operations that a queued operation has to wait for, running ones first.

    These are the operations of its rock-on that run or were submitted earlier; else those that run on a rock-on which
    shares a network or a container with it. Between an operation on a network and those that share something with it,
    the order of submission counts too: it is one on each rock-on that is on the network.
    """
    if operation.kind is Kind.REFRESH or operation.progress is not Progress.QUEUED:
        return []
    own_operations = unfinished_operations(operation.installation_id) if operation.installation_id else []
    blocking = [
        candidate
        for candidate in own_operations
        if candidate.id < operation.id or candidate.progress is Progress.RUNNING
    ]
    if not blocking:
        others = [*db.session.scalars(_possible_conflicts(operation))]
        own_resources = _operation_resources(operation) if others else frozenset()
        blocking = [other for other in others if own_resources & _operation_resources(other)]
    return sorted(blocking, key=lambda candidate: candidate.progress is not Progress.RUNNING)


def _possible_conflicts(operation: Operation) -> Select[Operation]:
    """Return the query for the operations on other rock-ons and on networks that a queued one may have to wait for."""
    earlier = and_(Operation.progress == Progress.QUEUED, Operation.id < operation.id)
    if operation.network is None:
        earlier = and_(earlier, Operation.network.is_not(None))
    query = select(Operation).where(
        or_(Operation.progress == Progress.RUNNING, earlier),
        Operation.kind != Kind.REFRESH,
        Operation.id != operation.id,
        or_(Operation.installation_id.is_(None), Operation.installation_id != (operation.installation_id or 0)),
    )
    return query.order_by(Operation.id)


def claim_operation(operation_id: int) -> bool:
    """Mark a queued operation as running. Returns False where it has to wait, was run, or is not possible any more.

    The check and the update are one transaction under a lock, so that of two conflicting operations only one runs. For
    two of one rock-on, a unique index ensures that too.
    """
    try:
        with transaction() as session:
            lock_operations(session)
            operation = session.get(Operation, operation_id)
            if operation is None or operation.progress is not Progress.QUEUED or blocking_operations(operation):
                return False
            if operation.installation and not _apply_transition(operation, operation.installation):
                return False
            operation.progress, operation.started = Progress.RUNNING, utc_now()
    except IntegrityError as error:
        if not _is_running_conflict(error):
            raise
        return False
    return True


def dispatch_next() -> list[int]:
    """Enqueue the jobs of all queued operations that need not wait and have no job yet; return their ids."""
    waiting = select(Operation).where(Operation.progress == Progress.QUEUED).order_by(Operation.id)
    ready = [operation.id for operation in db.session.scalars(waiting).all() if not blocking_operations(operation)]
    db.session.rollback()
    with suppress(QueueUnreachable):
        queued_jobs = queue.waiting_jobs() if ready else set()
        return [enqueue_operation(operation_id) for operation_id in ready if job_id(operation_id) not in queued_jobs]
    return []


def dispatch_operation(operation_id: int) -> int:
    """Enqueue an operation's job, unless it has to wait: then `dispatch_next` does it later. Returns the id."""
    operation = db.session.get_one(Operation, operation_id)
    ready = operation.progress is Progress.QUEUED and not blocking_operations(operation)
    db.session.rollback()
    return enqueue_operation(operation_id) if ready else operation_id


def enqueue_operation(operation_id: int) -> int:
    """Enqueue an operation's job and return the operation's id. Where the queue is down, the watcher does it later."""
    is_quick = db.session.get_one(Operation, operation_id).kind in QUICK_KINDS
    db.session.rollback()
    with suppress(QueueUnreachable):
        queue.enqueue_job(JOB, operation_id, job_id=job_id(operation_id), quick=is_quick)
    return operation_id


def job_id(operation_id: int) -> str:
    """Return the RQ job id of an operation."""
    return f"operation-{operation_id}"


def lock_operations(session: Session) -> None:
    """Block other submits and claims until the transaction ends. On SQLite, there is only one writer anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE operation IN SHARE ROW EXCLUSIVE MODE"))


def show_pending(installation: Installation) -> None:
    """Set a rock-on's state and status to the pending ones of its next operation; no change where nothing waits.

    To be called in each transaction that submits or ends an operation, so that the rock-on is pending while any
    waits or runs, also between two of them.
    """
    for operation in unfinished_operations(installation.id):
        if operation.transition.state or operation.transition.status:  # some tasks have none
            if operation.progress is Progress.QUEUED and installation.state in operation.transition.allowed_states:
                _set_pending(operation, installation)
            return


def _set_pending(operation: Operation, installation: Installation) -> None:
    """Set a rock-on's state and status to the operation's pending ones, and note those before."""
    transition = operation.transition
    if not installation.is_pending:
        operation.notes = replace(operation.notes, state=installation.state, status=installation.status)
    installation.state = transition.state or installation.state
    installation.status = transition.status or installation.status
    installation.error = None


def _apply_transition(operation: Operation, installation: Installation) -> bool:
    """Set a rock-on's pending state; an operation that its state does not allow any more is ended as failed."""
    transition = operation.transition
    if installation.state not in transition.allowed_states and installation.state != transition.state:
        operation.mark_finished(
            Progress.FAILED,
            t("%(name)s is %(state)s.", name=installation.name, state=STATE_LABELS[installation.state]),
            t("The operation before it did not end as expected, so nothing was done."),
        )
        if transition.reserves_ports:
            repository.release_reserved_ports(installation)
        show_pending(installation)
        return False
    if not transition.in_closed_room:
        _set_pending(operation, installation)
    return True


def _operation_resources(operation: Operation) -> frozenset[str]:
    installation = operation.installation
    if operation.transition.in_closed_room:
        return frozenset()
    if installation is None:
        members = [member.current_definition for member in operation.members]
        return conflicts.network_resources(operation.network or "", members)
    definition, request = installation.current_definition, operation.request
    present_networks = select(NetworkMember.network).join(Container).where(Container.installation_id == installation.id)
    resources = conflicts.rockon_resources(definition, db.session.scalars(present_networks))
    for dependent in find_dependents(installation):
        resources |= conflicts.rockon_resources(dependent.current_definition, ())
    if isinstance(request, BackupDataRequest | RestoreDataRequest):  # one at a time uses a repository
        resources |= {f"data repository {request.repository}"}
    if isinstance(request, ChangeRequest):
        new_definition = definition_from_source(installation.name, request.source) if request.source else definition
        new_networks = request.answers.networks.values() if request.answers else ()
        resources |= conflicts.rockon_resources(new_definition, (name for names in new_networks for name in names))
    return resources


def _is_running_conflict(error: IntegrityError) -> bool:
    """Whether the unique index refused a row because another operation of its rock-on runs."""
    return "uq_operation_running" in str(error) or "operation.installation_id" in str(error)
