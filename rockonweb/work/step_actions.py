"""How each kind of step is performed and undone: one StepAction per kind.

Before a step starts, the executor stores what `prepare_undo` returns. So `undo` works the same way in the operation's
process and after that has died: it depends on the stored state and on Docker alone, and may be repeated.
"""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar, cast

from pydantic import TypeAdapter
from sqlalchemy import select

from rockonweb.config import current_config
from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.containers.networks import Endpoint
from rockonweb.core.data_backup.restic_output import DataProgress
from rockonweb.core.database_dumps import (
    MAX_MARK_BYTES,
    TOOLS_BY_WORD,
    TableCounts,
    compare_counts,
    completion_mark,
    parse_counts,
    read_mark,
)
from rockonweb.core.docker import pull_layers
from rockonweb.core.docker.pull_layers import Layer, PullProgress
from rockonweb.core.errors import (
    Conflict,
    DiskFull,
    EngineError,
    RockonwebError,
    UndoSkipped,
    Unhealthy,
    wrap_os_error,
)
from rockonweb.core.folder_comparison import compare_folders, describe_comparison
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.operations.steps import (
    RENAMED_SUFFIX,
    AwaitAnswer,
    AwaitEnd,
    AwaitHealth,
    AwaitRehearsal,
    BackUpData,
    CloneShare,
    CloseRoom,
    CompareCopy,
    ConnectNetwork,
    CreateCertificate,
    CreateContainer,
    CreateFolder,
    CreateNetwork,
    CreateShare,
    DisconnectNetwork,
    DumpDatabase,
    FetchData,
    GiveBack,
    LoadDatabase,
    OpenRoom,
    PlaceData,
    PruneData,
    PullImage,
    RemoveContainer,
    RemoveFetched,
    RemoveImage,
    RemoveNetwork,
    RemoveOld,
    RenameOld,
    RestoreName,
    RestoreSnapshot,
    RunOnce,
    SaveFolder,
    SetShareMode,
    SetShareOwner,
    SnapshotData,
    StartContainer,
    Step,
    StopContainer,
    TakeOver,
    TakeSnapshot,
)
from rockonweb.core.plan.adoption import KeptState
from rockonweb.core.text import AppOutput, TranslatableText, format_size, map_text_values, t
from rockonweb.host import SHARED_MODE, Engine, Host
from rockonweb.models import (
    Installation,
    KeptVolume,
    Operation,
    OperationStep,
    PulledImage,
    State,
    db,
    transaction,
    utc_now,
)
from rockonweb.remote.registry import Credentials
from rockonweb.work import data_backups, known_shares, registry_logins, rocknets, rollback
from rockonweb.work.collect_facts import other_users

PROGRESS_SECONDS = 0.5  # between two writes of a pull's progress
REHEARSAL_PAUSES = (0.5, 1, 2, 4)  # seconds before what has ended in a closed room is started once more
REHEARSAL_LOG_LINES = 30  # of each container
NANOSECONDS = 10**9
FULL_DISK_BYTES = 2**20  # free: below, it is the disk that made a copy fail

UndoState = dict[str, Any]  # JSON: what was true before a step; EMPTY_STATE where undo needs no more than the step
EMPTY_STATE: UndoState = {}
AnyStep = TypeVar("AnyStep", bound=Step)
Item = TypeVar("Item")
HandledStep = TypeVar("HandledStep", bound=Step, contravariant=True)


class Cancelled(Exception):
    """A user has cancelled the operation."""


def stop_if_cancelled(operation_id: int) -> None:
    """Raise Cancelled where a user has cancelled an operation."""
    requested = db.session.scalar(select(Operation.cancel_requested).where(Operation.id == operation_id))
    db.session.rollback()
    if requested:
        raise Cancelled


