"""Networks that users create: which containers can join one, and whether a specification is valid."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from pydantic import with_config

from rockonweb.core.answers.answers import NETWORK_NAME
from rockonweb.core.definition.definition import ContainerSpec
from rockonweb.core.docker.run_options import container_of, network_fields
from rockonweb.core.text import TranslatableText, t

BUILT_IN_NETWORKS = ("bridge", "host", "none", "default", "ingress", "docker_gwbridge")
MAX_NETWORK_NAME = 100
MIN_MTU = {4: 68, 6: 1280}
MAX_MTU = 65535
MIN_PREFIX_LENGTH = {4: 8, 6: 16}
THIS_NETWORK = ip_network("0.0.0.0/8")
MAX_COMMENT = 500

Address = IPv4Address | IPv6Address
Subnet = IPv4Network | IPv6Network


@with_config(extra="forbid")
@dataclass(frozen=True)
class NetworkSpec:
    """A network to be created. What is blank is left to Docker; without a subnet it chooses all addresses.

    `aux_addresses` are pairs of a name and an address that Docker assigns to no container. `host_binding` is the
    address of this machine on which ports of the containers are published.
    """

    name: str
    comment: str = ""
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    aux_addresses: tuple[tuple[str, str], ...] = ()
    host_binding: str = ""
    mtu: int | None = None
    internal: bool = False
    icc: bool = True
    ip_masquerade: bool = True

    @property
    def is_ipv6(self) -> bool:
        """Whether its subnet is one of IPv6; Docker then adds one of IPv4 of its own choice."""
        return ":" in self.subnet

    def contains_address(self, address: str) -> bool:
        """Whether an address is one of its subnet."""
        return bool(self.subnet and address) and ip_address(address) in ip_network(self.subnet)

    @property
    def driver_options(self) -> dict[str, str]:
        """The options of Docker's bridge driver, without those that equal its defaults."""
        options = {
            "com.docker.network.bridge.enable_icc": "" if self.icc else "false",
            "com.docker.network.bridge.enable_ip_masquerade": "" if self.ip_masquerade else "false",
            "com.docker.network.bridge.host_binding_ipv4": self.host_binding,
            "com.docker.network.driver.mtu": str(self.mtu or ""),
        }
        return {key: value for key, value in options.items() if value}


@dataclass(frozen=True)
class Endpoint:
    """How a container is on a network: other names, links (container and alias), and static addresses."""

    aliases: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    ipv4_address: str = ""
    ipv6_address: str = ""

    def moved_to(self, spec: NetworkSpec) -> Endpoint:
        """Return the endpoint for another network, without static addresses that are outside its subnet."""
        return replace(
            self,
            ipv4_address=self.ipv4_address if spec.contains_address(self.ipv4_address) else "",
            ipv6_address=self.ipv6_address if spec.contains_address(self.ipv6_address) else "",
        )


def parse_endpoint(value: str) -> Endpoint:
    """Return how the value of a `--network` puts a container on that network."""
    fields = network_fields(value)
    values = dict(fields)
    return Endpoint(
        aliases=tuple(text for key, text in fields if key == "alias"),
        links=tuple(
            (source, alias or source)
            for key, text in fields
            if key == "link"
            for source, _, alias in (text.partition(":"),)
        ),
        ipv4_address=values.get("ip", ""),
        ipv6_address=values.get("ip6", ""),
    )


@dataclass(frozen=True)
class NetworkConstraints:
    """What a network must be compatible with: names and subnets of the other networks, the subnets that this machine
    reaches (by interface), and this machine's own addresses.
    """

    taken_names: Collection[str] = ()
    network_subnets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reachable_subnets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    host_addresses: Collection[str] = ()


class NetworkFault(NamedTuple):
    """What is wrong, and with which field (`part`) of a NetworkSpec."""

    part: str
    sentence: TranslatableText


def joined_endpoint(spec: ContainerSpec, network: str) -> Endpoint:
    """Return how a container joins a further network: under the other names that its options give it."""
    has_names = network not in BUILT_IN_NETWORKS  # Docker resolves no names on its own bridge
    return Endpoint(tuple(spec.run_options.flag_values("network-alias")) if has_names else ())


