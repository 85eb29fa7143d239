"""Progress of active operations: for the top bar of every page, for cards, and for the page of an operation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import g
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Integer, cast, func, literal, null, select, union_all
from sqlalchemy.orm import defer, joinedload, selectinload

from rockonweb.core.operations.estimate import DurationHistory, Estimate, StepTime, build_history, estimate_progress
from rockonweb.models import ACTIVE_PROGRESS, Installation, Operation, OperationStep, Progress, db
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.web.labels import ended_title, left_words, size, title_of
from rockonweb.work import scheduler

HISTORY_OPERATIONS = 12  # per rock-on; their steps predict how long such steps take
HISTORY_STEPS = 300  # per rock-on, and of all rock-ons together
MAX_WATCHED = 50  # operations whose end a page waits for
MAX_ENDED = 5  # ended operations that a page is notified of at once; the list has them all


@dataclass(frozen=True)
class ProgressLine:
    """An operation's progress in one line: its percentage and a summary."""

    operation: int
    percent: int
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
    line = (
        build_progress_line(active_operations[0], step_histories([active_operations[0]]))
        if len(active_operations) == 1
        else None
    )
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


def step_histories(operations: Iterable[Operation]) -> Mapping[int | None, DurationHistory]:
    """Return how long steps took before, by installation id, None for any other; one SQL statement."""
    rockons = sorted({operation.installation_id for operation in operations if operation.installation_id is not None})
    latest = select(Operation.id).where(Operation.installation_id.in_(rockons)).order_by(Operation.id.desc())
    own_steps = (
        select(Operation.installation_id.label("rockon"), literal(1).label("own"), *_STEP_TIME_COLUMNS)
        .join(Operation, Operation.id == OperationStep.operation_id)
        .where(OperationStep.progress == Progress.DONE)
        .where(OperationStep.operation_id.in_(latest.limit(HISTORY_OPERATIONS * max(1, len(rockons)))))
        .order_by(OperationStep.id.desc())
        .limit(HISTORY_STEPS * max(1, len(rockons)))
    )
    other_steps = (
        select(cast(null(), Integer).label("rockon"), literal(0).label("own"), *_STEP_TIME_COLUMNS)
        .where(OperationStep.progress == Progress.DONE)
        .order_by(OperationStep.id.desc())
        .limit(HISTORY_STEPS)
    )
    step_times = union_all(select(own_steps.subquery()), select(other_steps.subquery())) if rockons else other_steps
    own_times: dict[int, list[tuple[str, str, float]]] = {}
    all_times: list[tuple[str, str, float]] = []
    for rockon, is_own, kind, title, started, finished in db.session.execute(step_times):
        if started and finished:
            step_time = (kind, title, max(0.0, (finished - started).total_seconds()))
            (own_times.setdefault(rockon, []) if is_own else all_times).append(step_time)
    return {rockon: build_history(own_times.get(rockon, ()), all_times) for rockon in rockons} | {
        None: build_history((), all_times)
    }


_STEP_TIME_COLUMNS = (OperationStep.kind, OperationStep.title, OperationStep.started, OperationStep.finished)


def estimate_operation(
    operation: Operation,
    known_histories: Mapping[int | None, DurationHistory] | None = None,
    min_percent: int | None = None,
) -> Estimate:
    """Return an operation's progress; `min_percent` is the percentage that its page shows already."""
    if not operation.is_active:
        return estimate_progress((), DurationHistory(), done=operation.progress is Progress.DONE)
    steps = [
        StepTime(
            step.kind,
            step.title,
            started=step.started is not None,
            finished=step.finished is not None or step.progress is Progress.SKIPPED,
            seconds=step.duration_seconds or 0.0,
            current=step.current or 0,
            total=step.total or 0,
        )
        for step in operation.steps
    ]
    known_histories = known_histories if known_histories is not None else step_histories([operation]) if steps else {}
    return estimate_progress(
        steps, known_histories.get(operation.installation_id, DurationHistory()), least=min_percent or 0
    )


@dataclass(frozen=True)
class Announcement:
    """A text for screen readers; `key` changes when there is something new to announce."""

    key: str
    text: str


def build_announcement(operation: Operation, percent: int) -> Announcement:
    """Return the announcement for an operation: it changes with each step, each 25 percent, and at the end."""
    if not operation.is_active:
        return Announcement(operation.progress, ended_title(operation))
    index, current_step = next(
        ((n, step.title) for n, step in enumerate(operation.steps) if step.progress is Progress.RUNNING),
        (-1, str(_("Running.") if operation.progress is Progress.RUNNING else _("Waiting."))),
    )
    return Announcement(f"{operation.progress}-{index}-{percent // 25}", f"{percent} % · {current_step}")


def load_progress_line(operation_id: int, min_percent: int | None = None) -> ProgressLine | None:
    """Return an operation's progress in one line; None where it does not exist."""
    query = select(Operation).where(Operation.id == operation_id)
    operation = db.session.scalar(query.options(selectinload(Operation.steps)))
    return build_progress_line(operation, None, min_percent) if operation else None


def card_progress_line(operation_id: int) -> ProgressLine | None:
    """Return an active operation's progress in one line, for a card; three SQL statements for all cards."""
    if "card_lines" not in g:
        active_operations = _load_active()
        known_histories = step_histories(active_operations) if active_operations else {}
        g.card_lines = {
            operation.id: build_progress_line(operation, known_histories) for operation in active_operations
        }
    line: ProgressLine | None = g.card_lines.get(operation_id)
    return line


def build_progress_line(
    operation: Operation,
    known_histories: Mapping[int | None, DurationHistory] | None = None,
    min_percent: int | None = None,
) -> ProgressLine:
    """Return an operation's progress in one line."""
    progress = estimate_operation(operation, known_histories, min_percent)
    texts = [
        describe_progress(operation),
        left_words(progress.seconds_left) if operation.is_active and not operation.cancel_requested else "",
    ]
    return ProgressLine(operation.id, progress.percent, " · ".join(filter(None, texts)), operation.is_active)


def describe_progress(operation: Operation) -> str:
    """Return an operation's progress in short: `step 2 of 5 · 10 MB of 40 MB`."""
    if not operation.is_active:
        return str(_("ended"))
    if operation.cancel_requested:
        return str(_("cancelling"))
    ended_count = sum(step.finished is not None for step in operation.steps)
    step_text = _("step %(n)s of %(all)s", n=min(ended_count + 1, len(operation.steps)), all=len(operation.steps))
    for step in operation.steps:
        if step.progress is Progress.RUNNING and step.total:
            bytes_pulled = _("%(part)s of %(all)s", part=size(step.current or 0), all=size(step.total))
            return f"{step_text} · {bytes_pulled}"
    return str(step_text) if operation.steps else queue_position(operation.id) or str(_("waiting"))


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