class StepContext:
    """What actions use: the operation's id, host and engine, and methods to report progress."""

    def __init__(self, host: Host, engine: Engine, operation: Operation) -> None:
        self.engine = engine
        self.host = host
        self.operation_id, self.operation_uid = operation.id, operation.uid
        self.in_closed_room = operation.transition.in_closed_room
        self.pull_timeout = current_config().pull_timeout

    def report_wait(self, row_id: int, message: str) -> None:
        """Store what a step waits for as its output. Raises Cancelled."""
        self.stop_if_cancelled()
        with transaction(durable=False):
            OperationStep.update_row(row_id, output=message)

    def note_page_answers(self) -> None:
        """Note that the app's own page answers: it can be opened while the operation goes on watching it."""
        with transaction() as session:
            operation = session.get_one(Operation, self.operation_id)
            operation.notes = replace(operation.notes, page_answers=True)

    def retitle_step(self, row_id: int, title: str) -> None:
        """Replace a step's title, which says what it is going to do, by what it did instead."""
        with transaction() as session:
            if row := session.get(OperationStep, row_id):
                row.title = title

    def show_progress(self, row_id: int, image_layers: Sequence[Layer], message: str) -> None:
        """Store the progress of a pull, and what it waits for as its output. Raises Cancelled."""
        self.stop_if_cancelled()
        values: dict[str, Any] = {"output": message}
        if image_layers:
            current, total = pull_layers.sum_layer_bytes(image_layers)
            values |= {"current": current, "total": total, "layers": pull_layers.pack_layers(image_layers)}
        with transaction(durable=False):
            OperationStep.update_row(row_id, **values)

    def show_data_progress(self, row_id: int, progress: DataProgress) -> None:
        """Store how far a backup or a restore of data is."""
        with transaction(durable=False):
            message = t("%(count)s files", count=progress.files)
            OperationStep.update_row(row_id, current=progress.current, total=progress.total, output=message)

    def remove_own_container(self, name: str) -> TranslatableText | None:
        """Remove a container of the rock-on; its anonymous volumes are kept for its replacement.

        Returns None where it was removed, else what was done instead and why.
        """
        facts = self.engine.inspect_container(name)
        if facts is None:
            return t("container %(container)s does not exist any more", container=name)
        if not self.engine.acts_on(facts):
            return t("leave container %(container)s: it does not belong to this rock-on", container=name)
        if self.in_closed_room:  # its volumes go with the room
            self.engine.remove_container(name)
            return None
        base_name, mounts = name.removesuffix(RENAMED_SUFFIX), self.engine.anonymous_volumes(name)
        with transaction() as session:
            installation = session.scalar(select(Installation).where(Installation.name == facts.rockon))
            installation = installation or session.get_one(Operation, self.operation_id).installation
            if installation is not None and mounts:
                installation.kept_volumes = [
                    volume for volume in installation.kept_volumes if volume.container != base_name
                ] + [
                    KeptVolume(container=base_name, volume=mount.volume, destination=mount.destination)
                    for mount in mounts
                ]
        self.engine.remove_container(name)
        return None

    def note_run(self, name: str) -> None:
        """Mark the rollback point if a container that this operation created has run: it may have changed data."""
        if not rollback.lacks_run_mark(self.operation_id):
            return
        with suppress(EngineError):  # Docker is down: the rollback checks it again
            facts = self.engine.inspect_container(name)
            if facts and facts.ever_ran and name in self.engine.operation_containers(self.operation_uid):
                rollback.mark_ran(self.operation_id)

    def is_used_by_others(self, share: str) -> bool:
        """Whether another rock-on uses a share."""
        installation = db.session.get_one(Operation, self.operation_id).installation
        used = installation is not None and bool(
            other_users(installation, (*INSTALLED_OR_PENDING, State.INSTALL_FAILED)).get(share)
        )
        db.session.rollback()
        return used

    @property
    def cancel_requested(self) -> bool:
        """Whether a user has cancelled the operation."""
        query = select(Operation.cancel_requested).where(Operation.id == self.operation_id)
        return bool(db.session.scalar(query))

    def stop_if_cancelled(self) -> None:
        """Raise Cancelled where a user has cancelled the operation."""
        stop_if_cancelled(self.operation_id)


class StepAction(ABC, Generic[HandledStep]):
    """How a kind of step is performed and undone. One that defines only `do` has nothing to undo."""

    def prepare_undo(self, context: StepContext, step: HandledStep) -> UndoState | None:
        """Return the state that `undo` needs; None where there will be nothing to undo."""
        return None

    @abstractmethod
    def do(self, context: StepContext, step: HandledStep, row_id: int) -> str | None:
        """Perform the step, whose row has this id, and return its output. Raises RockonwebError or Cancelled."""

    def undo(self, context: StepContext, step: HandledStep, undo_state: UndoState, *, ended: bool) -> str | None:
        """Undo the step, and return a message for it; `ended`: the step was completed, not interrupted.

        Raises RockonwebError, UndoSkipped where something is deliberately not undone.
        """
        return None


class UndoableAction(StepAction[HandledStep]):
    """A step that is undone whenever it was started, without a stored state."""

    def prepare_undo(self, context: StepContext, step: HandledStep) -> UndoState | None:
        """Return the empty state: `undo` needs no more than the step."""
        return EMPTY_STATE


