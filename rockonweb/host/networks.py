"""Lists, creates, changes and removes Docker networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from docker.errors import APIError, NotFound

from rockonweb.core.containers.argv import INSTANCE_LABEL, OPERATION_LABEL
from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.docker.run_options import container_of
from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.text import TranslatableText, t
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translate_errors

DEFAULT_GATEWAY = "DefaultGatewayIPv4"  # by which Docker's bridge driver takes the containers' default route


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

    def ensure_closed_network(self, name: str, operation: str) -> None:
        """Create a network from which nothing else is reached, unless one of this name exists.

        What Docker calls internal is kept in by the firewall alone, which may be off: older versions give containers a
        default route all the same. So this one's leads to an address of its own that nobody has; for that, the subnet
        has to be given: it is the one that Docker has just chosen by itself.
        """
        if not self.ensure_network(name, operation, spec := NetworkSpec(name, internal=True)):
            return
        details = self._find_network(name) or {}
        pools = [ip_network(pool["Subnet"]) for pool in (details.get("IPAM") or {}).get("Config") or ()]
        subnet = next(pool for pool in pools if pool.version == 4)
        self.remove_network(name)
        nowhere = (DEFAULT_GATEWAY, str(subnet[-2]))
        self.ensure_network(name, operation, replace(spec, subnet=str(subnet), aux_addresses=(nowhere,)))

    def network_config(self, name: str) -> dict[str, Any] | None:
        """Return how a managed network was created, as JSON for `restore_network`; None where Docker has none."""
        details = self._find_network(name)
        if details is None:
            return None
        self._refuse_unmanaged(details)
        return {
            "name": name,
            "driver": details["Driver"],
            "options": details.get("Options") or {},
            "ipam": details.get("IPAM"),
            "internal": bool(details.get("Internal")),
            "enable_ipv6": bool(details.get("EnableIPv6")),
            "labels": details.get("Labels") or {},
        }

    def network_id(self, name: str) -> str | None:
        """Return the id of the network that has this name now; None where Docker has none."""
        details = self._find_network(name)
        return details["Id"] if details else None

    def restore_network(self, config: Mapping[str, Any]) -> None:
        """Recreate a network that was removed, by its `network_config`, unless one of its name exists."""
        if self._find_network(config["name"]) is None:
            self._create_network(config)

    def list_endpoints(self, network: str) -> dict[str, Endpoint]:
        """Return how this connection's containers are on a network, by name; empty where none is."""
        return {
            name: endpoint
            for name, facts in self.list_containers().items()
            if network in facts.networks and self.acts_on(facts) and (endpoint := self.find_endpoint(network, name))
        }

    def find_endpoint(self, network: str, name: str) -> Endpoint | None:
        """Return how a container is on a network; None where it is not."""
        details = self._inspect_raw(name) or {}
        endpoint = _endpoints_by_network(details).get(network)
        if endpoint is None:
            return None
        fixed = endpoint.get("IPAMConfig") or {}
        return Endpoint(
            aliases=tuple(alias for alias in endpoint.get("Aliases") or () if not details["Id"].startswith(alias)),
            links=tuple((source, alias) for source, alias in _split_links(endpoint.get("Links") or ()) if alias),
            ipv4_address=fixed.get("IPv4Address") or "",
            ipv6_address=fixed.get("IPv6Address") or "",
        )

    def container_address(self, network: str, name: str) -> str:
        """Return the address of a running container on a network, or of the one whose network it uses; blank where it
        has none.
        """
        details = self._inspect_raw(name) or {}
        if lender := container_of((details.get("HostConfig") or {}).get("NetworkMode") or ""):
            details = self._inspect_raw(lender, by_id=True) or {}
        return (_endpoints_by_network(details).get(network) or {}).get("IPAddress") or ""

    def connect_network(self, network: str, name: str, endpoint: Endpoint | None = None) -> bool:
        """Connect a container of the rock-on to a network. Returns False where it was connected already."""
        container = self._require_own_container(name)
        if network in container.networks:
            if self._is_endpoint_alive(network, name):
                return False
            # Docker starts nothing that is on a network of this name which no longer exists.
            with translate_errors(name):
                self._api.disconnect_container_from_network(container.id, network, force=True)
        with translate_errors(name):
            self._api.connect_container_to_network(container.id, network, **_connect_arguments(endpoint or Endpoint()))
        return True

    def _is_endpoint_alive(self, network: str, name: str) -> bool:
        """Whether a container is on the network that now has this name, and not on a removed one."""
        endpoint = _endpoints_by_network(self._inspect_raw(name)).get(network) or {}
        network_id = self.network_id(network)
        return network_id is not None and endpoint.get("NetworkID") in ("", None, network_id)

    def disconnect_network(self, network: str, name: str, network_id: str | None = None) -> bool:
        """Disconnect a container of the rock-on from a network; with `network_id`, only from that one of its name.

        Returns False where it was not connected.
        """
        container = self._require_own_container(name)
        endpoint = _endpoints_by_network(self._inspect_raw(name)).get(network)
        if endpoint is None or (network_id and endpoint.get("NetworkID") not in ("", None, network_id)):
            return False
        # By force: it may be on one that no longer exists.
        with translate_errors(name), suppress(NotFound):
            self._api.disconnect_container_from_network(container.id, network, force=True)
        return True

    def remove_network(self, name: str) -> TranslatableText | None:
        """Remove a managed network that no container is connected to.

        Returns None where it was removed, else what was done instead and why.
        """
        details = self._find_network(name)
        if details is None:
            return t("network %(network)s does not exist any more", network=name)
        if not self._is_managed(details.get("Labels") or {}):
            return t("leave network %(network)s: it was not created by this Rockonweb", network=name)
        # also stopped ones, which could not start without it
        users = sorted(facts.name for facts in self.list_containers().values() if name in facts.networks)
        if users:
            return t("leave network %(network)s: still used by %(names)s", network=name, names=", ".join(users))
        with translate_errors(name):
            try:
                self._api.remove_network(details["Id"])
            except APIError as error:
                if error.status_code == 403:  # Docker refuses: something is connected
                    return t("leave network %(network)s: Docker says that it is still used", network=name)
                raise
        return None

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
            operation=(item.get("Labels") or {}).get(OPERATION_LABEL, ""),
        )

    def _find_network(self, name: str) -> dict[str, Any] | None:
        """Return Docker's details of a network; its filter also matches parts of names."""
        with translate_errors(name):
            matches: list[dict[str, Any]] = self._api.networks(names=[name])
        return next((item for item in matches if item["Name"] == name), None)

    def _refuse_unmanaged(self, details: Mapping[str, Any]) -> None:
        if not self._is_managed(details.get("Labels") or {}):
            raise EngineError(
                t('The network "%(name)s" was not created by this Rockonweb; it is not changed.', name=details["Name"]),
                t("Choose another name."),
            )

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


def _endpoints_by_network(details: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a container's endpoints, as Docker has them, by network."""
    return ((details or {}).get("NetworkSettings") or {}).get("Networks") or {}


def _split_links(links: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield container and alias of each link; the alias may be blank."""
    for link in links:
        source, _, alias = link.partition(":")
        yield source, alias


def _connect_arguments(endpoint: Endpoint) -> dict[str, Any]:
    """Return the SDK's arguments to connect a container like this."""
    return {
        "aliases": [*endpoint.aliases],
        "links": [*endpoint.links] or None,
        "ipv4_address": endpoint.ipv4_address or None,
        "ipv6_address": endpoint.ipv6_address or None,
    }
