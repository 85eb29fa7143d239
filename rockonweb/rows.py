"""Between definitions, answers and rows: the declarative sync, and the answers on the rows they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from rockonweb.core import shown
from rockonweb.core.answers import Answers
from rockonweb.core.definition import ContainerSpec, Definition, DefinitionFaults, from_source, in_question_order
from rockonweb.core.lifecycle import THERE
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
from rockonweb.models.installation import THIS_HOST
from rockonweb.models.rockon import SuggestedPort

Row = TypeVar("Row", Port, Volume, Environment, Device, CustomConfig, Container)
LARGEST_PORT = 65535


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
                found.hold(port.suggested, _protocols(port.protocol))
        for host, protocol in session.execute(select(Port.host, Port.protocol).where(Port.host.is_not(None))):
            found.hold(host or 0, _protocols(protocol))
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
    stale = rockon.source != source or rockon.origin != origin or rockon.described != shown.EDITION
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
    for field, value in vars(shown.show(definition, local=rockon.origin == "local")).items():
        setattr(rockon, field, value)
    rockon.described = shown.EDITION


def describe_again(session: Session) -> None:
    """Describe the rock-ons that another version of this program described, or none did."""
    for rockon in session.scalars(select(RockOn).where(RockOn.described != shown.EDITION)):
        try:
            describe(rockon, from_source(rockon.name, rockon.source))
        except DefinitionFaults:  # an older version took it
            rockon.sort_name = rockon.search = rockon.name.casefold()


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
                    suggestions.release(suggested, _protocols(had.protocol))
                    suggestions.hold(suggested, protocols)
            else:
                if had:
                    suggestions.release(had.suggested, _protocols(had.protocol))
                suggested = suggestions.take(default, protocols)
            found.append(SuggestedPort(name, number, asked.protocol, default, suggested))
    for gone in before.values():
        suggestions.release(gone.suggested, _protocols(gone.protocol))
    return tuple(found)


def _protocols(protocol: str | None) -> tuple[str, ...]:
    return (protocol,) if protocol else ("tcp", "udp")


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

    It is for reading: no session knows it, and the ids of what hangs on it are their places.
    """
    found = not_installed(entry)
    for field in ("id", "state", "status", "exit_code", "status_error", "error", "secret_choices") if former else ():
        setattr(found, field, getattr(former, field))
    try:
        sync_children(found, found.definition)
    except DefinitionFaults:  # an older version took it: its page tells what is wrong
        return found
    if former:
        store(found, answers_of(former))
        found.kept_volumes = [
            KeptVolume(container=one.container, volume=one.volume, destination=one.destination)
            for one in former.kept_volumes
        ]
    rows: list[Container] = found.containers
    for kind in (rows, *(_all(rows, part) for part in ("ports", "volumes", "environment", "devices"))):
        for number, row in enumerate(kind, 1):
            row.id = number
    for number, setting in enumerate(found.custom_config, 1):
        setting.id = number
    return found


def stored(session: Session, installation: Installation) -> Installation:
    """Return the row of an app inside a unit of work; one that was never installed gets its row."""
    known = session.get(Installation, installation.id)
    if known is None:
        entry = session.get_one(RockOn, installation.entry_id)
        known = Installation(id=installation.id, entry=entry, name=entry.name, state=State.AVAILABLE)
        session.add(known)
        session.flush()
    return known


def _all(containers: Iterable[Container], part: str) -> list[Any]:
    return [row for container in containers for row in getattr(container, part)]


