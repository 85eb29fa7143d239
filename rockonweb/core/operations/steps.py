"""The steps of a plan: each is one call to the engine or to the shares, says why, and is safe to repeat.

A step is stored as its kind and its data: undoing or repeating it reads those and never its title.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, dataclass_transform

from pydantic import TypeAdapter

from rockonweb.core.containers.argv import Argv
from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.packed import check_type
from rockonweb.core.secret import format_command
from rockonweb.core.text import TranslatableText, fill_template, t

RENAMED_SUFFIX = ".rockonweb-aside"  # of an old container until its replacement is healthy
KEPT_SUFFIX = ".before-rockonweb"  # of a container of others that was adopted, until somebody removes it


_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
_STEP_CLASSES: dict[str, type[Step]] = {}
_UNSTORED_FIELDS = ("why", "argv")  # a sentence for users, and arguments with secrets
_STORED_DATA = TypeAdapter(dict[str, Any])


@dataclass_transform(kw_only_default=True, frozen_default=True)
@dataclass(frozen=True, kw_only=True)
class Step:
    """Base of all steps; subclasses become frozen dataclasses. `why` and `title` (what it does) are for users."""

    kind: ClassVar[str]  # as it is stored: it never changes, whatever the class is called
    does: ClassVar[TranslatableText]  # the title, with placeholders for fields
    side_by_side: ClassVar[bool] = False  # whether it is performed along with those of its kind around it
    why: str

    def __init_subclass__(cls, kind: str) -> None:
        cls.kind = kind
        _STEP_CLASSES[kind] = dataclass(frozen=True, kw_only=True)(cls)

    def to_data(self) -> dict[str, Any]:
        """Return its JSON data to be stored besides its kind; `step_from_data` reads it."""
        stored = {field.name: getattr(self, field.name) for field in fields(self) if field.name not in _UNSTORED_FIELDS}
        data: dict[str, Any] = _STORED_DATA.dump_python(stored, mode="json")
        return data

    @property
    def title(self) -> str:
        """What it does."""
        return fill_template(self.does, **{name: getattr(self, name) for name in _PLACEHOLDER.findall(self.does)})

    def __str__(self) -> str:
        return str(self.title)


class CreateShare(Step, kind="make_share"):
    """Create a new, empty share, owned by a user and group. Undo: remove it while it is empty."""

    does = t("create share %(share)s")
    share: str
    owner: tuple[int, int] | None = None


class CreateFolder(Step, kind="make_folder"):
    """Create a folder of a share with owner and permissions of another one. Undo: remove it with what is in it, as all
    of that was written by this operation.
    """

    does = t("create folder %(folder)s")
    folder: str
    like: str


class PullImage(Step, kind="pull"):
    """Pull an image. Undo: nothing, an image does no harm.

    Where it is `required`, an older one on the host is not enough.
    """

    does = t("pull %(image)s")
    side_by_side = True
    image: str
    required: bool = False


class CreateNetwork(Step, kind="make_network"):
    """Create a network unless it exists: by `spec`, None: as it is stored.

    Undo: remove it, when this operation created it.
    """

    does = t("create network %(network)s")
    network: str
    spec: NetworkSpec | None = None


class CreateContainer(Step, kind="create"):
    """Create a container without starting it. Undo: remove it."""

    does = t("create container %(container)s")
    container: str
    argv: Argv


class SaveFolder(Step, kind="save_folder"):
    """Copy a folder of a container that was renamed for replacement into the share that its replacement mounts there,
    with owners, permissions and times. Undo: empty the share's folder again.
    """

    does = t("copy %(folder)s of the old container %(container)s to %(share)s")
    container: str
    folder: str
    share: str


class ConnectNetwork(Step, kind="join"):
    """Connect a container to a network. Unless it is `required`, a refusal is only reported.

    Undo: disconnect it from that network, but not from another one that has its name by then.
    """

    does = t("connect %(container)s to network %(network)s")
    network: str
    container: str
    required: bool = True
    endpoint: Endpoint = Endpoint()


class DisconnectNetwork(Step, kind="leave"):
    """Disconnect a container from a network. Undo: connect it again, as it was."""

    does = t("disconnect %(container)s from network %(network)s")
    network: str
    container: str


class SetShareMode(Step, kind="set_mode"):
    """Set the permissions of a share's folder, such as 0o700. Undo: restore the previous ones."""

    share: str
    mode: int
    container: str

    @property
    def title(self) -> TranslatableText:
        """What it does."""
        return t("set the permissions of share %(share)s to %(mode)s", share=self.share, mode=f"{self.mode:o}")


class SetShareOwner(Step, kind="set_owner"):
    """Change the owner of a share, or of a folder of one, but not of its contents. Undo: restore the previous owner.

    A folder that does not exist is created.
    """

    does = t("set the owner of %(share)s to user %(uid)s and group %(gid)s")
    share: str
    uid: int
    gid: int


