"""Progress of active operations: for the top bar of every page, for cards, and for the page of an operation."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from flask import g
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import defer, joinedload, selectinload

from rockonweb.core.operations.measure import StepMeasure, measure_percent
from rockonweb.core.operations.steps import RunOnce
from rockonweb.models import ACTIVE_PROGRESS, Installation, Operation, OperationStep, Progress, db
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.web.labels import duration, ended_title, percent_words, size, title_of
from rockonweb.work import scheduler

MAX_WATCHED = 50  # operations whose end a page waits for
MAX_ENDED = 5  # ended operations that a page is notified of at once; the list has them all


@dataclass(frozen=True)
class ProgressLine:
    """An operation's progress in one line: its percentage, None where it is unknown, and a summary."""

    operation: int
    percent: int | None
    summary: str
    active: bool


@dataclass(frozen=True)
class TopBar:
    """What the top bar shows, and what its page sends with the next poll to learn what has ended since.

    `last` is the id of the newest operation, `watched` those of active ones; `ended` are the operations that the page
    is notified of now.
    """

    active_count: int
    last: int = 0
    watched: tuple[int, ...] = ()
    line: ProgressLine | None = None  # where exactly one is active
    ended: Sequence[Operation] = field(default=())

    @property
    def watch_argument(self) -> str:
        """The watched ids as an argument of the polled URL."""
        return ",".join(map(str, self.watched))


_operations = Operation.__table__.alias()
# Built once: each page executes it, and building it takes longer than the query.
_ACTIVE_COUNT_AND_LAST = (
    select(func.count(), select(func.max(_operations.c.id)).scalar_subquery())
    .select_from(Operation.__table__)
    .where(IS_ACTIVE)
)


def build_top_bar(last: int | None = None, watch: Collection[int] = (), excluded_id: int | None = None) -> TopBar:
    """Return what the top bar shows; one SQL statement while nothing is active.

    `last` and `watch` are `TopBar.last` and `TopBar.watched` of the page's previous poll, None and empty on a new
    page; the operation `excluded_id` is left out of `ended`.
    """
    active_count, newest_id = db.session.execute(_ACTIVE_COUNT_AND_LAST).one()
    active_operations = _load_active() if active_count else []
    line = build_progress_line(active_operations[0]) if len(active_operations) == 1 else None
    ended: Sequence[Operation] = ()
    if last is not None and (watch or (newest_id or 0) > last):
        ended = _ended_operations(last, watch, excluded_id)
    watched = tuple(operation.id for operation in active_operations[-MAX_WATCHED:])
    return TopBar(len(active_operations), newest_id or 0, watched, line, ended)


def _ended_operations(last: int, watch: Collection[int], excluded_id: int | None) -> list[Operation]:
    """Return ended operations among the watched ones and those submitted since; the oldest first."""
    condition: ColumnElement[bool] = Operation.id > last
    if watch:
        condition |= Operation.id.in_(sorted(watch)[-MAX_WATCHED:])
    query = select(Operation).where(
        condition, Operation.progress.not_in(ACTIVE_PROGRESS), Operation.id != (excluded_id or 0)
    )
    query = query.options(*_LOAD_BRIEFLY).order_by(Operation.id.desc()).limit(MAX_ENDED)
    return [*db.session.scalars(query)][::-1]


_LOAD_BRIEFLY = (defer(Operation.reviewed), joinedload(Operation.installation).load_only(Installation.name))


def _load_active() -> list[Operation]:
    """Return active operations with their steps; loaded once per request."""
    if "active_operations" not in g:
        query = select(Operation).where(IS_ACTIVE).order_by(Operation.id)
        named = joinedload(Operation.installation).load_only(Installation.name)
        operations = db.session.scalars(query.options(selectinload(Operation.steps), named))
        g.active_operations = [*operations]
    return list(g.active_operations)