def join_refusal(spec: ContainerSpec) -> TranslatableText | None:
    """Return why a container can't join a network; None when it can."""
    network = spec.network or ""
    if network == "host":
        return t("It uses the host network, so Docker doesn't let it join any other network.")
    if network == "none":
        return t("Its definition turns networking off, so Docker doesn't let it join any network.")
    if other := container_of(network):
        return t(
            "It uses the network of %(other)s and is in the same networks: let that container join instead.",
            other=other,
        )
    return None


def read_aux_addresses(text: str) -> tuple[tuple[str, str], ...]:
    """Return the pairs of `nas=10.5.0.2, printer=10.5.0.3`; what has no equals sign is an address without a name."""
    pairs = []
    for entry in re.split(r"[\s,]+", text.strip()):
        name, _, address = entry.rpartition("=")
        pairs += [(name, address)] if entry else []
    return tuple(pairs)


def network_faults(spec: NetworkSpec, constraints: NetworkConstraints) -> Iterator[NetworkFault]:
    """Yield a fault for each invalid field of a network."""
    name_taken = t('A network named "%(name)s" already exists: choose another name.', name=spec.name)
    if why := network_name_fault(spec.name) or (name_taken if spec.name in constraints.taken_names else None):
        yield NetworkFault("name", why)
    if len(spec.comment) > MAX_COMMENT:
        yield NetworkFault("comment", t("A comment can have at most %(most)s characters.", most=MAX_COMMENT))
    subnet, fault = _parse_subnet("subnet", spec.subnet)
    if fault:
        yield fault
    elif subnet:
        yield from (NetworkFault("subnet", sentence) for sentence in _subnet_faults(subnet, constraints))
        yield from _address_faults(spec, subnet)
    else:
        for part in ("gateway", "ip_range", "aux_addresses"):
            if getattr(spec, part):
                yield NetworkFault(part, t("This needs a subnet: without one, Docker chooses all addresses itself."))
    yield from _mtu_faults(spec)
    if spec.host_binding:
        yield from _host_binding_faults(spec.host_binding, constraints)


def network_name_fault(name: str) -> TranslatableText | None:
    """Return why a network can't have this name: Docker reserves or refuses it. None when it can."""
    if name in BUILT_IN_NETWORKS:
        return t('"%(name)s" is reserved by Docker: choose another name.', name=name)
    if len(name) > MAX_NETWORK_NAME:
        return t("A network's name can have at most %(most)s characters.", most=MAX_NETWORK_NAME)
    if not NETWORK_NAME.fullmatch(name):
        return t(
            'Docker does not accept "%(name)s": use letters, digits, dots, dashes and underscores, and start with a '
            "letter or digit.",
            name=name,
        )
    return None


def _parse_subnet(part: str, text: str) -> tuple[Subnet | None, NetworkFault | None]:
    """Return a subnet that was typed, or what is wrong with it; neither when it is blank."""
    if not text:
        return None, None
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or not re.fullmatch(r"[^/]+/[0-9]{1,3}", text):
        return None, NetworkFault(
            part, t('"%(text)s" is not a subnet: write it as 10.5.0.0/24 or fd00:5::/64.', text=text)
        )
    if str(network.network_address) != str(ip_address(text.partition("/")[0])):
        return None, NetworkFault(
            part, t("%(text)s is an address inside a subnet; the subnet is %(found)s.", text=text, found=str(network))
        )
    return network, None


def _subnet_faults(subnet: Subnet, constraints: NetworkConstraints) -> Iterator[TranslatableText]:
    """Yield why a subnet can't be used."""
    if subnet.num_addresses < 4:
        yield t("%(subnet)s is too small for a gateway and a container.", subnet=str(subnet))
    special = (
        subnet.prefixlen < MIN_PREFIX_LENGTH[subnet.version]
        or subnet.network_address in THIS_NETWORK
        or subnet.is_multicast
        or subnet.is_loopback
        or subnet.is_link_local
        or subnet.is_unspecified
        or subnet.is_reserved
    )
    if special:
        yield t(
            "%(subnet)s is reserved for other uses: use a subnet such as 10.5.0.0/24 or fd00:5::/64.",
            subnet=str(subnet),
        )
        return
    for name, other in _overlapping_subnets(subnet, constraints.network_subnets):
        yield t(
            "%(subnet)s overlaps %(other)s of the network %(name)s: choose another.",
            subnet=str(subnet),
            other=other,
            name=name,
        )
    for interface, other in _overlapping_subnets(subnet, constraints.reachable_subnets):
        yield t(
            "%(subnet)s overlaps %(other)s, which this machine reaches through %(interface)s and would no longer "
            "reach: choose another.",
            subnet=str(subnet),
            other=other,
            interface=interface,
        )