class CreateCertificate(Step, kind="make_certificate"):
    """Create the self-signed key and certificate of this host, unless they exist. They are kept for the next app."""

    does = t("create the certificate %(path)s if it is missing")
    path: str
    container: str


class RunOnce(Step, kind="run_once"):
    """Run a container to its end and remove it. A status other than 0 fails the step.

    `container` is the permanent one that it prepares.
    """

    container: str
    argv: Argv
    seconds: int = 600  # timeout

    @property
    def title(self) -> str:
        """The command line, secrets masked."""
        return format_command(self.argv)


class StartContainer(Step, kind="start"):
    """Start a container. Undo: stop it."""

    does = t("start %(container)s")
    container: str


class AwaitEnd(Step, kind="await_end"):
    """Wait until a container that is meant to end has ended with status 0."""

    does = t("wait until %(container)s has finished")
    container: str
    seconds: int = 60


class AwaitAnswer(Step, kind="await_answer"):
    """Wait until a command inside a running container ends with status 0."""

    does = t("wait until %(container)s is ready")
    container: str
    command: tuple[str, ...]
    seconds: int = 300


@dataclass(frozen=True)
class UiPage:
    """An app's own page on a port of this host; in a closed room, on a port of its container."""

    port: int
    https: bool = False
    path: str = "/"


class AwaitHealth(Step, kind="await_health"):
    """Wait until containers that were just started are healthy: by container, with the page that must answer, if any.

    Where `stays`, an unhealthy one is left running with its log, as there is nothing to roll back to. `brief`: they ran
    before, and only have to stay up.
    """

    stays: bool = False
    brief: bool = False
    pages: tuple[tuple[str, UiPage | None], ...]

    @property
    def title(self) -> TranslatableText:
        """What it does."""
        if self.brief:
            return t("check that it stays up: %(names)s", names=", ".join(name for name, _ in self.pages))
        if len(self.pages) == 1:
            return t("wait until %(name)s is healthy", name=self.pages[0][0])
        return t("wait until %(names)s are healthy", names=", ".join(name for name, _ in self.pages))


class CloneMethod(enum.StrEnum):
    """How the data of a share is copied for a rehearsal."""

    SNAPSHOT = "snapshot"  # a writable one, of Btrfs
    REFLINK = "reflink"  # files that share their blocks with the originals
    COPY = "copy"


class OpenRoom(Step, kind="open_room"):
    """Create the network without a way out, the empty volumes and the folder for copies of a rehearsal.

    Undo: remove all that the rehearsal has created.
    """

    does = t("prepare the closed room %(network)s")
    network: str
    volumes: tuple[str, ...] = ()


class CloneShare(Step, kind="clone_share"):
    """Copy a share, or a folder of one, for a rehearsal. It goes with the room."""

    share: str
    folder: str
    method: CloneMethod

    @property
    def title(self) -> TranslatableText:
        """What it does."""
        if self.method is CloneMethod.COPY:
            return t("copy %(share)s", share=self.share)
        return t("clone %(share)s", share=self.share)


class CompareCopy(Step, kind="compare_copy"):
    """Compare a copy of a share, or of a folder of one, that was taken at a time (Unix seconds) with it. A file that is
    damaged or lost fails the step.
    """

    does = t("compare the copy of %(share)s with the share")
    share: str
    folder: str
    taken: float


class AwaitRehearsal(Step, kind="await_rehearsal"):
    """Wait until the containers in a closed room are healthy, and keep the end of the log of each of `containers`."""

    does = t("wait until the copy of the app is healthy")
    network: str
    pages: tuple[tuple[str, UiPage | None], ...]
    containers: tuple[str, ...]


class CloseRoom(Step, kind="close_room"):
    """Remove all that a rehearsal has created."""

    does = t("remove the copy with all that belongs to it")
    network: str


class DumpDatabase(Step, kind="dump_database"):
    """Write all databases of a running container into a file of a share. Undo: remove the file.

    `server` is the word by which `core.database_dumps` knows it.
    """

    does = t("dump the databases of %(container)s to %(dump)s")
    container: str
    server: str
    dump: str


class LoadDatabase(Step, kind="load_database"):
    """Load a dump into a running container, and compare its databases and tables with those before."""

    does = t("load %(dump)s into %(container)s and compare")
    container: str
    server: str
    dump: str


class RenameOld(Step, kind="set_aside"):
    """Rename a stopped container, so that its replacement can have its name. Undo: rename it back."""

    does = t("rename the old container %(container)s")
    container: str


class RestoreName(Step, kind="restore_name"):
    """Rename a container back that was renamed manually. No undo: its own name does no harm."""

    does = t("give %(container)s its name back")
    container: str


