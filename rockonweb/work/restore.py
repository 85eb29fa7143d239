"""Restores: what a backup would bring back here, and bringing it back.

A restore is remembered as a row, so that its page survives a reload and a crash, and what could not be done can be
tried again: whatever is there already is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from sqlalchemy import delete, select

from rockonweb.catalog import local, sources
from rockonweb.config import Settings, current_settings
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import from_source
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.facts import HostFacts, Mount
from rockonweb.core.formats import backup as core
from rockonweb.core.formats.backup import Backup, Hidden, SavedRockOn
from rockonweb.core.formats.restored import Entry, Part
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.text import Text, joined, t
from rockonweb.host import Engine, host_of
from rockonweb.models import (
    Installation,
    KeptVolume,
    Operation,
    Progress,
    Restore,
    RockOn,
    State,
    db,
    now,
    repository,
    writing,
)
from rockonweb.work import backup, operations, queue, rocknets
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.review import assemble_install, prepare_review, submit_review

KEPT = 5  # restores that are remembered


@dataclass(frozen=True)
class Prospect:
    """A rock-on of a backup: why it is `left` alone, which secrets must be typed first, what should be known."""

    name: str
    running: bool
    left: str = ""
    hidden: tuple[Hidden, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outlook:
    """What a restore would do here."""

    rockons: tuple[Prospect, ...]
    parts: tuple[Part, ...]

    @property
    def new_shares(self) -> list[str]:
        """The shares that will be made, empty."""
        return [part.name for part in self.parts if part.kind == "share" and part.new]


@dataclass(frozen=True)
class Line:
    """How far a rock-on of a restore is. `operation` is None where none was begun; `hidden` must be typed first."""

    name: str
    id: int | None
    operation: Operation | None
    left: str = ""
    told: tuple[str, ...] = ()
    hidden: tuple[Hidden, ...] = ()

    @property
    def active(self) -> bool:
        """Whether something is being done."""
        return self.operation is not None and self.operation.active

    @property
    def done(self) -> bool:
        """Whether it is back."""
        return self.operation is not None and self.operation.progress is Progress.DONE

    @property
    def open(self) -> bool:
        """Whether it can be tried (again)."""
        return not (self.left or self.active or self.done)


@dataclass(frozen=True)
class Standing:
    """How far a restore is."""

    restore: Restore
    lines: tuple[Line, ...]
    parts: tuple[Part, ...]

    @property
    def active(self) -> bool:
        """Whether something is being done."""
        return any(line.active for line in self.lines)

    @property
    def open(self) -> list[Line]:
        """The rock-ons that can be tried (again)."""
        return [line for line in self.lines if line.open]

    @property
    def hidden(self) -> list[Hidden]:
        """The secrets that must be typed."""
        return [place for line in self.lines for place in line.hidden]

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do, and nothing went wrong."""
        return not self.active and not self.open and all(part.well for part in self.parts)


# -- before -------------------------------------------------------------------------------------------------------


def take(content: bytes, passphrase: str, user: str) -> int:
    """Read a backup, remember it as a restore that has not begun, and return its id. Raises BadInput."""
    found = core.read(content)
    if passphrase:
        found = backup.unseal(found, passphrase)
    with writing() as session:
        session.execute(delete(Restore).where(Restore.begun.is_(None)))
        newest = select(Restore.id).order_by(Restore.id.desc()).limit(KEPT - 1)
        session.execute(delete(Restore).where(Restore.id.not_in(newest.scalar_subquery())))
        row = Restore(user=user, content=core.to_json(replace(found, sealed=None)))
        session.add(row)
    return row.id


def content_of(restore: Restore) -> Backup:
    """Return the backup of a restore, with the secrets that are known."""
    return core.read(restore.content)


def look(found: Backup) -> Outlook:
    """Return what a restore would do here. Changes nothing. Raises EngineError."""
    settings = current_settings()
    with host_of().connect() as docker:
        facts = gather_facts(
            repository.not_installed(RockOn(name="", source="{}", ports=())), _everything_asked(found), docker
        )
        volumes = docker.volumes()
    parts = tuple(_parts(settings, found, facts))
    left = _all_left_alone(found, facts)
    db.session.rollback()
    new = frozenset(part.name for part in parts if part.kind == "share")
    return Outlook(tuple(_prospect(saved, left[saved.name], facts, volumes, new) for saved in found.rockons), parts)


