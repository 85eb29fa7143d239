"""Rocknets, the Docker networks that users create for containers: what there is, and why one can't be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from sqlalchemy import select

from rockonweb.core.containers.networks import (
    BUILT_IN_NETWORKS,
    NetworkConstraints,
    NetworkFault,
    NetworkSpec,
    network_faults,
)
from rockonweb.core.errors import BadInput, Conflict, EngineError
from rockonweb.core.facts import NetworkFacts
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.text import t
from rockonweb.host import Engine, get_host
from rockonweb.models import (
    Container,
    Installation,
    Network,
    NetworkMember,
    State,
    db,
)
from rockonweb.models.installation import in_state


@dataclass(frozen=True)
class NetworkMembership:
    """A container that is on a network, or (`connected` False) should be. Without a rock-on it is unmanaged."""

    container: str
    rockon: str = ""
    rockon_id: int | None = None
    connected: bool = True


@dataclass(frozen=True)
class Rocknet:
    """A network as its page shows it. `facts` is None where Docker does not have it, or does not answer.

    `linked_by` are the rock-ons that create it to link their containers, `needed_by` those whose definition connects
    containers to it by an option of docker run.
    """

    name: str
    members: tuple[NetworkMembership, ...] = ()
    spec: NetworkSpec | None = None  # where a user created it here
    facts: NetworkFacts | None = None
    linked_by: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()

    @property
    def unmanaged_containers(self) -> list[str]:
        """The names of the unmanaged containers on it."""
        return [member.container for member in self.members if not member.rockon]

    @property
    def rockon_names(self) -> list[str]:
        """The names of the rock-ons on it."""
        return sorted({member.rockon for member in self.members if member.rockon})

    @property
    def name_taken(self) -> bool:
        """Whether Docker has an unmanaged network of this name."""
        return self.facts is not None and not self.facts.ours

    @property
    def desired_spec(self) -> NetworkSpec:
        """The stored specification, else one that leaves everything to Docker."""
        return self.spec or NetworkSpec(self.name)


@dataclass(frozen=True)
class NetworkListing:
    """All networks, by owner. `trouble` is why Docker could not be asked: then only what the database has is listed."""

    rocknets: tuple[Rocknet, ...] = ()
    link_networks: tuple[Rocknet, ...] = ()
    builtin: tuple[Rocknet, ...] = ()  # bridge, host and none
    unmanaged: tuple[Rocknet, ...] = ()
    trouble: EngineError | None = None

    def find_rocknet(self, name: str) -> Rocknet | None:
        """Return the rocknet or link network of this name; None where there is none."""
        return next((net for net in (*self.rocknets, *self.link_networks) if net.name == name), None)


class InvalidNetwork(BadInput):
    """A network specification that is not valid; `field_faults` are the errors by field."""

    def __init__(self, name: str, field_faults: list[NetworkFault]) -> None:
        super().__init__(
            t('The network "%(name)s" can\'t be created with these settings.', name=name),
            faults=[fault.sentence for fault in field_faults],
        )
        self.field_faults = field_faults


# -- reading ----------------------------------------------------------------------------------------------------


def list_rocknets() -> NetworkListing:
    """Return all networks; only those in the database where Docker does not answer."""
    networks, trouble = get_host().call_with_engine(lambda docker: [*_collect_rocknets(docker)])
    return _group_rocknets(networks, trouble)


def stored_spec(name: str) -> NetworkSpec | None:
    """Return the stored specification of the network of this name; None where no user created it here."""
    row = db.session.scalar(select(Network).where(Network.name == name))
    spec = row.network_spec if row else None
    db.session.rollback()
    return spec


def load_rocknet(name: str, docker: Engine) -> Rocknet:
    """Return a network by its name, with what Docker has of it; a blank one where neither database nor Docker has."""
    return next((net for net in _collect_rocknets(docker) if net.name == name), Rocknet(name))


def _collect_rocknets(docker: Engine | None) -> Iterator[Rocknet]:
    containers = docker.list_containers() if docker else {}
    facts = docker.list_networks(containers) if docker else {}
    specs = {row.name: row.network_spec for row in db.session.scalars(select(Network))}
    ids: dict[str, int] = {
        name: rockon_id for rockon_id, name in db.session.execute(select(Installation.id, Installation.name))
    }
    joined = _joined_containers()
    links, needed = _defined_networks()
    names = {*facts, *specs, *joined, *links}
    db.session.rollback()
    for name in sorted(names, key=lambda name: (name.lower(), name)):
        network_facts = facts.get(name)
        members = {
            container: NetworkMembership(container, rockon := containers[container].rockon, ids.get(rockon))
            for container in (network_facts.containers if network_facts else ())
        }
        for container, rockon in joined.get(name, ()):
            members.setdefault(container, NetworkMembership(container, rockon, ids.get(rockon), connected=False))
        yield Rocknet(
            name,
            tuple(members[container] for container in sorted(members)),
            specs.get(name),
            network_facts,
            tuple(links.get(name, ())),
            tuple(needed.get(name, ())),
        )


def _group_rocknets(networks: Iterable[Rocknet], trouble: EngineError | None) -> NetworkListing:
    rocknets, links, builtin, unmanaged = [], [], [], []
    for net in networks:
        if net.name in BUILT_IN_NETWORKS:
            builtin.append(net)
        elif net.spec:
            rocknets.append(net)
        elif net.linked_by:
            links.append(net)
        elif net.name_taken:
            unmanaged.append(net)
        else:
            rocknets.append(net)
    return NetworkListing(tuple(rocknets), tuple(links), tuple(builtin), tuple(unmanaged), trouble)


def _joined_containers() -> dict[str, list[tuple[str, str]]]:
    """Return by network the containers that users connected to it, each with its rock-on."""
    rows = db.session.execute(
        select(NetworkMember.network, Container.name, Installation.name)
        .join(Container, NetworkMember.container_id == Container.id)
        .join(Installation, Container.installation_id == Installation.id)
        .where(in_state(*INSTALLED_OR_PENDING))
        .order_by(Container.name)
    )
    members: dict[str, list[tuple[str, str]]] = {}
    for network, container, rockon in rows:
        members.setdefault(network, []).append((container, rockon))
    return members


def _defined_networks() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return by network the rock-ons whose definition creates it for links, and those that name it in an option."""
    links: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    for installation in db.session.scalars(
        select(Installation).where(Installation.state != State.AVAILABLE).order_by(Installation.name)
    ):
        definition = installation.current_definition
        for name in {link.network for link in definition.network_links}:
            links.setdefault(name, []).append(installation.name)
        for name in {spec.network for spec in definition.containers.values() if spec.network}:
            options.setdefault(name, []).append(installation.name)
    return links, options


