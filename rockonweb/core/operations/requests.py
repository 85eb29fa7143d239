"""The request of each kind of operation, and the notes that an operation keeps of the state before it.

Both are stored as JSON with the operation, so that planning, running, repeating and history read the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar, dataclass_transform

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.operations.lifecycle import Kind, State
from rockonweb.core.packed import StoredSentence, pack, unpack_or
from rockonweb.core.status.status import Status

Owner = tuple[int, int]  # uid and gid


_REQUEST_TYPES: dict[Kind, type[Request]] = {}


@dataclass_transform(frozen_default=True)
@dataclass(frozen=True)
class Request:
    """Base of all requests; subclasses become frozen dataclasses."""

    kind: ClassVar[Kind]

    def __init_subclass__(cls, kind: Kind) -> None:
        cls.kind = kind
        _REQUEST_TYPES[kind] = dataclass(frozen=True)(cls)

    def to_json(self) -> str:
        """Return it as JSON to be stored; `request_from_json` reads it."""
        return pack(type(self), self)


class InstallRequest(Request, kind=Kind.INSTALL):
    """Install with these answers (None: those stored with the rock-on).

    `new_shares` are those to be created, `give` the new owners of existing shares and folders. `source` is the text of
    another definition than the catalogue's newest; with `stopped` the containers are created but not started.
    `adopted` are the ids of containers of others that are taken over, by the name of the container that replaces each.
    """

    answers: Answers | None = None
    new_shares: frozenset[str] = frozenset()
    give: Mapping[str, Owner] = field(default_factory=dict)
    source: str | None = None
    stopped: bool = False
    adopted: Mapping[str, str] = field(default_factory=dict)


class ChangeRequest(Request, kind=Kind.CHANGE):
    """Change an installed rock-on to these answers (None: its present ones).

    `source` is the text of a newer definition, `successor` the id of the rock-on that replaces it; `rebuild` recreates
    all containers, `new_shares` and `give` are those of an install. `asked` are the shares that another rock-on uses
    too and of which a snapshot is to be taken, or restored, all the same. `point` is the rollback point that this rolls
    back to, with its `data` if requested. `unsaved` says of folders of the old containers (CONTAINER:FOLDER) which are
    in no share to which share or folder they are copied, which is mounted there from then on; blank: they may be lost.
    With `move_data`, databases that the newest images of their containers can't read are taken along to these by a
    dump, and all containers are recreated.
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
    unsaved: Mapping[str, str] = field(default_factory=dict)
    move_data: bool = False


class UpdateRequest(Request, kind=Kind.UPDATE):
    """Pull the newest images and recreate what runs on older ones; with `only_pull`, no container is changed.

    `asked` and `unsaved` are those of a change.
    """

    only_pull: bool = False
    asked: frozenset[str] = frozenset()
    unsaved: Mapping[str, str] = field(default_factory=dict)


class RehearseRequest(Request, kind=Kind.REHEARSE):
    """Start a copy of the rock-on in a closed room, with the newest images and clones of its shares.

    With `copy`, shares that can't be cloned are copied. With `folders`, these have the data already, by share path, as
    it was at the time `taken` (Unix seconds), and the images are those that run. `images` identifies the images for
    which an automatic update wants to know it.
    """

    copy: bool = False
    folders: Mapping[str, str] | None = None
    taken: float = 0
    images: str = ""


class UninstallRequest(Request, kind=Kind.UNINSTALL):
    """Remove the containers, and these images where nothing else uses them. With `give_back`, the containers that were
    there before an adoption are put back.
    """

    images: tuple[str, ...] = ()
    give_back: bool = False


class TaskRequest(Request, kind=Kind.ACTION):
    """Run a task of the rock-on's handler, for a client where the task is about one."""

    task: str = ""
    client: str = ""


class StartRequest(Request, kind=Kind.START):
    """Start all containers."""


class StopRequest(Request, kind=Kind.STOP):
    """Stop all containers."""


class RestartRequest(Request, kind=Kind.RESTART):
    """Stop all containers and start them again."""


class RefreshRequest(Request, kind=Kind.REFRESH):
    """Refresh the catalogue."""


class CreateNetworkRequest(Request, kind=Kind.CREATE_NETWORK):
    """Create a network of the user's."""

    spec: NetworkSpec = NetworkSpec("")


class ChangeNetworkRequest(Request, kind=Kind.CHANGE_NETWORK):
    """Recreate a network of the user's, or one that is missing in Docker, and connect its containers again."""

    spec: NetworkSpec = NetworkSpec("")


class RemoveNetworkRequest(Request, kind=Kind.REMOVE_NETWORK):
    """Disconnect all containers from a network of the user's, and remove it."""

    network: str = ""


NetworkRequest = CreateNetworkRequest | ChangeNetworkRequest | RemoveNetworkRequest


class BackupDataRequest(Request, kind=Kind.BACKUP_DATA):
    """Back up the app's data into a data repository (id); with `live`, its containers go on running meanwhile."""

    repository: int = 0
    live: bool = False


class RestoreDataRequest(Request, kind=Kind.RESTORE_DATA):
    """Restore data of a snapshot in a data repository (id).

    `places` say by share path of the snapshot to which share path it goes: the same, in the place of what is there, or
    the name of a new share.
    """

    repository: int = 0
    snapshot: str = ""
    places: Mapping[str, str] = field(default_factory=dict)


class UnreadableRequest(Request, kind=Kind.UNREADABLE):
    """Stands in for a stored request that can't be read: there is nothing to do or to repeat."""


def request_from_json(kind: Kind, text: str) -> Request:
    """Return the request that `Request.to_json` wrote, `UnreadableRequest` for anything else."""
    request: Request = unpack_or(_REQUEST_TYPES[kind], text, UnreadableRequest())
    return request


def blank_request(kind: Kind) -> Request:
    """Return the request of a kind with all fields at their defaults."""
    return _REQUEST_TYPES[kind]()


@dataclass(frozen=True)
class Notes:
    """What an operation notes while it waits and runs.

    `state` and `status` are those of the rock-on before it. `running` are the containers that ran before its first
    step, None until then. `owes`: its rollback is still pending, because Docker was unreachable. `warnings` are the
    findings that did not block it when it started: sentences with their hints. `stays`: the install is kept, as it is
    complete but unhealthy. `page_answers`: the app's own page has answered since its containers were started.
    `unreachable`: it failed because Docker did not answer. `offline`: it refreshed the catalogue, but none of the
    metastores on the network could be loaded.
    """

    state: State | None = None
    status: Status | None = None
    running: tuple[str, ...] | None = None
    owes: bool = False
    warnings: tuple[tuple[StoredSentence, StoredSentence], ...] = ()
    stays: bool = False
    page_answers: bool = False
    unreachable: bool = False
    offline: bool = False
