"""Badges: what users should know about a rock-on before they install it, derived from its definition."""

from __future__ import annotations

import enum

from rockonweb.core.definition.definition import Definition


class Badge(enum.StrEnum):
    """A property of a rock-on, in the order in which they are shown."""

    UI = "ui"
    CONTAINERS = "containers"
    HOST_NETWORK = "host-network"
    PRIVILEGED = "privileged"
    DOCKER_SOCKET = "docker-socket"
    LOCAL = "local"


CAUTION_BADGES = (Badge.HOST_NETWORK, Badge.PRIVILEGED, Badge.DOCKER_SOCKET)  # these give an app privileges on the host


def find_badges(definition: Definition, *, local: bool = False) -> tuple[Badge, ...]:
    """Return the badges of a rock-on; `local` is whether its definition is one of the local ones."""
    containers = definition.containers.values()
    conditions = {
        Badge.UI: definition.ui_port is not None,
        Badge.CONTAINERS: len(containers) > 1,
        Badge.HOST_NETWORK: any(container.on_host_network for container in containers),
        Badge.PRIVILEGED: any(container.run_options.has_all_rights for container in containers),
        Badge.DOCKER_SOCKET: any(container.run_options.has_engine_socket for container in containers),
        Badge.LOCAL: local,
    }
    return tuple(badge for badge, met in conditions.items() if met)
