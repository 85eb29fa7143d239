"""What runs now, in short: for the top bar of every page, and for the cards."""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import selectinload

from rockonweb.host import layers
from rockonweb.models import Operation, Progress, db
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.web.wording import percent, size, title_of
from rockonweb.work import sequence


@dataclass(frozen=True)
class Line:
    """An operation in one line: how much of it is done, and the words for that."""

    operation: int
    percent: int
    words: str
    active: bool


def running() -> int:
    """Return how many operations run or wait."""
    return db.session.scalar(select(func.count()).select_from(Operation).where(IS_ACTIVE)) or 0


def line_of(operation_id: int) -> Line | None:
    """Return an operation in one line; None where there is none."""
    query = select(Operation).where(Operation.id == operation_id)
    operation = db.session.scalar(query.options(selectinload(Operation.steps)))
    return Line(operation.id, percent(operation), short(operation), operation.active) if operation else None


def short(operation: Operation) -> str:
    """Return how far an operation is, in a few words."""
    if not operation.active:
        return str(_("ended"))
    if operation.cancel_requested:
        return str(_("stopping"))
    ended = sum(step.finished is not None for step in operation.steps)
    words = _("step %(n)s of %(all)s", n=min(ended + 1, len(operation.steps)), all=len(operation.steps))
    for step in operation.steps:
        if step.progress is Progress.RUNNING and step.total:
            bytes_pulled = _("%(part)s of %(all)s", part=size(step.current or 0), all=size(step.total))
            return f"{words} · {bytes_pulled}"
    return str(words) if operation.steps else place_of(operation.id) or str(_("waiting"))


def place_of(operation_id: int) -> str:
    """Return what an operation that waits waits for, and its place in the line; blank where its turn has come."""
    operation = db.session.get(Operation, operation_id)
    first = sequence.before(operation) if operation else []
    if not first:
        return ""
    after = title_of(first[0])
    if len(first) == 1:
        return str(_("Waiting: next, after %(what)s.", what=after))
    return str(_("Waiting: number %(n)s in line, after %(what)s.", n=len(first), what=after))


def layers_of(text: str) -> list[layers.Layer]:
    """Return the layers of an image, as a step keeps them."""
    return layers.unpack(text)