def _overlapping_subnets(subnet: Subnet, others: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    """Yield each of the others by name, with the first of its subnets that shares addresses with this one."""
    for name, subnets in others.items():
        for other in subnets:
            network = ip_network(other, strict=False)
            if network.version == subnet.version and subnet.overlaps(network):
                yield name, other
                break


def _address_faults(spec: NetworkSpec, subnet: Subnet) -> Iterator[NetworkFault]:
    """Yield a fault for each address that does not fit into the subnet."""
    taken: dict[Address, str] = {}
    if spec.gateway:
        yield from _subnet_address_faults("gateway", spec.gateway, subnet, taken)
    ip_range, fault = _parse_subnet("ip_range", spec.ip_range)
    if fault:
        yield fault
    elif ip_range and not (ip_range.version == subnet.version and ip_range.subnet_of(subnet)):  # type: ignore[arg-type]
        yield NetworkFault(
            "ip_range",
            t("The range %(range)s is not inside the subnet %(subnet)s.", range=str(ip_range), subnet=str(subnet)),
        )
    names: set[str] = set()
    for name, address in spec.aux_addresses:
        if not NETWORK_NAME.fullmatch(name):
            yield NetworkFault(
                "aux_addresses",
                t('"%(entry)s" has no name: write nas=10.5.0.2, for example.', entry=f"{name}={address}".strip("=")),
            )
        elif name in names:
            yield NetworkFault("aux_addresses", t('The name "%(name)s" is listed twice.', name=name))
        else:
            yield from _subnet_address_faults("aux_addresses", address, subnet, taken)
        names.add(name)


def _parse_ip_address(text: str) -> Address | None:
    try:
        return ip_address(text) if "%" not in text else None
    except ValueError:
        return None


def _subnet_address_faults(part: str, text: str, subnet: Subnet, taken: dict[Address, str]) -> Iterator[NetworkFault]:
    address = _parse_ip_address(text)
    if address is None:
        yield NetworkFault(part, t('"%(text)s" is not an address.', text=text))
        return
    if address not in subnet:
        yield NetworkFault(part, t("%(text)s is not inside the subnet %(subnet)s.", text=text, subnet=str(subnet)))
    elif address == subnet.network_address or (subnet.version == 4 and address == subnet.broadcast_address):
        yield NetworkFault(
            part,
            t("%(text)s is the network or broadcast address of the subnet: choose another address in it.", text=text),
        )
    elif address in taken:
        yield NetworkFault(part, t("%(text)s is used twice.", text=text))
    taken[address] = part


def _mtu_faults(spec: NetworkSpec) -> Iterator[NetworkFault]:
    least = MIN_MTU[6 if spec.is_ipv6 else 4]
    if spec.mtu is not None and not least <= spec.mtu <= MAX_MTU:
        yield NetworkFault("mtu", t("The MTU must be a number from %(least)s to %(most)s.", least=least, most=MAX_MTU))


def _host_binding_faults(text: str, constraints: NetworkConstraints) -> Iterator[NetworkFault]:
    address = _parse_ip_address(text)
    if address is None:
        yield NetworkFault("host_binding", t('"%(text)s" is not an address.', text=text))
        return
    if address.version != 4:
        yield NetworkFault("host_binding", t("Docker accepts only an IPv4 address here."))
    elif (
        constraints.host_addresses
        and text not in constraints.host_addresses
        and not address.is_unspecified
        and not address.is_loopback
    ):
        yield NetworkFault("host_binding", t("This machine has no address %(text)s.", text=text))
