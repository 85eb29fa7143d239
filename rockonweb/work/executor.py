"""Performs the steps of a plan, stores the progress of each, and rolls them back where one fails or is interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from typing import Any

from sqlalchemy import select

from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError, UndoSkipped, Unhealthy
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.operations.steps import (
    AwaitHealth,
    CreateContainer,
    RemoveFetched,
    RemoveNetwork,
    RemoveOld,
    RenameOld,
    RunOnce,
    Step,
    has_replaced_all,
    step_from_data,
)
from rockonweb.core.secret import SecretWord, redact_secrets
from rockonweb.core.text import AppOutput, join_texts, map_text_values, t
from rockonweb.host import Engine, Host
from rockonweb.models import Operation, OperationStep, Progress, db, transaction, utc_now
from rockonweb.work import (  # each module of actions registers its own
    container_actions,  # noqa: F401
    data_backup_actions,  # noqa: F401
    database_actions,  # noqa: F401
    image_actions,  # noqa: F401
    network_actions,  # noqa: F401
    rehearsal_actions,  # noqa: F401
    rollback,
    share_actions,  # noqa: F401
)
from rockonweb.work.step_actions import Cancelled, StepContext, UndoState, action_of, side_by_side_action

OUTPUT_LIMIT = 20_000  # characters of a step's output that are kept
SIDE_BY_SIDE = 3  # steps that are performed at the same time, as Docker itself downloads three layers


@dataclass(frozen=True)
class _StartedStep:
    """A step that was started, from its row."""

    row_id: int
    step: Step
    progress: Progress
    undo_state: UndoState | None


def find_renamers(aside: Mapping[str, ContainerFacts]) -> dict[str, int]:
    """Return by original name the rock-on (id) whose operation renamed a container for its replacement, of those (by
    original name) that are `aside`: it may be another one than the container's, which was recreated along with it.

    Only one that is provably older than that operation, and was created by one that this database knows, is a leftover.
    Any other was renamed by an operation of a newer database, or manually.
    """
    known = {*db.session.scalars(select(Operation.uid).where(Operation.uid.in_([c.operation for c in aside.values()])))}
    steps = db.session.execute(
        select(OperationStep.data, OperationStep.started, Operation.installation_id, Operation.uid)
        .join(Operation, Operation.id == OperationStep.operation_id)
        .where(OperationStep.kind == RenameOld.kind, OperationStep.started.is_not(None))
        .order_by(OperationStep.id)
    )
    last_steps = {str(data.get("container")): (started, rockon_id, uid) for data, started, rockon_id, uid in steps}
    return {
        name: rockon_id
        for name, (started, rockon_id, uid) in last_steps.items()
        if rockon_id is not None
        and (container := aside.get(name))
        and container.operation in known - {uid}
        and container.created <= started.timestamp()
    }


COMMITTING = (RemoveOld, RemoveFetched)  # from the first of these steps on, an operation is not rolled back


class Executor(StepContext):
    """Performs the steps of one operation, or rolls back those that it performed before its process ended."""

    def __init__(self, host: Host, engine: Engine, operation: Operation) -> None:
        super().__init__(host, engine, operation)
        self.rolls_back = operation.transition.rolls_back
        self.cleanup_pending = False  # whether the rollback is incomplete because Docker did not answer
        self.rollback_errors: list[RockonwebError] = []  # other reasons why the rollback is incomplete
        self.arguments: list[str] = []  # of all command lines, to mask the secrets among them

    def perform_steps(self, steps: Iterable[Step]) -> None:
        """Perform all steps in order. Raises the error of a failed step, or Cancelled, after the rollback."""
        steps = list(steps)
        self.arguments += [
            argument for step in steps if isinstance(step, CreateContainer | RunOnce) for argument in step.argv
        ]
        committed = False  # once the replacements of a change are healthy, it is not rolled back
        previous: tuple[int, str] | None = None  # the previous step's row id and output
        numbered = zip(steps, self._insert_steps(steps), strict=True)
        for _, pairs in groupby(numbered, lambda pair: pair[0].kind if pair[0].side_by_side else pair[1]):
            (step, row_id), *others = pairs
            if others:
                self._perform_side_by_side([(step, row_id), *others], previous)
                previous = None
                continue
            committed |= isinstance(step, COMMITTING)
            try:
                self._begin_step(previous, row_id, self._prepare_undo(step, previous), cancellable=not committed)
                with self._cancellable(not committed):
                    output = action_of(step).do(self, step, row_id) or ""
            except (RockonwebError, Cancelled) as error:
                output = error.output if isinstance(error, RockonwebError) else ""
                if committed and isinstance(error, RockonwebError):
                    self.retitle_step(row_id, t("not done: %(step)s", step=step.title))
                    output = output or error.sentence
                else:
                    self._fail_step(step, row_id, error, output)
                    raise
            previous = row_id, output
        if previous:
            self._set_progress(previous[0], Progress.DONE, previous[1])

    def _perform_side_by_side(self, group: Sequence[tuple[Step, int]], previous: tuple[int, str] | None) -> None:
        """Perform steps, with their row ids, a few at a time. As soon as one fails, those that go on are cancelled."""
        running: dict[int, Step] = {}
        outputs: dict[int, str] = {}

        def begin_steps() -> Iterator[tuple[int, Callable[[], Iterator[Any]]]]:
            nonlocal previous
            for step, row_id in group:
                self._begin_step(previous, row_id, None, cancellable=True)
                previous, running[row_id] = None, step
                yield row_id, partial(iter, side_by_side_action(step).work(self, step))

        failed_id = None
        try:
            with self._cancellable(True):
                for arrival in self.engine.waiter.iterate_all(begin_steps(), SIDE_BY_SIDE):
                    if arrival is None:
                        continue
                    row_id = arrival.key
                    if arrival.error:
                        failed_id = row_id
                        raise arrival.error
                    if arrival.has_ended:
                        self._set_progress(row_id, Progress.DONE, outputs.get(row_id, ""))
                        del running[row_id]
                    else:
                        step = running[row_id]
                        outputs[row_id] = side_by_side_action(step).note(self, step, row_id, arrival.item)
        except (RockonwebError, Cancelled) as error:
            for row_id in running:
                if row_id == failed_id and isinstance(error, RockonwebError):
                    self._set_progress(row_id, Progress.FAILED, error.output)
                else:
                    self._set_progress(row_id, Progress.CANCELLED)
            if self.rolls_back:
                self.roll_back_steps()
            raise

    @contextmanager
    def _cancellable(self, cancellable: bool) -> Iterator[None]:
        """Let a user's cancel end the waits meanwhile."""
        self.engine.waiter.on_wait = self.stop_if_cancelled if cancellable else None
        try:
            yield
        finally:
            self.engine.waiter.on_wait = None

    def _prepare_undo(self, step: Step, previous: tuple[int, str] | None) -> UndoState | None:
        """Return the state that the step's undo needs; where that fails, the previous step is marked as done first."""
        try:
            return action_of(step).prepare_undo(self, step)
        except RockonwebError:
            if previous:
                self._set_progress(previous[0], Progress.DONE, previous[1])
            raise

    def _fail_step(self, step: Step, row_id: int, error: RockonwebError | Cancelled, output: str) -> None:
        """Mark a step as failed or cancelled, and roll back, unless an unhealthy install is to be kept."""
        self._set_progress(row_id, Progress.CANCELLED if isinstance(error, Cancelled) else Progress.FAILED, output)
        keep_on_failure = isinstance(error, Unhealthy) and isinstance(step, AwaitHealth) and step.stays
        if self.rolls_back and not keep_on_failure:
            self.roll_back_steps()

    # -- rollback -----------------------------------------------------------------------------------------------

    def finish_or_rollback(self, *, done: bool = False) -> bool:
        """Finish or roll back an operation whose process has ended, from its rows and Docker's state.

        A change that had begun to remove the old containers is finished, as is one that is `done`; then True is
        returned. Any other is rolled back; what could not be is in `cleanup_pending` and `rollback_errors`.
        """
        started_steps = [*self._started_steps()]
        done = done or any(isinstance(started.step, COMMITTING) for started in started_steps)
        if done or self._has_replaced_all(started_steps):
            self._remove_replaced(started_steps)
            return True
        if any(isinstance(started.step, RunOnce) for started in started_steps):
            rollback.mark_ran(self.operation_id)
        self.roll_back_steps()
        return False

    def roll_back_steps(self) -> None:
        """Undo the steps of this operation in reverse order; failures are stored on the step and in `rollback_errors`.

        A step that failed or was interrupted keeps that progress, even where its partial effects were undone.
        """
        try:
            for name in self.engine.operation_containers(self.operation_uid):
                self.note_run(name)
            for started in reversed([*self._started_steps()]):
                if started.undo_state is not None and started.progress is not Progress.UNDONE:
                    self._undo_step(started, started.undo_state)
            for name in self.engine.operation_containers(self.operation_uid):  # created after an interruption
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

    def _has_replaced_all(self, started_steps: Iterable[_StartedStep]) -> bool:
        """Whether all containers were replaced that ran before and that this operation renamed."""
        running = db.session.get_one(Operation, self.operation_id).notes.running or ()
        db.session.rollback()
        renamed = {
            started.step.container
            for started in started_steps
            if isinstance(started.step, RenameOld) and started.progress is Progress.DONE
        }
        creators = {name: container.operation for name, container in self.engine.list_containers().items()}
        return has_replaced_all(renamed.intersection(running), creators, self.operation_uid)

    def _remove_replaced(self, started_steps: Iterable[_StartedStep]) -> None:
        """Remove what a change has replaced: all renamed containers, whatever its rows say, and networks."""
        for name in self.renamed_containers():
            action_of(step := RemoveOld(container=name, why="")).do(self, step, 0)
        for started in started_steps:
            if isinstance(started.step, RemoveNetwork | RemoveFetched):
                action_of(started.step).do(self, started.step, started.row_id)
        self._restart_containers()

    def renamed_containers(self) -> list[str]:
        """Return the original names of the containers that operations of this rock-on have renamed for replacement."""
        names = self.engine.renamed_containers()
        own_id = db.session.get_one(Operation, self.operation_id).installation_id
        renamers = find_renamers(names)
        db.session.rollback()
        return [name for name in names if renamers.get(name) == own_id]

    def _restart_containers(self) -> None:
        """Start the containers that ran before: after Docker was killed, it leaves `unless-stopped` ones stopped."""
        running = db.session.get_one(Operation, self.operation_id).notes.running or ()
        db.session.rollback()
        for name in running:
            if self.engine.inspect_container(name) and not self.engine.is_container_up(name):
                self.engine.start_container(name)

    def _started_steps(self) -> Iterator[_StartedStep]:
        """Yield the steps that were started."""
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
        """The secret answers of the rock-on, to be masked in output."""
        installation = db.session.get_one(Operation, self.operation_id).installation
        return installation.secret_values if installation else []

    def _mask_secrets(self, output: str) -> str:
        """Return output with the rock-on's secrets masked: a failing app may print its environment variables."""
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
        """Mark the previous step as done and the next one as running, with its undo state, in one transaction.

        With `cancellable`, raises Cancelled instead where a user has cancelled the operation.
        """
        cancelled = False
        with transaction():
            if previous:
                self._set_progress(previous[0], Progress.DONE, previous[1])
            if cancellable:
                cancelled = self.cancel_requested
            if not cancelled:
                OperationStep.update_row(row_id, progress=Progress.RUNNING, started=utc_now(), memory=undo_state)
        if cancelled:
            raise Cancelled

    def _set_progress(self, row_id: int, progress: Progress, output: str = "") -> None:
        """Store a step's end, with what it printed."""
        with transaction() as session:
            OperationStep.update_row(row_id, progress=progress, finished=utc_now())
            masked = self._mask_secrets(output)
            if isinstance(output, AppOutput):
                OperationStep.update_row(row_id, app_output=masked[-OUTPUT_LIMIT:])
            elif output:
                awaited = session.scalar(select(OperationStep.output).where(OperationStep.id == row_id))
                printed = join_texts("\n", (awaited or "", masked))
                printed = printed if len(printed) <= OUTPUT_LIMIT else printed[-OUTPUT_LIMIT:]
                OperationStep.update_row(row_id, output=printed)
