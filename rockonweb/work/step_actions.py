"""What performs and undoes a step: one StepAction per kind, in the modules `…_actions` by subject.

Before a step starts, the executor stores what `prepare_undo` returns. So `undo` works the same way in the operation's
process and after that has died: it depends on the stored state and on Docker alone, and may be repeated.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import select

from rockonweb.config import current_config
from rockonweb.core.data_backup.restic_output import DataProgress
from rockonweb.core.docker import pull_layers
from rockonweb.core.docker.pull_layers import Layer
from rockonweb.core.errors import EngineError
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.operations.steps import RENAMED_SUFFIX, Step
from rockonweb.core.text import TranslatableText, t
from rockonweb.host import Engine, Host
from rockonweb.models import Installation, KeptVolume, Operation, OperationStep, State, db, transaction
from rockonweb.work import rollback
from rockonweb.work.collect_facts import other_users

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


def register_for(step_type: type[Step]) -> Callable[[type[StepAction[Any]]], type[StepAction[Any]]]:
    """Decorate the action for a kind of step."""

    def register_action(action_type: type[StepAction[Any]]) -> type[StepAction[Any]]:
        _ACTIONS[step_type] = action_type()
        return action_type

    return register_action
