"""How steps on containers are performed and undone, and on those that they replace."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict

from rockonweb.config import current_config
from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.core.operations.steps import (
    RENAMED_SUFFIX,
    AwaitAnswer,
    AwaitEnd,
    AwaitHealth,
    CreateCertificate,
    CreateContainer,
    GiveBack,
    RemoveContainer,
    RemoveOld,
    RenameOld,
    RestoreName,
    RunOnce,
    StartContainer,
    StopContainer,
    TakeOver,
)
from rockonweb.core.plan.adoption import KeptState
from rockonweb.core.text import t
from rockonweb.work import known_shares, rollback
from rockonweb.work.step_actions import EMPTY_STATE, StepAction, StepContext, UndoableAction, UndoState, register_for


@register_for(CreateCertificate)
class _CreateCertificateAction(StepAction[CreateCertificate]):
    def do(self, context: StepContext, step: CreateCertificate, row_id: int) -> None:
        if not context.host.make_certificate():
            context.retitle_step(row_id, t("use the certificate %(path)s, which exists already", path=step.path))


@register_for(CreateContainer)
class _CreateContainerAction(UndoableAction[CreateContainer]):
    def do(self, context: StepContext, step: CreateContainer, row_id: int) -> None:
        context.remove_own_container(step.container)  # left by an interrupted operation
        known_shares.prepare_mounts(context.host, context.engine.paths_to_mount(step.argv))
        context.engine.create_container(step.argv, context.operation_uid)

    def undo(self, context: StepContext, step: CreateContainer, undo_state: UndoState, *, ended: bool) -> None:
        if step.container in context.engine.operation_containers(context.operation_uid):
            context.remove_own_container(step.container)


@register_for(RunOnce)
class _RunOnceAction(StepAction[RunOnce]):
    def do(self, context: StepContext, step: RunOnce, row_id: int) -> str:
        known_shares.prepare_mounts(context.host, context.engine.paths_to_mount(step.argv))
        rollback.mark_ran(context.operation_id)
        return context.engine.run_once(step.argv, step.seconds)


@register_for(StartContainer)
class _StartContainerAction(StepAction[StartContainer]):
    def do(self, context: StepContext, step: StartContainer, row_id: int) -> None:
        known_shares.prepare_mounts(context.host, context.engine.bind_mount_paths(step.container))
        try:
            if not context.engine.start_container(step.container):
                context.retitle_step(row_id, t("%(container)s is running already", container=step.container))
        finally:
            context.note_run(step.container)


@register_for(StopContainer)
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


@register_for(AwaitEnd)
class _AwaitEndAction(StepAction[AwaitEnd]):
    def do(self, context: StepContext, step: AwaitEnd, row_id: int) -> None:
        context.engine.await_end(step.container, step.seconds)


@register_for(AwaitAnswer)
class _AwaitAnswerAction(StepAction[AwaitAnswer]):
    def do(self, context: StepContext, step: AwaitAnswer, row_id: int) -> None:
        context.engine.await_answer(step.container, step.command, step.seconds)


@register_for(AwaitHealth)
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


@register_for(RenameOld)
class _RenameOldAction(UndoableAction[RenameOld]):
    def do(self, context: StepContext, step: RenameOld, row_id: int) -> None:
        if not context.engine.rename_old(step.container):
            title = t("container %(container)s does not exist any more", container=step.container)
            context.retitle_step(row_id, title)

    def undo(self, context: StepContext, step: RenameOld, undo_state: UndoState, *, ended: bool) -> None:
        context.engine.rename_back(step.container)


@register_for(TakeOver)
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


@register_for(GiveBack)
class _GiveBackAction(StepAction[GiveBack]):
    def do(self, context: StepContext, step: GiveBack, row_id: int) -> None:
        context.engine.give_back(KeptState(step.container, step.container_id, step.restart_policy, step.running))


@register_for(RestoreName)
class _RestoreNameAction(StepAction[RestoreName]):
    def do(self, context: StepContext, step: RestoreName, row_id: int) -> None:
        context.engine.restore_name(step.container)


@register_for(RemoveOld)
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


@register_for(RemoveContainer)
class _RemoveContainerAction(StepAction[RemoveContainer]):
    def do(self, context: StepContext, step: RemoveContainer, row_id: int) -> None:
        if instead := context.remove_own_container(step.container):
            context.retitle_step(row_id, instead)