class RemoveOld(Step, kind="discard"):
    """Remove a container that was renamed for replacement, never its volumes. After the first one there is no undo."""

    does = t("remove the old container %(container)s")
    container: str


class TakeOver(Step, kind="take_over"):
    """Stop a container of others, rename it, and keep Docker from starting it. Undo: as it was before."""

    does = t("stop the container %(container)s and keep it as %(kept)s")
    container: str
    container_id: str
    kept: str
    replacement: str  # the container that replaces it


class GiveBack(Step, kind="give_back"):
    """Put a container back that was taken over: its name, its restart policy, and running if it ran."""

    does = t("put the container %(container)s of before back")
    container: str
    container_id: str
    restart_policy: str
    running: bool


class TakeSnapshot(Step, kind="snapshot"):
    """Take a read-only snapshot of a share, while its containers are stopped.

    Undo: where a container created afterwards has run, restore the snapshot and keep the replaced data.
    """

    does = t("take a snapshot of share %(share)s")
    share: str
    containers: tuple[str, ...]


class RestoreSnapshot(Step, kind="put_back"):
    """Replace a share by its snapshot of a rollback point, and keep the replaced data.

    Undo: that of the snapshot taken just before.
    """

    does = t("restore the data of share %(share)s")
    share: str
    point: int


class StopContainer(Step, kind="stop"):
    """Stop a container. Undo: start it."""

    does = t("stop %(container)s")
    container: str


class RemoveContainer(Step, kind="remove"):
    """Remove a stopped container, never its volumes."""

    does = t("remove container %(container)s")
    container: str


class RemoveNetwork(Step, kind="remove_network"):
    """Remove a managed network that nothing is connected to any more.

    Unless it is `required`, one that is in use or was created by a user is kept. Undo of a required one: recreate it
    as it was.
    """

    does = t("remove network %(network)s")
    network: str
    required: bool = False


class RemoveImage(Step, kind="remove_image"):
    """Remove an image that nothing uses any more."""

    does = t("remove image %(image)s")
    image: str


class SnapshotData(Step, kind="snapshot_data"):
    """Take read-only snapshots of shares for a backup of their data. Undo: delete them, as the backup does."""

    shares: tuple[str, ...]

    @property
    def title(self) -> TranslatableText:
        """What it does."""
        return t("take snapshots of the shares %(names)s", names=", ".join(self.shares))


class BackUpData(Step, kind="back_up_data"):
    """Save share paths into a data repository (id and name); of `snapshots` those of the step before are saved.

    Undo: nothing but to delete the snapshots; what the repository has of it by then is used by the next backup.
    """

    does = t("back up the data to %(name)s")
    repository: int
    name: str
    paths: tuple[str, ...]
    snapshots: tuple[str, ...] = ()
    live: bool = False


class PruneData(Step, kind="prune_data"):
    """Remove old snapshots from a data repository (id and name), by what is to be kept. A failure is only reported."""

    does = t("remove old snapshots from %(name)s")
    repository: int
    name: str


class FetchData(Step, kind="fetch_data"):
    """Restore the share path `source` of a snapshot into a new folder, and compare all of it; it is to go to `target`.

    `number` is that of the share path among those of the operation. Undo: remove the folder.
    """

    does = t("restore %(source)s from %(name)s beside what is there")
    repository: int
    name: str
    snapshot: str
    source: str
    target: str
    number: int


class PlaceData(Step, kind="place_data"):
    """Put the restored data of the share path `source` to the share path `target`; what was there is kept.

    Undo: the other way round, while the app's `containers` are stopped.
    """

    does = t("put the restored data of %(source)s to %(target)s")
    source: str
    target: str
    number: int
    containers: tuple[str, ...] = ()


class RemoveFetched(Step, kind="remove_fetched"):
    """Remove the folders into which the data of these share paths was restored. From it on there is no undo."""

    does = t("remove the folder of the restore")
    targets: tuple[str, ...]


def step_from_data(kind: str, data: dict[str, Any]) -> Step | None:
    """Return the step that was stored, without its `why` and its command line; None for an unknown kind, and where its
    data can't be read.
    """
    step_class = _STEP_CLASSES.get(kind)
    if step_class is None:
        return None
    blanks = {"why": "", **({"argv": ()} if "argv" in step_class.__dataclass_fields__ else {})}
    try:
        step: Step = check_type(step_class, data | blanks)
    except ValueError:
        return None
    return step


def has_replaced_all(renamed: Collection[str], creators: Mapping[str, str], uid: str) -> bool:
    """Whether an operation (random id) had come to its end, whatever its steps say: of all containers that it renamed
    for replacement, only the replacement is there. Then its database is an older copy, and there is no way back.

    `creators` are the random ids of the operations that created the present containers, by name.
    """
    return bool(renamed) and all(
        creators.get(name) == uid and name + RENAMED_SUFFIX not in creators for name in renamed
    )
