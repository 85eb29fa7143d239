"""A connection to the Docker Engine: which containers there are, and which of them it may change."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import docker
import requests
from docker.errors import NotFound
from docker.utils import kwargs_from_env

from rockonweb.core.containers.argv import (
    INSTANCE_LABEL,
    NAME_LABEL,
    OPERATION_LABEL,
    REHEARSAL_SUFFIX,
    ROCKON_LABEL,
)
from rockonweb.core.errors import EngineError, EngineUnreachable
from rockonweb.core.facts import ContainerFacts, PortListener
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.core.text import t
from rockonweb.host import host_root
from rockonweb.host.addresses import local_addresses
from rockonweb.host.docker_errors import translate_errors, unmanaged_error
from rockonweb.host.patience import JOB_SECONDS, READ_METHODS, ReadPatience, current_patience
from rockonweb.host.waiting import Waiter

SOCKET_URL = "http+docker://"  # how the SDK writes a Unix socket's URL
VERSION_SECONDS = 60  # for which the engine's API version is cached: fetching it costs as much as most requests

_api_versions: dict[str, tuple[str, float]] = {}  # by DOCKER_HOST: the version, and when (monotonic) it was fetched


class ImpatientClient(docker.APIClient):
    """The SDK's client, whose reads wait as long as a ReadPatience has it."""

    def __init__(self, patience: ReadPatience, **options: Any) -> None:
        self._patience = patience
        super().__init__(**options)

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> requests.Response:  # type: ignore[override]
        """Send a request; after a read without an answer, the next ones with the same patience fail at once."""
        if method.upper() not in READ_METHODS:
            return super().request(method, url, *arguments, **options)
        options["timeout"] = self._patience.next_timeout(stream=bool(options.get("stream")))
        started = time.monotonic()
        try:
            response = super().request(method, url, *arguments, **options)
        except (requests.Timeout, requests.ConnectionError):
            self._patience.left = 0
            raise
        self._patience.left -= time.monotonic() - started
        return response

    def _disable_socket_timeout(self, socket: object) -> None:
        """Keep the timeout while a log is read, which the SDK would take away."""


def create_docker_client(seconds: float | None = None) -> docker.APIClient:
    """Return a client of the engine that DOCKER_HOST etc. name, with the newest API version that both support.

    `seconds`: for each answer to a read; None: as `current_patience` has it, else JOB_SECONDS. Raises the SDK's
    exceptions, and EngineUnreachable where DOCKER_HOST is another machine. While the API version is cached, an engine
    that went down is noticed only by the first request.
    """
    host = os.environ.get("DOCKER_HOST", "")
    if not is_local_docker(host):
        raise EngineUnreachable(
            t("DOCKER_HOST points to another machine: %(host)s.", host=host.rpartition("@")[2]),
            t(
                "Shares, ports and devices are those of this machine, so its own Docker must be used: leave "
                "DOCKER_HOST unset."
            ),
        )
    version, checked_at = _api_versions.get(host, ("auto", 0.0))
    if time.monotonic() - checked_at > VERSION_SECONDS:
        version = "auto"
    options: dict[str, Any] = {"version": version, "timeout": JOB_SECONDS, **kwargs_from_env()}
    patience = current_patience() if seconds is None else ReadPatience(seconds)
    api = ImpatientClient(patience, **options) if patience else docker.APIClient(**options)
    if version == "auto":
        _api_versions[host] = (api.api_version, time.monotonic())
    if api.base_url.startswith(SOCKET_URL):
        api.trust_env = False  # a socket needs no proxy, and looking one up is slow
    return api