def _everything_asked(found: Backup) -> Answers:
    """Return the devices and shares of all rock-ons at once: the host is asked about them once."""
    devices: dict[str, dict[str, str]] = {}
    places: dict[str, dict[str, str]] = {}
    for saved in found.rockons:
        for part, into in (("devices", devices), ("shares", places), ("storage", places)):
            for container, values in saved.given.get(part, {}).items():
                for key, value in values.items():
                    into.setdefault(f"{saved.name} {container} {part}", {})[key] = str(value or "")
    return Answers(devices=devices, shares=places)


def _prospect(
    saved: SavedRockOn, left: str, facts: HostFacts, volumes: set[str], new_shares: frozenset[str]
) -> Prospect:
    hidden = tuple(saved.hidden)
    if left:
        return Prospect(saved.name, saved.running, left)
    known = core.fill(Backup("", "", (saved,)), dict.fromkeys(hidden, "x")).rockons[0]
    mounts: dict[str, tuple[Mount, ...]] = {}
    notes: list[str] = []
    for volume in saved.volumes:
        if volume.volume in volumes:
            mounts[volume.container] = (
                *mounts.get(volume.container, ()),
                Mount(volume.volume, volume.destination),
            )
        else:
            notes.append(_lost_volume(volume))
    claimed = tuple(claim for claim in facts.claimed if claim.rockon != saved.name)
    request = InstallRequest(known.answers(), new_shares, source=saved.source)
    _, planned = assemble_install(saved.definition, request, replace(facts, kept_volumes=mounts, claimed=claimed))
    return Prospect(saved.name, saved.running, "", hidden, (*(finding.words for finding in planned.blocked), *notes))


def _left_alone(saved: SavedRockOn, state: State | None, facts: HostFacts) -> Text | str:
    """Return why a rock-on is left alone, blank where it is not."""
    if state in THERE:
        return t("It is installed here already, and is left as it is.")
    for name in saved.definition.containers:
        known = (facts.containers or {}).get(name)
        if known and known.rockon != saved.name:
            return t(
                'There is a container "%(name)s" already, which is not from this rock-on. Both are left alone.',
                name=name,
            )
    return ""


def _all_left_alone(found: Backup, facts: HostFacts) -> dict[str, Text | str]:
    """Return for each rock-on why it is left alone, blank where it is not."""
    states = {row.name: row.state for row in db.session.execute(select(Installation.name, Installation.state))}
    return {saved.name: _left_alone(saved, states.get(saved.name), facts) for saved in found.rockons}


def _lost_volume(volume: core.Volume) -> Text:
    return t(
        "The volume that Docker made for %(container)s at %(path)s is not on this machine: it begins empty.",
        container=volume.container,
        path=volume.destination,
    )


def _parts(settings: Settings, found: Backup, facts: HostFacts) -> Iterator[Part]:
    yield from _definitions(settings, found)
    yield from _metastores(settings, found)
    yield from _networks(found, facts)
    yield from _shares(settings, found, facts)


def _definitions(settings: Settings, found: Backup) -> Iterator[Part]:
    there = backup.definitions(settings)
    for file, text in found.definitions.items():
        if file not in there and not (settings.local_metastore / file).exists():
            yield Part("definition", file, t("It is put back."))
        elif there.get(file) == text:
            yield Part("definition", file, t("It is here already."), new=False)
        else:
            yield Part("definition", file, t("There is another file of this name: that one is kept."), False, new=False)


def _metastores(settings: Settings, found: Backup) -> Iterator[Part]:
    there = {source.shown for source in sources.listed(settings)}
    for store in found.metastores:
        if store.place in there:
            yield Part("metastore", store.place, t("It is in the list already."), new=False)
        elif store.withheld:
            yield Part("metastore", store.place, t("It is added without its password: enter it again."), well=False)
        else:
            yield Part("metastore", store.place, t("It is added."))