class SideBySideAction(StepAction[HandledStep], Generic[HandledStep, Item]):
    """A step whose class is `side_by_side`, in two parts: what takes long, and what writes the database. Nothing of it
    is undone.
    """

    @abstractmethod
    def work(self, context: StepContext, step: HandledStep) -> Iterator[Item]:
        """Return an iterator of what is to be noted: it does what takes long, in a thread without the database."""

    @abstractmethod
    def note(self, context: StepContext, step: HandledStep, row_id: int, item: Item) -> str:
        """Store what `work` has yielded, and return the step's output if that was the last."""

    def do(self, context: StepContext, step: HandledStep, row_id: int) -> str:
        """Perform the step on its own."""
        output = ""
        items = self.work(context, step)
        for item in context.engine.waiter.iterate(lambda: items):
            if item is not None:
                output = self.note(context, step, row_id, item)
        return output


_ACTIONS: dict[type[Step], StepAction[Any]] = {}


def action_of(step: AnyStep) -> StepAction[AnyStep]:
    """Return the action for a step's kind."""
    return _ACTIONS[type(step)]


def side_by_side_action(step: AnyStep) -> SideBySideAction[AnyStep, Any]:
    """Return the action for the kind of a step that is `side_by_side`."""
    return cast("SideBySideAction[AnyStep, Any]", action_of(step))


def _register_for(step_type: type[Step]) -> Callable[[type[StepAction[Any]]], type[StepAction[Any]]]:
    def register_action(action_type: type[StepAction[Any]]) -> type[StepAction[Any]]:
        _ACTIONS[step_type] = action_type()
        return action_type

    return register_action


# -- shares and files -------------------------------------------------------------------------------------------------


@_register_for(CreateShare)
class _CreateShareAction(StepAction[CreateShare]):
    def prepare_undo(self, context: StepContext, step: CreateShare) -> UndoState | None:
        return None if step.share in context.host.shares.shares_by_name() else EMPTY_STATE

    def do(self, context: StepContext, step: CreateShare, row_id: int) -> str:
        if step.share in context.host.shares.shares_by_name():
            context.retitle_step(row_id, t("use share %(share)s, which exists already", share=step.share))
            return ""
        context.host.shares.create_share(step.share)
        if step.owner and (why := context.host.shares.change_owner(step.share, *step.owner)):
            return t("Its owner could not be changed to user %(uid)s: %(why)s.", uid=step.owner[0], why=why)
        return ""

    def undo(self, context: StepContext, step: CreateShare, undo_state: UndoState, *, ended: bool) -> None:
        if not (context.is_used_by_others(step.share) or context.host.shares.remove_if_empty(step.share)):
            raise UndoSkipped(t("The share is kept: it is not empty."))


@_register_for(CreateFolder)
class _CreateFolderAction(StepAction[CreateFolder]):
    def prepare_undo(self, context: StepContext, step: CreateFolder) -> UndoState | None:
        return None if context.host.files.exists(step.folder) else EMPTY_STATE

    def do(self, context: StepContext, step: CreateFolder, row_id: int) -> None:
        context.host.files.create_folder(step.folder, step.like)

    def undo(self, context: StepContext, step: CreateFolder, undo_state: UndoState, *, ended: bool) -> None:
        context.host.files.remove(step.folder)


@_register_for(SetShareOwner)
class _SetShareOwnerAction(StepAction[SetShareOwner]):
    def prepare_undo(self, context: StepContext, step: SetShareOwner) -> UndoState | None:
        share = context.host.shares.inspect_path(step.share)
        return {"owner": [share.uid, share.gid]} if share.exists else None

    def do(self, context: StepContext, step: SetShareOwner, row_id: int) -> None:
        context.host.shares.set_owner(step.share, step.uid, step.gid)

    def undo(self, context: StepContext, step: SetShareOwner, undo_state: UndoState, *, ended: bool) -> None:
        context.host.shares.set_owner(step.share, *undo_state["owner"])


@_register_for(SetShareMode)
class _SetShareModeAction(StepAction[SetShareMode]):
    def prepare_undo(self, context: StepContext, step: SetShareMode) -> UndoState | None:
        share = context.host.shares.inspect_path(step.share)
        return {"mode": share.mode} if share.exists else None

    def do(self, context: StepContext, step: SetShareMode, row_id: int) -> None:
        context.host.shares.set_mode(step.share, step.mode)

    def undo(self, context: StepContext, step: SetShareMode, undo_state: UndoState, *, ended: bool) -> None:
        context.host.shares.set_mode(step.share, undo_state["mode"])


