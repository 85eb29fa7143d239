"""Between definitions, answers and rows: the declarative sync, and the answers on the rows they belong to."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, undefer

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition import catalogue_columns
from rockonweb.core.definition.definition import (
    ContainerSpec,
    Definition,
    DefinitionFaults,
    from_source,
    in_question_order,
)
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.text import t
from rockonweb.models import (
    Container,
    CustomConfig,
    Device,
    Environment,
    Installation,
    KeptVolume,
    Label,
    NetworkMember,
    Port,
    RockOn,
    State,
    Status,
    Volume,
    db,
)
from rockonweb.models.container import Question
from rockonweb.models.installation import THIS_HOST
from rockonweb.models.rockon import SuggestedPort, protocols_of

Row = TypeVar("Row", bound=Question | Container)
Added = TypeVar("Added", Volume, Environment)
Answered = TypeVar("Answered")
LARGEST_PORT = 65535
FIRST_NUMBER = 2**30


class Suggestions:
    """Host ports that are spoken for in the catalogue, and the next free one.

    What counts is the pair of port and protocol; a port without a protocol counts as both.
    """

    def __init__(self, taken: Iterable[tuple[int, str]] = ()) -> None:
        self.taken = Counter(taken)
        # For each kind of search: from a port that is taken to where the search goes on, past others that are taken.
        self._next: dict[tuple[str, ...], dict[int, int]] = {}

    @classmethod
    def load(cls, session: Session) -> Suggestions:
        """Return what the catalogue's rock-ons are to have, and what apps have."""
        found = cls()
        for ports in session.scalars(select(RockOn.ports)):
            for port in ports:
                found.hold(port.suggested, port.protocols)
        for host, protocol in session.execute(select(Port.host, Port.protocol).where(Port.host.is_not(None))):
            found.hold(host or 0, protocols_of(protocol))
        return found

    def take(self, default: int, protocols: Iterable[str]) -> int:
        """Return `default` or the next free number, and remember it."""
        wanted = tuple(protocols)
        port = self._free(default, wanted)
        if port > LARGEST_PORT:
            port = self._free(1024, wanted)
        port = port if port <= LARGEST_PORT else default
        self.hold(port, wanted)
        return port

    def _free(self, start: int, wanted: tuple[str, ...]) -> int:
        """Return the first free port from `start`, in a time that does not depend on how many are taken."""
        following = self._next.setdefault(wanted, {})
        passed = []
        port = start
        while port in following or (port <= LARGEST_PORT and any(self.taken[port, one] > 0 for one in wanted)):
            passed.append(port)
            port = following.get(port, port + 1)
        following.update(dict.fromkeys(passed, port))
        return port

    def hold(self, port: int, protocols: Iterable[str]) -> None:
        """Remember that a port is spoken for."""
        self.taken.update((port, protocol) for protocol in protocols)

    def release(self, port: int, protocols: Iterable[str]) -> None:
        """Forget one who spoke for a port."""
        self.taken.subtract((port, protocol) for protocol in protocols)
        self._next.clear()


def put(
    session: Session,
    known: RockOn | None,
    definition: Definition,
    source: str,
    suggestions: Suggestions,
    *,
    origin: str,
    position: int,
) -> tuple[RockOn, str]:
    """Bring an entry of the catalogue in line with its newest definition.

    Returns the entry and "added", "changed" or "unchanged".
    """
    rockon = known or RockOn(name=definition.name, ports=())
    outcome = "added" if known is None or not known.in_catalogue else "unchanged"
    if outcome == "unchanged" and rockon.source != source:
        outcome = "changed"
    if known is None:
        session.add(rockon)
    stale = rockon.source != source or rockon.origin != origin or rockon.described != catalogue_columns.EDITION
    for field, value in (("in_catalogue", True), ("origin", origin), ("position", position)):
        if getattr(rockon, field) != value:
            setattr(rockon, field, value)
    if rockon.source != source:
        rockon.source = source
        rockon.ports = _suggested_ports(rockon.ports, definition, suggestions)
    if stale:
        describe(rockon, definition)
    return rockon, outcome


def describe(rockon: RockOn, definition: Definition) -> None:
    """Copy what the catalogue shows."""
    rockon.description = definition.description
    rockon.version = definition.version
    rockon.website = definition.website
    rockon.has_ui = definition.ui_port is not None
    for field, value in vars(catalogue_columns.show(definition, local=rockon.origin == "local")).items():
        setattr(rockon, field, value)
    rockon.described = catalogue_columns.EDITION