def _networks(found: Backup, facts: HostFacts) -> Iterator[Part]:
    for spec in found.networks:
        if spec.name in (facts.networks or {}):
            yield Part("network", spec.name, t("There is a network of this name: it is left as it is."), new=False)
        else:
            yield Part("network", spec.name, t("It is made."))


def _shares(settings: Settings, found: Backup, facts: HostFacts) -> Iterator[Part]:
    """Yield the shares that are missing and used by what is not left alone."""
    there = host_of().shares.listing()
    left = _all_left_alone(found, facts)
    used = {name for saved in found.rockons if not left[saved.name] for name in _used_shares(saved)}
    for name in sorted(used - there.keys()):
        yield Part("share", name, t("It is made new, and is EMPTY."))


def _used_shares(saved: SavedRockOn) -> Iterator[str]:
    for part in ("shares", "storage"):
        for places in saved.given.get(part, {}).values():
            yield from (str(place).partition("/")[0] for place in places.values() if place)


# -- doing --------------------------------------------------------------------------------------------------------


def begin(restore_id: int, typed: Mapping[Hidden, str], user: str) -> None:
    """Put back what can be: files, metastores, networks and shares at once, rock-ons as operations.

    `typed` are secrets that the person entered. What was done before is not done twice. Raises EngineError or
    QueueUnreachable before anything was changed.
    """
    settings = current_settings()
    queue.ping()
    with host_of().connect() as docker:
        volumes = docker.volumes()
        with writing() as session:
            row = session.get_one(Restore, restore_id)
            found = core.fill(content_of(row), {place: value for place, value in typed.items() if value})
            row.content, row.begun = core.to_json(found), row.begun or now()
            known = row.outcome.rockons
            entries = {
                saved.name: replace(known.get(saved.name, Entry()), hidden=tuple(saved.hidden))
                for saved in found.rockons
            }
            row.outcome = outcome = replace(row.outcome, rockons={**known, **entries})
        if outcome.parts is None:
            parts = tuple(_put_back(settings, found, docker))
            with writing() as session:
                row = session.get_one(Restore, restore_id)
                row.outcome = replace(row.outcome, parts=parts)
            if any(part.new and part.kind in ("definition", "metastore") for part in parts):
                operations.begin_refresh(user)
        for saved in found.rockons:
            if not saved.hidden and _line(saved.name, entries[saved.name]).open:
                _note(restore_id, saved.name, _begin_one(saved, docker, volumes, user))


def _note(restore_id: int, name: str, entry: Entry) -> None:
    """Write what became of a rock-on, unless somebody else began it meanwhile."""
    with writing() as session:
        row = session.get_one(Restore, restore_id)
        if entry.operation or _line(name, row.outcome.rockons[name]).open:
            row.outcome = replace(row.outcome, rockons={**row.outcome.rockons, name: entry})


def _put_back(settings: Settings, found: Backup, docker: Engine) -> Iterator[Part]:
    """Put back everything but rock-ons, and yield what became of each."""
    expected = list(_parts(settings, found, HostFacts(containers=docker.containers(), networks=docker.networks())))
    db.session.rollback()
    for part in expected:
        if not part.new:
            yield part
            continue
        try:
            yield _put_one_back(settings, found, part)
        except RockonwebError as error:
            yield replace(part, sentence=joined(" ", _told(error)), well=False)


def _put_one_back(settings: Settings, found: Backup, part: Part) -> Part:
    if part.kind == "definition":
        if not local.put_back(settings, found.definitions[part.name], part.name):
            return replace(part, sentence=t("There is another file of this name: that one is kept."), well=False)
        return replace(part, sentence=t("It was put back."))
    if part.kind == "metastore":
        store = next(store for store in found.metastores if store.place == part.name)
        sources.add(sources.read_place(store.place if store.withheld else store.address, settings))
        if not store.enabled:
            sources.enable(sources.listed(settings)[-2].id or 0, enabled=False)
        if store.withheld:
            return replace(part, sentence=t("It was added without its password: enter it again."), well=False)
        return replace(part, sentence=t("It was added."))
    if part.kind == "network":
        rocknets.make(next(spec for spec in found.networks if spec.name == part.name))
        return replace(part, sentence=t("It was made."))
    shares = host_of().shares
    made = shares.make(part.name)
    owner = next((share for share in found.shares if share.name == part.name), core.Share(part.name))
    same = (made.uid, made.gid) == (owner.uid, owner.gid)
    if why := "" if same else shares.give(part.name, owner.uid, owner.gid):
        sentence = t("It was made new and is EMPTY. Its owner could not be set: %(why)s.", why=why)
        return replace(part, sentence=sentence, well=False)
    return replace(part, sentence=t("It was made new and is EMPTY."))


