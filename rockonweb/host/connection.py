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
from rockonweb.host.addresses import addresses
from rockonweb.host.docker_errors import stranger, translated

LOCAL = "http+docker://"  # what the SDK calls a socket of this host
VERSION_SECONDS = 60  # that the engine's API version is believed: asking for it costs as much as most questions

_understood: dict[str, tuple[str, float]] = {}  # by DOCKER_HOST: the version, and when it was asked for


def client(timeout: int) -> docker.DockerClient:
    """Return a client of the engine that Docker's variables name, in the newest API version that both understand.

    `timeout` in seconds, for each answer. Raises what the SDK does, and EngineUnreachable where they name another
    machine. An engine that went away since its version was asked for is noticed by the first question.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if not is_here(host):
        raise EngineUnreachable(
            t("DOCKER_HOST names another machine: %(host)s.", host=host.rpartition("@")[2]),
            t("Shares, ports and devices are those of this machine, so use its own Docker: leave DOCKER_HOST unset."),
        )
    version, asked = _understood.get(host, ("auto", 0.0))
    if time.monotonic() - asked > VERSION_SECONDS:
        version = "auto"
    made = docker.from_env(timeout=timeout, version=version)
    if version == "auto":
        _understood[host] = (made.api.api_version, time.monotonic())
    if made.api.base_url.startswith(LOCAL):
        made.api.trust_env = False  # no proxy leads to a socket of this host, and looking for one takes long
    return made


def is_here(docker_host: str) -> bool:
    """Whether an address as DOCKER_HOST has it is of this machine: a socket, or a port of one of its own addresses."""
    if not docker_host or docker_host.startswith("/"):
        return True
    address = docker_host if "://" in docker_host else f"tcp://{docker_host}"  # so the SDK reads it
    scheme, _, rest = address.partition("://")
    if not rest or scheme in ("unix", "http+unix", "fd", "npipe"):
        return True
    try:
        named = urlsplit(address).hostname or "localhost"
    except ValueError:
        return False
    return scheme in ("tcp", "http", "https") and (named == "localhost" or _is_own(named))


def _is_own(address: str) -> bool:
    try:
        known = ip_address(address)
        return known.is_loopback or known.is_unspecified or address in addresses()
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

    def containers(self) -> dict[str, ContainerFacts]:
        """Return all containers of the host by name, ours and others; without exit codes."""
        with translated():
            found = self._api.containers(all=True)
        facts = [
            ContainerFacts(
                name=name,
                id=item["Id"],
                image=item.get("Image", ""),
                image_id=item.get("ImageID", ""),
                state=item.get("State", ""),
                rockon=self._rockon(item.get("Labels") or {}),
                networks=tuple((item.get("NetworkSettings") or {}).get("Networks") or {}),
            )
            for item in found
            if (name := name_of(item))
        ]
        return {one.name: one for one in facts}

    def container(self, name: str) -> ContainerFacts | None:
        """Return one container with its exit code, None when there is none of exactly this name."""
        found = self._inspect(name)
        if found is None:
            return None
        state = found["State"]
        return ContainerFacts(
            name=name,
            id=found["Id"],
            image=found["Config"].get("Image", ""),
            state=state.get("Status", ""),
            exit_code=int(state.get("ExitCode") or 0),
            error=state.get("Error") or "",
            rockon=self._rockon(found["Config"].get("Labels") or {}),
            restarts=int(found.get("RestartCount") or 0),
            started=state.get("StartedAt") or "",
            health=((state.get("Health") or {}).get("Status") or "").removeprefix("none"),
            restart_policy=(found["HostConfig"].get("RestartPolicy") or {}).get("Name") or "",
            networks=tuple(found["NetworkSettings"].get("Networks") or {}),
        )

    def acts_on(self, known: ContainerFacts) -> bool:
        """Whether a container is one that this connection may act on."""
        return bool(known.rockon) and known.rockon in self.rockons

    def _rockon(self, labels: dict[str, str]) -> str:
        return labels.get(ROCKON_LABEL, "") if self._is_ours(labels) else ""

    def _is_ours(self, labels: dict[str, str]) -> bool:
        return bool(self.instance) and labels.get(INSTANCE_LABEL) == self.instance

    def _inspect(self, name: str, *, by_id: bool = False) -> dict[str, Any] | None:
        with translated(name):
            try:
                found: dict[str, Any] = self._api.inspect_container(name)
            except NotFound:
                return None
        # Docker takes the beginning of an id for a name as well.
        return found if by_id or found.get("Name") == f"/{name}" else None

    def _own(self, name: str) -> ContainerFacts:
        """Return a container that may be acted on. Raises EngineError for any other."""
        known = self.container(name)
        if known is None:
            raise EngineError(
                t('The container "%(name)s" does not exist.', name=name),
                t("It was removed by hand. Start the rock-on again: that makes it anew."),
            )
        self._refuse_others(known)
        return known

    def _refuse_others(self, known: ContainerFacts) -> None:
        if not known.rockon:
            raise stranger(known.name)
        if not self.acts_on(known):
            raise EngineError(
                t(
                    'The container "%(name)s" belongs to the rock-on %(rockon)s; it is left alone.',
                    name=known.name,
                    rockon=known.rockon,
                ),
                t("Uninstall that rock-on first; two with a container of the same name can't be installed together."),
            )


def name_of(item: Mapping[str, Any]) -> str:
    """Return the name of a container in a list; those of a link of the old kind are not names but paths."""
    return next((name.lstrip("/") for name in item.get("Names") or () if name.count("/") == 1), "")
