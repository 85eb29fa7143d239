"""What runs now, in short: for the top bar of every page, for the cards, and for the page of an operation."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask import g
from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Integer, cast, func, literal, null, select, union_all
from sqlalchemy.orm import defer, joinedload, selectinload

from rockonweb.core.operations.estimate import Estimate, History, StepTime, estimate, learn
from rockonweb.models import ACTIVE, Installation, Operation, OperationStep, Progress, db
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.web.labels import ended_title, left_words, size, title_of
from rockonweb.work import scheduler

REMEMBERED = 12  # operations of a rock-on whose steps tell how long such steps take
REMEMBERED_STEPS = 300  # of all rock-ons
WATCHED = 50  # operations that a page waits for
TOLD = 5  # ends that a page is told of at once; the list has them all


@dataclass(frozen=True)
class Line:
    """An operation in one line: how much of it is done, and the words for that."""

    operation: int
    percent: int
    words: str
    active: bool


@dataclass(frozen=True)
class TopBar:
    """What the top bar shows, and what its page asks for the next time: what ended since then.

    `last` is the newest operation that there is, `watched` are those that run and wait. `ended` are those of which
    the page is told now.
    """

    number: int
    last: int = 0
    watched: tuple[int, ...] = ()
    line: Line | None = None  # of the only one
    ended: Sequence[Operation] = field(default=())

    @property
    def watch(self) -> str:
        """The operations that a page waits for, as its address says them."""
        return ",".join(map(str, self.watched))


_operations = Operation.__table__.alias()
# Made once: each page asks it, and making it takes longer than its answer.
_HOW_MANY_AND_THE_LAST = (
    select(func.count(), select(func.max(_operations.c.id)).scalar_subquery())
    .select_from(Operation.__table__)
    .where(IS_ACTIVE)
)


def top_bar(last: int | None = None, watch: Collection[int] = (), apart_from: int | None = None) -> TopBar:
    """Return what the top bar shows: by one statement while nothing runs.

    `last` and `watch` are what the page was told before, None where it is a new page; the end of the operation
    `apart_from` is not told.
    """
    number, top = db.session.execute(_HOW_MANY_AND_THE_LAST).one()
    there = _active() if number else []
    line = line_from(there[0], histories([there[0]])) if len(there) == 1 else None
    ended: Sequence[Operation] = ()
    if last is not None and (watch or (top or 0) > last):
        ended = _ended(last, watch, apart_from)
    watched = tuple(operation.id for operation in there[-WATCHED:])
    return TopBar(len(there), top or 0, watched, line, ended)


def _ended(last: int, watch: Collection[int], apart_from: int | None) -> list[Operation]:
    """Return what has ended of those that a page waited for, and of those that were begun since; the oldest first."""
    wanted: ColumnElement[bool] = Operation.id > last
    if watch:
        wanted |= Operation.id.in_(sorted(watch)[-WATCHED:])
    query = select(Operation).where(wanted, Operation.progress.not_in(ACTIVE), Operation.id != (apart_from or 0))
    query = query.options(*_BRIEF).order_by(Operation.id.desc()).limit(TOLD)
    return [*db.session.scalars(query)][::-1]


_BRIEF = (defer(Operation.reviewed), joinedload(Operation.installation).load_only(Installation.name))


def _active() -> list[Operation]:
    """Return what runs and waits, with its steps; loaded once for a page."""
    if "active_operations" not in g:
        query = select(Operation).where(IS_ACTIVE).order_by(Operation.id)
        named = joinedload(Operation.installation).load_only(Installation.name)
        found = db.session.scalars(query.options(selectinload(Operation.steps), named))
        g.active_operations = [*found]
    return list(g.active_operations)


def histories(operations: Iterable[Operation]) -> Mapping[int | None, History]:
    """Return how long steps took before, by rock-on, by one statement."""
    rockons = sorted({one.installation_id for one in operations if one.installation_id is not None})
    latest = select(Operation.id).where(Operation.installation_id.in_(rockons)).order_by(Operation.id.desc())
    own = (
        select(Operation.installation_id.label("rockon"), literal(1).label("own"), *_TIMES)
        .join(Operation, Operation.id == OperationStep.operation_id)
        .where(OperationStep.progress == Progress.DONE)
        .where(OperationStep.operation_id.in_(latest.limit(REMEMBERED * max(1, len(rockons)))))
        .order_by(OperationStep.id.desc())
        .limit(REMEMBERED_STEPS * max(1, len(rockons)))
    )
    others = (
        select(cast(null(), Integer).label("rockon"), literal(0).label("own"), *_TIMES)
        .where(OperationStep.progress == Progress.DONE)
        .order_by(OperationStep.id.desc())
        .limit(REMEMBERED_STEPS)
    )
    both = union_all(select(own.subquery()), select(others.subquery())) if rockons else others
    of_own: dict[int, list[tuple[str, str, float]]] = {}
    of_all: list[tuple[str, str, float]] = []
    for rockon, is_own, kind, title, started, finished in db.session.execute(both):
        if started and finished:
            time = (kind, title, max(0.0, (finished - started).total_seconds()))
            (of_own.setdefault(rockon, []) if is_own else of_all).append(time)
    return {rockon: learn(of_own.get(rockon, ()), of_all) for rockon in rockons} | {None: learn((), of_all)}


_TIMES = (OperationStep.kind, OperationStep.title, OperationStep.started, OperationStep.finished)


def estimate_of(
    operation: Operation, known: Mapping[int | None, History] | None = None, least: int | None = None
) -> Estimate:
    """Return how far an operation is; `least` is the percentage that its page shows already."""
    if not operation.active:
        return estimate((), History(), done=operation.progress is Progress.DONE)
    steps = [
        StepTime(
            step.kind,
            step.title,
            begun=step.started is not None,
            ended=step.finished is not None or step.progress is Progress.SKIPPED,
            seconds=step.seconds or 0.0,
            current=step.current or 0,
            total=step.total or 0,
        )
        for step in operation.steps
    ]
    known = known if known is not None else histories([operation]) if steps else {}
    return estimate(steps, known.get(operation.installation_id, History()), least=least or 0)


@dataclass(frozen=True)
class News:
    """What those are told who don't see the bar; `key` changes when there is something new to tell."""

    key: str
    words: str