def _begin_one(saved: SavedRockOn, docker: Engine, volumes: set[str], user: str) -> Entry:
    """Begin the install of a rock-on; return its outcome so far."""
    rockon = db.session.scalar(select(Installation).where(Installation.name == saved.name))
    state = rockon.state if rockon else None
    if left := _left_alone(saved, state, HostFacts(containers=docker.containers())):
        return Entry(left=left) if state in THERE else Entry(told=(left,))  # a container may go away
    there = [volume for volume in saved.volumes if volume.volume in volumes]
    told = [_lost_volume(volume) for volume in saved.volumes if volume not in there]
    try:
        request = InstallRequest(saved.answers(), source=saved.source, stopped=not saved.running)
        found = prepare_review(_row(saved, there), request, docker)
        if found.blocked:
            return Entry(told=(*(finding.words for finding in found.blocked), *told))
        operation = submit_review(found, user)
    except RockonwebError as error:
        db.session.rollback()
        return Entry(told=(*_told(error), *told))
    return Entry(operation, told=tuple(told))


def _told(error: RockonwebError) -> list[str]:
    return error.faults if isinstance(error, BadInput) else [error.words]


def _row(saved: SavedRockOn, volumes: Iterable[core.Volume]) -> Installation:
    """Return the rock-on's row, made from the backup's own definition where the catalogue does not know it, with the
    volumes that wait for its containers.
    """
    with writing() as session:
        entry = session.scalar(select(RockOn).where(RockOn.name == saved.name))
        if entry is None:
            definition = from_source(saved.name, saved.newest)
            suggestions = repository.Suggestions.load(session)
            entry, _ = repository.put(session, None, definition, saved.newest, suggestions, origin="", position=0)
            entry.in_catalogue = False
            session.flush()
        rockon = repository.stored(session, repository.not_installed(entry))
        rockon.secret_choices = {name: dict(chosen) for name, chosen in saved.secrets.items()}
        fresh = {(one.container, one.destination): one.volume for one in volumes}
        others = [kept for kept in rockon.kept_volumes if (kept.container, kept.destination) not in fresh]
        rockon.kept_volumes = others + [
            KeptVolume(container=container, destination=destination, volume=volume)
            for (container, destination), volume in fresh.items()
        ]
    return rockon


# -- after --------------------------------------------------------------------------------------------------------


def standing(restore: Restore) -> Standing:
    """Return how far a restore is."""
    ids = {row.name: row.id for row in db.session.execute(select(RockOn.name, RockOn.id))}
    lines = (_line(name, entry, ids.get(name)) for name, entry in restore.outcome.rockons.items())
    return Standing(restore, tuple(lines), restore.outcome.parts or ())


def _line(name: str, entry: Entry, rockon_id: int | None = None) -> Line:
    operation = db.session.get(Operation, entry.operation) if entry.operation else None
    return Line(name, rockon_id, operation, entry.left, entry.told, entry.hidden)


def forget(restore_id: int) -> None:
    """Forget a restore, and the secrets that it holds. Raises Conflict while it runs."""
    restore = db.session.get(Restore, restore_id)
    if restore is not None and standing(restore).active:
        raise Conflict(t("This restore has not ended yet."), t("Wait until it has."))
    with writing() as session:
        session.execute(delete(Restore).where(Restore.id == restore_id))


def latest() -> Restore | None:
    """Return the newest restore that has begun."""
    return db.session.scalar(select(Restore).where(Restore.begun.is_not(None)).order_by(Restore.id.desc()).limit(1))
