"""Finds the container that this process runs in, where it is one of the Docker Engine that it uses."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rockonweb.core.errors import EngineError
from rockonweb.core.own_container import OwnContainer
from rockonweb.host import host_root

if TYPE_CHECKING:
    from rockonweb.host.engine import Engine

_inspected: dict[tuple[str, str], OwnContainer | None] = {}  # by engine and id; a container's mounts never change


def find_own_container(connect: Callable[[], Engine]) -> OwnContainer | None:
    """Return this process's container; None where it runs in none that the engine of `connect` knows, or it does not
    answer.
    """
    container_id = host_root.read_own_id()
    if not container_id:
        return None
    key = (os.environ.get("DOCKER_HOST", ""), container_id)
    if key not in _inspected:
        try:
            with connect() as docker:
                details = docker.inspect_by_id(container_id)
        except EngineError:
            return None
        _inspected[key] = describe_container(details) if details else None
    return _inspected[key]


def describe_container(details: Mapping[str, Any]) -> OwnContainer:
    """Return what Docker's answer to inspecting this process's container says."""
    settings = details.get("HostConfig") or {}
    capabilities = {str(name).removeprefix("CAP_") for name in settings.get("CapAdd") or ()}
    host_processes = settings.get("PidMode") == "host"
    return OwnContainer(
        id=details["Id"],
        name=str(details.get("Name") or "").lstrip("/"),
        mounts={mount["Destination"]: mount.get("Source") or "" for mount in details.get("Mounts") or ()},
        host_network=settings.get("NetworkMode") == "host",
        host_processes=host_processes,
        reads_host=host_processes and host_root.find_host_process() is not None,
        capabilities=frozenset({"ALL"} if settings.get("Privileged") else capabilities),
    )
