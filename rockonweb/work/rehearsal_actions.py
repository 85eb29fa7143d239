"""How a rehearsal is performed: what is started in its closed room, compared and removed."""

from __future__ import annotations

import time
from pathlib import Path

from rockonweb.config import current_config
from rockonweb.core.errors import RockonwebError, Unhealthy, wrap_os_error
from rockonweb.core.folder_comparison import compare_folders, describe_comparison
from rockonweb.core.operations.steps import AwaitRehearsal, CloneShare, CloseRoom, CompareCopy, OpenRoom
from rockonweb.core.text import AppOutput, map_text_values, t
from rockonweb.host import Engine, Host
from rockonweb.work.step_actions import StepAction, StepContext, UndoableAction, UndoState, register_for

REHEARSAL_PAUSES = (0.5, 1, 2, 4)  # seconds before what has ended in a closed room is started once more
REHEARSAL_LOG_LINES = 30  # of each container
NANOSECONDS = 10**9


def close_room(host: Host, engine: Engine, operation: str) -> None:
    """Remove what a rehearsal (random id of the operation) has created, except the folder that tells of it."""
    engine.remove_operation(operation)
    host.clones.empty_room(operation)


@register_for(OpenRoom)
class _OpenRoomAction(UndoableAction[OpenRoom]):
    def do(self, context: StepContext, step: OpenRoom, row_id: int) -> None:
        context.host.clones.make_room(context.operation_uid)
        context.engine.ensure_closed_network(step.network, context.operation_uid)
        for volume in step.volumes:
            context.engine.create_volume(volume, context.operation_uid)

    def undo(self, context: StepContext, step: OpenRoom, undo_state: UndoState, *, ended: bool) -> None:
        close_room(context.host, context.engine, context.operation_uid)


@register_for(CloneShare)
class _CloneShareAction(StepAction[CloneShare]):
    def do(self, context: StepContext, step: CloneShare, row_id: int) -> None:
        context.host.clones.clone(step.share, step.folder, step.method, context.engine.waiter)


@register_for(CompareCopy)
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


@register_for(AwaitRehearsal)
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


@register_for(CloseRoom)
class _CloseRoomAction(StepAction[CloseRoom]):
    def do(self, context: StepContext, step: CloseRoom, row_id: int) -> str:
        """Remove the room. It has held already, so an error becomes output; the recovery removes the rest."""
        try:
            close_room(context.host, context.engine, context.operation_uid)
        except RockonwebError as error:
            return error.output or error.message_with_hint
        context.host.clones.remove_room(context.operation_uid)
        return ""