def is_local_docker(docker_host: str) -> bool:
    """Whether a value of DOCKER_HOST is of this machine: a socket, or a port on one of its own addresses."""
    if not docker_host or docker_host.startswith("/"):
        return True
    address = docker_host if "://" in docker_host else f"tcp://{docker_host}"  # as the SDK reads it
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
    """A connection to the Docker Engine. Containers whose label is `instance` are managed by this Rockonweb.

    It reads all containers, but changes only those of `rockons`, the names (present and former) of a rock-on; without
    names it changes none.
    """

    def __init__(self, api: docker.APIClient, instance: str, *rockons: str) -> None:
        self._api = api
        self.instance = instance
        self.rockons = rockons
        self.adopted_ids: frozenset[str] = frozenset()  # of containers of others that an operation takes over
        self.waiter = Waiter()
        self._answered_at, self._api_version = 0.0, ""
        api.hooks["response"].append(self._note_answer)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._api.close()

    def enter_closed_room(self) -> None:
        """From now on act on what belongs to rehearsals alone: the containers of apps are unmanaged ones."""
        self.instance += REHEARSAL_SUFFIX

    def answer_time(self) -> float:
        """Return the engine's clock at its last answer in Unix seconds; this machine's where it does not say."""
        return self._answered_at or time.time()

    def _seconds_since(self, moment: str) -> float | None:
        """Return the seconds since a moment as Docker writes it, by its clock; None where it can't be read."""
        try:
            return max(0.0, self.answer_time() - datetime.fromisoformat(moment).timestamp())
        except ValueError:
            return None

    def _note_answer(self, response: requests.Response, **_: object) -> None:
        self._api_version = response.headers.get("Api-Version", "")  # the engine's newest, not that of the request
        with suppress(ValueError):
            self._answered_at = parsedate_to_datetime(response.headers.get("Date", "")).timestamp()

    def list_containers(self) -> dict[str, ContainerFacts]:
        """Return all containers of the host by name, managed or not. Exit codes are not filled in.

        One of ours that was renamed manually has the name that it was created with, unless another one took that.
        """
        with translate_errors():
            items = self._api.containers(all=True)
        originals = self._original_names(items)
        facts = [
            ContainerFacts(
                name=originals.get(name, name),
                docker_name=name if name in originals else "",
                created=int(item.get("Created") or 0),
                id=item["Id"],
                image=item.get("Image", ""),
                image_id=item.get("ImageID", ""),
                state=item.get("State", ""),
                rockon=self._rockon_name(item.get("Labels") or {}),
                operation=(item.get("Labels") or {}).get(OPERATION_LABEL, ""),
                networks=tuple((item.get("NetworkSettings") or {}).get("Networks") or {}),
                network_ids={
                    network: (endpoint or {}).get("NetworkID", "")
                    for network, endpoint in ((item.get("NetworkSettings") or {}).get("Networks") or {}).items()
                },
                network_mode=(item.get("HostConfig") or {}).get("NetworkMode", ""),
                bind_mounts=tuple(
                    mount["Source"]
                    for mount in item.get("Mounts") or ()
                    if mount.get("Type") == "bind" and mount.get("Source")
                ),
                published=self._published_ports(item),
            )
            for item in items
            if (name := container_name(item))
        ]
        return {container.name: container for container in facts}

    def inspect_container(self, name: str) -> ContainerFacts | None:
        """Return one container with its exit code; None where none has exactly this name, or had before someone else
        than Rockonweb renamed it.
        """
        details = self._inspect_raw(name)
        if details is None:
            return None
        state = details["State"]
        docker_name = str(details.get("Name") or "").lstrip("/")
        return ContainerFacts(
            name=name,
            docker_name=docker_name if docker_name != name else "",
            id=details["Id"],
            image=details["Config"].get("Image", ""),
            state=state.get("Status", ""),
            exit_code=int(state.get("ExitCode") or 0),
            error=state.get("Error") or "",
            rockon=self._rockon_name(details["Config"].get("Labels") or {}),
            operation=(details["Config"].get("Labels") or {}).get(OPERATION_LABEL, ""),
            restarts=int(details.get("RestartCount") or 0),
            started=state.get("StartedAt") or "",
            up_seconds=self._seconds_since(state.get("StartedAt") or "") if state.get("Running") else None,
            out_of_memory=bool(state.get("OOMKilled")),
            health=((state.get("Health") or {}).get("Status") or "").removeprefix("none"),
            restart_policy=(details["HostConfig"].get("RestartPolicy") or {}).get("Name") or "",
            networks=tuple(details["NetworkSettings"].get("Networks") or {}),
        )

    def inspect_by_id(self, container_id: str) -> dict[str, Any] | None:
        """Return what Docker says of a container; None where it has none of this id."""
        return self._inspect_raw(container_id, by_id=True)

    def acts_on(self, container: ContainerFacts) -> bool:
        """Whether this connection may change a container: never the one that this process runs in."""
        return bool(container.rockon) and container.rockon in self.rockons and container.id != self._own_id

    @cached_property
    def _own_id(self) -> str:
        return host_root.read_own_id()

    def _rockon_name(self, labels: dict[str, str]) -> str:
        return labels.get(ROCKON_LABEL, "") if self._is_managed(labels) else ""

    def _published_ports(self, item: Mapping[str, Any]) -> tuple[PortListener, ...]:
        return tuple(
            PortListener(
                port=port["PublicPort"],
                protocol=port.get("Type", "tcp"),
                address=port.get("IP", ""),
                holder=t("the container %(name)s", name=container_name(item) or "?"),
                rockon=self._rockon_name(item.get("Labels") or {}),
            )
            for port in item.get("Ports") or ()
            if port.get("PublicPort")
        )

    def _is_managed(self, labels: dict[str, str]) -> bool:
        return bool(self.instance) and labels.get(INSTANCE_LABEL) == self.instance

    def _original_names(self, items: Iterable[Mapping[str, Any]]) -> dict[str, str]:
        """Return by present name the name that each container of this instance which was renamed manually was created
        with; without those whose name another one has now.
        """
        labels = {container_name(item): item.get("Labels") or {} for item in items}
        originals = {
            name: original
            for name, own in labels.items()
            if self._is_managed(own)
            and (original := own.get(NAME_LABEL, name)) not in labels
            and name != original + RENAMED_SUFFIX
        }
        known = list(originals.values())
        return {name: original for name, original in originals.items() if known.count(original) == 1}

    def _inspect_raw(self, name: str, *, by_id: bool = False) -> dict[str, Any] | None:
        with translate_errors(name):
            # Docker takes a prefix of an id for a name as well.
            with suppress(NotFound):
                details: dict[str, Any] = self._api.inspect_container(name)
                if by_id or details.get("Name") == f"/{name}":
                    return details
            return None if by_id else self._inspect_renamed(name)

    def _inspect_renamed(self, name: str) -> dict[str, Any] | None:
        """Return the container of this instance that was created with this name and was renamed manually."""
        labels = [f"{NAME_LABEL}={name}", f"{INSTANCE_LABEL}={self.instance}"]
        items = self._api.containers(all=True, filters={"label": labels}) if self.instance else ()
        for present in self._original_names(items):
            with suppress(NotFound):
                details: dict[str, Any] = self._api.inspect_container(present)
                return details
        return None

    def _require_own_container(self, name: str) -> ContainerFacts:
        """Return a container that may be changed. Raises EngineError for any other."""
        container = self.inspect_container(name)
        if container is None:
            raise EngineError(
                t('The container "%(name)s" does not exist.', name=name),
                t("It was removed manually. Start the rock-on again to recreate it."),
            )
        self._require_own(container)
        return container

    def _require_own(self, container: ContainerFacts) -> None:
        if not container.rockon:
            raise unmanaged_error(container.name)
        if not self.acts_on(container):
            raise EngineError(
                t(
                    'The container "%(name)s" belongs to the rock-on %(rockon)s; it is not changed.',
                    name=container.name,
                    rockon=container.rockon,
                ),
                t(
                    "Uninstall that rock-on first; two rock-ons with a container of the same name can't be installed "
                    "at the same time."
                ),
            )


def container_name(item: Mapping[str, Any]) -> str:
    """Return a listed container's name; entries with a further slash are aliases of legacy links."""
    return next((name.lstrip("/") for name in item.get("Names") or () if name.count("/") == 1), "")
