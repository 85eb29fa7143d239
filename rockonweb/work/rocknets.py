"""Rocknets, the networks that people make for containers: seen, made, changed, removed and made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from rockonweb.core.containers.networks import DOCKERS_OWN, Fault, Ground, NetworkSpec, check
from rockonweb.core.errors import BadInput, Conflict, EngineError
from rockonweb.core.facts import NetworkFacts
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.text import t
from rockonweb.host import Engine, host_of
from rockonweb.models import ACTIVE, Container, Installation, Network, NetworkMember, Operation, State, db, writing


@dataclass(frozen=True)
class Member:
    """A container on a network, or one that belongs on it. Without a rock-on it is not ours."""

    container: str
    rockon: str = ""
    rockon_id: int | None = None
    connected: bool = True


@dataclass(frozen=True)
class Rocknet:
    """A network as the page shows it. `facts` is None where Docker does not have it, or was not asked.

    `links` are the rock-ons that make it to link their containers, `needed_by` those that an option of their
    definition puts on it.
    """

    name: str
    members: tuple[Member, ...] = ()
    spec: NetworkSpec | None = None  # where an owner made it
    facts: NetworkFacts | None = None
    links: tuple[str, ...] = ()
    needed_by: tuple[str, ...] = ()

    @property
    def strangers(self) -> list[str]:
        """The containers on it that are not ours."""
        return [member.container for member in self.members if not member.rockon]

    @property
    def rockons(self) -> list[str]:
        """The rock-ons on it."""
        return sorted({member.rockon for member in self.members if member.rockon})

    @property
    def taken(self) -> bool:
        """Whether Docker has a network of this name that is not ours."""
        return self.facts is not None and not self.facts.ours

    @property
    def wanted(self) -> NetworkSpec:
        """What it is to be like; where nobody said it, Docker chooses."""
        return self.spec or NetworkSpec(self.name)


@dataclass(frozen=True)
class Listing:
    """All networks, by whose they are. `trouble` says why only what is remembered is known."""

    rocknets: tuple[Rocknet, ...] = ()
    links: tuple[Rocknet, ...] = ()
    own: tuple[Rocknet, ...] = ()  # Docker's
    strangers: tuple[Rocknet, ...] = ()
    trouble: EngineError | None = None

    def find(self, name: str) -> Rocknet | None:
        """Return a rocknet, or a network of links."""
        return next((net for net in (*self.rocknets, *self.links) if net.name == name), None)


class Unfit(BadInput):
    """A network that can't be had: `found` says for each part why."""

    def __init__(self, name: str, found: list[Fault]) -> None:
        super().__init__(
            t('The network "%(name)s" can\'t be made like this.', name=name), faults=[fault.sentence for fault in found]
        )
        self.found = found


# -- seeing -----------------------------------------------------------------------------------------------------


def listing() -> Listing:
    """Return all networks; those that are remembered alone when Docker does not answer."""
    found, trouble = host_of().ask(lambda docker: [*_everything(docker)])
    return _sorted(found, trouble)


def remembered(name: str) -> NetworkSpec | None:
    """Return how an owner wants the network of this name."""
    row = db.session.scalar(select(Network).where(Network.name == name))
    spec = row.spec if row else None
    db.session.rollback()
    return spec


def _everything(docker: Engine | None) -> Iterator[Rocknet]:
    containers = docker.containers() if docker else {}
    facts = docker.networks(containers) if docker else {}
    specs = {row.name: row.spec for row in db.session.scalars(select(Network))}
    ids: dict[str, int] = {
        name: rockon_id for rockon_id, name in db.session.execute(select(Installation.id, Installation.name))
    }
    joined = _joined()
    links, needed = _named_by_definitions()
    names = {*facts, *specs, *joined, *links}
    db.session.rollback()
    for name in sorted(names, key=lambda name: (name.lower(), name)):
        known = facts.get(name)
        members = {
            container: Member(container, rockon := containers[container].rockon, ids.get(rockon))
            for container in (known.containers if known else ())
        }
        for container, rockon in joined.get(name, ()):
            members.setdefault(container, Member(container, rockon, ids.get(rockon), connected=False))
        yield Rocknet(
            name,
            tuple(members[container] for container in sorted(members)),
            specs.get(name),
            known,
            tuple(links.get(name, ())),
            tuple(needed.get(name, ())),
        )


