"""Rock-ons and their settings with the field names of Rockstor's API.

Where Rockstor has the id of a row in a table that does not exist here, the name is given: `dimage` is the image,
`share` the share's name, `connection` the network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import raiseload

from rockonweb.blueprints.api.envelope import PageSlice
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import UnreadableDefinition
from rockonweb.languages import translate
from rockonweb.models import (
    Container,
    CustomConfig,
    Device,
    Environment,
    Episode,
    Installation,
    Label,
    NetworkMember,
    Port,
    RockOn,
    State,
    Volume,
    db,
    repository,
)
from rockonweb.models.rockon import SuggestedPort
from rockonweb.web import catalogue_listing, ui_link
from rockonweb.web.labels import masked_answer, rehearsal_result
from rockonweb.work.collect_facts import free_port_suggester
from rockonweb.work.rehearsal import last_rehearsal

Fields = dict[str, Any]
VISIBLE_ROCKONS = or_(RockOn.in_catalogue, Installation.state != State.AVAILABLE)
LOADED_COLUMNS = (
    RockOn.name, RockOn.description, RockOn.version, RockOn.website, RockOn.icon, RockOn.source, RockOn.ports,
    Installation.name, Installation.installed_source, Installation.state, Installation.status, Installation.exit_code,
    Installation.problem, Installation.status_error, Installation.error, Installation.mend, Installation.ask_page,
    Installation.auto_obstacle,
)  # fmt: skip
UiPort = Port | SuggestedPort


def rehearsal_fields(installation: Installation) -> Fields | None:
    """Return the last rehearsal of an update: its operation and progress, what it has proved, and what was left out;
    None where there is none.
    """
    operation = last_rehearsal(installation)
    if operation is None:
        return None
    return {
        "operation": operation.id,
        "progress": operation.progress,
        "finished": operation.finished.isoformat(timespec="seconds") if operation.finished else None,
        "result": "" if operation.is_active else rehearsal_result(operation),
        "left_out": [translate(sentence) for sentence, _ in operation.notes.warnings],
    }


def count_rockons() -> int:
    """Return the number of rock-ons that the list shows."""
    query = select(func.count()).select_from(RockOn).outerjoin(Installation, Installation.entry_id == RockOn.id)
    return db.session.scalar(query.where(VISIBLE_ROCKONS)) or 0


def list_rockon_fields(page_slice: PageSlice) -> list[Fields]:
    """Return a slice of the list of rock-ons, by name."""
    query = select(RockOn).where(VISIBLE_ROCKONS).order_by(RockOn.sort_name, RockOn.name)
    return _load_rockon_fields(query.offset(page_slice.offset).limit(page_slice.size))


def find_rockon_fields(rockon_id: int) -> Fields | None:
    """Return one rock-on; None where there is none."""
    return next(iter(_load_rockon_fields(select(RockOn).where(RockOn.id == rockon_id))), None)


def _load_rockon_fields(query: Select[RockOn]) -> list[Fields]:
    apps = [*repository.load_installations(query, LOADED_COLUMNS)]
    ids = [installation.id for installation in apps]
    operations, ports = catalogue_listing.active_operations(), _ports_by_key(ids)
    open_episodes = select(Episode).where(Episode.installation_id.in_(ids), Episode.ended.is_(None))
    episodes = {episode.installation_id: episode for episode in db.session.scalars(open_episodes)}
    return [
        {
            **_format_rockon(installation, _parsed_definition(installation), operations.get(installation.id), ports),
            **_episode_fields(episodes.get(installation.id)),
        }
        for installation in apps
    ]


def _episode_fields(episode: Episode | None) -> Fields:
    """Return since when a rock-on is down, and whether restarting it automatically was given up."""
    began = episode and episode.began.isoformat(timespec="seconds")
    return {"down_since": began, "gave_up": bool(episode and episode.gave_up)}


def _ports_by_key(ids: Iterable[int]) -> Mapping[tuple[int, str, int], Port]:
    """Return the ports of installations by installation id, container name and container port."""
    query = select(Container.installation_id, Container.name, Port).join(Port.container)
    port_rows = db.session.execute(query.where(Container.installation_id.in_(ids)).options(raiseload("*")))
    return {(rockon_id, name, port.number): port for rockon_id, name, port in port_rows}


def _parsed_definition(installation: Installation) -> Definition:
    return ui_link.parse_cached(installation.name, installation.current_source)


def _format_rockon(
    installation: Installation,
    definition: Definition,
    task: int | None,
    ports: Mapping[tuple[int, str, int], Port],
) -> Fields:
    ui_port_key = definition.ui_port
    ui_port = (
        (ports.get((installation.id, *ui_port_key)) or _catalogue_port(installation, ui_port_key))
        if ui_port_key
        else None
    )
    specs = definition.containers
    on_host_network = ui_port_key is not None and specs[ui_port_key[0]].on_host_network
    return {
        "id": installation.id,
        "name": installation.name,
        "description": installation.entry.description,
        "version": installation.entry.version,
        "state": str(installation.state),
        "status": installation.status_text,
        "problem": str(installation.problem),
        "problem_detail": installation.status_error or None,
        "mend": installation.mend,
        "ask_page": installation.ask_page,
        "taskid": None if task is None else str(task),
        "link": definition.ui.slug or None,
        "website": installation.entry.website,
        "https": bool(definition and definition.ui.https),
        "icon": installation.entry.icon or None,
        "ui": ui_port_key is not None,
        "volume_add_support": bool(definition and definition.volume_add_support),
        "more_info": definition.more_info or None if definition else None,
        "ui_port": _host_port_number(ui_port, on_host_network=on_host_network) if ui_port else None,
        "ui_publish": bool(ui_port and _is_published(ui_port, installation)),
        "host_network": any(spec.on_host_network for spec in specs.values()),
        "error": installation.error,
        "unreadable": UnreadableDefinition(installation.name, definition.unreadable).sentence
        if definition.unreadable and installation.is_installed
        else None,
        "update_obstacle": installation.auto_obstacle or None,
    }


def _catalogue_port(installation: Installation, port_key: tuple[str, int]) -> SuggestedPort | None:
    return next((port for port in installation.entry.ports if (port.container, port.number) == port_key), None)


def _host_port_number(port: UiPort, *, on_host_network: bool) -> int:
    """Return the host port, or the suggested one; on the host network it is always the container port."""
    host_port = port.host if isinstance(port, Port) else None
    return port.number if on_host_network else port.suggested if host_port is None else host_port


def _is_published(port: UiPort, installation: Installation) -> bool:
    return not installation.is_installed or (isinstance(port, Port) and port.host is not None)


# -- the settings of one rock-on --------------------------------------------------------------------------------------


def container_fields(installation: Installation) -> list[Fields]:
    """Return the containers of a rock-on, in launch order."""
    specs = installation.current_definition.containers
    return [
        {
            "id": container.id,
            "rockon": installation.id,
            "dimage": container.image,
            "name": container.name,
            "launch_order": container.launch_order,
            "uid": specs[container.name].uid if container.name in specs else None,
            "problem": str(container.problem),
            "problem_detail": container.status_error or None,
            "renamed": container.docker_name or None,
        }
        for container in installation.containers
    ]


def _row_lister(
    relationship: str, fields: Callable[[Any, Container, Installation], Fields]
) -> Callable[[Installation], list[Fields]]:
    """Return a function that lists the rows of a relationship for all containers; `fields` adds a row's own fields."""
    return lambda rockon: [
        {"id": row.id, "container": container.id, **fields(row, container, rockon)}
        for container in rockon.containers
        for row in getattr(container, relationship)
    ]


