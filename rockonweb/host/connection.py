"""A connection to the Docker Engine: whose it is, what it may act on, and the containers that it sees."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import docker
from docker.errors import NotFound

from rockonweb.core.containers.argv import INSTANCE_LABEL, ROCKON_LABEL
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.text import t
from rockonweb.host.addresses import local_addresses
from rockonweb.host.docker_errors import translate_errors, unmanaged_error

SOCKET_URL = "http+docker://"  # what the SDK calls a socket of this host
VERSION_SECONDS = 60  # that the engine's API version is believed: asking for it costs as much as most questions

_api_versions: dict[str, tuple[str, float]] = {}  # by DOCKER_HOST: the version, and when it was asked for


def create_docker_client(timeout: int) -> docker.DockerClient:
    """Return a client of the engine that Docker's variables name, in the newest API version that both understand.

    `timeout` in seconds, for each answer. Raises what the SDK does, and EngineUnreachable where they name another
    machine. An engine that went away since its version was asked for is noticed by the first question.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if not is_local_docker(host):
        raise EngineUnreachable(
            t("DOCKER_HOST names another machine: %(host)s.", host=host.rpartition("@")[2]),
            t("Shares, ports and devices are those of this machine, so use its own Docker: leave DOCKER_HOST unset."),
        )
    version, checked_at = _api_versions.get(host, ("auto", 0.0))
    if time.monotonic() - checked_at > VERSION_SECONDS:
        version = "auto"
    api_client = docker.from_env(timeout=timeout, version=version)
    if version == "auto":
        _api_versions[host] = (api_client.api.api_version, time.monotonic())
    if api_client.api.base_url.startswith(SOCKET_URL):
        api_client.api.trust_env = False  # no proxy leads to a socket of this host, and looking for one takes long
    return api_client


def is_local_docker(docker_host: str) -> bool:
    """Whether an address as DOCKER_HOST has it is of this machine: a socket, or a port of one of its own addresses."""
    if not docker_host or docker_host.startswith("/"):
        return True
    address = docker_host if "://" in docker_host else f"tcp://{docker_host}"  # so the SDK reads it
    scheme, _, rest = address.partition("://")
    if not rest or scheme in ("unix", "http+unix", "fd", "npipe"):
        return True
    try:
        hostname = urlsplit(address).hostname or "localhost"
    except ValueError:
        return False
    return scheme in ("tcp", "http", "https") and (hostname == "localhost" or _is_own_address(hostname))


def _is_own_address(address: str) -> bool:
    try:
        parsed = ip_address(address)
        return parsed.is_loopback or parsed.is_unspecified or address in local_addresses()
    except ValueError:
        return False


class Connection:
    """A connection to the Docker Engine; `instance` tells our containers from another Rockonweb's.

    It looks at all containers, but acts only on those of `rockons`, a rock-on's present name and its former ones;
    without any it acts on none.
    """

    def __init__(self, client: docker.DockerClient, instance: str, *rockons: str) -> None:
        self._api = client.api
        self.instance = instance
        self.rockons = rockons

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def list_containers(self) -> dict[str, ContainerFacts]:
        """Return all containers of the host by name, ours and others; without exit codes."""
        with translate_errors():
            items = self._api.containers(all=True)
        facts = [
            ContainerFacts(
                name=name,
                id=item["Id"],
                image=item.get("Image", ""),
                image_id=item.get("ImageID", ""),
                state=item.get("State", ""),
                rockon=self._rockon_name(item.get("Labels") or {}),
                networks=tuple((item.get("NetworkSettings") or {}).get("Networks") or {}),
            )
            for item in items
            if (name := container_name(item))
        ]
        return {container.name: container for container in facts}

    def inspect_container(self, name: str) -> ContainerFacts | None:
        """Return one container with its exit code, None when there is none of exactly this name."""
        details = self._inspect_raw(name)
        if details is None:
            return None
        state = details["State"]
        return ContainerFacts(
            name=name,
            id=details["Id"],
            image=details["Config"].get("Image", ""),
            state=state.get("Status", ""),
            exit_code=int(state.get("ExitCode") or 0),
            error=state.get("Error") or "",
            rockon=self._rockon_name(details["Config"].get("Labels") or {}),
            restarts=int(details.get("RestartCount") or 0),
            started=state.get("StartedAt") or "",
            health=((state.get("Health") or {}).get("Status") or "").removeprefix("none"),
            restart_policy=(details["HostConfig"].get("RestartPolicy") or {}).get("Name") or "",
            networks=tuple(details["NetworkSettings"].get("Networks") or {}),
        )

    def acts_on(self, container: ContainerFacts) -> bool:
        """Whether a container is one that this connection may act on."""
        return bool(container.rockon) and container.rockon in self.rockons

    def _rockon_name(self, labels: dict[str, str]) -> str:
        return labels.get(ROCKON_LABEL, "") if self._is_managed(labels) else ""

    def _is_managed(self, labels: dict[str, str]) -> bool:
        return bool(self.instance) and labels.get(INSTANCE_LABEL) == self.instance

    def _inspect_raw(self, name: str, *, by_id: bool = False) -> dict[str, Any] | None:
        with translate_errors(name):
            try:
                details: dict[str, Any] = self._api.inspect_container(name)
            except NotFound:
                return None
        # Docker takes the beginning of an id for a name as well.
        return details if by_id or details.get("Name") == f"/{name}" else None

    def _require_own_container(self, name: str) -> ContainerFacts:
        """Return a container that may be acted on. Raises EngineError for any other."""
        container = self.inspect_container(name)
        if container is None:
            raise EngineError(
                t('The container "%(name)s" does not exist.', name=name),
                t("It was removed by hand. Start the rock-on again: that makes it anew."),
            )
        self._require_own(container)
        return container

    def _require_own(self, container: ContainerFacts) -> None:
        if not container.rockon:
            raise unmanaged_error(container.name)
        if not self.acts_on(container):
            raise EngineError(
                t(
                    'The container "%(name)s" belongs to the rock-on %(rockon)s; it is left alone.',
                    name=container.name,
                    rockon=container.rockon,
                ),
                t("Uninstall that rock-on first; two with a container of the same name can't be installed together."),
            )


def container_name(item: Mapping[str, Any]) -> str:
    """Return the name of a container in a list; those of a link of the old kind are not names but paths."""
    return next((name.lstrip("/") for name in item.get("Names") or () if name.count("/") == 1), "")