@_register_for(SaveFolder)
class _SaveFolderAction(StepAction[SaveFolder]):
    def prepare_undo(self, context: StepContext, step: SaveFolder) -> UndoState:
        place = context.host.shares.inspect_path(step.share)
        if not place.empty:
            raise Conflict(
                t("%(place)s can't take the files of %(folder)s: it is not an empty folder.",
                  place=step.share, folder=step.folder),
                t("Choose a new folder of a share (SHARE/FOLDER), or an empty share."),
            )  # fmt: skip
        return {"owner": [place.uid, place.gid], "mode": place.mode} if place.exists else EMPTY_STATE

    def do(self, context: StepContext, step: SaveFolder, row_id: int) -> None:
        context.host.shares.set_mode(step.share, SHARED_MODE)  # creates a missing folder
        with _tell_full_disk(context, step.share, t("Free up space there, or choose a share on another disk.")):
            is_copied = context.engine.copy_folder(step.container + RENAMED_SUFFIX, step.container, step.folder)
        if not is_copied:
            context.retitle_step(row_id, t("%(folder)s does not exist any more", folder=step.folder))

    def undo(self, context: StepContext, step: SaveFolder, undo_state: UndoState, *, ended: bool) -> None:
        shares = context.host.shares
        shares.empty_folder(step.share, remove=not undo_state)
        if undo_state:
            shares.set_mode(step.share, undo_state["mode"])
            shares.set_owner(step.share, *undo_state["owner"])


@contextmanager
def _tell_full_disk(context: StepContext, share_path: str, hint: str) -> Iterator[None]:
    """Raise DiskFull instead of an error inside, where that came from the disk of a share."""
    try:
        yield
    except RockonwebError as error:
        free = context.host.shares.inspect_path(share_path).free
        if free is None or free >= FULL_DISK_BYTES:
            raise
        sentence = t("The disk of %(place)s is full.", place=share_path)
        raise DiskFull(sentence, hint, error.output or error.sentence) from None


@_register_for(CreateCertificate)
class _CreateCertificateAction(StepAction[CreateCertificate]):
    def do(self, context: StepContext, step: CreateCertificate, row_id: int) -> None:
        if not context.host.make_certificate():
            context.retitle_step(row_id, t("use the certificate %(path)s, which exists already", path=step.path))


@_register_for(TakeSnapshot)
class _TakeSnapshotAction(UndoableAction[TakeSnapshot]):
    def do(self, context: StepContext, step: TakeSnapshot, row_id: int) -> None:
        rollback.snapshot_share(context.operation_id, step)

    def undo(self, context: StepContext, step: TakeSnapshot, undo_state: UndoState, *, ended: bool) -> str:
        return rollback.revert_share(context.operation_id, step.share, context.engine)


@_register_for(RestoreSnapshot)
class _RestoreSnapshotAction(StepAction[RestoreSnapshot]):
    def do(self, context: StepContext, step: RestoreSnapshot, row_id: int) -> str:
        return rollback.restore_snapshot(context.operation_id, step, context.engine)


# -- images and networks ----------------------------------------------------------------------------------------------


@_register_for(PullImage)
class _PullImageAction(SideBySideAction[PullImage, PullProgress]):
    def work(self, context: StepContext, step: PullImage) -> Iterator[PullProgress]:
        login = registry_logins.login_for_image(step.image)
        db.session.rollback()
        return self._pull(context, step, login)

    def _pull(self, context: StepContext, step: PullImage, login: Credentials | None) -> Iterator[PullProgress]:
        shown_at, silent_minutes = time.monotonic(), 0
        limit = context.pull_timeout
        for progress in context.engine.pull_image(
            step.image, required=step.required, silent_seconds=limit, login=login
        ):
            if (
                progress.outcome
                or progress.silent_minutes != silent_minutes
                or time.monotonic() - shown_at >= PROGRESS_SECONDS
            ):
                shown_at, silent_minutes = time.monotonic(), progress.silent_minutes
                yield progress

    def note(self, context: StepContext, step: PullImage, row_id: int, item: PullProgress) -> str:
        context.show_progress(row_id, item.layers, _describe_silence(item.silent_minutes, context.pull_timeout))
        if item.new_image_id:  # only images that were pulled here are offered for removal
            with transaction() as session:
                session.merge(PulledImage(id=item.new_image_id, reference=step.image, pulled=utc_now()))
        if not item.is_pulled:
            context.retitle_step(row_id, t("use the image %(image)s that is on this host", image=step.image))
        return item.outcome


def _describe_silence(minutes: int, limit: int) -> str:
    """Return what to show while a registry brings nothing new; blank for 0 minutes."""
    if not minutes:
        return ""
    return t(
        "The registry has sent nothing new for %(minutes)s min. This is given up after %(limit)s min.",
        minutes=minutes,
        limit=round(limit / 60, 1),
    )


@_register_for(RemoveImage)
class _RemoveImageAction(StepAction[RemoveImage]):
    def do(self, context: StepContext, step: RemoveImage, row_id: int) -> None:
        image_id = context.engine.image_id(step.image)
        if context.engine.remove_image(step.image):
            if image_id is None:
                context.retitle_step(row_id, t("image %(image)s does not exist any more", image=step.image))
            return
        users = [facts.name for facts in context.engine.list_containers().values() if facts.image_id == image_id]
        context.retitle_step(
            row_id,
            t("keep image %(image)s: still used by %(names)s", image=step.image, names=", ".join(sorted(users)))
            if users
            else t("keep image %(image)s: Docker says that it is still used", image=step.image),
        )