def _volume_fields(volume: Volume, *_: object) -> Fields:
    """The mount of a share; `uservol` marks one that was added after the install."""
    return {
        "share": volume.share,
        "share_name": volume.share,
        "dest_dir": volume.destination,
        "uservol": volume.added,
        "min_size": volume.min_size,
        **_label_and_description(volume),
    }


def _device_fields(device: Device, *_: object) -> Fields:
    return {"dev": device.name, "val": device.value, **_label_and_description(device)}


def _variable_fields(variable: Environment, container: Container, installation: Installation) -> Fields:
    """A variable, masked where it is a secret."""
    return {
        "key": variable.key,
        "val": _masked_value(variable, installation, container.name),
        **_label_and_description(variable),
    }


def _added_label_fields(label: Label, container: Container, _: object) -> Fields:
    """An added label: as in Rockstor, `key` is the container and `val` the label."""
    return {"key": container.name, "val": label.value}


def _network_member_fields(member: NetworkMember, container: Container, _: object) -> Fields:
    """A network that a container joined after the install."""
    return {"container_name": container.name, "connection": member.network, "docker_name": member.network}


def port_fields(installation: Installation) -> list[Fields]:
    """Return the ports of a rock-on, published or not; of those that are not, a host port that is free now."""
    specs = installation.current_definition.containers
    suggest = free_port_suggester(installation)

    def host_port(port: Port, container: Container) -> int:
        on_host_network = container.name in specs and specs[container.name].on_host_network
        return port.number if on_host_network else port.host or suggest(container.name, port.number)

    return [
        {
            "id": port.id,
            "container": container.id,
            "container_name": container.name,
            "hostp": host_port(port, container),
            "hostp_default": port.suggested if port.host else host_port(port, container),
            "containerp": port.number,
            "protocol": port.protocol,
            "uiport": port.ui,
            "publish": _is_published(port, installation),
            **_label_and_description(port),
        }
        for container in installation.containers
        for port in container.ports
    ]


def custom_config_fields(installation: Installation) -> list[Fields]:
    """Return the custom config of a rock-on, secrets masked."""
    return [
        {
            "id": setting.id,
            "rockon": installation.id,
            "key": setting.key,
            "val": _masked_value(setting, installation),
            **_label_and_description(setting),
        }
        for setting in installation.custom_config
    ]


FIELD_LISTERS = {
    "volumes": _row_lister("volumes", _volume_fields),
    "ports": port_fields,
    "devices": _row_lister("devices", _device_fields),
    "environment": _row_lister("environment", _variable_fields),
    "customconfig": custom_config_fields,
    "labels": _row_lister("labels", _added_label_fields),
    "networks": _row_lister("networks", _network_member_fields),
}


def _label_and_description(row: Any) -> Fields:
    return {"description": row.description, "label": row.label}


def _masked_value(row: Environment | CustomConfig, installation: Installation, container: str = "") -> str | None:
    return None if row.value is None else masked_answer(row, installation, container)
