"""Mapping of definitions and answers to database rows and back."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from sqlalchemy import Select, select
from sqlalchemy.orm import InstrumentedAttribute, Load, Session, joinedload, load_only, undefer
from sqlalchemy.orm.attributes import set_committed_value

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import may_suggest_port, option_ports
from rockonweb.core.definition import catalogue_columns
from rockonweb.core.definition.definition import ContainerSpec, Definition, sort_questions
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
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
    OldContainer,
    Port,
    Problem,
    RockOn,
    State,
    Status,
    Volume,
    db,
)
from rockonweb.models.container import QuestionRow
from rockonweb.models.installation import LOCAL_HOST
from rockonweb.models.port_suggestions import PortSuggestions
from rockonweb.models.rockon import SuggestedPort

Row = TypeVar("Row", bound=QuestionRow | Container)
AddedRow = TypeVar("AddedRow", Volume, Environment)
Answered = TypeVar("Answered")
FIRST_DERIVED_ID = 2**30
_ENTRY_OPTIONS = (undefer(RockOn.ports), undefer(RockOn.containers))  # what pages of an app that is offered need too


def upsert_entry(
    session: Session,
    existing: RockOn | None,
    definition: Definition,
    source: str,
    suggestions: PortSuggestions,
    *,
    origin: str,
    position: int,
) -> tuple[RockOn, str]:
    """Create or update a catalogue entry from its newest definition.

    Returns the entry and "added", "changed" or "unchanged".
    """
    entry = existing or RockOn(name=definition.name, ports=())
    outcome = "added" if existing is None or not existing.in_catalogue else "unchanged"
    if outcome == "unchanged" and entry.source != source:
        outcome = "changed"
    if existing is None:
        session.add(entry)
    stale = entry.source != source or entry.origin != origin or entry.described != catalogue_columns.SUMMARY_VERSION
    for field, value in (("in_catalogue", True), ("origin", origin), ("position", position)):
        if getattr(entry, field) != value:
            setattr(entry, field, value)
    if entry.source != source:
        entry.source = source
        entry.ports = _suggest_ports(entry.ports, definition, suggestions)
    if stale:
        describe_entry(entry, definition)
    return entry, outcome


def describe_entry(entry: RockOn, definition: Definition) -> None:
    """Copy what lists show of a definition to the entry's columns."""
    entry.description = definition.description
    entry.version = definition.version
    entry.website = definition.website
    entry.has_ui = definition.ui_port is not None
    for field, value in vars(catalogue_columns.summarize_definition(definition, local=entry.origin == "local")).items():
        setattr(entry, field, value)
    entry.described = catalogue_columns.SUMMARY_VERSION


def describe_outdated(session: Session) -> None:
    """Update the columns of entries whose `described` is not the current `SUMMARY_VERSION`.

    Older versions stored only the ports of the installed definition, so these are suggested again too.
    """
    query = select(RockOn).where(RockOn.described != catalogue_columns.SUMMARY_VERSION).order_by(RockOn.position)
    entries = [*session.scalars(query.options(undefer(RockOn.ports)))]
    suggestions = PortSuggestions.load_taken(session) if entries else PortSuggestions()
    for entry in entries:
        definition = definition_from_source(entry.name, entry.source)
        if definition.unreadable:
            entry.sort_name = entry.search = entry.name.casefold()
            continue
        describe_entry(entry, definition)
        entry.ports = _suggest_ports(entry.ports, definition, suggestions)


def _suggest_ports(
    previous: Iterable[SuggestedPort], definition: Definition, suggestions: PortSuggestions
) -> tuple[SuggestedPort, ...]:
    """Return the suggested host ports for a definition; a previous suggestion stays while the default is the same."""
    former_ports = [*previous]
    ports = []
    for wanted in option_ports(definition):  # nobody is asked for these, and nobody else is to be offered them
        ports.append(SuggestedPort(wanted.container, wanted.number, wanted.protocol, wanted.host, wanted.host))
        if ports[-1] in former_ports:
            former_ports.remove(ports[-1])
        else:
            suggestions.hold_port(wanted.host, (wanted.protocol,))
    for name, spec in definition.launch_order:
        for key, port_spec in sort_questions(spec.ports):
            number, protocols = int(key), port_spec.published_protocols
            default = port_spec.host_default or number
            same_port = [port for port in former_ports if (port.container, port.number) == (name, number)]
            former = next((port for port in same_port if port.default == default), same_port[0] if same_port else None)
            if former:
                former_ports.remove(former)
            ui = port_spec.ui
            if former and former.default == default and may_suggest_port(former.suggested, default, ui=ui):
                suggested = former.suggested
                if former.protocol != port_spec.protocol:
                    suggestions.release_port(suggested, former.offered_protocols)
                    suggestions.hold_port(suggested, protocols)
            else:
                if former:
                    suggestions.release_port(former.suggested, former.offered_protocols)
                suggested = suggestions.take_port(default, protocols, ui=ui)
            ports.append(SuggestedPort(name, number, port_spec.protocol, default, suggested))
    for dropped in former_ports:
        suggestions.release_port(dropped.suggested, dropped.offered_protocols)
    return tuple(ports)


