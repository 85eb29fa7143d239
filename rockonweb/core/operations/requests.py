"""What people ask for: a request for each kind of operation, and what an operation notes of how things were.

Both are kept as JSON with the operation, so that planning, running, repeating and history read the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, dataclass_transform

from rockonweb.core.answers.answers import Answers
from rockonweb.core.operations.lifecycle import Kind, State
from rockonweb.core.packed import StoredSentence, pack, unpack
from rockonweb.core.status.status import Status

Owner = tuple[int, int]  # a user's and a group's id


_REQUEST_TYPES: dict[Kind, type[Request]] = {}


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Request:
    """Base of all requests, which are dataclasses as it is."""

    kind: ClassVar[Kind]

    def __init_subclass__(cls, kind: Kind) -> None:
        cls.kind = kind
        _REQUEST_TYPES[kind] = dataclass(frozen=True)(cls)

    def to_json(self) -> str:
        """Return it as it is kept; `request_from_json` reads it."""
        return pack(type(self), self)


class InstallRequest(Request, kind=Kind.INSTALL):
    """Install with these answers (None: those that stand on the rock-on).

    `new_shares` are those that are to be made, `give` the shares and folders that get another user and group. `source`
    is the text of another definition than the catalogue's newest; with `stopped` the containers are made and not
    started.
    """

    answers: Answers | None = None
    new_shares: frozenset[str] = frozenset()
    give: Mapping[str, Owner] = field(default_factory=dict)
    source: str | None = None
    stopped: bool = False


class ChangeRequest(Request, kind=Kind.CHANGE):
    """Bring an installed rock-on to these answers (None: its present ones).

    `source` is the text of a newer definition, `successor` the id of the rock-on whose name it takes; `rebuild` makes
    all containers anew, `new_shares` and `give` are those of an install. `asked` are the shares that another rock-on
    uses and whose data is to be kept, or put back, all the same. `point` is the rollback point that this goes back to,
    with its `data` if that is wanted.
    """

    answers: Answers | None = None
    source: str | None = None
    successor: int | None = None
    new_shares: frozenset[str] = frozenset()
    give: Mapping[str, Owner] = field(default_factory=dict)
    rebuild: bool = False
    asked: frozenset[str] = frozenset()
    point: int | None = None
    data: bool = False


class UpdateRequest(Request, kind=Kind.UPDATE):
    """Get the newest images and rebuild what runs on older ones; with `only_pull` nothing that runs is touched.

    `asked` are those of a change.
    """

    only_pull: bool = False
    asked: frozenset[str] = frozenset()


class UninstallRequest(Request, kind=Kind.UNINSTALL):
    """Remove the containers, and these images where nothing else uses them."""

    images: tuple[str, ...] = ()


class TaskRequest(Request, kind=Kind.ACTION):
    """Do a task that the rock-on's handler offers, for a client where it is for one."""

    task: str = ""
    client: str = ""


class StartRequest(Request, kind=Kind.START):
    """Start all containers."""


class StopRequest(Request, kind=Kind.STOP):
    """Stop all containers."""


class RestartRequest(Request, kind=Kind.RESTART):
    """Stop all containers and start them again."""


class RefreshRequest(Request, kind=Kind.REFRESH):
    """Fetch the catalogue."""


def request_from_json(kind: Kind, text: str) -> Request:
    """Return the request that `Request.to_json` gave. Raises ValueError for anything else."""
    request: Request = unpack(_REQUEST_TYPES[kind], text)
    return request


def blank_request(kind: Kind) -> Request:
    """Return the request of a kind that asks for nothing in particular."""
    return _REQUEST_TYPES[kind]()


@dataclass(frozen=True)
class Notes:
    """What an operation notes while it waits and runs.

    `state` and `status` are those of the rock-on before it. `running` are the containers that ran before it acted, None
    until it did. It `owes` what could not be taken back because Docker was away. `warnings` are what spoke against it
    when it began, without forbidding it: sentences with their hints. An install that is complete but not healthy
    `stays`.
    """

    state: State | None = None
    status: Status | None = None
    running: tuple[str, ...] | None = None
    owes: bool = False
    warnings: tuple[tuple[StoredSentence, StoredSentence], ...] = ()
    stays: bool = False
