"""Does the steps of a plan one by one, writes each on its row, and takes them back when one fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cached_property, partial

from sqlalchemy import Select, select

from rockonweb.config import Settings
from rockonweb.core.answers import split_share
from rockonweb.core.argv import mounted_paths
from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError
from rockonweb.core.facts import Mount
from rockonweb.core.secret import SecretWord, redact
from rockonweb.core.steps import (
    ASIDE,
    AnyStep,
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
    Stop,
)
from rockonweb.core.text import joined, reworded, t
from rockonweb.host import certificate, gate, layers, shares
from rockonweb.host.engine import Engine
from rockonweb.host.layers import Layer
from rockonweb.models import (
    Container,
    KeptVolume,
    Operation,
    OperationStep,
    Progress,
    RockOn,
    State,
    Volume,
    db,
    now,
    writing,
)
from rockonweb.work import pulled, rocknets, rollback

PROGRESS_SECONDS = 0.5  # between two writes of a pull's progress
OUTPUT_LIMIT = 20_000  # characters of a step's output that are kept

Undo = Callable[[], object]  # a text that it returns tells what could not be taken back


class Cancelled(Exception):
    """The person asked to stop."""


class Executor:
    """Performs steps for one operation. With `undoes`, a failure takes back what this operation made."""

    def __init__(self, engine: Engine, settings: Settings, operation_id: int, *, undoes: bool) -> None:
        self.engine = engine
        self.settings = settings
        self.operation_id = operation_id
        self.undoes = undoes
        self.done: list[tuple[int, Undo]] = []  # rows of the steps that can be taken back, and how
        self.made: set[str] = set()  # containers of this operation
        self.owes = False  # whether something could not be taken back because Docker was away
        self.words: list[str] = []  # of the command lines that are run, secrets among them

    def perform(self, steps: Iterable[AnyStep]) -> None:
        """Do all steps in order. Raises what the failing step raised, after undoing, or Cancelled."""
        steps = list(steps)
        self.words += [word for step in steps if isinstance(step, Create | RunOnce) for word in step.argv]
        rows = self._announce(steps)
        holds = False  # once the replacements of a change hold there is only forward
        ended: tuple[int, str] | None = None  # the row of the step before, and what is worth reading of it
        for step, row in zip(steps, rows, strict=True):
            if isinstance(step, Discard):
                holds = True
                self.done.clear()
            try:
                self._go_on(ended, row, stops=not holds)
                output = self._do(step, row)
            except (RockonwebError, Cancelled) as error:
                output = error.output if isinstance(error, RockonwebError) else ""
                if holds and isinstance(error, RockonwebError):
                    output = t("It stays for now: %(why)s", why=output or error.sentence)
                else:
                    self._mark(row, Progress.CANCELLED if isinstance(error, Cancelled) else Progress.FAILED, output)
                    stays = isinstance(error, gate.Unhealthy) and isinstance(step, AwaitHealth) and step.stays
                    if self.undoes and not stays:
                        self._undo(row)
                    raise
            ended = row, output
        if ended:
            self._mark(ended[0], Progress.DONE, ended[1])

    # -- one step -----------------------------------------------------------------------------------------------

    def _do(self, step: AnyStep, row: int) -> str:
        """Do one step and return what is worth reading of it."""
        match step:
            case MakeShare(share=name, owner=owner):
                if name not in shares.listing(self.settings):
                    shares.make(self.settings, name)
                    self._undo_by(row, lambda: self._remove_share(name))
                    if owner and (why := shares.give(self.settings, name, *owner)):
                        return t("It could not be given to user %(uid)s: %(why)s.", uid=owner[0], why=why)
            case SetOwner(share=place, uid=uid, gid=gid):
                had = shares.set_owner(self.settings, place, uid, gid)
                self._undo_by(row, lambda: shares.set_owner(self.settings, place, *had))
            case SetMode(share=place, mode=mode):
                before = shares.set_mode(self.settings, place, mode)
                self._undo_by(row, lambda: shares.set_mode(self.settings, place, before))
            case MakeCertificate():
                if not certificate.ensure(self.settings):
                    return t("It is there already.")
            case Pull(image=image, required=required):
                progress = _Throttled(self, row)
                with pulled.remembered(self.engine, image):
                    words = self.engine.pull(image, progress, required=required)
                progress.flush()
                return words
            case MakeNetwork(network=name):
                if self.engine.make_network(name, self.operation_id, rocknets.remembered(name)):
                    self._undo_by(row, lambda: self.engine.remove_network(name))
            case Create(container=name, argv=argv):
                self._remove(name)  # one of ours that an interrupted operation left
                self._undo_by(row, lambda: self._remove(name))
                shares.refuse_links(self.settings, mounted_paths(argv))
                self.engine.create(argv, self.operation_id)
                self.made.add(name)
            case Join(network=network, container=name):
                return self._join(step, row)
            case Leave(network=network, container=name):
                if self.engine.leave(network, name):
                    self._undo_by(row, lambda: self.engine.join(network, name))
            case RunOnce(argv=argv, seconds=seconds):
                rollback.has_run(self.operation_id)
                return self.engine.run_once(argv, seconds)
            case Start(container=name):
                shares.refuse_links(self.settings, self.engine.mounted_paths(name))
                try:
                    self.engine.start(name)
                finally:
                    self._note_run({name} & self.made)
            case AwaitEnd(container=name, seconds=seconds):
                self.engine.await_end(name, seconds)
            case AwaitAnswer(container=name, command=command, seconds=seconds):
                self.engine.await_answer(name, command, seconds)
            case AwaitHealth(pages=pages):
                gate.await_health(self.engine, dict(pages), self.settings.health, lambda why: self._tell(row, why))
                self._tell(row, "")
            case Stop(container=name):
                if self.engine.runs(name):
                    self._undo_by(row, lambda: self.engine.start(name))
                self.engine.stop(name)
            case Snapshot(share=share):
                self._undo_by(row, lambda: self._undo_data(row, share))
                rollback.take(self.operation_id, step)
            case PutBack():
                return rollback.put_back(self.operation_id, step, self.engine)
            case SetAside(container=name):
                if self.engine.set_aside(name):
                    self._undo_by(row, lambda: self.engine.put_back(name))
            case Discard(container=name):
                return self._discard(name)
            case Remove(container=name):
                self._remove(name)
            case RemoveNetwork(network=name):
                if rocknets.remembered(name) or not self.engine.remove_network(name):
                    return t("It stays: something else is connected to it, an owner made it, or it is not ours.")
            case RemoveImage(image=image):
                if not self.engine.remove_image(image):
                    return t("It stays: a container uses it.")
        return ""

    def _undo_by(self, row: int, undo: Undo) -> None:
        self.done.append((row, undo))

    def _join(self, step: Join, row: int) -> str:
        try:
            if self.engine.join(step.network, step.container):
                self._undo_by(row, lambda: self.engine.leave(step.network, step.container))
        except RockonwebError as error:
            if step.required:
                raise
            return t("Not connected: %(why)s", why=error.output or error.sentence)
        return ""

    def _note_run(self, names: Iterable[str]) -> None:
        """Note when one of the containers that this operation made has run: it may have changed data."""
        if not rollback.asks_whether_run(self.operation_id):
            return
        with suppress(EngineError):  # away: then it is found out when what was begun is taken back
            if any((known := self.engine.container(name)) and known.ever_ran for name in names):
                rollback.has_run(self.operation_id)

    def _undo_data(self, row: int, share: str) -> str:
        fine, told = rollback.undo(self.operation_id, share, self.engine)
        if fine and told:
            self._mark(row, Progress.UNDONE, told)
        return "" if fine else told

    def _remove(self, name: str) -> None:
        """Remove a container; the volumes that Docker made for it are remembered for its next life."""
        known = self.engine.container(name)
        if known is None:
            return
        if self.engine.acts_on(known):
            self._remember_volumes(name.removesuffix(ASIDE), self.engine.anonymous_volumes(name))
            self.engine.remove(name)

    def _remember_volumes(self, container: str, mounts: list[Mount]) -> None:
        with writing() as session:
            rockon = session.get_one(Operation, self.operation_id).rockon
            if rockon is not None and mounts:
                rockon.kept_volumes = [volume for volume in rockon.kept_volumes if volume.container != container] + [
                    KeptVolume(container=container, volume=mount.volume, destination=mount.destination)
                    for mount in mounts
                ]

    def _discard(self, name: str) -> str:
        """Remove what was set aside. Its replacement runs by now, so a refusal is told and fails nothing."""
        try:
            self._remove(name + ASIDE)
        except RockonwebError as error:
            return t("It stays for now and is removed later: %(why)s", why=error.output or error.sentence)
        return ""

    def _remove_share(self, name: str) -> str:
        if shares.remove_if_empty(self.settings, name):
            return ""
        return t("The share stays: it is not empty.")

    def recover(self, *, done: bool = False) -> bool:
        """Take back what this operation did before its process ended, from what its rows and Docker tell.

        A change whose old containers were being removed already is done instead, as is one that is known to be
        `done`; returns whether it was.
        """
        operation = db.session.get_one(Operation, self.operation_id)
        aside = self.engine.aside()
        names = {*aside, *(c.name for c in (operation.rockon.containers if operation.rockon else ()))}
        begun = {step.title for step in operation.steps if step.started}
        cut_short = {step.title for step in operation.steps if step.started and step.progress is not Progress.DONE}
        running = operation.options.get("running", ())
        db.session.rollback()
        if done or any(str(Discard(container=name, why="")) in begun for name in names):
            for name in aside:
                self._discard(name)
            for name in running if aside else ():
                if self.engine.container(name) and not self.engine.runs(name):
                    self.engine.start(name)  # a Docker that was killed leaves what is `unless-stopped` stopped
            return True
        if any(title.startswith("docker run ") for title in begun):
            rollback.has_run(self.operation_id)
        self._note_run(self.engine.made_by(self.operation_id))
        self.remove_made()
        for share in rollback.to_undo(self.operation_id):
            self._undo_data_of(share)

        def run_again(name: str) -> None:
            if str(Stop(container=name, why="")) in cut_short:
                self.engine.stop(name)  # Docker may be at it still, and would end it after we have looked
            if not self.engine.runs(name):
                self.engine.start(name)

        _try_all([*(partial(self.engine.put_back, name) for name in aside), *(partial(run_again, n) for n in running)])
        return False

    def _undo_data_of(self, share: str) -> None:
        """Take back what an interrupted operation did to a share, and tell it on its step."""
        title = str(Snapshot(share=share, containers=(), why=""))
        step = next(one for one in db.session.get_one(Operation, self.operation_id).steps if one.title == title)
        try:
            told = self._undo_data(step.id, share)
        except RockonwebError as error:
            told = error.words
        if told:
            self._mark(step.id, Progress.FAILED, told)

    def remove_made(self) -> None:
        """Remove the containers that carry this operation's label, whoever lost track of them, then its networks and
        the shares that it made, where nothing else uses them.
        """
        for name in self.engine.made_by(self.operation_id):
            self._remove(name)
        for name in self.engine.networks_made_by(self.operation_id):
            self.engine.remove_network(name)
        for name in self._shares_made():
            shares.remove_if_empty(self.settings, name)

    def _shares_made(self) -> list[str]:
        """Return the shares that this operation had come to make, without those that another rock-on uses now."""
        operation = db.session.get_one(Operation, self.operation_id)
        begun = {step.title for step in operation.steps if step.started and step.progress is not Progress.SKIPPED}
        made = [name for name in operation.options.get("new_shares", ()) if str(MakeShare(share=name, why="")) in begun]
        query = select(Volume.share).join(Container, Volume.container_id == Container.id).join(Container.rockon)
        others = db.session.scalars(
            query.where(Volume.share.is_not(None), RockOn.id != operation.rockon_id, RockOn.state != State.AVAILABLE)
        )
        used = {split_share(place)[0] for place in others if place}
        return [name for name in made if name not in used]

    # -- taking back --------------------------------------------------------------------------------------------

    def _undo(self, failed: int) -> None:
        """Take back what this operation made, the last first. What can't be taken back is told on its step.

        The step that failed stays shown as failed, also where half of it was taken back.
        """
        for row, undo in reversed(self.done):
            try:
                left = undo()
            except RockonwebError as error:
                left = error.words
                self.owes |= isinstance(error, EngineUnreachable)
            told = left if isinstance(left, str) else ""
            if row != failed or told:
                self._mark(row, Progress.UNDONE if not told else Progress.FAILED, told)

    # -- the rows -----------------------------------------------------------------------------------------------

    @cached_property
    def secrets(self) -> list[SecretWord]:
        """The secret answers of the rock-on."""
        rockon = db.session.get_one(Operation, self.operation_id).rockon
        return rockon.secrets if rockon else []

    def _masked(self, output: str) -> str:
        """Return what was printed without the secrets of the rock-on: an app may print its variables when it fails."""
        return reworded(output, lambda text: redact(text, [*self.words, *self.secrets])) if output else ""

    def _announce(self, steps: list[AnyStep]) -> list[int]:
        with writing() as session:
            rows = [
                OperationStep(operation_id=self.operation_id, position=place, title=step.title, why=step.why)
                for place, step in enumerate(steps)
            ]
            session.add_all(rows)
            session.flush()
            return [row.id for row in rows]

    def _go_on(self, ended: tuple[int, str] | None, row: int, *, stops: bool) -> None:
        """Write that a step is done and that the next one begins, in one transaction. With `stops`, it does not begin
        where somebody asked to stop.
        """
        asked = False
        with writing() as session:
            if ended:
                self._mark(ended[0], Progress.DONE, ended[1])
            if stops:
                asked = bool(session.scalar(self._cancel_requested))
            if not asked:
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

    def _tell(self, row: int, words: str) -> None:
        """Write what a step waits for, and stop it when that was asked."""
        self._stop_if_cancelled()
        with writing() as session:
            session.get_one(OperationStep, row).output = words

    @property
    def _cancel_requested(self) -> Select[bool]:
        return select(Operation.cancel_requested).where(Operation.id == self.operation_id)

    def _stop_if_cancelled(self) -> None:
        asked = db.session.scalar(self._cancel_requested)
        db.session.rollback()
        if asked:
            raise Cancelled

    def show_progress(self, row: int, found: list[Layer]) -> None:
        """Write how far a pull is, and stop it when that was asked."""
        self._stop_if_cancelled()
        with writing() as session:
            step = session.get_one(OperationStep, row)
            step.current, step.total = layers.pulled(found)
            step.layers = layers.pack(found)


def _try_all(acts: Iterable[Callable[[], object]]) -> None:
    """Do all of it, also what comes after something that Docker or a stranger's container refuses; then raise that."""
    refusals = []
    for act in acts:
        try:
            act()
        except EngineUnreachable:
            raise
        except EngineError as error:
            refusals.append(error)
    if refusals:
        raise refusals[0]


class _Throttled:
    """Hands the progress of a pull on, but not more often than people can see."""

    def __init__(self, executor: Executor, row: int) -> None:
        self.executor = executor
        self.row = row
        self.last = time.monotonic()
        self.unseen: list[Layer] = []

    def __call__(self, found: list[Layer]) -> None:
        self.unseen = found
        if time.monotonic() - self.last >= PROGRESS_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Hand on what was held back."""
        if self.unseen:
            self.executor.show_progress(self.row, self.unseen)
            self.last, self.unseen = time.monotonic(), []