# -- apps -------------------------------------------------------------------------------------------------------------


def find_installation(installation_id: int) -> Installation | None:
    """Return an app by its id: its row where it is installed, else one built from the catalogue's entry.

    The latter is not in a session. None where neither exists.
    """
    session = db.session()
    row = session.get(Installation, installation_id, options=[joinedload(Installation.entry)])
    if row is not None and row.state in INSTALLED_OR_PENDING:
        return row
    entry = row.entry if row else session.get(RockOn, installation_id, options=_ENTRY_OPTIONS)
    return offered_installation(entry, row) if entry else None


def find_installation_by_name(name: str) -> Installation | None:
    """Return an app by the name of its row, else of its entry, as `find_installation`. None where neither exists."""
    installation_id = db.session.scalar(select(Installation.id).where(Installation.name == name))
    installation_id = installation_id or db.session.scalar(select(RockOn.id).where(RockOn.name == name))
    return find_installation(installation_id) if installation_id else None


def blank_installation(entry: RockOn) -> Installation:
    """Return an app that was never installed, without questions; it is not in a session."""
    return Installation(
        id=entry.id,
        entry_id=entry.id,
        entry=entry,
        host=LOCAL_HOST,
        name=entry.name,
        ignored="",
        state=State.AVAILABLE,
        status=Status.STOPPED,
        status_error="",
        problem=Problem.NONE,
        newer_images=False,
        auto_update=False,
        auto_rehearse=False,
        mend=False,
        ask_page=True,
    )


def load_installations(
    entries: Select[RockOn], columns: Iterable[InstrumentedAttribute[Any]]
) -> Iterator[Installation]:
    """Yield the installation of each selected entry, a blank one where it has none, with only `columns` loaded.

    One SQL statement.
    """
    columns = [*columns]
    query = entries.outerjoin(Installation, Installation.entry_id == RockOn.id).add_columns(Installation)
    query = query.options(
        load_only(*(column for column in columns if column.class_ is RockOn), raiseload=True),
        Load(Installation).load_only(*(column for column in columns if column.class_ is Installation)),
        Load(Installation).raiseload("*"),
    )
    for entry, installation in db.session.execute(query):
        installation = installation or blank_installation(entry)
        set_committed_value(installation, "entry", entry)
        yield installation


def offered_installation(entry: RockOn, former: Installation | None = None) -> Installation:
    """Return an app that is not installed, with the newest definition's questions and previous answers.

    It is read-only and not in a session. Its children have the ids that their rows have or will have.
    """
    installation = blank_installation(entry)
    fields = ("id", "state", "status", "exit_code", "status_error", "problem", "error", "secret_choices", "last_source")
    for field in fields if former else ():
        setattr(installation, field, getattr(former, field))
    sync_children(
        installation,
        installation.current_definition,
        {path: row.id for path, row in _iter_answer_rows(former)} if former else {},
    )
    if former:
        store_answers(installation, load_answers(former))
        installation.kept_volumes = [
            KeptVolume(container=volume.container, volume=volume.volume, destination=volume.destination)
            for volume in former.kept_volumes
        ]
        installation.old_containers = [
            OldContainer(**{key: value for key, value in vars(old).items() if key in OldContainer.__table__.columns})
            for old in former.old_containers
        ]
    return installation


def _derive_id(installation: Installation, part: str, container: str, key: str | int) -> int:
    """Return the id for the row of a question, derived from its names, so that the API has the same id before the
    install, without a row, and after it. It is above all ids that the database generates.
    """
    name = repr((installation.id, part, container, key))
    return FIRST_DERIVED_ID + zlib.crc32(name.encode()) % FIRST_DERIVED_ID  # below 2**31, the limit of integer columns


def _iter_answer_rows(installation: Installation) -> Iterator[tuple[tuple[str, str, str | int], Any]]:
    """Yield ((part, container, key), row) for each container and question of an app."""
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


