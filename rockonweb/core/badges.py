"""Badges: what a person should know of a rock-on before installing it, told by its definition."""

from __future__ import annotations

import enum
import posixpath
from collections.abc import Iterator

from rockonweb.core.definition import ContainerSpec, Definition

# Whoever mounts one of these can ask Docker for anything; the folders hold the socket.
SOCKETS = {"/var/run/docker.sock", "/run/docker.sock", "/var/run", "/run"}
MOUNTS = ("-v", "--volume", "--mount")
OFF = ("false", "f", "0")  # how Docker's flags are switched off


class Badge(enum.StrEnum):
    """A property of a rock-on, in the order in which they are shown."""

    UI = "ui"
    CONTAINERS = "containers"
    HOST_NETWORK = "host-network"
    PRIVILEGED = "privileged"
    DOCKER_SOCKET = "docker-socket"
    LOCAL = "local"


CAUTION = (Badge.HOST_NETWORK, Badge.PRIVILEGED, Badge.DOCKER_SOCKET)  # these give an app power over the host


def badges(definition: Definition, *, local: bool = False) -> tuple[Badge, ...]:
    """Return the badges of a rock-on; `local` is whether its definition is one of the local ones."""
    containers = definition.containers.values()
    found = {
        Badge.UI: definition.ui_port is not None,
        Badge.CONTAINERS: len(containers) > 1,
        Badge.HOST_NETWORK: any(container.on_host_network for container in containers),
        Badge.PRIVILEGED: any(_is_privileged(container) for container in containers),
        Badge.DOCKER_SOCKET: any(_mounts_socket(container) for container in containers),
        Badge.LOCAL: local,
    }
    return tuple(badge for badge, given in found.items() if given)


def _is_privileged(container: ContainerSpec) -> bool:
    said = [value.strip().lower() not in OFF for flag, value in container.options() if flag == "--privileged"]
    return bool(said) and said[-1]  # the last one counts for Docker


def _mounts_socket(container: ContainerSpec) -> bool:
    given = {flag for flag, value in container.options() if value.strip().lower() not in OFF}
    paths = (posixpath.normpath(source).replace("//", "/") for source in _host_paths(container) if source)
    return "--use-api-socket" in given or any(path in SOCKETS for path in paths)


def _host_paths(container: ContainerSpec) -> Iterator[str]:
    """Yield what the options mount from the host, of `-v SOURCE:PATH` and `--mount type=bind,source=SOURCE,…`."""
    for flag, value in container.options():
        if flag == "--mount":
            settings = {
                key.strip('" ').lower(): given.strip('" ')
                for key, _, given in (part.partition("=") for part in value.split(","))
            }
            yield settings.get("source") or settings.get("src") or ""
        elif flag in MOUNTS:
            yield value.strip().partition(":")[0]
