"""Rock-ons and their settings under the names that the original gives to their fields.

What the original keeps in tables that do not exist here is given by name: `dimage` is the image, `share` the share's
name, `connection` the network's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import raiseload

from rockonweb.blueprints.api.envelope import Slice
from rockonweb.core.definition.definition import Definition, DefinitionFaults
from rockonweb.models import (
    Container,
    CustomConfig,
    Device,
    Environment,
    Installation,
    Label,
    NetworkMember,
    Port,
    RockOn,
    State,
    Volume,
    db,
)
from rockonweb.models.rockon import SuggestedPort
from rockonweb.web import catalogue_listing, ui_link
from rockonweb.web.labels import answer

Fields = dict[str, Any]
OFFERED = or_(RockOn.in_catalogue, Installation.state != State.AVAILABLE)
COLUMNS = (
    RockOn.name, RockOn.description, RockOn.version, RockOn.website, RockOn.icon, RockOn.source, RockOn.ports,
    Installation.name, Installation.installed_source, Installation.state, Installation.status, Installation.exit_code,
    Installation.status_error, Installation.error,
)  # fmt: skip
OwnPort = Port | SuggestedPort


def count() -> int:
    """Return how many rock-ons there are."""
    query = select(func.count()).select_from(RockOn).outerjoin(Installation, Installation.entry_id == RockOn.id)
    return db.session.scalar(query.where(OFFERED)) or 0


def rockons(wanted: Slice) -> list[Fields]:
    """Return a part of the list of rock-ons, in the order of their names."""
    query = select(RockOn).where(OFFERED).order_by(RockOn.sort_name, RockOn.name)
    return _all(query.offset(wanted.offset).limit(wanted.size))


def rockon(rockon_id: int) -> Fields | None:
    """Return one rock-on; None where there is none."""
    return next(iter(_all(select(RockOn).where(RockOn.id == rockon_id))), None)


def _all(query: Select[RockOn]) -> list[Fields]:
    found = [app for app, _ in catalogue_listing.load_apps(query, COLUMNS)]
    ids = [one.id for one in found]
    operations, ports = catalogue_listing.active_operations(ids), _own_ports(ids)
    return [_of_rockon(one, _definition(one), operations.get(one.id), ports) for one in found]


def _own_ports(ids: Iterable[int]) -> Mapping[tuple[int, str, int], Port]:
    """Return the ports of apps by app, container and number; which is that of its own page, a definition says."""
    query = select(Container.installation_id, Container.name, Port).join(Port.container)
    found = db.session.execute(query.where(Container.installation_id.in_(ids)).options(raiseload("*")))
    return {(rockon_id, name, port.number): port for rockon_id, name, port in found}


def _definition(rockon: Installation) -> Definition | None:
    """Return the definition that counts now; None for one that an older version of this program took."""
    try:
        return ui_link.parsed(rockon.name, rockon.installed_source or rockon.entry.source)
    except DefinitionFaults:
        return None


def _of_rockon(
    rockon: Installation, definition: Definition | None, task: int | None, ports: Mapping[tuple[int, str, int], Port]
) -> Fields:
    place = definition.ui_port if definition else None
    own = (ports.get((rockon.id, *place)) or _offered_port(rockon, place)) if place else None
    specs = definition.containers if definition else {}
    fixed = place is not None and specs[place[0]].on_host_network
    return {
        "id": rockon.id,
        "name": rockon.name,
        "description": rockon.entry.description,
        "version": rockon.entry.version,
        "state": str(rockon.state),
        "status": rockon.status_text,
        "taskid": None if task is None else str(task),
        "link": definition.ui.slug or None if definition else None,
        "website": rockon.entry.website,
        "https": bool(definition and definition.ui.https),
        "icon": rockon.entry.icon or None,
        "ui": place is not None,
        "volume_add_support": bool(definition and definition.volume_add_support),
        "more_info": definition.more_info or None if definition else None,
        "ui_port": _host(own, fixed=fixed) if own else None,
        "ui_publish": bool(own and _is_published(own, rockon)),
        "host_network": any(spec.on_host_network for spec in specs.values()),
        "error": rockon.error,
    }


def _offered_port(rockon: Installation, place: tuple[str, int]) -> SuggestedPort | None:
    return next((port for port in rockon.entry.ports if (port.container, port.number) == place), None)


def _host(port: OwnPort, *, fixed: bool) -> int:
    """Return the host port, or the one that is suggested; a container on the host's network can have no other."""
    chosen = port.host if isinstance(port, Port) else None
    return port.number if fixed else port.suggested if chosen is None else chosen