def ensure_installation(session: Session, installation: Installation) -> Installation:
    """Return the row of an app within a transaction; creates it where the app was never installed.

    Raises Conflict where its entry was removed in the meantime.
    """
    row = session.get(Installation, installation.id)
    if row is None:
        entry = session.get(RockOn, installation.entry_id)
        if entry is None:
            raise Conflict(
                t("Something has changed since your review; nothing was done."),
                t("Review the summary again, then confirm it."),
            )
        row = Installation(id=installation.id, entry=entry, name=entry.name, state=State.AVAILABLE)
        session.add(row)
        session.flush()
    return row


def sync_children(
    installation: Installation, definition: Definition, ids: Mapping[tuple[str, str, str | int], int] | None = None
) -> None:
    """Sync containers and questions with a definition by key: existing rows keep answers, obsolete ones are dropped.

    `ids` are ids for new rows, by part, container and key.
    """
    suggested = {(port.container, port.number): port for port in installation.entry.ports}
    containers = {
        name: (position, definition.containers[name]) for position, (name, _) in enumerate(definition.launch_order)
    }

    def update_container(row: Container, item: tuple[int, ContainerSpec]) -> None:
        row.position, spec = item
        row.launch_order, row.image = spec.launch_order, spec.image_reference
        _sync_questions(row, spec, suggested)

    config_rows = installation.custom_config  # loaded first: a later query would autoflush new rows, giving them ids
    installation.containers = _match_rows(installation.containers, Container, "name", containers, update_container)
    questions = _enumerate_questions(definition.custom_config)
    installation.custom_config = _match_rows(config_rows, CustomConfig, "key", questions, _update_question)
    for position, row in _iter_answer_rows(installation):
        row.id = row.id or (ids or {}).get(position) or _derive_id(installation, *position)


def _sync_questions(row: Container, spec: ContainerSpec, suggested: Mapping[tuple[str, int], SuggestedPort]) -> None:
    def update_port(port: Port, item: tuple[int, Any]) -> None:
        _update_question(port, item)
        port_spec = item[1]
        default = port_spec.host_default or port.number
        suggestion = suggested.get((row.name, port.number))
        port.suggested = (
            suggestion.suggested
            if suggestion and suggestion.default == default
            else PortSuggestions().take_port(default, port_spec.published_protocols, ui=port_spec.ui)
        )
        port.default, port.protocol, port.ui = default, port_spec.protocol, port_spec.ui

    def update_volume(volume: Volume, item: tuple[int, Any]) -> None:
        _update_question(volume, item)
        volume.min_size = item[1].min_size

    ports = {int(port): item for port, item in _enumerate_questions(spec.ports).items()}
    row.ports = _match_rows(row.ports, Port, "number", ports, update_port)
    asked, added_volumes = _split_added(row.volumes)
    volumes = {path: (position, volume) for position, (path, volume) in enumerate(spec.volumes.items())}
    row.volumes = [*_match_rows(asked, Volume, "destination", volumes, update_volume, added=False), *added_volumes]
    defined_variables, added_variables = _split_added(row.environment)
    row.environment = [
        *_match_rows(
            defined_variables, Environment, "key", _enumerate_questions(spec.environment), _update_question, added=False
        ),
        *(variable for variable in added_variables if variable.key not in spec.environment),
    ]
    row.devices = _match_rows(row.devices, Device, "name", _enumerate_questions(spec.devices), _update_question)


def _split_added(rows: list[AddedRow]) -> tuple[list[AddedRow], list[AddedRow]]:
    """Return the rows of the definition, and those added after the install."""
    return [row for row in rows if not row.added], [row for row in rows if row.added]


def _enumerate_questions(questions: Mapping[str, Any]) -> dict[str, tuple[int, Any]]:
    return {key: (position, question) for position, (key, question) in enumerate(sort_questions(questions))}


def _update_question(row: QuestionRow, item: tuple[int, Any]) -> None:
    row.position, question = item
    row.label, row.description = question.label, question.description


def _match_rows(
    rows: Iterable[Row],
    kind: type[Row],
    key: str,
    items: Mapping[Any, Any],
    update: Callable[[Row, Any], None],
    **defaults: object,
) -> list[Row]:
    """Return a row for each key of `items`, the existing one or a new one with `defaults`, and `update` each."""
    existing = {getattr(row, key): row for row in rows}
    matched = []
    for name, item in items.items():
        row = existing[name] if name in existing else kind(**{key: name}, **defaults)
        update(row, item)
        matched.append(row)
    return matched


