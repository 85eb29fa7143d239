"""Connections between this machine and a rock-on's containers (ports, shares, devices, networks), for its page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import RELATION_VERBS, Relation, container_of
from rockonweb.core.text import t
from rockonweb.models import Container, Installation
from rockonweb.web import ui_link
from rockonweb.work.dependents import find_dependents, list_references

LENDER_VERBS = {
    Relation.VOLUMES: t("uses its volumes"),
    Relation.LINK: t("links to it"),
    Relation.NETWORK: t("uses its network"),
    Relation.PROCESSES: t("shares its processes"),
    Relation.MEMORY: t("shares its memory"),
}


@dataclass(frozen=True)
class ContainerConnection:
    """One connection: what on this machine (`outside`) is connected to what in the container (`inside`).

    `outside` is blank where nothing is connected, such as for a port that isn't published.
    """

    kind: str  # port, share, device, network, container
    outside: str
    inside: str
    label: str = ""  # what the definition calls it
    ui: bool = False  # the port of the app's own page


@dataclass(frozen=True)
class ContainerConnections:
    """The connections of one container; with `host_network` its ports are directly the machine's."""

    name: str
    connections: list[ContainerConnection] = field(default_factory=list)
    host_network: bool = False


def list_connections(installation: Installation) -> list[ContainerConnections]:
    """Return the connections of a rock-on's containers: ports first, then storage, devices, networks and containers of
    other rock-ons.
    """
    definition = ui_link.parse_cached(installation.name, installation.current_source)
    return [
        replace(shown, connections=[*shown.connections, *_container_references(container.name, installation)])
        for container in installation.containers
        for shown in [_container_connections(container, definition)]
    ]


def _container_references(container: str, installation: Installation) -> Iterator[ContainerConnection]:
    """Yield what a container uses of containers of other rock-ons, and what those use of it."""
    for name, reference in list_references(installation):
        if name == container:
            yield ContainerConnection("container", reference.container, RELATION_VERBS[reference.relation])
    for dependent in find_dependents(installation):
        for name, reference in list_references(dependent):
            if reference.container == container:
                label = t("%(name)s of %(rockon)s", name=name, rockon=dependent.name)
                yield ContainerConnection("container", label, LENDER_VERBS[reference.relation])


def _container_connections(container: Container, definition: Definition) -> ContainerConnections:
    spec = definition.containers.get(container.name)
    on_host = bool(spec and spec.on_host_network)
    connections = [
        ContainerConnection(
            "port",
            str(port.number if on_host else port.host or ""),
            f"{port.number}/{'+'.join(port.published_protocols)}",
            port.label,
            port.ui,
        )
        for port in container.ports
    ]
    if spec and not on_host:
        connections += [
            ContainerConnection("port", str(port.host), f"{port.number}/{port.protocol}")
            for port in spec.run_options.published_ports
        ]
    connections += [
        ContainerConnection("share", item.share or "", item.destination, item.label) for item in container.volumes
    ]
    connections += [
        ContainerConnection("device", item.value, item.value, item.label or item.name)
        for item in container.devices
        if item.value
    ]
    connections += [
        ContainerConnection("network", name, "") for name in _container_networks(container, definition, on_host)
    ]
    return ContainerConnections(container.name, connections, on_host)


def _container_networks(container: Container, definition: Definition, on_host: bool) -> list[str]:
    """Return the names of a container's networks, without Docker's own and the host network."""
    names = [link.network for link in definition.network_links if container.name in (link.source, link.target)]
    spec = definition.containers.get(container.name)
    networks = () if on_host or spec is None else spec.run_options.networks
    joined = (name for name in networks if name not in ("bridge", "none") and not container_of(name))
    return list(dict.fromkeys([*names, *joined, *(member.network for member in container.networks)]))