def _sorted(found: Iterable[Rocknet], trouble: EngineError | None) -> Listing:
    rocknets, links, own, strangers = [], [], [], []
    for net in found:
        if net.name in DOCKERS_OWN:
            own.append(net)
        elif net.spec:
            rocknets.append(net)
        elif net.links:
            links.append(net)
        elif net.taken:
            strangers.append(net)
        else:
            rocknets.append(net)
    return Listing(tuple(rocknets), tuple(links), tuple(own), tuple(strangers), trouble)


def _joined() -> dict[str, list[tuple[str, str]]]:
    """Return who was joined to which network: container and rock-on."""
    rows = db.session.execute(
        select(NetworkMember.network, Container.name, Installation.name)
        .join(Container, NetworkMember.container_id == Container.id)
        .join(Installation, Container.installation_id == Installation.id)
        .where(Installation.state.in_(THERE))
        .order_by(Container.name)
    )
    found: dict[str, list[tuple[str, str]]] = {}
    for network, container, rockon in rows:
        found.setdefault(network, []).append((container, rockon))
    return found


def _named_by_definitions() -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Return the networks that definitions of installed rock-ons name for links, and those that options name."""
    links: dict[str, list[str]] = {}
    options: dict[str, list[str]] = {}
    for rockon in db.session.scalars(
        select(Installation).where(Installation.state != State.AVAILABLE).order_by(Installation.name)
    ):
        definition = rockon.definition
        for name in {link.network for link in definition.links}:
            links.setdefault(name, []).append(rockon.name)
        for name in {spec.network for spec in definition.containers.values() if spec.network}:
            options.setdefault(name, []).append(rockon.name)
    return links, options


# -- doing ------------------------------------------------------------------------------------------------------


def make(spec: NetworkSpec) -> None:
    """Make a network and remember it. Raises Unfit, EngineError."""
    with host_of().connect() as docker:
        facts = docker.networks()
        _refuse_unfit(spec, facts, _names() | set(facts))
        try:
            with writing() as session:
                session.add(Network(spec=spec))
        except IntegrityError:
            raise Conflict(
                t('A network named "%(name)s" exists already: choose another name.', name=spec.name)
            ) from None
        try:
            docker.make_network(spec.name, spec=spec)
        except EngineError:
            _forget(spec.name)
            raise


def change(net: Rocknet, spec: NetworkSpec) -> bool:
    """Make a network anew where Docker must, and remember what it is to be like; its containers stay on it.

    Returns whether it was made anew. Raises Unfit, Conflict, EngineError.
    """
    if refusal := change_refusal(net):
        raise refusal
    anew = net.facts is None or _of_docker(spec) != _of_docker(net.wanted)
    with host_of().connect(*net.rockons) as docker:
        facts = docker.networks()
        _refuse_unfit(spec, facts, ())
        if anew and spec.name in facts:
            docker.remake_network(spec)
        elif anew:
            _make_again(docker, spec, net)
    with writing() as session:
        row = session.scalar(select(Network).where(Network.name == spec.name))
        if row is None:
            session.add(Network(spec=spec))
        else:
            row.spec = spec
    return anew


def restore(net: Rocknet) -> None:
    """Make a network that Docker lost again, and connect the containers that belong on it.

    Raises Conflict, EngineError.
    """
    if net.taken:
        raise _not_ours(net)
    if busy := _busy(net):
        raise busy
    with host_of().connect(*net.rockons) as docker:
        _make_again(docker, net.wanted, net)


def remove(net: Rocknet) -> None:
    """Cut off who is on a network, remove it and forget it. Raises Conflict, EngineError."""
    if refusal := removal_refusal(net):
        raise refusal
    with host_of().connect(*net.rockons) as docker:
        if not net.taken and net.name in docker.networks():
            docker.close_network(net.name)
    _forget(net.name, members=True)


def change_refusal(net: Rocknet) -> Conflict | None:
    """Return why a network can't be changed now; None when it can."""
    if net.taken:
        return _not_ours(net)
    return _refusal(net)