@_register_for(CreateNetwork)
class _CreateNetworkAction(UndoableAction[CreateNetwork]):
    def do(self, context: StepContext, step: CreateNetwork, row_id: int) -> None:
        spec = step.spec or rocknets.stored_spec(step.network)
        if not context.engine.ensure_network(step.network, context.operation_uid, spec):
            context.retitle_step(row_id, t("use network %(network)s, which exists already", network=step.network))

    def undo(self, context: StepContext, step: CreateNetwork, undo_state: UndoState, *, ended: bool) -> str | None:
        if step.network in context.engine.operation_networks(context.operation_uid):
            return _remove_network(context, step.network, required=step.spec is not None)
        return None


@_register_for(RemoveNetwork)
class _RemoveNetworkAction(StepAction[RemoveNetwork]):
    def prepare_undo(self, context: StepContext, step: RemoveNetwork) -> UndoState | None:
        return context.engine.network_config(step.network) if step.required else None

    def do(self, context: StepContext, step: RemoveNetwork, row_id: int) -> None:
        if not step.required and rocknets.stored_spec(step.network):
            context.retitle_step(row_id, t("leave network %(network)s: an owner created it", network=step.network))
        elif instead := _remove_network(context, step.network, required=step.required):
            context.retitle_step(row_id, instead)

    def undo(self, context: StepContext, step: RemoveNetwork, undo_state: UndoState, *, ended: bool) -> None:
        context.engine.restore_network(undo_state)


def _remove_network(context: StepContext, name: str, *, required: bool) -> TranslatableText | None:
    """Remove a network; return what was done instead and why, None where it was removed.

    Raises EngineError where its removal is `required` and it is in use.
    """
    instead = context.engine.remove_network(name)
    if required and instead and context.engine.network_id(name) is not None:
        raise EngineError(
            t('Something else is connected to the network "%(name)s".', name=name), t("Disconnect it first.")
        )
    return instead


@_register_for(ConnectNetwork)
class _ConnectNetworkAction(StepAction[ConnectNetwork]):
    def prepare_undo(self, context: StepContext, step: ConnectNetwork) -> UndoState | None:
        container = context.engine.inspect_container(step.container)
        if container and step.network in container.networks:
            return None
        return {"network_id": context.engine.network_id(step.network)}

    def do(self, context: StepContext, step: ConnectNetwork, row_id: int) -> str:
        try:
            if not context.engine.connect_network(step.network, step.container, step.endpoint):
                title = t("%(container)s is on network %(network)s already", **_endpoint_names(step))
                context.retitle_step(row_id, title)
        except RockonwebError as error:
            if step.required:
                raise
            title = t("%(container)s could not be connected to network %(network)s", **_endpoint_names(step))
            context.retitle_step(row_id, title)
            return error.output or error.sentence
        return ""

    def undo(self, context: StepContext, step: ConnectNetwork, undo_state: UndoState, *, ended: bool) -> None:
        if context.engine.inspect_container(step.container):
            context.engine.disconnect_network(step.network, step.container, undo_state.get("network_id"))


@_register_for(DisconnectNetwork)
class _DisconnectNetworkAction(StepAction[DisconnectNetwork]):
    def prepare_undo(self, context: StepContext, step: DisconnectNetwork) -> UndoState | None:
        endpoint = context.engine.find_endpoint(step.network, step.container)
        return None if endpoint is None else asdict(endpoint)

    def do(self, context: StepContext, step: DisconnectNetwork, row_id: int) -> None:
        if not context.engine.disconnect_network(step.network, step.container):
            title = t("%(container)s is not on network %(network)s any more", **_endpoint_names(step))
            context.retitle_step(row_id, title)

    def undo(self, context: StepContext, step: DisconnectNetwork, undo_state: UndoState, *, ended: bool) -> None:
        if context.engine.inspect_container(step.container):
            endpoint = TypeAdapter(Endpoint).validate_python(undo_state)
            context.engine.connect_network(step.network, step.container, endpoint)


def _endpoint_names(step: ConnectNetwork | DisconnectNetwork) -> dict[str, str]:
    return {"container": step.container, "network": step.network}


# -- containers -------------------------------------------------------------------------------------------------------


@_register_for(CreateContainer)
class _CreateContainerAction(UndoableAction[CreateContainer]):
    def do(self, context: StepContext, step: CreateContainer, row_id: int) -> None:
        context.remove_own_container(step.container)  # left by an interrupted operation
        known_shares.prepare_mounts(context.host, context.engine.paths_to_mount(step.argv))
        context.engine.create_container(step.argv, context.operation_uid)

    def undo(self, context: StepContext, step: CreateContainer, undo_state: UndoState, *, ended: bool) -> None:
        if step.container in context.engine.operation_containers(context.operation_uid):
            context.remove_own_container(step.container)


