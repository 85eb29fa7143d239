"""The kinds of operations, and the state transitions of each: while it waits or runs, and at its end."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rockonweb.core.status.status import Status
from rockonweb.core.text import t


class State(enum.StrEnum):
    """Whether a rock-on is installed, with the values of Rockstor's API."""

    AVAILABLE = "available"
    PENDING_INSTALL = "pending_install"
    INSTALLED = "installed"
    INSTALL_FAILED = "install_failed"
    PENDING_UPDATE = "pending_update"
    PENDING_UNINSTALL = "pending_uninstall"


INSTALLED_OR_PENDING = (
    State.INSTALLED,
    State.PENDING_INSTALL,
    State.PENDING_UPDATE,
    State.PENDING_UNINSTALL,
)


class Kind(enum.StrEnum):
    """What an operation does."""

    INSTALL = "install"
    START = "start"
    STOP = "stop"
    RESTART = "restart"
    CHANGE = "change"  # other settings, or a newer definition
    UPDATE = "update"  # newer images
    REHEARSE = "rehearse"  # a copy of it is started in a closed room
    UNINSTALL = "uninstall"
    ACTION = "action"  # a task of the rock-on's handler, such as a client's profile
    REFRESH = "refresh"
    CREATE_NETWORK = "create_network"
    CHANGE_NETWORK = "change_network"  # it is recreated, with its containers
    REMOVE_NETWORK = "remove_network"
    BACKUP_DATA = "backup_data"
    RESTORE_DATA = "restore_data"
    UNREADABLE = "unreadable"  # stands in for a stored kind that can't be read


