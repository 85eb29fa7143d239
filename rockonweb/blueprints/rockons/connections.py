"""What of this machine is connected to what in a rock-on's containers, for the picture on its page."""

from __future__ import annotations

from dataclasses import dataclass, field

from rockonweb.core.definition.definition import Definition
from rockonweb.models import Container, Installation
from rockonweb.web import ui_link


@dataclass(frozen=True)
class Wire:
    """One connection: `outside` on this machine and `inside` the container.

    A blank `outside` is something that is not connected, such as a port that isn't published.
    """

    kind: str  # port, share, device, network
    outside: str
    inside: str
    about: str = ""  # what the definition calls it
    ui: bool = False  # the port of the app's own page


@dataclass(frozen=True)
class ContainerMap:
    """The connections of one container. `host_network`: all its ports are the machine's own."""

    name: str
    wires: list[Wire] = field(default_factory=list)
    host_network: bool = False


def of(rockon: Installation) -> list[ContainerMap]:
    """Return the connections of a rock-on's containers: ports first, then storage, devices and networks."""
    definition = ui_link.parsed(rockon.name, rockon.installed_source or rockon.entry.source)
    return [_container(one, definition) for one in rockon.containers]


def _container(container: Container, definition: Definition) -> ContainerMap:
    spec = definition.containers.get(container.name)
    on_host = bool(spec and spec.on_host_network)
    wires = [
        Wire(
            "port",
            str(port.number if on_host else port.host or ""),
            f"{port.number}/{'+'.join(port.protocols)}",
            port.label,
            port.ui,
        )
        for port in container.ports
    ]
    wires += [Wire("share", one.share or "", one.destination, one.label) for one in container.volumes]
    wires += [Wire("device", one.value, one.value, one.label or one.name) for one in container.devices if one.value]
    wires += [Wire("network", name, "") for name in _networks(container, definition, on_host)]
    return ContainerMap(container.name, wires, on_host)


def _networks(container: Container, definition: Definition, on_host: bool) -> list[str]:
    """Return the networks of a container by name, without Docker's own and the machine's."""
    names = [link.network for link in definition.links if container.name in (link.source, link.target)]
    spec = definition.containers.get(container.name)
    given = () if on_host or spec is None else spec.options.networks
    named = (name for name in given if name not in ("bridge", "none"))
    return list(dict.fromkeys([*names, *named, *(member.network for member in container.networks)]))
