"""Does the steps of a plan one by one, writes each on its row, and takes them back when one fails or was cut short."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import select

from rockonweb.core.errors import EngineError, EngineUnreachable, LeftAlone, RockonwebError, Unhealthy
from rockonweb.core.operations.steps import AwaitHealth, Create, Discard, RemoveNetwork, RunOnce, Step, step_from_data
from rockonweb.core.secret import SecretWord, redact
from rockonweb.core.text import joined, reworded, t
from rockonweb.host import Engine, Host
from rockonweb.models import Operation, OperationStep, Progress, db, now, writing
from rockonweb.work import rollback
from rockonweb.work.step_actions import Cancelled, Memory, Work, action_of

OUTPUT_LIMIT = 20_000  # characters of a step's output that are kept


@dataclass(frozen=True)
class _Begun:
    """A step that was begun, as its row tells of it."""

    row: int
    step: Step
    progress: Progress
    memory: Memory | None


class Executor(Work):
    """Performs the steps of one operation, or takes back those that it performed before its process ended."""

    def __init__(self, host: Host, engine: Engine, operation: Operation) -> None:
        super().__init__(host, engine, operation.id)
        self.undoes = operation.transition.undoes
        self.owes = False  # whether something could not be taken back because Docker was away
        self.refusals: list[RockonwebError] = []  # why something could not be taken back for another reason
        self.words: list[str] = []  # of the command lines that are run, secrets among them

    def perform(self, steps: Iterable[Step]) -> None:
        """Do all steps in order. Raises what the failing step raised, after taking back, or Cancelled."""
        steps = list(steps)
        self.words += [word for step in steps if isinstance(step, Create | RunOnce) for word in step.argv]
        holds = False  # once the replacements of a change hold there is only forward
        ended: tuple[int, str] | None = None  # the row of the step before, and what is worth reading of it
        for step, row in zip(steps, self._announce(steps), strict=True):
            holds |= isinstance(step, Discard)
            try:
                self._go_on(ended, row, self._look(step, ended), stops=not holds)
                output = action_of(step).do(self, step, row) or ""
            except (RockonwebError, Cancelled) as error:
                output = error.output if isinstance(error, RockonwebError) else ""
                if holds and isinstance(error, RockonwebError):
                    output = t("It stays for now: %(why)s", why=output or error.sentence)
                else:
                    self._fail(step, row, error, output)
                    raise
            ended = row, output
        if ended:
            self._mark(ended[0], Progress.DONE, ended[1])

    def _look(self, step: Step, ended: tuple[int, str] | None) -> Memory | None:
        """Return what the step's undo has to know; where that can't be told, the one before is done all the same."""
        try:
            return action_of(step).look(self, step)
        except RockonwebError:
            if ended:
                self._mark(ended[0], Progress.DONE, ended[1])
            raise

    def _fail(self, step: Step, row: int, error: RockonwebError | Cancelled, output: str) -> None:
        """Write why a step did not go well, and take back what was done before it, unless that is to stay."""
        self._mark(row, Progress.CANCELLED if isinstance(error, Cancelled) else Progress.FAILED, output)
        stays = isinstance(error, Unhealthy) and isinstance(step, AwaitHealth) and step.stays
        if self.undoes and not stays:
            self.take_back()

    # -- taking back --------------------------------------------------------------------------------------------

    def recover(self, *, done: bool = False) -> bool:
        """Bring to an end what this operation did before its process ended, from what its rows and Docker tell.

        A change whose old containers were being removed already is done to its end, as is one that is known to be
        `done`; returns whether it was. Everything else is taken back. What that can't be is in `owes` and `refusals`.
        """
        begun = [*self._begun()]
        if done or any(isinstance(one.step, Discard) for one in begun):
            self._finish(begun)
            return True
        if any(isinstance(one.step, RunOnce) for one in begun):
            rollback.has_run(self.operation_id)
        self.take_back()
        return False

    def take_back(self) -> None:
        """Take back what this operation did, the last first; what can't be is told on its step and remembered.

        A step that failed or was cut short stays shown so, also where half of it was taken back.
        """
        try:
            for name in self.engine.made_by(self.operation_id):
                self.note_run(name)
            for one in reversed([*self._begun()]):
                if one.memory is not None and one.progress is not Progress.UNDONE:
                    self._take_one_back(one, one.memory)
            for name in self.engine.made_by(self.operation_id):  # whoever lost track of them
                self.remove(name)
            self._resume()
        except EngineUnreachable:
            self.owes = True
        except EngineError as error:
            self.refusals.append(error)

    def _take_one_back(self, one: _Begun, memory: Memory) -> None:
        try:
            ended = one.progress is Progress.DONE
            told = action_of(one.step).undo(self, one.step, memory, ended=ended) or ""
        except RockonwebError as error:
            self._mark(one.row, Progress.FAILED, error.words)
            if isinstance(error, EngineUnreachable):
                raise
            if not isinstance(error, LeftAlone):
                self.refusals.append(error)
        else:
            if one.progress is Progress.DONE or told:
                self._mark(one.row, Progress.UNDONE, told)

    def _finish(self, begun: Iterable[_Begun]) -> None:
        """Remove what a change has replaced; what it set aside goes, whether its row says so or not."""
        for name in self.engine.aside():
            action_of(step := Discard(container=name, why="")).do(self, step, 0)
        for one in begun:
            if isinstance(one.step, RemoveNetwork):
                action_of(one.step).do(self, one.step, one.row)
        self._resume()

    def _resume(self) -> None:
        """Start what ran before: a Docker that was killed leaves what is `unless-stopped` stopped."""
        running = db.session.get_one(Operation, self.operation_id).notes.running or ()
        db.session.rollback()
        for name in running:
            if self.engine.container(name) and not self.engine.runs(name):
                self.engine.start(name)

    def _begun(self) -> Iterator[_Begun]:
        """Yield the steps that were begun."""
        rows = [*db.session.scalars(select(OperationStep).where(OperationStep.operation_id == self.operation_id))]
        found = [(one.id, one.kind, one.data, one.progress, one.memory) for one in rows if one.started]
        db.session.rollback()
        for row, kind, data, progress, memory in sorted(found):
            if step := step_from_data(kind, data):
                yield _Begun(row, step, progress, memory)

    # -- the rows -----------------------------------------------------------------------------------------------

    @cached_property
    def secrets(self) -> list[SecretWord]:
        """The secret answers of the rock-on."""
        rockon = db.session.get_one(Operation, self.operation_id).installation
        return rockon.secrets if rockon else []

    def _masked(self, output: str) -> str:
        """Return what was printed without the secrets of the rock-on: an app may print its variables when it fails."""
        return reworded(output, lambda text: redact(text, [*self.words, *self.secrets])) if output else ""

    def _announce(self, steps: list[Step]) -> list[int]:
        with writing() as session:
            rows = [
                OperationStep(
                    operation_id=self.operation_id,
                    position=place,
                    kind=step.kind,
                    data=step.to_data(),
                    title=step.title,
                    why=step.why,
                )
                for place, step in enumerate(steps)
            ]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def _go_on(self, ended: tuple[int, str] | None, row: int, memory: Memory | None, *, stops: bool) -> None:
        """Write that a step is done and that the next one begins, with what its undo has to know, in one transaction.

        With `stops`, it does not begin where somebody asked to stop.
        """
        asked = False
        with writing() as session:
            if ended:
                self._mark(ended[0], Progress.DONE, ended[1])
            if stops:
                asked = self.cancel_requested
            if not asked:
                session.get_one(OperationStep, row).memory = memory
                self._mark(row, Progress.RUNNING)
        if asked:
            raise Cancelled

    def _mark(self, row: int, progress: Progress, output: str = "") -> None:
        with writing() as session:
            step = session.get_one(OperationStep, row)
            step.progress = progress
            if progress is Progress.RUNNING:
                step.started = now()
            else:
                step.finished = now()
            if output:
                told = joined("\n", (step.output, self._masked(output)))
                step.output = told if len(told) <= OUTPUT_LIMIT else told[-OUTPUT_LIMIT:]
