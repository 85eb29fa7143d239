"""Between definitions, answers and rows: the declarative sync, and the answers on the rows they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb.core import shown
from rockonweb.core.answers import Answers
from rockonweb.core.definition import ContainerSpec, Definition, DefinitionFaults, from_source, in_question_order
from rockonweb.models import (
    Container,
    CustomConfig,
    Device,
    Environment,
    Label,
    NetworkMember,
    Port,
    RockOn,
    State,
    Volume,
)

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
        """Return what the rows of all rock-ons hold."""
        found = cls()
        for suggested, host, protocol in session.execute(select(Port.suggested, Port.host, Port.protocol)):
            for port in {port for port in (suggested, host) if port is not None}:
                found.hold(port, (protocol,) if protocol else ("tcp", "udp"))
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
    """Bring the rows of a rock-on in line with its newest definition.

    Returns the rock-on and "added", "changed" or "unchanged". What an installed rock-on runs on is not touched: only
    its newest definition is remembered.
    """
    rockon = known or RockOn(name=definition.name, state=State.AVAILABLE)
    outcome = "added" if known is None or not known.in_catalogue else "unchanged"
    if outcome == "unchanged" and rockon.source != source:
        outcome = "changed"
    if known is None:
        session.add(rockon)
    stale = rockon.source != source or rockon.origin != origin or rockon.described != shown.EDITION
    for field, value in (("in_catalogue", True), ("origin", origin), ("position", position)):
        if getattr(rockon, field) != value:
            setattr(rockon, field, value)
    changed = rockon.source != source
    rockon.source = source
    if stale:
        describe(rockon, definition)
    if changed and not rockon.installed and rockon.state is not State.PENDING_INSTALL:
        sync_children(rockon, definition, suggestions)
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


def sync_children(rockon: RockOn, definition: Definition, suggestions: Suggestions) -> None:
    """Match containers and their questions by key: keep what is answered, drop what is gone."""
    containers = {name: (place, definition.containers[name]) for place, (name, _) in enumerate(definition.launch_order)}

    def update_container(row: Container, item: tuple[int, ContainerSpec]) -> None:
        row.position, spec = item
        row.launch_order, row.image = spec.launch_order, spec.reference
        _sync_questions(row, spec, suggestions)

    rockon.containers = _matched(
        rockon.containers, lambda row: row.name, containers, lambda key: Container(name=key), update_container
    )
    rockon.custom_config = _matched(
        rockon.custom_config,
        lambda row: row.key,
        _questions(definition.custom_config),
        lambda key: CustomConfig(key=key),
        _ask,
    )


def _sync_questions(row: Container, spec: ContainerSpec, suggestions: Suggestions) -> None:
    def update_port(port: Port, item: tuple[int, Any]) -> None:
        _ask(port, item)
        asked = item[1]
        default = asked.host_default or port.number
        if port.default != default:
            if port.suggested is not None:
                suggestions.release(port.suggested, port.protocols)
            port.suggested = suggestions.take(default, asked.protocols)
        elif port.protocol != asked.protocol:
            suggestions.hold(port.suggested, asked.protocols)
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
            lambda key: Volume(destination=key),
            update_volume,
        ),
        *added,
    ]
    row.environment = [
        *_matched(
            [variable for variable in row.environment if not variable.added],
            lambda r: r.key,
            _questions(spec.environment),
            lambda key: Environment(key=key),
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


def answers_of(rockon: RockOn) -> Answers:
    """Return the answers that stand on a rock-on's rows; what was never answered is left out."""
    return Answers(
        shares={
            c.name: {v.destination: v.share for v in c.volumes if v.share and not v.added}
            for c in rockon.containers
            if any(v.share and not v.added for v in c.volumes)
        },
        ports={c.name: {p.number: p.host for p in c.ports} for c in rockon.containers if c.ports},
        devices={c.name: {d.name: d.value or "" for d in c.devices} for c in rockon.containers if c.devices},
        environment={
            c.name: {e.key: e.value for e in c.environment if e.value is not None and not e.added}
            for c in rockon.containers
            if any(not e.added for e in c.environment)
        },
        custom_config={c.key: c.value for c in rockon.custom_config if c.value is not None},
        storage={
            c.name: {v.destination: v.share for v in c.volumes if v.share and v.added}
            for c in rockon.containers
            if any(v.added for v in c.volumes)
        },
        variables={
            c.name: {e.key: e.value or "" for e in c.environment if e.added}
            for c in rockon.containers
            if any(e.added for e in c.environment)
        },
        labels={c.name: [label.value for label in c.labels] for c in rockon.containers if c.labels},
        networks={c.name: [member.network for member in c.networks] for c in rockon.containers if c.networks},
    )


def store(rockon: RockOn, answers: Answers) -> None:
    """Put answers on a rock-on's rows; what was added after an install is replaced by what they say."""
    for container in rockon.containers:
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
    for setting in rockon.custom_config:
        setting.value = answers.custom_config.get(setting.key)


def reserve(rockon: RockOn, answers: Answers) -> None:
    """Note the host ports that a change under way will publish, so that nobody else gets them meanwhile."""
    for container in rockon.containers:
        for port in container.ports:
            wanted = answers.ports.get(container.name, {}).get(port.number)
            port.reserved = wanted if wanted != port.host else None


def release_reserved(rockon: RockOn) -> None:
    """Forget the ports that a change had reserved."""
    for container in rockon.containers:
        for port in container.ports:
            port.reserved = None


def succeed(session: Session, rockon: RockOn, successor: RockOn) -> None:
    """Give a rock-on the name and the place in the catalogue of its successor, whose row goes."""
    fields = ("name", "source", "origin", "position", "in_catalogue")
    taken = {field: getattr(successor, field) for field in fields}
    session.delete(successor)
    session.flush()
    for field, value in taken.items():
        setattr(rockon, field, value)
    describe(rockon, from_source(rockon.name, rockon.source))


def forget_added(rockon: RockOn) -> None:
    """Forget what was added after an install; the answers to the definition's questions stay for the next one."""
    for container in rockon.containers:
        container.volumes = [volume for volume in container.volumes if not volume.added]
        container.environment = [variable for variable in container.environment if not variable.added]
        container.labels = []
        container.networks = []


def suggested_port(rockon: RockOn) -> Callable[[str, int], int]:
    """Return a function that gives the suggestion for a container's port."""
    found = {(c.name, p.number): p.suggested for c in rockon.containers for p in c.ports}
    return lambda container, port: found.get((container, port), port)