def removal_refusal(net: Rocknet) -> Conflict | None:
    """Return why a network can't be removed now; None when it can. One that is not ours is only forgotten."""
    if net.taken:
        return None
    if net.needed_by:
        return Conflict(
            t("The definition of %(rockons)s puts containers on it: they would not start without it.",
              rockons=", ".join(net.needed_by)),
            t("Uninstall that first."),
        )  # fmt: skip
    return _refusal(net)


def _refusal(net: Rocknet) -> Conflict | None:
    if net.links and not net.spec:
        return Conflict(
            t("The definition of %(rockons)s makes this network to link its containers.",
              rockons=", ".join(net.links)),
            t("It comes and goes with the rock-on and can't be changed."),
        )  # fmt: skip
    if net.strangers:
        return Conflict(
            t("On it are containers that this Rockonweb did not make: %(names)s.", names=", ".join(net.strangers)),
            t("Disconnect them first, for example: docker network disconnect %(network)s %(container)s",
              network=net.name, container=net.strangers[0]),
        )  # fmt: skip
    return _busy(net)


def _not_ours(net: Rocknet) -> Conflict:
    return Conflict(
        t('Docker has a network "%(name)s" that this Rockonweb did not make; it is left alone.', name=net.name),
        t("Remove that one, or forget this one and make one of another name."),
    )


def _busy(net: Rocknet) -> Conflict | None:
    names = db.session.scalars(
        select(Installation.name)
        .join(Operation, Operation.installation_id == Installation.id)
        .where(Installation.name.in_(net.rockons), Operation.progress.in_(ACTIVE))
        .order_by(Installation.name)
    ).all()
    db.session.rollback()
    if not names:
        return None
    return Conflict(
        t("%(names)s is busy with another operation, and a container of it is on this network.",
          names=", ".join(names)),
        t("Wait until it has ended."),
    )  # fmt: skip


def _make_again(docker: Engine, spec: NetworkSpec, net: Rocknet) -> None:
    docker.make_network(spec.name, spec=spec)
    there = docker.containers()
    for member in net.members:
        if member.container in there and docker.acts_on(there[member.container]):
            docker.rejoin(spec.name, member.container)


def _refuse_unfit(spec: NetworkSpec, facts: Mapping[str, NetworkFacts], names: Iterable[str]) -> None:
    found = list(check(spec, _ground(spec.name, facts, frozenset(names))))
    if found:
        raise Unfit(spec.name, found)


def _ground(name: str, facts: Mapping[str, NetworkFacts], names: frozenset[str]) -> Ground:
    """Return what a network must fit beside; what an interface of Docker's own reaches is told by the network."""
    subnets = {other: known.subnets for other, known in facts.items()}
    theirs = [ip_network(one, strict=False) for found in subnets.values() for one in found]
    reached = {
        interface: tuple(one for one in found if not any(_inside(one, other) for other in theirs))
        for interface, found in host_of().subnets().items()
    }
    return Ground(
        names, {other: found for other, found in subnets.items() if other != name}, reached, host_of().addresses()
    )


def _inside(subnet: str, other: object) -> bool:
    found = ip_network(subnet)
    return type(found) is type(other) and found.subnet_of(other)  # type: ignore[arg-type]


def _of_docker(spec: NetworkSpec) -> dict[str, object]:
    return {key: value for key, value in vars(spec).items() if key != "comment"}


def _names() -> set[str]:
    """Return the names of networks that are remembered, joined or made for links, whether Docker has them or not."""
    names = {*db.session.scalars(select(Network.name)), *_joined(), *_named_by_definitions()[0]}
    db.session.rollback()
    return names


def _forget(name: str, *, members: bool = False) -> None:
    with writing() as session:
        session.execute(delete(Network).where(Network.name == name))
        if members:
            session.execute(delete(NetworkMember).where(NetworkMember.network == name))
