"""What a connection to the Docker Engine does with networks."""

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
from rockonweb.core.text import joined, t
from rockonweb.host.connection import Connection
from rockonweb.host.docker_errors import translated

ADDRESSES = ("ipv4_address", "ipv6_address")  # that a container may ask for itself


@dataclass(frozen=True)
class _Place:
    """A container's place on a network: its id, and what it has there beside an address."""

    container: str
    id: str
    options: Mapping[str, Any]

    def on(self, spec: NetworkSpec) -> _Place:
        """Return the place on another network: an address of its own stays where that has it."""
        lost = [key for key in ADDRESSES if (own := self.options.get(key)) and not spec.has(own)]
        return replace(self, options={key: value for key, value in self.options.items() if key not in lost})


class Networks(Connection):
    """A connection that knows networks. It changes and removes only ours, and moves only containers of ours."""

    def networks(self, containers: Mapping[str, ContainerFacts] | None = None) -> dict[str, NetworkFacts]:
        """Return all networks by name, with the containers on each, running or not.

        `containers` are those of the host, where they were asked for already.
        """
        with translated():
            found = self._api.networks()
        members: dict[str, list[str]] = {}
        for facts in (self.containers() if containers is None else containers).values():
            for network in facts.networks:
                members.setdefault(network, []).append(facts.name)
        return {item["Name"]: self._network_facts(item, members.get(item["Name"], ())) for item in found}

    def networks_made_by(self, operation: int) -> list[str]:
        """Return the names of our networks that an operation made."""
        with translated():
            found = self._api.networks(filters={"label": f"{OPERATION_LABEL}={operation}"})
        return [item["Name"] for item in found if self._is_ours(item.get("Labels") or {})]

    def make_network(self, name: str, operation: int | None = None, spec: NetworkSpec | None = None) -> bool:
        """Make a network unless one of this name exists: as `spec` says, else as Docker chooses.

        Returns whether it was made.
        """
        if self._network(name) is not None:
            return False
        self._create_network(self._form(spec or NetworkSpec(name), operation))
        return True

    def remake_network(self, spec: NetworkSpec) -> None:
        """Make a network of ours anew, as `spec` says; the containers on it are connected again.

        When that fails, the old one is put back.
        """
        old = self._own_network(spec.name)
        places = self._places(spec.name)
        try:
            self._take_down(spec.name, places)
            self._create_network(self._form(spec))
            self._take_places(spec.name, [place.on(spec) for place in places])
        except EngineError as error:
            self._put_back(old, places, error)
            raise

    def close_network(self, name: str) -> None:
        """Disconnect the containers that are on a network of ours, and remove it. When that fails, it is put back."""
        old = self._own_network(name)
        places = self._places(name)
        try:
            self._take_down(name, places)
        except EngineError as error:
            self._put_back(old, places, error)
            raise

    def rejoin(self, network: str, name: str) -> None:
        """Connect a container of ours to a network that was made again; it may remember the lost one."""
        known = self._network(network)
        found = self._inspect(self._own(name).id, by_id=True)
        place = _networks_of(found).get(network)
        if known is None or found is None or (place is not None and place.get("NetworkID") == known["Id"]):
            return
        with translated(name):
            if place is not None:
                self._api.disconnect_container_from_network(found["Id"], network, force=True)
            self._api.connect_container_to_network(found["Id"], network)

    def join(self, network: str, name: str) -> bool:
        """Connect a container of the rock-on to a network. Returns whether it was not there already."""
        known = self._own(name)
        if network in known.networks:
            return False
        with translated(name):
            self._api.connect_container_to_network(known.id, network)
        return True

    def leave(self, network: str, name: str) -> bool:
        """Disconnect a container of the rock-on from a network. Returns whether it was there."""
        known = self._own(name)
        if network not in known.networks:
            return False
        with translated(name), suppress(NotFound):
            self._api.disconnect_container_from_network(known.id, network)
        return True

    def remove_network(self, name: str) -> bool:
        """Remove a network of ours that nothing is connected to. Returns whether it is gone."""
        known = self._network(name)
        if known is None or not self._is_ours(known.get("Labels") or {}):
            return known is None
        if any(name in facts.networks for facts in self.containers().values()):  # stopped ones would not start again
            return False
        with translated(name):
            try:
                self._api.remove_network(known["Id"])
            except APIError as error:
                if error.status_code == 403:  # a stopped container of somebody else holds it
                    return False
                raise
        return True

    # -- below --------------------------------------------------------------------------------------------------

    def _network_facts(self, item: Mapping[str, Any], containers: Iterable[str]) -> NetworkFacts:
        pools = (item.get("IPAM") or {}).get("Config") or ()
        return NetworkFacts(
            name=item["Name"],
            containers=tuple(sorted(containers)),
            ours=self._is_ours(item.get("Labels") or {}),
            driver=item.get("Driver") or "",
            subnets=tuple(pool["Subnet"] for pool in pools if pool.get("Subnet")),
            internal=bool(item.get("Internal")),
        )

    def _network(self, name: str) -> dict[str, Any] | None:
        """Return all that Docker knows of a network; its filter finds the beginnings of names as well."""
        with translated(name):
            found: list[dict[str, Any]] = self._api.networks(names=[name])
        return next((item for item in found if item["Name"] == name), None)

    def _own_network(self, name: str) -> dict[str, Any]:
        found = self._network(name)
        if found is None:
            raise EngineError(t('Docker has no network "%(name)s".', name=name), t("Make it again, then change it."))
        if not self._is_ours(found.get("Labels") or {}):
            raise EngineError(
                t('The network "%(name)s" was not made by this Rockonweb; it is left alone.', name=name),
                t("Choose another name."),
            )
        return found

    def _form(self, spec: NetworkSpec, operation: int | None = None) -> dict[str, Any]:
        """Return what Docker is asked for a new network."""
        labels = {INSTANCE_LABEL: self.instance}
        if operation is not None:
            labels[OPERATION_LABEL] = str(operation)
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
            "enable_ipv6": spec.ipv6,
            "labels": labels,
        }

    def _create_network(self, form: Mapping[str, Any]) -> None:
        with translated(form["name"]):
            self._api.create_network(check_duplicate=True, **form)

    def _places(self, network: str) -> list[_Place]:
        """Return who is on a network. Raises EngineError when one of them is not to be acted on."""
        places = []
        for name, facts in self.containers().items():
            if network in facts.networks:
                found = self._inspect(self._own(name).id, by_id=True)
                places.append(_Place(name, facts.id, _options(_networks_of(found).get(network) or {}, facts.id)))
        return places

    def _take_down(self, name: str, places: list[_Place]) -> None:
        for place in places:
            if name in _networks_of(self._inspect(place.id, by_id=True)):
                with translated(place.container):
                    self._api.disconnect_container_from_network(place.id, name, force=True)
        with translated(name), suppress(NotFound):
            self._api.remove_network(name)

    def _take_places(self, name: str, places: list[_Place]) -> None:
        """Connect containers again; one that was removed meanwhile needs no place."""
        for place in places:
            found = self._inspect(place.id, by_id=True)
            if found is not None and name not in _networks_of(found):
                with translated(place.container):
                    self._api.connect_container_to_network(place.id, name, **place.options)

    def _put_back(self, old: Mapping[str, Any], places: list[_Place], why: EngineError) -> None:
        """Bring a network back to what it was. Raises EngineError when that fails too."""
        name = old["Name"]
        try:
            now = self._network(name)
            if now is None or now["Id"] != old["Id"]:
                self._take_down(name, places)
                self._create_network(_form_of(old))
            self._take_places(name, places)
        except EngineError as error:
            raise EngineError(
                t('The network "%(name)s" could not be put back as it was: %(why)s', name=name, why=error.sentence),
                t("Make it again on the page of networks: that connects its containers too."),
                output=joined("\n", (why.output or why.sentence, error.output)),
            ) from None


def _networks_of(found: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a container's places by network."""
    return ((found or {}).get("NetworkSettings") or {}).get("Networks") or {}


def _options(place: Mapping[str, Any], container_id: str) -> dict[str, Any]:
    """Return what a container has on a network beside an address of Docker's choice."""
    fixed = place.get("IPAMConfig") or {}
    links = [tuple(link.split(":", 1)) for link in place.get("Links") or () if ":" in link]
    return {
        "aliases": [alias for alias in place.get("Aliases") or () if not container_id.startswith(alias)],
        "links": links or None,
        "ipv4_address": fixed.get("IPv4Address") or None,
        "ipv6_address": fixed.get("IPv6Address") or None,
    }


def _form_of(old: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Docker is asked for a network like one that it had."""
    return {
        "name": old["Name"],
        "driver": old["Driver"],
        "options": old.get("Options") or {},
        "ipam": old.get("IPAM"),
        "internal": bool(old.get("Internal")),
        "enable_ipv6": bool(old.get("EnableIPv6")),
        "labels": old.get("Labels") or {},
    }
