"""Whose turn it is: what an operation that waits waits for, and who goes on when one has ended."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from rockonweb import rows
from rockonweb.core import interplay
from rockonweb.core.definition import from_source
from rockonweb.core.lifecycle import STATE_WORDS, Progress
from rockonweb.core.request import ChangeRequest
from rockonweb.core.text import t
from rockonweb.models import ACTIVE, Container, Installation, NetworkMember, Operation, db, now, writing
from rockonweb.work import operations


def before(operation: Operation) -> list[Operation]:
    """Return what an operation that waits has to wait for, the one that ends first in front.

    These are the operations of its rock-on that run or waited earlier, and those that run on a rock-on which shares
    a network or a container with it.
    """
    if operation.installation_id is None or operation.progress is not Progress.QUEUED:
        return []
    query = select(Operation).where(Operation.id != operation.id, Operation.progress.in_(ACTIVE))
    own = (
        query.where(Operation.installation_id == operation.installation_id)
        .where((Operation.progress == Progress.RUNNING) | (Operation.id < operation.id))
        .order_by((Operation.progress == Progress.RUNNING).desc(), Operation.id)
    )
    if found := [*db.session.scalars(own)]:
        return found
    elsewhere = query.where(
        Operation.installation_id.is_not(None), Operation.installation_id != operation.installation_id
    )
    running = [*db.session.scalars(elsewhere.where(Operation.progress == Progress.RUNNING).order_by(Operation.id))]
    mine = _touched(operation) if running else frozenset()
    return [other for other in running if mine & _touched(other)]


def claim(operation_id: int) -> bool:
    """Let an operation run whose turn it is. Returns False where it has to wait, has run, or can't be done any more.

    What it finds and what it writes are one transaction: of two that get in each other's way one runs. That two of
    one rock-on never do is a unique index's word besides.
    """
    try:
        with writing() as session:
            operations.alone(session)
            operation = session.get(Operation, operation_id)
            if operation is None or operation.progress is not Progress.QUEUED or before(operation):
                return False
            if operation.installation and not _fits(operation, operation.installation):
                return False
            operation.progress, operation.started = Progress.RUNNING, now()
    except IntegrityError as error:
        if not operations.is_taken(error):
            raise
        return False
    return True


def go_on() -> list[int]:
    """Put the jobs of those on the queue whose turn has come and that have none; returns the operations."""
    waiting = [
        *db.session.scalars(select(Operation).where(Operation.progress == Progress.QUEUED).order_by(Operation.id))
    ]
    free = [operation.id for operation in waiting if not before(operation)]
    db.session.rollback()
    return operations.enqueue_again(free) if free else []


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
            rows.release_reserved(rockon)
        return False
    operations.mark(operation, rockon)
    return True


def _touched(operation: Operation) -> frozenset[str]:
    rockon = operation.installation
    if rockon is None:
        return frozenset()
    definition, request = rockon.definition, operation.request
    joined = select(NetworkMember.network).join(Container).where(Container.installation_id == rockon.id)
    found = interplay.touched(definition, db.session.scalars(joined))
    if isinstance(request, ChangeRequest):
        newer = from_source(rockon.name, request.source) if request.source else definition
        wanted = request.answers.networks.values() if request.answers else ()
        found |= interplay.touched(newer, (name for names in wanted for name in names))
    return found
