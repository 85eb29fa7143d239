"""Lists, creates, changes and removes Docker networks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from docker.errors import APIError, NotFound

from rockonweb.core.containers.argv import INSTANCE_LABEL, OPERATION_LABEL
from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.text import join_texts, t
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translate_errors

ADDRESS_OPTIONS = ("ipv4_address", "ipv6_address")  # of an endpoint: static addresses


@dataclass(frozen=True)
class _Endpoint:
    """A container's connection to a network: its name and id, and the options to connect it again."""

    container: str
    id: str
    options: Mapping[str, Any]

    def moved_to(self, spec: NetworkSpec) -> _Endpoint:
        """Return the endpoint for another network, without static addresses that are outside its subnet."""
        unusable = [
            key for key in ADDRESS_OPTIONS if (address := self.options.get(key)) and not spec.contains_address(address)
        ]
        return replace(self, options={key: value for key, value in self.options.items() if key not in unusable})


class Networks(Connection):
    """The part of a connection for networks. Only managed networks are changed or removed."""

    def list_networks(self, containers: Mapping[str, ContainerFacts] | None = None) -> dict[str, NetworkFacts]:
        """Return all networks by name, with the containers on each, running or not.

        `containers` is the result of `list_containers`, to save that request.
        """
        with translate_errors():
            items = self._api.networks()
        members: dict[str, list[str]] = {}
        for facts in (self.list_containers() if containers is None else containers).values():
            for network in facts.networks:
                members.setdefault(network, []).append(facts.name)
        return {item["Name"]: self._network_facts(item, members.get(item["Name"], ())) for item in items}

    def operation_networks(self, operation: str) -> list[str]:
        """Return the names of this instance's networks that the operation of this id created."""
        with translate_errors():
            items = self._api.networks(filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [item["Name"] for item in items if self._is_managed(item.get("Labels") or {})]

    def ensure_network(self, name: str, operation: str | None = None, spec: NetworkSpec | None = None) -> bool:
        """Create a network unless one of this name exists, by `spec` or with Docker's defaults; `operation` is a label.

        Returns whether it was created.
        """
        if self._find_network(name) is not None:
            return False
        self._create_network(self._network_config(spec or NetworkSpec(name), operation))
        return True

    def recreate_network(self, spec: NetworkSpec) -> None:
        """Recreate a managed network by `spec`, and reconnect the containers that are on it.

        Where that fails, the old network is restored and EngineError raised.
        """
        old = self._require_own_network(spec.name)
        endpoints = self._list_endpoints(spec.name)
        try:
            self._detach_and_remove(spec.name, endpoints)
            self._create_network(self._network_config(spec))
            self._attach_endpoints(spec.name, [endpoint.moved_to(spec) for endpoint in endpoints])
        except EngineError as error:
            self._restore_network(old, endpoints, error)
            raise

    def disconnect_and_remove(self, name: str) -> None:
        """Disconnect all containers from a managed network and remove it. Where that fails, it is restored."""
        old = self._require_own_network(name)
        endpoints = self._list_endpoints(name)
        try:
            self._detach_and_remove(name, endpoints)
        except EngineError as error:
            self._restore_network(old, endpoints, error)
            raise

    def reconnect_network(self, network: str, name: str) -> None:
        """Connect a container to a network that was recreated, where it may still refer to the id of the old one."""
        docker_network = self._find_network(network)
        details = self._inspect_raw(self._require_own_container(name).id, by_id=True)
        endpoint = _endpoints_by_network(details).get(network)
        if (
            docker_network is None
            or details is None
            or (endpoint is not None and endpoint.get("NetworkID") == docker_network["Id"])
        ):
            return
        with translate_errors(name):
            if endpoint is not None:
                self._api.disconnect_container_from_network(details["Id"], network, force=True)
            self._api.connect_container_to_network(details["Id"], network)

    def connect_network(self, network: str, name: str) -> bool:
        """Connect a container of the rock-on to a network. Returns False where it was connected already."""
        container = self._require_own_container(name)
        if network in container.networks:
            if self._is_endpoint_alive(network, name):
                return False
            # Docker starts nothing that is on a network of this name which no longer exists.
            with translate_errors(name):
                self._api.disconnect_container_from_network(container.id, network, force=True)
        with translate_errors(name):
            self._api.connect_container_to_network(container.id, network)
        return True

    def _is_endpoint_alive(self, network: str, name: str) -> bool:
        """Whether a container is on the network that now has this name, and not on a removed one."""
        details, container = self._find_network(network), self._inspect_raw(name) or {}
        endpoint = ((container.get("NetworkSettings") or {}).get("Networks") or {}).get(network) or {}
        return details is not None and endpoint.get("NetworkID") in ("", None, details["Id"])

    def disconnect_network(self, network: str, name: str) -> bool:
        """Disconnect a container of the rock-on from a network. Returns False where it was not connected."""
        container = self._require_own_container(name)
        if network not in container.networks:
            return False
        with translate_errors(name), suppress(NotFound):
            self._api.disconnect_container_from_network(container.id, network)
        return True

    def remove_network(self, name: str) -> bool:
        """Remove a managed network that no container is connected to. Returns whether it no longer exists."""
        details = self._find_network(name)
        if details is None or not self._is_managed(details.get("Labels") or {}):
            return details is None
        if any(
            name in facts.networks for facts in self.list_containers().values()
        ):  # also stopped ones, which could not start without it
            return False
        with translate_errors(name):
            try:
                self._api.remove_network(details["Id"])
            except APIError as error:
                if error.status_code == 403:  # Docker refuses: something is connected
                    return False
                raise
        return True

    # -- helpers ------------------------------------------------------------------------------------------------

    def _network_facts(self, item: Mapping[str, Any], containers: Iterable[str]) -> NetworkFacts:
        pools = (item.get("IPAM") or {}).get("Config") or ()
        return NetworkFacts(
            name=item["Name"],
            containers=tuple(sorted(containers)),
            ours=self._is_managed(item.get("Labels") or {}),
            driver=item.get("Driver") or "",
            subnets=tuple(pool["Subnet"] for pool in pools if pool.get("Subnet")),
            internal=bool(item.get("Internal")),
            id=item.get("Id") or "",
        )

    def _find_network(self, name: str) -> dict[str, Any] | None:
        """Return Docker's details of a network; its filter also matches parts of names."""
        with translate_errors(name):
            matches: list[dict[str, Any]] = self._api.networks(names=[name])
        return next((item for item in matches if item["Name"] == name), None)

    def _require_own_network(self, name: str) -> dict[str, Any]:
        details = self._find_network(name)
        if details is None:
            raise EngineError(t('Docker has no network "%(name)s".', name=name), t("Recreate it, then change it."))
        if not self._is_managed(details.get("Labels") or {}):
            raise EngineError(
                t('The network "%(name)s" was not created by this Rockonweb; it is not changed.', name=name),
                t("Choose another name."),
            )
        return details

    def _network_config(self, spec: NetworkSpec, operation: str | None = None) -> dict[str, Any]:
        """Return the arguments of the SDK's create_network."""
        labels = {INSTANCE_LABEL: self.instance}
        if operation is not None:
            labels[OPERATION_LABEL] = operation
        pool = {
            "Subnet": spec.subnet,
            "Gateway": spec.gateway,
            "IPRange": spec.ip_range,
            "AuxiliaryAddresses": dict(spec.aux_addresses),
        }
        return {
            "name": spec.name,
            "driver": "bridge",
            "options": spec.driver_options,
            "ipam": {"Config": [{key: value for key, value in pool.items() if value}]} if spec.subnet else None,
            "internal": spec.internal,
            "enable_ipv6": spec.is_ipv6,
            "labels": labels,
        }

    def _create_network(self, config: Mapping[str, Any]) -> None:
        with translate_errors(config["name"]):
            self._api.create_network(check_duplicate=True, **config)

    def _list_endpoints(self, network: str) -> list[_Endpoint]:
        """Return the endpoints of a network. Raises EngineError where one is of a container that may not be changed."""
        endpoints = []
        for name, facts in self.list_containers().items():
            if network in facts.networks:
                details = self._inspect_raw(self._require_own_container(name).id, by_id=True)
                endpoints.append(
                    _Endpoint(
                        name, facts.id, _endpoint_options(_endpoints_by_network(details).get(network) or {}, facts.id)
                    )
                )
        return endpoints

    def _detach_and_remove(self, name: str, endpoints: list[_Endpoint]) -> None:
        for endpoint in endpoints:
            if name in _endpoints_by_network(self._inspect_raw(endpoint.id, by_id=True)):
                with translate_errors(endpoint.container):
                    self._api.disconnect_container_from_network(endpoint.id, name, force=True)
        with translate_errors(name), suppress(NotFound):
            self._api.remove_network(name)

    def _attach_endpoints(self, name: str, endpoints: list[_Endpoint]) -> None:
        """Connect containers again, except those removed in the meantime."""
        for endpoint in endpoints:
            details = self._inspect_raw(endpoint.id, by_id=True)
            if details is not None and name not in _endpoints_by_network(details):
                with translate_errors(endpoint.container):
                    self._api.connect_container_to_network(endpoint.id, name, **endpoint.options)

    def _restore_network(self, old: Mapping[str, Any], endpoints: list[_Endpoint], cause: EngineError) -> None:
        """Restore a network after `cause`. Raises EngineError where that fails too."""
        name = old["Name"]
        try:
            current = self._find_network(name)
            if current is None or current["Id"] != old["Id"]:
                self._detach_and_remove(name, endpoints)
                self._create_network(_config_of(old))
            self._attach_endpoints(name, endpoints)
        except EngineError as error:
            raise EngineError(
                t('The network "%(name)s" could not be restored: %(why)s', name=name, why=error.sentence),
                t("Recreate it on the Networks page: that connects its containers too."),
                output=join_texts("\n", (cause.output or cause.sentence, error.output)),
            ) from None


def _endpoints_by_network(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a container's endpoints, as Docker has them, by network."""
    return ((details or {}).get("NetworkSettings") or {}).get("Networks") or {}


def _endpoint_options(endpoint: Mapping[str, Any], container_id: str) -> dict[str, Any]:
    """Return the SDK's arguments to connect a container like this again: aliases, links, static addresses."""
    fixed = endpoint.get("IPAMConfig") or {}
    links = [tuple(link.split(":", 1)) for link in endpoint.get("Links") or () if ":" in link]
    return {
        "aliases": [alias for alias in endpoint.get("Aliases") or () if not container_id.startswith(alias)],
        "links": links or None,
        "ipv4_address": fixed.get("IPv4Address") or None,
        "ipv6_address": fixed.get("IPv6Address") or None,
    }


def _config_of(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of the SDK's create_network for a network like `old`."""
    return {
        "name": old["Name"],
        "driver": old["Driver"],
        "options": old.get("Options") or {},
        "ipam": old.get("IPAM"),
        "internal": bool(old.get("Internal")),
        "enable_ipv6": bool(old.get("EnableIPv6")),
        "labels": old.get("Labels") or {},
    }
