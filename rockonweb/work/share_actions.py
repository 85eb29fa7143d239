"""How steps on shares, their folders and snapshots are performed and undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rockonweb.core.errors import Conflict, DiskFull, RockonwebError, UndoSkipped
from rockonweb.core.operations.steps import (
    RENAMED_SUFFIX,
    CreateFolder,
    CreateShare,
    RestoreSnapshot,
    SaveFolder,
    SetShareMode,
    SetShareOwner,
    TakeSnapshot,
)
from rockonweb.core.text import t
from rockonweb.host import SHARED_MODE
from rockonweb.work import rollback
from rockonweb.work.step_actions import EMPTY_STATE, StepAction, StepContext, UndoableAction, UndoState, register_for

FULL_DISK_BYTES = 2**20  # free: below, it is the disk that made a copy fail


@register_for(CreateShare)
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


@register_for(CreateFolder)
class _CreateFolderAction(StepAction[CreateFolder]):
    def prepare_undo(self, context: StepContext, step: CreateFolder) -> UndoState | None:
        return None if context.host.files.exists(step.folder) else EMPTY_STATE

    def do(self, context: StepContext, step: CreateFolder, row_id: int) -> None:
        context.host.files.create_folder(step.folder, step.like)

    def undo(self, context: StepContext, step: CreateFolder, undo_state: UndoState, *, ended: bool) -> None:
        context.host.files.remove(step.folder)


@register_for(SetShareOwner)
class _SetShareOwnerAction(StepAction[SetShareOwner]):
    def prepare_undo(self, context: StepContext, step: SetShareOwner) -> UndoState | None:
        share = context.host.shares.inspect_path(step.share)
        return {"owner": [share.uid, share.gid]} if share.exists else None

    def do(self, context: StepContext, step: SetShareOwner, row_id: int) -> None:
        context.host.shares.set_owner(step.share, step.uid, step.gid)

    def undo(self, context: StepContext, step: SetShareOwner, undo_state: UndoState, *, ended: bool) -> None:
        context.host.shares.set_owner(step.share, *undo_state["owner"])


@register_for(SetShareMode)
class _SetShareModeAction(StepAction[SetShareMode]):
    def prepare_undo(self, context: StepContext, step: SetShareMode) -> UndoState | None:
        share = context.host.shares.inspect_path(step.share)
        return {"mode": share.mode} if share.exists else None

    def do(self, context: StepContext, step: SetShareMode, row_id: int) -> None:
        context.host.shares.set_mode(step.share, step.mode)

    def undo(self, context: StepContext, step: SetShareMode, undo_state: UndoState, *, ended: bool) -> None:
        context.host.shares.set_mode(step.share, undo_state["mode"])


@register_for(SaveFolder)
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
        with tell_full_disk(context, step.share, t("Free up space there, or choose a share on another disk.")):
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
def tell_full_disk(context: StepContext, share_path: str, hint: str) -> Iterator[None]:
    """Raise DiskFull instead of an error inside, where that came from the disk of a share."""
    try:
        yield
    except RockonwebError as error:
        free = context.host.shares.inspect_path(share_path).free
        if free is None or free >= FULL_DISK_BYTES:
            raise
        sentence = t("The disk of %(place)s is full.", place=share_path)
        raise DiskFull(sentence, hint, error.output or error.sentence) from None


@register_for(TakeSnapshot)
class _TakeSnapshotAction(UndoableAction[TakeSnapshot]):
    def do(self, context: StepContext, step: TakeSnapshot, row_id: int) -> None:
        rollback.snapshot_share(context.operation_id, step)

    def undo(self, context: StepContext, step: TakeSnapshot, undo_state: UndoState, *, ended: bool) -> str:
        return rollback.revert_share(context.operation_id, step.share, context.engine)


@register_for(RestoreSnapshot)
class _RestoreSnapshotAction(StepAction[RestoreSnapshot]):
    def do(self, context: StepContext, step: RestoreSnapshot, row_id: int) -> str:
        return rollback.restore_snapshot(context.operation_id, step, context.engine)
