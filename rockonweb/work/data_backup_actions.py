"""How an app's data is backed up and restored by steps."""

from __future__ import annotations

from functools import partial

from rockonweb.core.operations.steps import BackUpData, FetchData, PlaceData, PruneData, RemoveFetched, SnapshotData
from rockonweb.work import data_backups
from rockonweb.work.step_actions import StepAction, StepContext, UndoableAction, UndoState, register_for


@register_for(SnapshotData)
class _SnapshotDataAction(UndoableAction[SnapshotData]):
    def do(self, context: StepContext, step: SnapshotData, row_id: int) -> None:
        data_backups.snapshot_shares(context.operation_id, step)

    def undo(self, context: StepContext, step: SnapshotData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_snapshots(context.operation_id)


@register_for(BackUpData)
class _BackUpDataAction(UndoableAction[BackUpData]):
    def do(self, context: StepContext, step: BackUpData, row_id: int) -> str:
        return data_backups.back_up(
            context.operation_id, step, context.engine, partial(context.show_data_progress, row_id)
        )

    def undo(self, context: StepContext, step: BackUpData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_snapshots(context.operation_id)


@register_for(PruneData)
class _PruneDataAction(StepAction[PruneData]):
    def do(self, context: StepContext, step: PruneData, row_id: int) -> str:
        return data_backups.prune(step, context.engine)


@register_for(FetchData)
class _FetchDataAction(UndoableAction[FetchData]):
    def do(self, context: StepContext, step: FetchData, row_id: int) -> None:
        data_backups.fetch(context.operation_id, step, context.engine, partial(context.show_data_progress, row_id))

    def undo(self, context: StepContext, step: FetchData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.remove_fetch(context.operation_id, step.number, step.target)


@register_for(PlaceData)
class _PlaceDataAction(StepAction[PlaceData]):
    def prepare_undo(self, context: StepContext, step: PlaceData) -> UndoState:
        return {"existed": context.host.data_folders.exists(step.target)}

    def do(self, context: StepContext, step: PlaceData, row_id: int) -> str:
        return data_backups.place(context.operation_id, step, context.engine)

    def undo(self, context: StepContext, step: PlaceData, undo_state: UndoState, *, ended: bool) -> None:
        data_backups.take_back(context.operation_id, step, context.engine, existed=undo_state["existed"])


@register_for(RemoveFetched)
class _RemoveFetchedAction(StepAction[RemoveFetched]):
    def do(self, context: StepContext, step: RemoveFetched, row_id: int) -> None:
        data_backups.remove_fetched(context.operation_id, step.targets)