@_register_for(RunOnce)
class _RunOnceAction(StepAction[RunOnce]):
    def do(self, context: StepContext, step: RunOnce, row_id: int) -> str:
        known_shares.prepare_mounts(context.host, context.engine.paths_to_mount(step.argv))
        rollback.mark_ran(context.operation_id)
        return context.engine.run_once(step.argv, step.seconds)


@_register_for(StartContainer)
class _StartContainerAction(StepAction[StartContainer]):
    def do(self, context: StepContext, step: StartContainer, row_id: int) -> None:
        known_shares.prepare_mounts(context.host, context.engine.bind_mount_paths(step.container))
        try:
            if not context.engine.start_container(step.container):
                context.retitle_step(row_id, t("%(container)s is running already", container=step.container))
        finally:
            context.note_run(step.container)


@_register_for(StopContainer)
class _StopContainerAction(StepAction[StopContainer]):
    def prepare_undo(self, context: StepContext, step: StopContainer) -> UndoState | None:
        return EMPTY_STATE if context.engine.is_container_up(step.container) else None

    def do(self, context: StepContext, step: StopContainer, row_id: int) -> None:
        if not context.engine.stop_container(step.container):
            context.retitle_step(row_id, t("%(container)s is not running", container=step.container))

    def undo(self, context: StepContext, step: StopContainer, undo_state: UndoState, *, ended: bool) -> None:
        if not ended:  # Docker may still be stopping it, after the check below
            with suppress(EngineError):
                context.engine.stop_container(step.container)
        if not context.engine.is_container_up(step.container):
            context.engine.start_container(step.container)


@_register_for(AwaitEnd)
class _AwaitEndAction(StepAction[AwaitEnd]):
    def do(self, context: StepContext, step: AwaitEnd, row_id: int) -> None:
        context.engine.await_end(step.container, step.seconds)


@_register_for(AwaitAnswer)
class _AwaitAnswerAction(StepAction[AwaitAnswer]):
    def do(self, context: StepContext, step: AwaitAnswer, row_id: int) -> None:
        context.engine.await_answer(step.container, step.command, step.seconds)


@_register_for(AwaitHealth)
class _AwaitHealthAction(StepAction[AwaitHealth]):
    def do(self, context: StepContext, step: AwaitHealth, row_id: int) -> None:
        limits = current_config().health
        limits = limits.brief() if step.brief else limits
        noted = False
        for progress in context.host.await_health(context.engine, dict(step.pages), limits):
            if progress.page_answers and not noted:
                context.note_page_answers()
                noted = True
            context.report_wait(row_id, progress.awaited)
        context.report_wait(row_id, "")


# -- rehearsals -------------------------------------------------------------------------------------------------------


def close_room(host: Host, engine: Engine, operation: str) -> None:
    """Remove what a rehearsal (random id of the operation) has created, except the folder that tells of it."""
    engine.remove_operation(operation)
    host.clones.empty_room(operation)


@_register_for(OpenRoom)
class _OpenRoomAction(UndoableAction[OpenRoom]):
    def do(self, context: StepContext, step: OpenRoom, row_id: int) -> None:
        context.host.clones.make_room(context.operation_uid)
        context.engine.ensure_closed_network(step.network, context.operation_uid)
        for volume in step.volumes:
            context.engine.create_volume(volume, context.operation_uid)

    def undo(self, context: StepContext, step: OpenRoom, undo_state: UndoState, *, ended: bool) -> None:
        close_room(context.host, context.engine, context.operation_uid)


@_register_for(CloneShare)
class _CloneShareAction(StepAction[CloneShare]):
    def do(self, context: StepContext, step: CloneShare, row_id: int) -> None:
        context.host.clones.clone(step.share, step.folder, step.method, context.engine.waiter)


@_register_for(CompareCopy)
class _CompareCopyAction(StepAction[CompareCopy]):
    def do(self, context: StepContext, step: CompareCopy, row_id: int) -> str:
        share = context.host.shares.root / step.share
        context.host.shares.refuse_links([str(share)])
        try:
            original, copy = context.host.measure_folders(share, Path(step.folder), context.engine.waiter.poll)
        except OSError as error:
            raise wrap_os_error(error) from None
        comparison = compare_folders(original, copy, int(step.taken * NANOSECONDS))
        told = describe_comparison(original, copy, comparison)
        if comparison.faults:
            raise RockonwebError(
                t("The copy of %(share)s is not what the share was.", share=step.share),
                t("The step shows the files. The share itself is not affected."),
                told,
            )
        return told