class Progress(enum.StrEnum):
    """The progress of an operation or a step."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    UNDONE = "undone"  # a step that was rolled back
    SKIPPED = "skipped"  # a step that was never started


STATE_LABELS = {
    State.AVAILABLE: t("not installed"),
    State.PENDING_INSTALL: t("being installed"),
    State.INSTALLED: t("already installed"),
    State.INSTALL_FAILED: t("not installed (installation failed)"),
    State.PENDING_UPDATE: t("being changed"),
    State.PENDING_UNINSTALL: t("being uninstalled"),
}
KIND_LABELS = {
    Kind.INSTALL: t("install"),
    Kind.START: t("start"),
    Kind.STOP: t("stop"),
    Kind.RESTART: t("restart"),
    Kind.CHANGE: t("change"),
    Kind.UPDATE: t("update"),
    Kind.REHEARSE: t("rehearse"),
    Kind.UNINSTALL: t("uninstall"),
    Kind.ACTION: t("run a task"),
    Kind.REFRESH: t("refresh"),
    Kind.CREATE_NETWORK: t("create a network"),
    Kind.CHANGE_NETWORK: t("change a network"),
    Kind.REMOVE_NETWORK: t("remove a network"),
    Kind.BACKUP_DATA: t("back up data"),
    Kind.RESTORE_DATA: t("restore data"),
    Kind.UNREADABLE: t("an operation that can't be read"),
}


@dataclass(frozen=True)
class Transition:
    """How a kind of operation changes a rock-on's state and status.

    `allowed_states` are the states in which it may start; `state` and `status` are those while it waits and runs,
    `on_success`, `on_failure` and `on_cancel` the state at its end. None: the state before it. `failure_status` is the
    status after anything but success, where Docker reports none.

    One that `rolls_back` undoes its steps when it fails; one that `replaces_containers` renames the old ones until
    their replacements are healthy, and has a rollback point. With `keep_on_failure`, containers that are complete but
    unhealthy are kept. With `reserves_ports`, its answers count once it has succeeded, and their ports are reserved
    until then. One that `coalesces` is run once when it is submitted twice in a row. One that `is_quick` downloads
    nothing and ends soon: it must not wait behind those that do. One `in_closed_room` changes nothing of the rock-on.
    """

    allowed_states: tuple[State, ...]
    state: State | None = None
    status: Status | None = None
    on_success: State | None = None
    on_failure: State | None = None
    on_cancel: State | None = None
    failure_status: Status | None = None
    rolls_back: bool = False
    replaces_containers: bool = False
    keep_on_failure: bool = False
    reserves_ports: bool = False
    coalesces: bool = False
    is_quick: bool = False
    in_closed_room: bool = False

    def state_after(self, progress: Progress, previous: State, *, keep: bool = False) -> State:
        """Return the state at the end; with `keep`, a failure counts as success."""
        if progress is Progress.DONE or keep:
            return self.on_success or previous
        return (self.on_cancel if progress is Progress.CANCELLED else self.on_failure) or previous


_INSTALLED = (State.INSTALLED,)
_NETWORK = Transition((), rolls_back=True, is_quick=True)  # the states of the rock-ons on it stay as they are
_CHANGE = Transition(
    _INSTALLED,
    State.PENDING_UPDATE,
    on_success=State.INSTALLED,
    on_failure=State.INSTALLED,
    on_cancel=State.INSTALLED,
    rolls_back=True,
    replaces_containers=True,
    reserves_ports=True,
)
_START = Transition(
    _INSTALLED, status=Status.PENDING_START, failure_status=Status.START_FAILED, coalesces=True, is_quick=True
)
TRANSITIONS = {
    Kind.INSTALL: Transition(
        (State.AVAILABLE, State.INSTALL_FAILED),
        State.PENDING_INSTALL,
        Status.PENDING_START,
        on_success=State.INSTALLED,
        on_failure=State.INSTALL_FAILED,
        on_cancel=State.AVAILABLE,
        rolls_back=True,
        keep_on_failure=True,
    ),
    Kind.START: _START,
    Kind.STOP: Transition(
        _INSTALLED, status=Status.PENDING_STOP, failure_status=Status.STOP_FAILED, coalesces=True, is_quick=True
    ),
    Kind.RESTART: _START,
    Kind.CHANGE: _CHANGE,
    Kind.UPDATE: replace(_CHANGE, reserves_ports=False, coalesces=True),
    Kind.REHEARSE: Transition(_INSTALLED, rolls_back=True, coalesces=True, in_closed_room=True),
    Kind.UNINSTALL: Transition(
        (State.INSTALLED, State.INSTALL_FAILED),
        State.PENDING_UNINSTALL,
        on_success=State.AVAILABLE,
        coalesces=True,
        is_quick=True,
    ),
    Kind.ACTION: Transition(_INSTALLED),
    Kind.REFRESH: Transition(()),
    Kind.CREATE_NETWORK: _NETWORK,
    Kind.CHANGE_NETWORK: _NETWORK,
    Kind.REMOVE_NETWORK: _NETWORK,
    Kind.BACKUP_DATA: Transition(_INSTALLED, rolls_back=True, coalesces=True),
    # Also of an app that is not installed yet: its shares come back before it does.
    Kind.RESTORE_DATA: Transition((*_INSTALLED, State.AVAILABLE, State.INSTALL_FAILED), rolls_back=True),
    Kind.UNREADABLE: Transition(tuple(State)),  # it is run to fail with a sentence
}
QUICK_KINDS = tuple(kind for kind, transition in TRANSITIONS.items() if transition.is_quick)
CLOSED_ROOM_KINDS = tuple(kind for kind, transition in TRANSITIONS.items() if transition.in_closed_room)
ROLLBACK_KINDS = tuple(
    kind for kind, transition in TRANSITIONS.items() if transition.rolls_back and kind not in CLOSED_ROOM_KINDS
)


class Admission(enum.Enum):
    """What becomes of an operation that is submitted while others of its rock-on wait or run."""

    ENQUEUE = enum.auto()
    COALESCE = enum.auto()  # the last one is the same
    REJECT = enum.auto()


def decide_admission(kind: Kind, unfinished: Sequence[Kind], *, same_request: bool = True) -> Admission:
    """Decide on an operation of `kind` after the `unfinished` ones, which wait or run, the oldest first.

    It coalesces only with one of the `same_request`. What comes after an install or an uninstall depends on how that
    ends, and the review of a change is out of date once containers were replaced: those are rejected.
    """
    if not unfinished:
        return Admission.ENQUEUE
    if kind == unfinished[-1] and TRANSITIONS[kind].coalesces and same_request:
        return Admission.COALESCE
    if kind in (Kind.INSTALL, Kind.ACTION) or {Kind.INSTALL, Kind.UNINSTALL} & {*unfinished}:
        return Admission.REJECT
    if kind is Kind.CHANGE and any(TRANSITIONS[earlier_kind].replaces_containers for earlier_kind in unfinished):
        return Admission.REJECT
    return Admission.ENQUEUE
