"""Does the steps of a plan one by one, writes each on its row, and takes them back when one fails or was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError, UndoSkipped, Unhealthy
from rockonweb.core.operations.steps import (
    AwaitHealth,
    CreateContainer,
    RemoveNetwork,
    RemoveOld,
    RunOnce,
    Step,
    step_from_data,
)
from rockonweb.core.secret import SecretWord, redact_secrets
from rockonweb.core.text import join_texts, map_text_values, t
from rockonweb.host import Engine, Host
from rockonweb.models import Operation, OperationStep, Progress, db, transaction, utc_now
from rockonweb.work import rollback
from rockonweb.work.step_actions import Cancelled, StepContext, UndoState, action_of

OUTPUT_LIMIT = 20_000  # characters of a step's output that are kept


@dataclass(frozen=True)
class _StartedStep:
    """A step that was begun, as its row tells of it."""

    row_id: int
    step: Step
    progress: Progress
    undo_state: UndoState | None


class Executor(StepContext):
    """Performs the steps of one operation, or takes back those that it performed before its process ended."""

    def __init__(self, host: Host, engine: Engine, operation: Operation) -> None:
        super().__init__(host, engine, operation.id)
        self.rolls_back = operation.transition.rolls_back
        self.cleanup_pending = False  # whether something could not be taken back because Docker was away
        self.rollback_errors: list[RockonwebError] = []  # why something could not be taken back for another reason
        self.arguments: list[str] = []  # of the command lines that are run, secrets among them

    def perform_steps(self, steps: Iterable[Step]) -> None:
        """Do all steps in order. Raises what the failing step raised, after taking back, or Cancelled."""
        steps = list(steps)
        self.arguments += [
            argument for step in steps if isinstance(step, CreateContainer | RunOnce) for argument in step.argv
        ]
        committed = False  # once the replacements of a change hold there is only forward
        previous: tuple[int, str] | None = None  # the row of the step before, and what is worth reading of it
        for step, row_id in zip(steps, self._insert_steps(steps), strict=True):
            committed |= isinstance(step, RemoveOld)
            try:
                self._begin_step(previous, row_id, self._prepare_undo(step, previous), cancellable=not committed)
                output = action_of(step).do(self, step, row_id) or ""
            except (RockonwebError, Cancelled) as error:
                output = error.output if isinstance(error, RockonwebError) else ""
                if committed and isinstance(error, RockonwebError):
                    output = t("It stays for now: %(why)s", why=output or error.sentence)
                else:
                    self._fail_step(step, row_id, error, output)
                    raise
            previous = row_id, output
        if previous:
            self._set_progress(previous[0], Progress.DONE, previous[1])

    def _prepare_undo(self, step: Step, previous: tuple[int, str] | None) -> UndoState | None:
        """Return what the step's undo has to know; where that can't be told, the one before is done all the same."""
        try:
            return action_of(step).prepare_undo(self, step)
        except RockonwebError:
            if previous:
                self._set_progress(previous[0], Progress.DONE, previous[1])
            raise

    def _fail_step(self, step: Step, row_id: int, error: RockonwebError | Cancelled, output: str) -> None:
        """Write why a step did not go well, and take back what was done before it, unless that is to stay."""
        self._set_progress(row_id, Progress.CANCELLED if isinstance(error, Cancelled) else Progress.FAILED, output)
        keep_on_failure = isinstance(error, Unhealthy) and isinstance(step, AwaitHealth) and step.stays
        if self.rolls_back and not keep_on_failure:
            self.roll_back_steps()

    # -- taking back --------------------------------------------------------------------------------------------

    def finish_or_rollback(self, *, done: bool = False) -> bool:
        """Bring to an end what this operation did before its process ended, from what its rows and Docker tell.

        A change whose old containers were being removed already is done to its end, as is one that is known to be
        `done`; returns whether it was. Everything else is taken back. What that can't be is in `cleanup_pending` and
        `rollback_errors`.
        """
        started_steps = [*self._started_steps()]
        if done or any(isinstance(started.step, RemoveOld) for started in started_steps):
            self._remove_replaced(started_steps)
            return True
        if any(isinstance(started.step, RunOnce) for started in started_steps):
            rollback.mark_ran(self.operation_id)
        self.roll_back_steps()
        return False

    def roll_back_steps(self) -> None:
        """Take back what this operation did, the last first; what can't be is told on its step and remembered.

        A step that failed or was cut short stays shown so, also where half of it was taken back.
        """
        try:
            for name in self.engine.operation_containers(self.operation_id):
                self.note_run(name)
            for started in reversed([*self._started_steps()]):
                if started.undo_state is not None and started.progress is not Progress.UNDONE:
                    self._undo_step(started, started.undo_state)
            for name in self.engine.operation_containers(self.operation_id):  # whoever lost track of them
                self.remove_own_container(name)
            self._restart_containers()
        except EngineUnreachable:
            self.cleanup_pending = True
        except EngineError as error:
            self.rollback_errors.append(error)

    def _undo_step(self, started: _StartedStep, undo_state: UndoState) -> None:
        try:
            ended = started.progress is Progress.DONE
            message = action_of(started.step).undo(self, started.step, undo_state, ended=ended) or ""
        except RockonwebError as error:
            self._set_progress(started.row_id, Progress.FAILED, error.message_with_hint)
            if isinstance(error, EngineUnreachable):
                raise
            if not isinstance(error, UndoSkipped):
                self.rollback_errors.append(error)
        else:
            if started.progress is Progress.DONE or message:
                self._set_progress(started.row_id, Progress.UNDONE, message)

    def _remove_replaced(self, started_steps: Iterable[_StartedStep]) -> None:
        """Remove what a change has replaced; what it set aside goes, whether its row says so or not."""
        for name in self.engine.renamed_containers():
            action_of(step := RemoveOld(container=name, why="")).do(self, step, 0)
        for started in started_steps:
            if isinstance(started.step, RemoveNetwork):
                action_of(started.step).do(self, started.step, started.row_id)
        self._restart_containers()

    def _restart_containers(self) -> None:
        """Start what ran before: a Docker that was killed leaves what is `unless-stopped` stopped."""
        running = db.session.get_one(Operation, self.operation_id).notes.running or ()
        db.session.rollback()
        for name in running:
            if self.engine.inspect_container(name) and not self.engine.is_container_up(name):
                self.engine.start_container(name)

    def _started_steps(self) -> Iterator[_StartedStep]:
        """Yield the steps that were begun."""
        rows = [*db.session.scalars(select(OperationStep).where(OperationStep.operation_id == self.operation_id))]
        started_rows = [
            (step_row.id, step_row.kind, step_row.data, step_row.progress, step_row.memory)
            for step_row in rows
            if step_row.started
        ]
        db.session.rollback()
        for row_id, kind, data, progress, undo_state in sorted(started_rows):
            if step := step_from_data(kind, data):
                yield _StartedStep(row_id, step, progress, undo_state)

    # -- the rows -----------------------------------------------------------------------------------------------

    @cached_property
    def secret_answers(self) -> list[SecretWord]:
        """The secret answers of the rock-on."""
        installation = db.session.get_one(Operation, self.operation_id).installation
        return installation.secret_values if installation else []

    def _mask_secrets(self, output: str) -> str:
        """Return what was printed without the secrets of the rock-on: an app may print its variables when it fails."""
        return (
            map_text_values(output, lambda text: redact_secrets(text, [*self.arguments, *self.secret_answers]))
            if output
            else ""
        )

    def _insert_steps(self, steps: list[Step]) -> list[int]:
        with transaction() as session:
            rows = [
                OperationStep(
                    operation_id=self.operation_id,
                    position=position,
                    kind=step.kind,
                    data=step.to_data(),
                    title=step.title,
                    why=step.why,
                )
                for position, step in enumerate(steps)
            ]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def _begin_step(
        self, previous: tuple[int, str] | None, row_id: int, undo_state: UndoState | None, *, cancellable: bool
    ) -> None:
        """Write that a step is done and that the next one begins, with what its undo has to know, in one transaction.

        With `cancellable`, it does not begin where somebody asked to stop.
        """
        cancelled = False
        with transaction() as session:
            if previous:
                self._set_progress(previous[0], Progress.DONE, previous[1])
            if cancellable:
                cancelled = self.cancel_requested
            if not cancelled:
                session.get_one(OperationStep, row_id).memory = undo_state
                self._set_progress(row_id, Progress.RUNNING)
        if cancelled:
            raise Cancelled

    def _set_progress(self, row_id: int, progress: Progress, output: str = "") -> None:
        with transaction() as session:
            step = session.get_one(OperationStep, row_id)
            step.progress = progress
            if progress is Progress.RUNNING:
                step.started = utc_now()
            else:
                step.finished = utc_now()
            if output:
                printed = join_texts("\n", (step.output, self._mask_secrets(output)))
                step.output = printed if len(printed) <= OUTPUT_LIMIT else printed[-OUTPUT_LIMIT:]