def measure_operation(operation: Operation) -> int | None:
    """Return how many percent of an operation are done; None where nothing is known."""
    if not operation.is_active:
        return 100 if operation.progress is Progress.DONE else None
    return measure_percent(
        [
            StepMeasure(
                has_ended=step.finished is not None or step.progress is Progress.SKIPPED,
                current=step.current or 0,
                total=step.total or 0,
            )
            for step in operation.steps
        ],
        is_planned=operation.is_planned,
    )


@dataclass(frozen=True)
class Announcement:
    """A text for screen readers; `key` changes when there is something new to announce."""

    key: str
    text: str


def build_announcement(operation: Operation, percent: int | None) -> Announcement:
    """Return the announcement for an operation: it changes with each step, each 25 percent, and at the end."""
    if not operation.is_active:
        return Announcement(operation.progress, ended_title(operation))
    index, current_step = next(
        ((n, step.title) for n, step in enumerate(operation.steps) if step.progress is Progress.RUNNING),
        (-1, str(_("Running.") if operation.progress is Progress.RUNNING else _("Waiting."))),
    )
    text = " · ".join(filter(None, (percent_words(percent), current_step)))
    return Announcement(f"{operation.progress}-{index}-{(percent or 0) // 25}", text)


def load_progress_line(operation_id: int) -> ProgressLine | None:
    """Return an operation's progress in one line; None where it does not exist."""
    query = select(Operation).where(Operation.id == operation_id)
    operation = db.session.scalar(query.options(selectinload(Operation.steps)))
    return build_progress_line(operation) if operation else None


def card_progress_line(operation_id: int) -> ProgressLine | None:
    """Return an active operation's progress in one line, for a card; two SQL statements for all cards."""
    if "card_lines" not in g:
        g.card_lines = {operation.id: build_progress_line(operation) for operation in _load_active()}
    line: ProgressLine | None = g.card_lines.get(operation_id)
    return line


def build_progress_line(operation: Operation) -> ProgressLine:
    """Return an operation's progress in one line."""
    return ProgressLine(operation.id, measure_operation(operation), describe_progress(operation), operation.is_active)


def describe_progress(operation: Operation) -> str:
    """Return an operation's progress in short: which step it waits for, its bytes, and for how long, such as
    `step 2 of 5 · pull example/app:1 · 10 MB of 40 MB · 12 s`.
    """
    if not operation.is_active:
        return str(_("ended"))
    if operation.cancel_requested:
        return str(_("cancelling"))
    ended_count = sum(step.finished is not None for step in operation.steps)
    step_text = _("step %(n)s of %(all)s", n=min(ended_count + 1, len(operation.steps)), all=len(operation.steps))
    for step in operation.steps:
        if step.progress is Progress.RUNNING:
            title = "" if step.kind == RunOnce.kind else step.title  # that of a run is a long command
            return " · ".join(filter(None, (step_text, title, pulled_words(step), duration(step.duration_seconds))))
    if operation.steps:
        return str(step_text)
    waiting = queue_position(operation.id) or str(_("waiting"))
    return f"{waiting} · {duration(operation.waited_seconds)}"


def pulled_words(step: OperationStep) -> str:
    """Return the bytes that a pull has received, of how many where that is known; blank before the first."""
    if step.total:
        return str(_("%(part)s of %(all)s", part=size(step.current or 0), all=size(step.total)))
    return str(_("%(part)s received", part=size(step.current))) if step.current else ""


def queue_position(operation_id: int) -> str:
    """Return a waiting operation's position in the queue and what it waits for; blank where nothing blocks it."""
    operation = db.session.get(Operation, operation_id)
    earlier = scheduler.blocking_operations(operation) if operation else []
    if not earlier:
        return ""
    earliest_title = title_of(earlier[0])
    if len(earlier) == 1:
        return str(_("Waiting: next in the queue, after %(what)s.", what=earliest_title))
    return str(_("Waiting: number %(n)s in the queue, after %(what)s.", n=len(earlier), what=earliest_title))