@_register_for(AwaitRehearsal)
class _AwaitRehearsalAction(StepAction[AwaitRehearsal]):
    def do(self, context: StepContext, step: AwaitRehearsal, row_id: int) -> str:
        pages, limits = dict(step.pages), current_config().health
        for pause in (*REHEARSAL_PAUSES, None):
            try:
                for progress in context.host.await_health(context.engine, pages, limits, step.network):
                    context.report_wait(row_id, _without_prefix(step, progress.awaited))
                break
            except Unhealthy as error:
                ended = [name for name in step.containers if _has_failed(context.engine, name)]
                if pause is None or not ended:
                    raise Unhealthy(
                        _without_prefix(step, error.sentence),
                        t("The app itself was not touched. The ends of the logs are shown at the step."),
                        output=_read_log_ends(context.engine, step),
                    ) from None
                time.sleep(pause)
                for name in ended:  # as Docker would: it may have waited for another one
                    context.engine.start_container(name)
        context.report_wait(row_id, "")
        return _read_log_ends(context.engine, step)


def _has_failed(engine: Engine, name: str) -> bool:
    facts = engine.inspect_container(name)
    return facts is not None and facts.state == "exited" and facts.exit_code != 0


def _read_log_ends(engine: Engine, step: AwaitRehearsal) -> AppOutput:
    logs = {name: engine.read_logs(name, REHEARSAL_LOG_LINES) for name in step.containers}
    return AppOutput("\n".join(f"{_without_prefix(step, name)}:\n{log}" for name, log in logs.items()))


def _without_prefix(step: AwaitRehearsal, text: str) -> str:
    """Return a text with the names that the containers have outside of the room."""
    return map_text_values(text, lambda value: value.replace(f"{step.network}-", ""))


@_register_for(CloseRoom)
class _CloseRoomAction(StepAction[CloseRoom]):
    def do(self, context: StepContext, step: CloseRoom, row_id: int) -> str:
        """Remove the room. It has held already, so an error becomes output; the recovery removes the rest."""
        try:
            close_room(context.host, context.engine, context.operation_uid)
        except RockonwebError as error:
            return error.output or error.message_with_hint
        context.host.clones.remove_room(context.operation_uid)
        return ""


# -- databases and replacement ----------------------------------------------------------------------------------------


@_register_for(DumpDatabase)
class _DumpDatabaseAction(StepAction[DumpDatabase]):
    def prepare_undo(self, context: StepContext, step: DumpDatabase) -> UndoState | None:
        return None if context.host.files.exists(step.dump) else EMPTY_STATE

    def do(self, context: StepContext, step: DumpDatabase, row_id: int) -> str:
        tools, share = TOOLS_BY_WORD[step.server], split_share_path(step.dump)[0]
        hint = t("Free up space there, then try again.")
        with _tell_full_disk(context, share, hint), context.host.files.create_file(step.dump) as file:
            context.engine.exec_with_files(step.container, tools.dump, stdout=file)
            counts = _count_tables(context, step)
            file.seek(0, os.SEEK_END)
            file.write(completion_mark(counts))
            size = file.tell()
        return t(
            "Databases: %(databases)s, tables: %(tables)s, size of the dump: %(size)s.",
            databases=len(counts),
            tables=sum(counts.values()),
            size=format_size(size),
        )

    def undo(self, context: StepContext, step: DumpDatabase, undo_state: UndoState, *, ended: bool) -> None:
        context.host.files.remove(step.dump)


@_register_for(LoadDatabase)
class _LoadDatabaseAction(StepAction[LoadDatabase]):
    def do(self, context: StepContext, step: LoadDatabase, row_id: int) -> str:
        tools = TOOLS_BY_WORD[step.server]
        with context.host.files.open_file(step.dump) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - MAX_MARK_BYTES))
            counts = read_mark(file.read())
            if counts is None:
                raise RockonwebError(t("The dump %(dump)s is not complete.", dump=step.dump))
            file.seek(0)
            output = context.engine.exec_with_files(step.container, tools.load, stdin=file)
        missing = compare_counts(counts, _count_tables(context, step))
        if (errors := tools.find_errors(output)) or missing:
            raise RockonwebError(
                t("%(name)s did not take all of the dump: %(why)s", name=step.container, why=missing or errors[0]),
                output=AppOutput(output),
            )
        return t(
            "As before: %(databases)s databases, %(tables)s tables.",
            databases=len(counts),
            tables=sum(counts.values()),
        )


def _count_tables(context: StepContext, step: DumpDatabase | LoadDatabase) -> TableCounts:
    return parse_counts(context.engine.exec_with_files(step.container, TOOLS_BY_WORD[step.server].count))