def describe_again(session: Session) -> None:
    """Describe the rock-ons that another version of this program described, or none did.

    Of those that are installed with another definition it had only that one's ports.
    """
    older = select(RockOn).where(RockOn.described != catalogue_columns.EDITION).order_by(RockOn.position)
    found = [*session.scalars(older.options(undefer(RockOn.ports)))]
    suggestions = Suggestions.load(session) if found else Suggestions()
    for rockon in found:
        try:
            definition = from_source(rockon.name, rockon.source)
        except DefinitionFaults:  # an older version took it
            rockon.sort_name = rockon.search = rockon.name.casefold()
            continue
        describe(rockon, definition)
        rockon.ports = _suggested_ports(rockon.ports, definition, suggestions)


def _suggested_ports(
    known: Iterable[SuggestedPort], definition: Definition, suggestions: Suggestions
) -> tuple[SuggestedPort, ...]:
    """Return the host ports that an install offers: those that were offered before where the default is the same."""
    before = {(port.container, port.number): port for port in known}
    found = []
    for name, spec in definition.launch_order:
        for key, asked in in_question_order(spec.ports):
            number, protocols = int(key), asked.protocols
            default, had = asked.host_default or number, before.pop((name, number), None)
            if had and had.default == default:
                suggested = had.suggested
                if had.protocol != asked.protocol:
                    suggestions.release(suggested, had.protocols)
                    suggestions.hold(suggested, protocols)
            else:
                if had:
                    suggestions.release(had.suggested, had.protocols)
                suggested = suggestions.take(default, protocols)
            found.append(SuggestedPort(name, number, asked.protocol, default, suggested))
    for gone in before.values():
        suggestions.release(gone.suggested, gone.protocols)
    return tuple(found)


# -- apps -------------------------------------------------------------------------------------------------------------


def find_installation(installation_id: int) -> Installation | None:
    """Return an app by its id: as it is installed, else as an install of the catalogue's entry would find it.

    The latter is an object that no session knows. None where there is neither.
    """
    session = db.session()
    stored = session.get(Installation, installation_id, options=[joinedload(Installation.entry)])
    if stored is not None and stored.state in THERE:
        return stored
    entry = stored.entry if stored else session.get(RockOn, installation_id)
    return offered(entry, stored) if entry else None


def find_by_name(name: str) -> Installation | None:
    """Return an app by its name; one that is not installed by that of its entry. None where there is neither."""
    key = db.session.scalar(select(Installation.id).where(Installation.name == name))
    key = key or db.session.scalar(select(RockOn.id).where(RockOn.name == name))
    return find_installation(key) if key else None


def not_installed(entry: RockOn) -> Installation:
    """Return an app that was never installed, without its questions; no session knows it."""
    return Installation(
        id=entry.id,
        entry_id=entry.id,
        entry=entry,
        host=THIS_HOST,
        name=entry.name,
        ignored="",
        state=State.AVAILABLE,
        status=Status.STOPPED,
        status_error="",
        newer_images=False,
        auto_update=False,
    )


def offered(entry: RockOn, former: Installation | None = None) -> Installation:
    """Return an app that is not installed, with the questions of the newest definition and the answers of last time.

    It is for reading: no session knows it. What hangs on it has the id that its row has, or will have.
    """
    found = not_installed(entry)
    for field in ("id", "state", "status", "exit_code", "status_error", "error", "secret_choices") if former else ():
        setattr(found, field, getattr(former, field))
    try:
        sync_children(found, found.definition, {place: row.id for place, row in _placed(former)} if former else {})
    except DefinitionFaults:  # an older version took it: its page tells what is wrong
        return found
    if former:
        store(found, answers_of(former))
        found.kept_volumes = [
            KeptVolume(container=one.container, volume=one.volume, destination=one.destination)
            for one in former.kept_volumes
        ]
    return found


def _number_of(installation: Installation, part: str, container: str, key: str | int) -> int:
    """Return the id of what answers a question: from its names, so that the API knows it by the same number before the
    install, when it has no row, and after. It is none that the database gives, which begin at 1.
    """
    name = repr((installation.id, part, container, key))
    return FIRST_NUMBER + zlib.crc32(name.encode()) % FIRST_NUMBER  # below 2**31, which all databases take


