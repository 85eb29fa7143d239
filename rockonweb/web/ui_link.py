"""The address of an app's own page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote

from sqlalchemy import select

from rockonweb.core.definition.definition import Definition, from_source
from rockonweb.models import Container, Installation, Port, db

# By rock-on, container and container port: the host port, None for one that is not published.
HostPorts = Mapping[tuple[int, str, int], int | None]


def link(definition: Definition, host_port: int | None, hostname: str) -> str | None:
    """Return the address of the app's own page as the reader's browser reaches it; None where there is none.

    `hostname` is what the reader calls this host.
    """
    if definition.ui_port is None:
        return None
    container, inner = definition.ui_port
    # Docker ignores published ports on the host's network: there the app itself listens.
    port = inner if definition.containers[container].on_host_network else host_port
    if port is None:
        return None
    scheme = "https" if definition.ui.https else "http"
    name = f"[{hostname}]" if ":" in hostname else hostname
    return f"{scheme}://{name}:{port}/{quote(definition.ui.slug, safe='/#?=&;%!~*+,:@.-_')}"


def links(rockons: Iterable[Installation], hostname: str) -> dict[int, str | None]:
    """Return the addresses for installed rock-ons by id, with one statement for all."""
    installed = [rockon for rockon in rockons if rockon.entry.has_ui and rockon.installed]
    ports = _host_ports([rockon.id for rockon in installed])
    found: dict[int, str | None] = {}
    for rockon in installed:
        definition = parsed(rockon.name, rockon.installed_source or rockon.entry.source)
        place = definition.ui_port
        found[rockon.id] = link(definition, ports.get((rockon.id, *place)) if place else None, hostname)
    return found


def _host_ports(ids: list[int]) -> HostPorts:
    query = select(Container.installation_id, Container.name, Port.number, Port.host).join(Port.container)
    rows = db.session.execute(query.where(Container.installation_id.in_(ids), Port.ui))
    return {(rockon, container, number): host for rockon, container, number, host in rows}


@lru_cache(maxsize=1_000)
def parsed(name: str, source: str) -> Definition:
    """Return a definition. Parsing costs more than the rest of a list's line, and definitions seldom change."""
    return from_source(name, source)