# -- backups of data --------------------------------------------------------------------------------------------------


@_register_for(SnapshotData)
class _SnapshotDataAction(UndoableAction[SnapshotData]):
    def do(self, context: StepContext, step: SnapshotData, row_id: int) -> None:
        data_backups.snapshot_shares(context.operation_id, step)

    def undo(self, context: StepContext, step: SnapshotData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_snapshots(context.operation_id)


@_register_for(BackUpData)
class _BackUpDataAction(UndoableAction[BackUpData]):
    def do(self, context: StepContext, step: BackUpData, row_id: int) -> str:
        return data_backups.back_up(
            context.operation_id, step, context.engine, partial(context.show_data_progress, row_id)
        )

    def undo(self, context: StepContext, step: BackUpData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_snapshots(context.operation_id)


@_register_for(PruneData)
class _PruneDataAction(StepAction[PruneData]):
    def do(self, context: StepContext, step: PruneData, row_id: int) -> str:
        return data_backups.prune(step, context.engine)


@_register_for(FetchData)
class _FetchDataAction(UndoableAction[FetchData]):
    def do(self, context: StepContext, step: FetchData, row_id: int) -> None:
        data_backups.fetch(context.operation_id, step, context.engine, partial(context.show_data_progress, row_id))

    def undo(self, context: StepContext, step: FetchData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_fetch(context.operation_id, step.number, step.target)


@_register_for(PlaceData)
class _PlaceDataAction(StepAction[PlaceData]):
    def prepare_undo(self, context: StepContext, step: PlaceData) -> UndoState:
        return {"existed": context.host.data_folders.exists(step.target)}

    def do(self, context: StepContext, step: PlaceData, row_id: int) -> str:
        return data_backups.place(context.operation_id, step, context.engine)

    def undo(self, context: StepContext, step: PlaceData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.take_back(context.operation_id, step, context.engine, existed=undo_state["existed"])


@_register_for(RemoveFetched)
class _RemoveFetchedAction(StepAction[RemoveFetched]):
    def do(self, context: StepContext, step: RemoveFetched, row_id: int) -> None:
        data_backups.remove_fetched(context.operation_id, step.targets)


# -- replaced containers ----------------------------------------------------------------------------------------------


@_register_for(RenameOld)
class _RenameOldAction(UndoableAction[RenameOld]):
    def do(self, context: StepContext, step: RenameOld, row_id: int) -> None:
        if not context.engine.rename_old(step.container):
            title = t("container %(container)s does not exist any more", container=step.container)
            context.retitle_step(row_id, title)

    def undo(self, context: StepContext, step: RenameOld, undo_state: UndoState, *, ended: bool) -> None:
        context.engine.rename_back(step.container)


@_register_for(TakeOver)
class _TakeOverAction(StepAction[TakeOver]):
    def prepare_undo(self, context: StepContext, step: TakeOver) -> UndoState | None:
        state = context.engine.kept_state(step.container_id)
        return asdict(state) if state else None

    def do(self, context: StepContext, step: TakeOver, row_id: int) -> None:
        context.engine.take_over(step.container_id, step.kept)

    def undo(self, context: StepContext, step: TakeOver, undo_state: UndoState, *, ended: bool) -> None:
        if not ended:  # Docker may still be stopping it, after its state is asked
            with suppress(EngineError):
                context.engine.take_over(step.container_id, step.kept)
        context.engine.give_back(KeptState(**undo_state))


@_register_for(GiveBack)
class _GiveBackAction(StepAction[GiveBack]):
    def do(self, context: StepContext, step: GiveBack, row_id: int) -> None:
        context.engine.give_back(KeptState(step.container, step.container_id, step.restart_policy, step.running))


@_register_for(RestoreName)
class _RestoreNameAction(StepAction[RestoreName]):
    def do(self, context: StepContext, step: RestoreName, row_id: int) -> None:
        context.engine.restore_name(step.container)


@_register_for(RemoveOld)
class _RemoveOldAction(StepAction[RemoveOld]):
    def do(self, context: StepContext, step: RemoveOld, row_id: int) -> str:
        """Remove the old container. Its replacement runs already, so an error becomes output and fails nothing."""
        try:
            instead = context.remove_own_container(step.container + RENAMED_SUFFIX)
        except RockonwebError as error:
            title = t("keep the old container %(container)s for now; it is removed later", container=step.container)
            context.retitle_step(row_id, title)
            return error.output or error.sentence
        if instead:
            context.retitle_step(row_id, instead)
        return ""


@_register_for(RemoveContainer)
class _RemoveContainerAction(StepAction[RemoveContainer]):
    def do(self, context: StepContext, step: RemoveContainer, row_id: int) -> None:
        if instead := context.remove_own_container(step.container):
            context.retitle_step(row_id, instead)
