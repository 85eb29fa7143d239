"""What is done to rock-ons, and what each kind of operation makes of one: before, meanwhile, and at its end. Pure."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rockonweb.core.status.status import Status
from rockonweb.core.text import t


class State(enum.StrEnum):
    """Whether a rock-on is installed, as the original names it."""

    AVAILABLE = "available"
    PENDING_INSTALL = "pending_install"
    INSTALLED = "installed"
    INSTALL_FAILED = "install_failed"
    PENDING_UPDATE = "pending_update"
    PENDING_UNINSTALL = "pending_uninstall"


THERE = (State.INSTALLED, State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL)  # or soon


class Kind(enum.StrEnum):
    """What an operation does."""

    INSTALL = "install"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CHANGE = "change"  # other settings, or a newer definition
    UPDATE = "update"  # newer images
    UNINSTALL = "uninstall"
    ACTION = "action"  # what the rock-on's handler offers beside, such as a client's profile
    REFRESH = "refresh"


class Progress(enum.StrEnum):
    """How far an operation or a step is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNDONE = "undone"  # a step that was taken back
    SKIPPED = "skipped"  # a step that was never begun


STATE_WORDS = {
    State.AVAILABLE: t("available"),
    State.PENDING_INSTALL: t("pending install"),
    State.INSTALLED: t("installed already"),
    State.INSTALL_FAILED: t("install failed"),
    State.PENDING_UPDATE: t("pending update"),
    State.PENDING_UNINSTALL: t("pending uninstall"),
}
KIND_WORDS = {
    Kind.INSTALL: t("install"),
    Kind.START: t("start"),
    Kind.STOP: t("stop"),
    Kind.RESTART: t("restart"),
    Kind.CHANGE: t("change"),
    Kind.UPDATE: t("update"),
    Kind.UNINSTALL: t("uninstall"),
    Kind.ACTION: t("do a task"),
    Kind.REFRESH: t("refresh"),
}


@dataclass(frozen=True)
class Transition:
    """What a kind of operation makes of a rock-on's state and status.

    `allowed` are the states in which it may begin; `state` and `status` are what shows while it waits and runs, `done`,
    `failed` and `cancelled` the state at its end. None: as it was before. `status_failed` is the status after anything
    but success, where Docker does not say better.

    One that `undoes` takes back what it did when it fails; one that `replaces` sets containers aside while their
    replacements begin, and has a rollback point. With `stays`, what is complete but not healthy stays. With `reserves`
    its answers count once it is done, and it holds their ports until then. One that `joins` is, twice in a row, once.
    """

    allowed: tuple[State, ...]
    state: State | None = None
    status: Status | None = None
    done: State | None = None
    failed: State | None = None
    cancelled: State | None = None
    status_failed: Status | None = None
    undoes: bool = False
    replaces: bool = False
    stays: bool = False
    reserves: bool = False
    joins: bool = False

    def state_after(self, progress: Progress, before: State, *, stays: bool = False) -> State:
        """Return the state at the end; with `stays`, what failed is left as if it had not."""
        if progress is Progress.DONE or stays:
            return self.done or before
        return (self.cancelled if progress is Progress.CANCELLED else self.failed) or before


_INSTALLED = (State.INSTALLED,)
_CHANGE = Transition(
    _INSTALLED,
    State.PENDING_UPDATE,
    done=State.INSTALLED,
    failed=State.INSTALLED,
    cancelled=State.INSTALLED,
    undoes=True,
    replaces=True,
    reserves=True,
)
_START = Transition(_INSTALLED, status=Status.PENDING_START, status_failed=Status.START_FAILED, joins=True)
TRANSITIONS = {
    Kind.INSTALL: Transition(
        (State.AVAILABLE, State.INSTALL_FAILED),
        State.PENDING_INSTALL,
        Status.PENDING_START,
        done=State.INSTALLED,
        failed=State.INSTALL_FAILED,
        cancelled=State.AVAILABLE,
        undoes=True,
        stays=True,
    ),
    Kind.START: _START,
    Kind.STOP: Transition(_INSTALLED, status=Status.PENDING_STOP, status_failed=Status.STOP_FAILED, joins=True),
    Kind.RESTART: _START,
    Kind.CHANGE: _CHANGE,
    Kind.UPDATE: replace(_CHANGE, reserves=False, joins=True),
    Kind.UNINSTALL: Transition(
        (State.INSTALLED, State.INSTALL_FAILED), State.PENDING_UNINSTALL, done=State.AVAILABLE, joins=True
    ),
    Kind.ACTION: Transition(_INSTALLED),
}
UNDOING = tuple(kind for kind, transition in TRANSITIONS.items() if transition.undoes)


class Turn(enum.Enum):
    """What becomes of an operation that is asked for while others of its rock-on wait or run."""

    QUEUE = enum.auto()
    JOIN = enum.auto()  # the last one is the same
    REFUSE = enum.auto()


def turn(kind: Kind, before: Sequence[Kind], *, same: bool = True) -> Turn:
    """Decide on an operation of `kind` after those that wait and run, the first one first.

    It is joined only with one that asks for the `same`. What comes after an install or an uninstall depends on how that
    ends, and the review of a change is out of date once another one has been made: those are refused.
    """
    if not before:
        return Turn.QUEUE
    if kind == before[-1] and TRANSITIONS[kind].joins and same:
        return Turn.JOIN
    if kind in (Kind.INSTALL, Kind.ACTION) or {Kind.INSTALL, Kind.UNINSTALL} & {*before}:
        return Turn.REFUSE
    if kind is Kind.CHANGE and any(TRANSITIONS[one].replaces for one in before):
        return Turn.REFUSE
    return Turn.QUEUE