def load_answers(installation: Installation) -> Answers:
    """Return the answers stored in an app's rows, without unanswered questions."""
    containers = installation.containers

    def collect_answers(answers: Callable[[Container], Answered]) -> dict[str, Answered]:
        return {container.name: answer for container in containers if (answer := answers(container))}

    return Answers(
        shares=collect_answers(lambda c: {v.destination: v.share for v in c.volumes if v.share and not v.added}),
        ports=collect_answers(lambda c: {p.number: p.host for p in c.ports}),
        devices=collect_answers(lambda c: {d.name: d.value or "" for d in c.devices}),
        environment={
            c.name: {e.key: e.value for e in c.environment if e.value is not None and not e.added}
            for c in containers
            if any(not e.added for e in c.environment)
        },
        custom_config={c.key: c.value for c in installation.custom_config if c.value is not None},
        storage=collect_answers(lambda c: {v.destination: v.share for v in c.volumes if v.share and v.added}),
        variables=collect_answers(lambda c: {e.key: e.value or "" for e in c.environment if e.added}),
        labels=collect_answers(lambda c: [label.value for label in c.labels]),
        networks=collect_answers(lambda c: [member.network for member in c.networks]),
    )


def store_answers(installation: Installation, answers: Answers) -> None:
    """Store answers in an app's rows; rows added after the install are replaced by those of `answers`."""
    for container in installation.containers:
        name = container.name
        for port in container.ports:
            port.host, port.reserved = answers.ports.get(name, {}).get(port.number), None
        for device in container.devices:
            device.value = answers.devices.get(name, {}).get(device.name)
        variables, _ = _split_added(container.environment)
        for variable in variables:
            variable.value = answers.environment.get(name, {}).get(variable.key)
        container.environment = [
            *variables,
            *(
                Environment(key=key, value=value, added=True, position=len(variables) + position)
                for position, (key, value) in enumerate(answers.variables.get(name, {}).items())
            ),
        ]
        volumes, _ = _split_added(container.volumes)
        for volume in volumes:
            volume.share = answers.shares.get(name, {}).get(volume.destination)
        container.volumes = [
            *volumes,
            *(
                Volume(destination=destination, share=share, added=True, position=len(volumes) + position)
                for position, (destination, share) in enumerate(answers.storage.get(name, {}).items())
            ),
        ]
        container.labels = [Label(value=value) for value in answers.labels.get(name, ())]
        container.networks = [NetworkMember(network=network) for network in answers.networks.get(name, ())]
    for setting in installation.custom_config:
        setting.value = answers.custom_config.get(setting.key)


def reserve_ports(installation: Installation, answers: Answers) -> None:
    """Reserve the host ports that a change in progress will publish, so that no other app gets them."""
    for container in installation.containers:
        for port in container.ports:
            number = answers.ports.get(container.name, {}).get(port.number)
            port.reserved = number if number != port.host else None


def release_reserved_ports(installation: Installation) -> None:
    """Release the ports that a change reserved."""
    for container in installation.containers:
        for port in container.ports:
            port.reserved = None


def replace_entry(session: Session, installation: Installation, replacement: RockOn) -> None:
    """Rename an app to its replacement: its entry takes over the replacement's values, whose row is deleted."""
    entry = installation.entry
    fields = ("name", "source", "origin", "position", "in_catalogue", "ports")
    values = {field: getattr(replacement, field) for field in fields}
    for former in session.scalars(select(Installation).where(Installation.entry_id == replacement.id)):
        session.delete(former)
    session.flush()
    session.delete(replacement)
    session.flush()
    for field, value in values.items():
        setattr(entry, field, value)
    installation.name = entry.name
    describe_entry(entry, definition_from_source(entry.name, entry.source))


def discard_added(installation: Installation) -> None:
    """Delete what was added after the install; answers to the definition's questions stay for the next install."""
    for container in installation.containers:
        container.volumes, _ = _split_added(container.volumes)
        container.environment, _ = _split_added(container.environment)
        container.labels = []
        container.networks = []


def port_suggester(installation: Installation) -> Callable[[str, int], int]:
    """Return a function from container and container port to the suggested host port."""
    suggestions = {(port.container, port.number): port.suggested for port in installation.entry.ports}
    suggestions |= {(c.name, p.number): p.suggested for c in installation.containers for p in c.ports}
    return lambda container, port: suggestions.get((container, port), port)
