"""Whose turn it is: what an operation that waits waits for, and who goes on when one has ended."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rockonweb.core.definition.definition import from_source
from rockonweb.core.errors import QueueUnreachable
from rockonweb.core.operations import conflicts
from rockonweb.core.operations.lifecycle import STATE_WORDS, Progress
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.text import t
from rockonweb.models import ACTIVE, Container, Installation, NetworkMember, Operation, db, now, repository, writing
from rockonweb.work import queue

JOB = "rockonweb.jobs.run"


def active(rockon_id: int) -> list[Operation]:
    """Return the operations of a rock-on that wait or run, in the order in which they were begun."""
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.progress.in_(ACTIVE))
    return [*db.session.scalars(query.order_by(Operation.id))]


def runs(rockon_id: int) -> bool:
    """Whether an operation works on a rock-on."""
    return any(operation.progress is Progress.RUNNING for operation in active(rockon_id))


def before(operation: Operation) -> list[Operation]:
    """Return what an operation that waits has to wait for, the one that ends first in front.

    These are the operations of its rock-on that run or waited earlier, and those that run on a rock-on which shares
    a network or a container with it.
    """
    if operation.installation_id is None or operation.progress is not Progress.QUEUED:
        return []
    own = active(operation.installation_id)
    earlier = [one for one in own if one.id < operation.id or one.progress is Progress.RUNNING]
    if earlier:
        return sorted(earlier, key=lambda one: one.progress is not Progress.RUNNING)
    elsewhere = select(Operation).where(
        Operation.progress == Progress.RUNNING,
        Operation.installation_id.is_not(None),
        Operation.installation_id != operation.installation_id,
    )
    running = [*db.session.scalars(elsewhere.order_by(Operation.id))]
    mine = _touched(operation) if running else frozenset()
    return [other for other in running if mine & _touched(other)]


def claim(operation_id: int) -> bool:
    """Let an operation run whose turn it is. Returns False where it has to wait, has run, or can't be done any more.

    What it finds and what it writes are one transaction: of two that get in each other's way one runs. That two of
    one rock-on never do is a unique index's word besides.
    """
    try:
        with writing() as session:
            alone(session)
            operation = session.get(Operation, operation_id)
            if operation is None or operation.progress is not Progress.QUEUED or before(operation):
                return False
            if operation.installation and not _fits(operation, operation.installation):
                return False
            operation.progress, operation.started = Progress.RUNNING, now()
    except IntegrityError as error:
        if not _is_taken(error):
            raise
        return False
    return True


def go_on() -> list[int]:
    """Put the jobs of those on the queue whose turn has come and that have none; returns the operations."""
    waiting = select(Operation).where(Operation.progress == Progress.QUEUED).order_by(Operation.id)
    free = [operation.id for operation in db.session.scalars(waiting).all() if not before(operation)]
    db.session.rollback()
    with suppress(QueueUnreachable):
        there = queue.waiting() if free else set()
        return [enqueue(found) for found in free if job_id(found) not in there]
    return []


def put(operation_id: int) -> int:
    """Put the job of an operation on the queue unless others come first: who ends those does it then."""
    operation = db.session.get_one(Operation, operation_id)
    free = operation.progress is Progress.QUEUED and not before(operation)
    db.session.rollback()
    return enqueue(operation_id) if free else operation_id


def enqueue(operation_id: int) -> int:
    """Put the job on the queue. Should the queue have gone since it was asked, the watcher does it later."""
    with suppress(QueueUnreachable):
        queue.enqueue(JOB, operation_id, job_id=job_id(operation_id))
    return operation_id


def job_id(operation_id: int) -> str:
    """Return the id of the operation's job on the queue."""
    return f"operation-{operation_id}"


def alone(session: Session) -> None:
    """Keep others from beginning and claiming until the transaction ends. On SQLite nobody else writes anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE operation IN SHARE ROW EXCLUSIVE MODE"))


def mark(operation: Operation, rockon: Installation) -> None:
    """Show on a rock-on what is done to it, and note how it was before."""
    transition = operation.transition
    if rockon.state in transition.allowed:
        operation.notes = replace(operation.notes, state=rockon.state)
    rockon.state = transition.state or rockon.state
    rockon.status = transition.status or rockon.status
    rockon.error = None


def _fits(operation: Operation, rockon: Installation) -> bool:
    """Bring a rock-on into the state of an operation; one that can't be done any more is ended with a sentence."""
    transition = operation.transition
    if rockon.state not in transition.allowed and rockon.state != transition.state:
        operation.end(
            Progress.FAILED,
            t("%(name)s is %(state)s.", name=rockon.name, state=STATE_WORDS[rockon.state]),
            t("What ran before it has ended otherwise than expected, so nothing was done."),
        )
        if transition.reserves:
            repository.release_reserved(rockon)
        return False
    mark(operation, rockon)
    return True


def _touched(operation: Operation) -> frozenset[str]:
    rockon = operation.installation
    if rockon is None:
        return frozenset()
    definition, request = rockon.definition, operation.request
    joined = select(NetworkMember.network).join(Container).where(Container.installation_id == rockon.id)
    found = conflicts.touched(definition, db.session.scalars(joined))
    if isinstance(request, ChangeRequest):
        newer = from_source(rockon.name, request.source) if request.source else definition
        wanted = request.answers.networks.values() if request.answers else ()
        found |= conflicts.touched(newer, (name for names in wanted for name in names))
    return found


def _is_taken(error: IntegrityError) -> bool:
    """Whether a row was refused because another operation of its rock-on runs."""
    return "uq_operation_running" in str(error) or "operation.installation_id" in str(error)