# -- checks ------------------------------------------------------------------------------------------------------


def change_refusal(net: Rocknet) -> Conflict | None:
    """Return the error why a network can't be changed now; None where it can."""
    if net.name_taken:
        return _unmanaged_conflict(net)
    return _common_refusal(net)


def removal_refusal(net: Rocknet) -> Conflict | None:
    """Return why a network can't be removed now; None where it can. An unmanaged one is kept in Docker."""
    if net.name_taken:
        return None
    if net.needed_by:
        return Conflict(
            t("The definition of %(rockons)s connects containers to this network: they would not start without it.",
              rockons=", ".join(net.needed_by)),
            t("Uninstall that first."),
        )  # fmt: skip
    return _common_refusal(net)


def _common_refusal(net: Rocknet) -> Conflict | None:
    if net.linked_by and not net.spec:
        return Conflict(
            t("The definition of %(rockons)s creates this network to link its containers.",
              rockons=", ".join(net.linked_by)),
            t("It is created and removed with the rock-on and can't be changed."),
        )  # fmt: skip
    if net.unmanaged_containers:
        return Conflict(
            t("Unmanaged containers are connected to it: %(names)s.",
              names=", ".join(net.unmanaged_containers)),
            t("Disconnect them first, for example: docker network disconnect %(network)s %(container)s",
              network=net.name, container=net.unmanaged_containers[0]),
        )  # fmt: skip
    return None


def _unmanaged_conflict(net: Rocknet) -> Conflict:
    return Conflict(
        t('Docker has a network "%(name)s" that was not created by this Rockonweb; it is not changed.', name=net.name),
        t("Remove that network from Docker, or remove this one from Rockonweb and create one with another name."),
    )


def refuse_invalid(spec: NetworkSpec, docker: Engine, *, is_new: bool = False) -> None:
    """Raise InvalidNetwork for a specification that is not valid, or whose name is taken where it `is_new`."""
    facts = docker.list_networks()
    names = frozenset(_reserved_names() | set(facts) if is_new else ())
    db.session.rollback()
    if faults := list(network_faults(spec, _network_constraints(spec.name, facts, names))):
        raise InvalidNetwork(spec.name, faults)


def _network_constraints(name: str, facts: Mapping[str, NetworkFacts], names: frozenset[str]) -> NetworkConstraints:
    """Return what a network must not conflict with; subnets of Docker's own interfaces count as their networks'."""
    subnets = {other: network.subnets for other, network in facts.items()}
    docker_subnets = [ip_network(subnet, strict=False) for ranges in subnets.values() for subnet in ranges]
    reachable = {
        interface: tuple(
            subnet for subnet in ranges if not any(_is_subnet_of(subnet, other) for other in docker_subnets)
        )
        for interface, ranges in get_host().subnets().items()
    }
    return NetworkConstraints(
        names, {other: ranges for other, ranges in subnets.items() if other != name}, reachable, get_host().addresses()
    )


def _is_subnet_of(subnet: str, other: object) -> bool:
    network = ip_network(subnet)
    return type(network) is type(other) and network.subnet_of(other)  # type: ignore[arg-type]


def _reserved_names() -> set[str]:
    """Return all network names in the database: of rocknets, memberships and links, whether Docker has them or not."""
    return {*db.session.scalars(select(Network.name)), *_joined_containers(), *_defined_networks()[0]}
