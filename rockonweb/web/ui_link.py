"""The URL of an app's own page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from sqlalchemy import bindparam, select

from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.models import Container, Installation, Port, db

# By installation id, container name and container port: the host port, None where it is not published.
HostPorts = Mapping[tuple[int, str, int], int | None]
# Built once: each list executes it, and building it takes longer than the query.
_UI_PORTS = (
    select(Container.installation_id, Container.name, Port.number, Port.host)
    .join(Port.container)
    .where(Container.installation_id.in_(bindparam("ids", expanding=True)), Port.ui)
)


def build_ui_link(definition: Definition, host_port: int | None, hostname: str) -> str | None:
    """Return the URL of the app's own page as the user's browser reaches it; None where there is none.

    `hostname` is the host name of the request.
    """
    if definition.ui_port is None:
        return None
    container, container_port = definition.ui_port
    # Docker ignores published ports on the host network: the app itself listens there.
    port = container_port if definition.containers[container].on_host_network else host_port
    if port is None:
        return None
    scheme = "https" if definition.ui.https else "http"
    name = f"[{hostname}]" if ":" in hostname else hostname
    return f"{scheme}://{name}:{port}/{quote(definition.ui.slug, safe='/#?=&;%!~*+,:@.-_')}"


def ui_links_by_id(rockons: Iterable[Installation], hostname: str) -> dict[int, str | None]:
    """Return the URLs for rock-ons that are or are being installed, by installation id; one SQL statement for all."""
    installed = [one for one in rockons if one.entry.has_ui and one.state in INSTALLED_OR_PENDING]
    ports = _host_ports([installation.id for installation in installed])
    addresses: dict[int, str | None] = {}
    for installation in installed:
        definition = parse_cached(installation.name, installation.current_source)
        port_key = definition.ui_port
        addresses[installation.id] = build_ui_link(
            definition, ports.get((installation.id, *port_key)) if port_key else None, hostname
        )
    return addresses


def _host_ports(ids: list[int]) -> HostPorts:
    rows = db.session.execute(_UI_PORTS, {"ids": ids})
    return {(rockon, container, container_port): host_port for rockon, container, container_port, host_port in rows}


@lru_cache(maxsize=1_000)
def parse_cached(name: str, source: str) -> Definition:
    """Return a parsed definition, cached: parsing costs more than the rest of a card, and definitions seldom change."""
    return definition_from_source(name, source)