def _placed(installation: Installation) -> Iterator[tuple[tuple[str, str, str | int], Any]]:
    """Yield all that hangs on an app and answers a question, with its part, container and key."""
    for container in installation.containers:
        yield ("containers", container.name, ""), container
        for part, name in (
            ("ports", "number"),
            ("volumes", "destination"),
            ("environment", "key"),
            ("devices", "name"),
        ):
            yield from (((part, container.name, getattr(row, name)), row) for row in getattr(container, part))
    yield from ((("custom_config", "", row.key), row) for row in installation.custom_config)


def stored(session: Session, installation: Installation) -> Installation:
    """Return the row of an app inside a unit of work; one that was never installed gets its row.

    Raises Conflict where its entry left the catalogue since it was looked at.
    """
    known = session.get(Installation, installation.id)
    if known is None:
        entry = session.get(RockOn, installation.entry_id)
        if entry is None:
            raise Conflict(
                t("Something changed since you looked; nothing was done."),
                t("Look at the summary again and submit it."),
            )
        known = Installation(id=installation.id, entry=entry, name=entry.name, state=State.AVAILABLE)
        session.add(known)
        session.flush()
    return known


def sync_children(
    installation: Installation, definition: Definition, ids: Mapping[tuple[str, str, str | int], int] | None = None
) -> None:
    """Match containers and their questions by key: keep what is answered, drop what is gone.

    `ids` are those that new ones are to have, by part, container and key.
    """
    suggested = {(port.container, port.number): port for port in installation.entry.ports}
    containers = {name: (place, definition.containers[name]) for place, (name, _) in enumerate(definition.launch_order)}

    def update_container(row: Container, item: tuple[int, ContainerSpec]) -> None:
        row.position, spec = item
        row.launch_order, row.image = spec.launch_order, spec.reference
        _sync_questions(row, spec, suggested)

    settings = installation.custom_config  # read before: a question to the database would give new rows their ids
    installation.containers = _matched(installation.containers, Container, "name", containers, update_container)
    asked = _questions(definition.custom_config)
    installation.custom_config = _matched(settings, CustomConfig, "key", asked, _ask)
    for place, row in _placed(installation):
        row.id = row.id or (ids or {}).get(place) or _number_of(installation, *place)


def _sync_questions(row: Container, spec: ContainerSpec, suggested: Mapping[tuple[str, int], SuggestedPort]) -> None:
    def update_port(port: Port, item: tuple[int, Any]) -> None:
        _ask(port, item)
        asked = item[1]
        default = asked.host_default or port.number
        offer = suggested.get((row.name, port.number))
        port.suggested = offer.suggested if offer and offer.default == default else default
        port.default, port.protocol, port.ui = default, asked.protocol, asked.ui

    def update_volume(volume: Volume, item: tuple[int, Any]) -> None:
        _ask(volume, item)
        volume.min_size = item[1].min_size

    ports = {int(port): item for port, item in _questions(spec.ports).items()}
    row.ports = _matched(row.ports, Port, "number", ports, update_port)
    asked, added = _apart(row.volumes)
    volumes = {path: (place, volume) for place, (path, volume) in enumerate(spec.volumes.items())}
    row.volumes = [*_matched(asked, Volume, "destination", volumes, update_volume, added=False), *added]
    named, others = _apart(row.environment)
    row.environment = [
        *_matched(named, Environment, "key", _questions(spec.environment), _ask, added=False),
        *(variable for variable in others if variable.key not in spec.environment),
    ]
    row.devices = _matched(row.devices, Device, "name", _questions(spec.devices), _ask)


def _apart(rows: list[Added]) -> tuple[list[Added], list[Added]]:
    """Return the rows that the definition asks for, and those that were added after an install."""
    return [row for row in rows if not row.added], [row for row in rows if row.added]