def _is_published(port: OwnPort, rockon: Installation) -> bool:
    return not rockon.installed or (isinstance(port, Port) and port.host is not None)


# -- the settings of one rock-on --------------------------------------------------------------------------------------


def containers(rockon: Installation) -> list[Fields]:
    """Return its containers, in launch order."""
    specs = rockon.definition.containers
    return [
        {
            "id": one.id,
            "rockon": rockon.id,
            "dimage": one.image,
            "name": one.name,
            "launch_order": one.launch_order,
            "uid": specs[one.name].uid if one.name in specs else None,
        }
        for one in rockon.containers
    ]


def _each(
    part: str, fields: Callable[[Any, Container, Installation], Fields]
) -> Callable[[Installation], list[Fields]]:
    """Return what lists a part of all containers; `fields` has those of a row beside its id and its container's."""
    return lambda rockon: [
        {"id": row.id, "container": one.id, **fields(row, one, rockon)}
        for one in rockon.containers
        for row in getattr(one, part)
    ]


def _volume(volume: Volume, *_: object) -> Fields:
    """The path that a share is mounted on; `uservol` marks one that was added after the install."""
    return {
        "share": volume.share,
        "share_name": volume.share,
        "dest_dir": volume.destination,
        "uservol": volume.added,
        "min_size": volume.min_size,
        **_words(volume),
    }


def _device(device: Device, *_: object) -> Fields:
    return {"dev": device.name, "val": device.value, **_words(device)}


def _variable(variable: Environment, one: Container, rockon: Installation) -> Fields:
    """A variable, masked where it is a secret."""
    return {"key": variable.key, "val": _value(variable, rockon, one.name), **_words(variable)}


def _label(label: Label, one: Container, _: object) -> Fields:
    """A label that was added: as in the original, `key` is the container and `val` the label."""
    return {"key": one.name, "val": label.value}


def _member(member: NetworkMember, one: Container, _: object) -> Fields:
    """A network that a container was put on after the install."""
    return {"container_name": one.name, "connection": member.network, "docker_name": member.network}


def ports(rockon: Installation) -> list[Fields]:
    """Return its ports, published or not."""
    specs = rockon.definition.containers
    return [
        {
            "id": port.id,
            "container": one.id,
            "container_name": one.name,
            "hostp": _host(port, fixed=one.name in specs and specs[one.name].on_host_network),
            "hostp_default": port.suggested,
            "containerp": port.number,
            "protocol": port.protocol,
            "uiport": port.ui,
            "publish": _is_published(port, rockon),
            **_words(port),
        }
        for one in rockon.containers
        for port in one.ports
    ]


def custom_config(rockon: Installation) -> list[Fields]:
    """Return its settings as a whole, secrets masked."""
    return [
        {"id": setting.id, "rockon": rockon.id, "key": setting.key, "val": _value(setting, rockon), **_words(setting)}
        for setting in rockon.custom_config
    ]


PARTS = {
    "volumes": _each("volumes", _volume),
    "ports": ports,
    "devices": _each("devices", _device),
    "environment": _each("environment", _variable),
    "customconfig": custom_config,
    "labels": _each("labels", _label),
    "networks": _each("networks", _member),
}


def _words(row: Any) -> Fields:
    return {"description": row.description, "label": row.label}


def _value(row: Environment | CustomConfig, rockon: Installation, container: str = "") -> str | None:
    return None if row.value is None else answer(row, rockon, container)