def sync_children(installation: Installation, definition: Definition) -> None:
    """Match containers and their questions by key: keep what is answered, drop what is gone."""
    suggested = {(port.container, port.number): port for port in installation.entry.ports}
    containers = {name: (place, definition.containers[name]) for place, (name, _) in enumerate(definition.launch_order)}

    def update_container(row: Container, item: tuple[int, ContainerSpec]) -> None:
        row.position, spec = item
        row.launch_order, row.image = spec.launch_order, spec.reference
        _sync_questions(row, spec, suggested)

    installation.containers = _matched(
        installation.containers, lambda row: row.name, containers, lambda key: Container(name=key), update_container
    )
    installation.custom_config = _matched(
        installation.custom_config,
        lambda row: row.key,
        _questions(definition.custom_config),
        lambda key: CustomConfig(key=key),
        _ask,
    )


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

    numbered = {int(port): item for port, item in _questions(spec.ports).items()}
    row.ports = _matched(row.ports, lambda r: r.number, numbered, lambda key: Port(number=key), update_port)
    added = [volume for volume in row.volumes if volume.added]
    asked = [volume for volume in row.volumes if not volume.added]
    row.volumes = [
        *_matched(
            asked,
            lambda r: r.destination,
            {path: (place, volume) for place, (path, volume) in enumerate(spec.volumes.items())},
            lambda key: Volume(destination=key, added=False),
            update_volume,
        ),
        *added,
    ]
    row.environment = [
        *_matched(
            [variable for variable in row.environment if not variable.added],
            lambda r: r.key,
            _questions(spec.environment),
            lambda key: Environment(key=key, added=False),
            _ask,
        ),
        *(variable for variable in row.environment if variable.added and variable.key not in spec.environment),
    ]
    row.devices = _matched(row.devices, lambda r: r.name, _questions(spec.devices), lambda key: Device(name=key), _ask)


def _questions(questions: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    return {key: (place, asked) for place, (key, asked) in enumerate(in_question_order(questions))}


def _ask(row: Port | Volume | Environment | Device | CustomConfig, item: tuple[int, Any]) -> None:
    row.position, question = item
    row.label, row.description = question.label, question.description


def _matched(
    rows: list[Row],
    key_of: Callable[[Row], Any],
    wanted: Mapping[Any, Any],
    make: Callable[[Any], Row],
    update: Callable[[Row, Any], None],
) -> list[Row]:
    """Return one row for each wanted key, the known one where there is one."""
    known = {key_of(row): row for row in rows}
    found = []
    for key, item in wanted.items():
        row = known[key] if key in known else make(key)
        update(row, item)
        found.append(row)
    return found


def answers_of(installation: Installation) -> Answers:
    """Return the answers that stand on a rock-on's rows; what was never answered is left out."""
    return Answers(
        shares={
            c.name: {v.destination: v.share for v in c.volumes if v.share and not v.added}
            for c in installation.containers
            if any(v.share and not v.added for v in c.volumes)
        },
        ports={c.name: {p.number: p.host for p in c.ports} for c in installation.containers if c.ports},
        devices={c.name: {d.name: d.value or "" for d in c.devices} for c in installation.containers if c.devices},
        environment={
            c.name: {e.key: e.value for e in c.environment if e.value is not None and not e.added}
            for c in installation.containers
            if any(not e.added for e in c.environment)
        },
        custom_config={c.key: c.value for c in installation.custom_config if c.value is not None},
        storage={
            c.name: {v.destination: v.share for v in c.volumes if v.share and v.added}
            for c in installation.containers
            if any(v.added for v in c.volumes)
        },
        variables={
            c.name: {e.key: e.value or "" for e in c.environment if e.added}
            for c in installation.containers
            if any(e.added for e in c.environment)
        },
        labels={c.name: [label.value for label in c.labels] for c in installation.containers if c.labels},
        networks={c.name: [member.network for member in c.networks] for c in installation.containers if c.networks},
    )


def store(installation: Installation, answers: Answers) -> None:
    """Put answers on a rock-on's rows; what was added after an install is replaced by what they say."""
    for container in installation.containers:
        name = container.name
        for port in container.ports:
            port.host, port.reserved = answers.ports.get(name, {}).get(port.number), None
        for device in container.devices:
            device.value = answers.devices.get(name, {}).get(device.name)
        named = [variable for variable in container.environment if not variable.added]
        for variable in named:
            variable.value = answers.environment.get(name, {}).get(variable.key)
        container.environment = [
            *named,
            *(
                Environment(key=key, value=value, added=True, position=len(named) + place)
                for place, (key, value) in enumerate(answers.variables.get(name, {}).items())
            ),
        ]
        asked = [volume for volume in container.volumes if not volume.added]
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
        container.volumes = [volume for volume in container.volumes if not volume.added]
        container.environment = [variable for variable in container.environment if not variable.added]
        container.labels = []
        container.networks = []


def suggested_port(installation: Installation) -> Callable[[str, int], int]:
    """Return a function that gives the suggestion for a container's port."""
    found = {(port.container, port.number): port.suggested for port in installation.entry.ports}
    found |= {(c.name, p.number): p.suggested for c in installation.containers for p in c.ports}
    return lambda container, port: found.get((container, port), port)
