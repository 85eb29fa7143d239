"""How each kind of step is done, and how it is taken back: what belongs to one kind stands together.

`look` finds out before a step what its undo has to know, and the executor writes that down before the step begins. So
`undo` is the same while its process lives and after it has died: it goes by what was written and by what Docker says,
and may be called again.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, TypeVar

from sqlalchemy import select

from rockonweb.config import current_settings
from rockonweb.core.docker import pull_layers
from rockonweb.core.docker.pull_layers import Layer, PullProgress
from rockonweb.core.errors import EngineError, LeftAlone, RockonwebError
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.operations.steps import (
    ASIDE,
    AwaitAnswer,
    AwaitEnd,
    AwaitHealth,
    Create,
    Discard,
    Join,
    Leave,
    MakeCertificate,
    MakeNetwork,
    MakeShare,
    Pull,
    PutBack,
    Remove,
    RemoveImage,
    RemoveNetwork,
    RunOnce,
    SetAside,
    SetMode,
    SetOwner,
    Snapshot,
    Start,
    Step,
    Stop,
)
from rockonweb.core.text import t
from rockonweb.host import Engine, Host
from rockonweb.models import KeptVolume, Operation, OperationStep, PulledImage, State, db, now, writing
from rockonweb.work import rocknets, rollback
from rockonweb.work.collect_facts import other_users

PROGRESS_SECONDS = 0.5  # between two writes of a pull's progress

Memory = dict[str, Any]  # what was true before a step, as JSON; NOTHING where there is only the undo itself to do
NOTHING: Memory = {}
AnyOf = TypeVar("AnyOf", bound=Step)
Done = TypeVar("Done", bound=Step, contravariant=True)


class Cancelled(Exception):
    """The person asked to stop."""


class Work:
    """What actions act by: the operation, the engine, and where they tell what they wait for."""

    def __init__(self, host: Host, engine: Engine, operation_id: int) -> None:
        self.engine = engine
        self.host = host
        self.operation_id = operation_id

    def tell(self, row: int, words: str) -> None:
        """Write what a step waits for, and stop it when that was asked."""
        self._stop_if_cancelled()
        with writing() as session:
            session.get_one(OperationStep, row).output = words

    def show_progress(self, row: int, found: Sequence[Layer]) -> None:
        """Write how far a pull is, and stop it when that was asked."""
        self._stop_if_cancelled()
        with writing() as session:
            step = session.get_one(OperationStep, row)
            step.current, step.total = pull_layers.pulled(found)
            step.layers = pull_layers.pack(found)

    def remove(self, name: str) -> None:
        """Remove a container; the volumes that Docker made for it are remembered for its next life."""
        known = self.engine.container(name)
        if known is None or not self.engine.acts_on(known):
            return
        container, mounts = name.removesuffix(ASIDE), self.engine.anonymous_volumes(name)
        with writing() as session:
            rockon = session.get_one(Operation, self.operation_id).installation
            if rockon is not None and mounts:
                rockon.kept_volumes = [volume for volume in rockon.kept_volumes if volume.container != container] + [
                    KeptVolume(container=container, volume=mount.volume, destination=mount.destination)
                    for mount in mounts
                ]
        self.engine.remove(name)

    def note_run(self, name: str) -> None:
        """Note where a container that this operation made has run: it may have changed data."""
        if not rollback.asks_whether_run(self.operation_id):
            return
        with suppress(EngineError):  # away: then it is found out when what was begun is taken back
            known = self.engine.container(name)
            if known and known.ever_ran and name in self.engine.made_by(self.operation_id):
                rollback.has_run(self.operation_id)

    def is_used_by_others(self, share: str) -> bool:
        """Whether another rock-on uses a share."""
        rockon = db.session.get_one(Operation, self.operation_id).installation
        used = rockon is not None and bool(other_users(rockon, (*THERE, State.INSTALL_FAILED)).get(share))
        db.session.rollback()
        return used

    @property
    def cancel_requested(self) -> bool:
        """Whether somebody asked to stop."""
        asked = select(Operation.cancel_requested).where(Operation.id == self.operation_id)
        return bool(db.session.scalar(asked))

    def _stop_if_cancelled(self) -> None:
        asked = self.cancel_requested
        db.session.rollback()
        if asked:
            raise Cancelled


class Action(ABC, Generic[Done]):
    """How a kind of step is done and taken back. Without more than `do` there is nothing to take back."""

    def look(self, work: Work, step: Done) -> Memory | None:
        """Return what the undo has to know, None where there will be nothing to take back."""
        return None

    @abstractmethod
    def do(self, work: Work, step: Done, row: int) -> str | None:
        """Do it, and return what is worth reading of it. Raises RockonwebError."""

    def undo(self, work: Work, step: Done, memory: Memory, *, ended: bool) -> str | None:
        """Take it back, and return what is worth telling of it; `ended` says that it was not cut short.

        Raises RockonwebError, LeftAlone where something stays as it is.
        """
        return None


class Undoable(Action[Done]):
    """What is taken back whenever it was begun; an action that knows better says so when it looks."""

    def look(self, work: Work, step: Done) -> Memory | None:
        """Return what the undo has to know: nothing more than the step."""
        return NOTHING


_ACTIONS: dict[type[Step], Action[Any]] = {}


def action_of(step: AnyOf) -> Action[AnyOf]:
    """Return how a step is done."""
    return _ACTIONS[type(step)]


def _does(kind: type[Step]) -> Callable[[type[Action[Any]]], type[Action[Any]]]:
    def register(action: type[Action[Any]]) -> type[Action[Any]]:
        _ACTIONS[kind] = action()
        return action

    return register


# -- shares and files -------------------------------------------------------------------------------------------------


@_does(MakeShare)
class _MakesShare(Action[MakeShare]):
    def look(self, work: Work, step: MakeShare) -> Memory | None:
        return None if step.share in work.host.shares.listing() else NOTHING

    def do(self, work: Work, step: MakeShare, row: int) -> str:
        if step.share in work.host.shares.listing():
            return ""
        work.host.shares.make(step.share)
        if step.owner and (why := work.host.shares.give(step.share, *step.owner)):
            return t("It could not be given to user %(uid)s: %(why)s.", uid=step.owner[0], why=why)
        return ""

    def undo(self, work: Work, step: MakeShare, memory: Memory, *, ended: bool) -> None:
        if not (work.is_used_by_others(step.share) or work.host.shares.remove_if_empty(step.share)):
            raise LeftAlone(t("The share stays: it is not empty."))


@_does(SetOwner)
class _SetsOwner(Action[SetOwner]):
    def look(self, work: Work, step: SetOwner) -> Memory | None:
        known = work.host.shares.look(step.share)
        return {"owner": [known.uid, known.gid]} if known.exists else None

    def do(self, work: Work, step: SetOwner, row: int) -> None:
        work.host.shares.set_owner(step.share, step.uid, step.gid)

    def undo(self, work: Work, step: SetOwner, memory: Memory, *, ended: bool) -> None:
        work.host.shares.set_owner(step.share, *memory["owner"])


@_does(SetMode)
class _SetsMode(Action[SetMode]):
    def look(self, work: Work, step: SetMode) -> Memory | None:
        known = work.host.shares.look(step.share)
        return {"mode": known.mode} if known.exists else None

    def do(self, work: Work, step: SetMode, row: int) -> None:
        work.host.shares.set_mode(step.share, step.mode)

    def undo(self, work: Work, step: SetMode, memory: Memory, *, ended: bool) -> None:
        work.host.shares.set_mode(step.share, memory["mode"])


@_does(MakeCertificate)
class _MakesCertificate(Action[MakeCertificate]):
    def do(self, work: Work, step: MakeCertificate, row: int) -> str:
        return "" if work.host.make_certificate() else t("It is there already.")


@_does(Snapshot)
class _TakesSnapshot(Undoable[Snapshot]):
    def do(self, work: Work, step: Snapshot, row: int) -> None:
        rollback.take(work.operation_id, step)

    def undo(self, work: Work, step: Snapshot, memory: Memory, *, ended: bool) -> str:
        return rollback.undo(work.operation_id, step.share, work.engine)


@_does(PutBack)
class _PutsBack(Action[PutBack]):
    def do(self, work: Work, step: PutBack, row: int) -> str:
        return rollback.put_back(work.operation_id, step, work.engine)


# -- images and networks ----------------------------------------------------------------------------------------------


@_does(Pull)
class _Pulls(Action[Pull]):
    def do(self, work: Work, step: Pull, row: int) -> str:
        before = work.engine.image_ids()
        found, shown = PullProgress(), time.monotonic()
        for found in work.engine.pull(step.image, required=step.required):
            if found.layers and (found.words or time.monotonic() - shown >= PROGRESS_SECONDS):
                work.show_progress(row, found.layers)
                shown = time.monotonic()
        image_id = work.engine.image_id(step.image)
        if image_id is not None and image_id not in before:  # only what was brought here by us is offered for removal
            with writing() as session:
                session.merge(PulledImage(id=image_id, reference=step.image, pulled=now()))
        return found.words


@_does(RemoveImage)
class _RemovesImage(Action[RemoveImage]):
    def do(self, work: Work, step: RemoveImage, row: int) -> str:
        return "" if work.engine.remove_image(step.image) else t("It stays: a container uses it.")


@_does(MakeNetwork)
class _MakesNetwork(Undoable[MakeNetwork]):
    def do(self, work: Work, step: MakeNetwork, row: int) -> None:
        work.engine.make_network(step.network, work.operation_id, rocknets.remembered(step.network))

    def undo(self, work: Work, step: MakeNetwork, memory: Memory, *, ended: bool) -> None:
        if step.network in work.engine.networks_made_by(work.operation_id):
            work.engine.remove_network(step.network)


@_does(RemoveNetwork)
class _RemovesNetwork(Action[RemoveNetwork]):
    def do(self, work: Work, step: RemoveNetwork, row: int) -> str:
        if rocknets.remembered(step.network) or not work.engine.remove_network(step.network):
            return t("It stays: something else is connected to it, an owner made it, or it is not ours.")
        return ""


@_does(Join)
class _Joins(Action[Join]):
    def look(self, work: Work, step: Join) -> Memory | None:
        known = work.engine.container(step.container)
        return None if known and step.network in known.networks else NOTHING

    def do(self, work: Work, step: Join, row: int) -> str:
        try:
            work.engine.join(step.network, step.container)
        except RockonwebError as error:
            if step.required:
                raise
            return t("Not connected: %(why)s", why=error.output or error.sentence)
        return ""

    def undo(self, work: Work, step: Join, memory: Memory, *, ended: bool) -> None:
        if work.engine.container(step.container):
            work.engine.leave(step.network, step.container)


@_does(Leave)
class _Leaves(Action[Leave]):
    def look(self, work: Work, step: Leave) -> Memory | None:
        known = work.engine.container(step.container)
        return NOTHING if known and step.network in known.networks else None

    def do(self, work: Work, step: Leave, row: int) -> None:
        work.engine.leave(step.network, step.container)

    def undo(self, work: Work, step: Leave, memory: Memory, *, ended: bool) -> None:
        work.engine.join(step.network, step.container)


# -- containers -------------------------------------------------------------------------------------------------------


@_does(Create)
class _Creates(Undoable[Create]):
    def do(self, work: Work, step: Create, row: int) -> None:
        work.remove(step.container)  # one of ours that an interrupted operation left
        work.host.shares.refuse_links(work.engine.would_mount(step.argv))
        work.engine.create(step.argv, work.operation_id)

    def undo(self, work: Work, step: Create, memory: Memory, *, ended: bool) -> None:
        if step.container in work.engine.made_by(work.operation_id):
            work.remove(step.container)


@_does(RunOnce)
class _RunsOnce(Action[RunOnce]):
    def do(self, work: Work, step: RunOnce, row: int) -> str:
        work.host.shares.refuse_links(work.engine.would_mount(step.argv))
        rollback.has_run(work.operation_id)
        return work.engine.run_once(step.argv, step.seconds)


@_does(Start)
class _Starts(Action[Start]):
    def do(self, work: Work, step: Start, row: int) -> None:
        work.host.shares.refuse_links(work.engine.mounted_paths(step.container))
        try:
            work.engine.start(step.container)
        finally:
            work.note_run(step.container)


@_does(Stop)
class _Stops(Action[Stop]):
    def look(self, work: Work, step: Stop) -> Memory | None:
        return NOTHING if work.engine.runs(step.container) else None

    def do(self, work: Work, step: Stop, row: int) -> None:
        work.engine.stop(step.container)

    def undo(self, work: Work, step: Stop, memory: Memory, *, ended: bool) -> None:
        if not ended:  # Docker may be at it still, and would end the container after we have looked
            with suppress(EngineError):
                work.engine.stop(step.container)
        if not work.engine.runs(step.container):
            work.engine.start(step.container)


@_does(AwaitEnd)
class _AwaitsEnd(Action[AwaitEnd]):
    def do(self, work: Work, step: AwaitEnd, row: int) -> None:
        work.engine.await_end(step.container, step.seconds)


@_does(AwaitAnswer)
class _AwaitsAnswer(Action[AwaitAnswer]):
    def do(self, work: Work, step: AwaitAnswer, row: int) -> None:
        work.engine.await_answer(step.container, step.command, step.seconds)


@_does(AwaitHealth)
class _AwaitsHealth(Action[AwaitHealth]):
    def do(self, work: Work, step: AwaitHealth, row: int) -> None:
        for why in work.host.await_health(work.engine, dict(step.pages), current_settings().health):
            work.tell(row, why)
        work.tell(row, "")


@_does(SetAside)
class _SetsAside(Undoable[SetAside]):
    def do(self, work: Work, step: SetAside, row: int) -> None:
        work.engine.set_aside(step.container)

    def undo(self, work: Work, step: SetAside, memory: Memory, *, ended: bool) -> None:
        work.engine.put_back(step.container)


@_does(Discard)
class _Discards(Action[Discard]):
    def do(self, work: Work, step: Discard, row: int) -> str:
        """Its replacement runs by now, so a refusal is told and fails nothing."""
        try:
            work.remove(step.container + ASIDE)
        except RockonwebError as error:
            return t("It stays for now and is removed later: %(why)s", why=error.output or error.sentence)
        return ""


@_does(Remove)
class _Removes(Action[Remove]):
    def do(self, work: Work, step: Remove, row: int) -> None:
        work.remove(step.container)