def _questions(questions: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    return {key: (place, asked) for place, (key, asked) in enumerate(in_question_order(questions))}


def _ask(row: Question, item: tuple[int, Any]) -> None:
    row.position, question = item
    row.label, row.description = question.label, question.description


def _matched(
    rows: Iterable[Row],
    kind: type[Row],
    key: str,
    wanted: Mapping[Any, Any],
    update: Callable[[Row, Any], None],
    **fresh: object,
) -> list[Row]:
    """Return one row for each wanted key, the known one where there is one; else a `fresh` one."""
    known = {getattr(row, key): row for row in rows}
    found = []
    for name, item in wanted.items():
        row = known[name] if name in known else kind(**{key: name}, **fresh)
        update(row, item)
        found.append(row)
    return found


def answers_of(installation: Installation) -> Answers:
    """Return the answers that stand on a rock-on's rows; what was never answered is left out."""
    containers = installation.containers

    def each(answers: Callable[[Container], Answered]) -> dict[str, Answered]:
        return {one.name: found for one in containers if (found := answers(one))}

    return Answers(
        shares=each(lambda c: {v.destination: v.share for v in c.volumes if v.share and not v.added}),
        ports=each(lambda c: {p.number: p.host for p in c.ports}),
        devices=each(lambda c: {d.name: d.value or "" for d in c.devices}),
        environment={
            c.name: {e.key: e.value for e in c.environment if e.value is not None and not e.added}
            for c in containers
            if any(not e.added for e in c.environment)
        },
        custom_config={c.key: c.value for c in installation.custom_config if c.value is not None},
        storage=each(lambda c: {v.destination: v.share for v in c.volumes if v.share and v.added}),
        variables=each(lambda c: {e.key: e.value or "" for e in c.environment if e.added}),
        labels=each(lambda c: [label.value for label in c.labels]),
        networks=each(lambda c: [member.network for member in c.networks]),
    )


def store(installation: Installation, answers: Answers) -> None:
    """Put answers on a rock-on's rows; what was added after an install is replaced by what they say."""
    for container in installation.containers:
        name = container.name
        for port in container.ports:
            port.host, port.reserved = answers.ports.get(name, {}).get(port.number), None
        for device in container.devices:
            device.value = answers.devices.get(name, {}).get(device.name)
        named, _ = _apart(container.environment)
        for variable in named:
            variable.value = answers.environment.get(name, {}).get(variable.key)
        container.environment = [
            *named,
            *(
                Environment(key=key, value=value, added=True, position=len(named) + place)
                for place, (key, value) in enumerate(answers.variables.get(name, {}).items())
            ),
        ]
        asked, _ = _apart(container.volumes)
        for volume in asked:
            volume.share = answers.shares.get(name, {}).get(volume.destination)
        container.volumes = [
            *asked,
            *(
                Volume(destination=destination, share=share, added=True, position=len(asked) + place)
                for place, (destination, share) in enumerate(answers.storage.get(name, {}).items())
            ),
        ]
        container.labels = [Label(value=value) for value in answers.labels.get(name, ())]
        container.networks = [NetworkMember(network=network) for network in answers.networks.get(name, ())]
    for setting in installation.custom_config:
        setting.value = answers.custom_config.get(setting.key)


def reserve(installation: Installation, answers: Answers) -> None:
    """Note the host ports that a change under way will publish, so that nobody else gets them meanwhile."""
    for container in installation.containers:
        for port in container.ports:
            wanted = answers.ports.get(container.name, {}).get(port.number)
            port.reserved = wanted if wanted != port.host else None


def release_reserved(installation: Installation) -> None:
    """Forget the ports that a change had reserved."""
    for container in installation.containers:
        for port in container.ports:
            port.reserved = None


def succeed(session: Session, installation: Installation, successor: RockOn) -> None:
    """Give an app the name of a successor, whose place in the catalogue its own entry takes."""
    entry = installation.entry
    fields = ("name", "source", "origin", "position", "in_catalogue", "ports")
    taken = {field: getattr(successor, field) for field in fields}
    for former in session.scalars(select(Installation).where(Installation.entry_id == successor.id)):
        session.delete(former)
    session.flush()
    session.delete(successor)
    session.flush()
    for field, value in taken.items():
        setattr(entry, field, value)
    installation.name = entry.name
    describe(entry, from_source(entry.name, entry.source))


def forget_added(installation: Installation) -> None:
    """Forget what was added after an install; the answers to the definition's questions stay for the next one."""
    for container in installation.containers:
        container.volumes, _ = _apart(container.volumes)
        container.environment, _ = _apart(container.environment)
        container.labels = []
        container.networks = []


def suggested_port(installation: Installation) -> Callable[[str, int], int]:
    """Return a function that gives the suggestion for a container's port."""
    found = {(port.container, port.number): port.suggested for port in installation.entry.ports}
    found |= {(c.name, p.number): p.suggested for c in installation.containers for p in c.ports}
    return lambda container, port: found.get((container, port), port)