def news_of(operation: Operation, percent: int) -> News:
    """Return what is worth telling of an operation: each step, each quarter, the end; not each second."""
    if not operation.active:
        return News(operation.progress, ended_title(operation))
    place, running = next(
        ((n, step.title) for n, step in enumerate(operation.steps) if step.progress is Progress.RUNNING),
        (-1, str(_("It runs.") if operation.progress is Progress.RUNNING else _("It waits."))),
    )
    return News(f"{operation.progress}-{place}-{percent // 25}", f"{percent} % · {running}")


def line_of(operation_id: int, least: int | None = None) -> Line | None:
    """Return an operation in one line; None where there is none."""
    query = select(Operation).where(Operation.id == operation_id)
    operation = db.session.scalar(query.options(selectinload(Operation.steps)))
    return line_from(operation, None, least) if operation else None


def card_line(operation_id: int) -> Line | None:
    """Return an operation that runs or waits in one line, for one of many cards: all of them by three statements."""
    if "card_lines" not in g:
        there = _active()
        known = histories(there) if there else {}
        g.card_lines = {operation.id: line_from(operation, known) for operation in there}
    found: Line | None = g.card_lines.get(operation_id)
    return found


def line_from(
    operation: Operation, known: Mapping[int | None, History] | None = None, least: int | None = None
) -> Line:
    """Return an operation in one line."""
    found = estimate_of(operation, known, least)
    words = [short(operation), left_words(found.left) if operation.active and not operation.cancel_requested else ""]
    return Line(operation.id, found.percent, " · ".join(filter(None, words)), operation.active)


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
    first = scheduler.before(operation) if operation else []
    if not first:
        return ""
    after = title_of(first[0])
    if len(first) == 1:
        return str(_("Waiting: next, after %(what)s.", what=after))
    return str(_("Waiting: number %(n)s in line, after %(what)s.", n=len(first), what=after))
