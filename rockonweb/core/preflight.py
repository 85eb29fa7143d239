"""What speaks against a plan, or should be known before it: a pure function of definition, answers and host facts."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from rockonweb.core.answers import Answers, split_share
from rockonweb.core.argv import host_port
from rockonweb.core.browser_ports import REFUSED
from rockonweb.core.definition import ContainerSpec, Definition
from rockonweb.core.facts import UP, ContainerFacts, HostFacts, Listener
from rockonweb.core.networks import join_refusal
from rockonweb.core.text import Text, t

Level = Literal["block", "warn", "note"]
EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104
REFERRING_OPTIONS = {"--volumes-from": "takes its volumes from", "--link": "links to"}
ID_BEGINS = 12  # characters of a container's id that nobody takes for a name
BUILT_IN_NETWORKS = ("host", "none", "bridge", "default")
SHARING_OPTIONS = {
    "--net": "uses the network of",
    "--network": "uses the network of",
    "--pid": "uses the processes of",
    "--ipc": "uses the memory of",
}  # where their value is container:NAME


@dataclass(frozen=True)
class Finding:
    """Something found before acting. `block` forbids, `warn` and `note` inform."""

    level: Level
    sentence: str
    hint: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (self.sentence, self.hint) if part)


def examine(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every finding for an install or a rebuild."""
    yield from _shares(answers, facts, new_shares)
    yield from ports(definition, answers, facts)
    for name, spec in definition.launch_order:
        yield from _container_name(definition, name, facts)
        yield from _devices(name, spec, answers, facts)
        yield from _user(name, spec, facts)
        yield from _references(definition, name, spec, facts)
        yield from _network(definition, name, spec, facts)
        yield from _joins(name, spec, answers)


def _shares(answers: Answers, facts: HostFacts, new_shares: frozenset[str]) -> Iterator[Finding]:
    for share in answers.used_shares():
        if share not in facts.shares and share not in new_shares:
            yield Finding(
                "block",
                t('The share "%(share)s" does not exist.', share=share),
                t("Choose another one, or make it: rockonweb share add %(share)s", share=share),
            )
    for by_container in (answers.shares, answers.storage):
        for places in by_container.values():
            for place in places.values():
                if place in facts.missing_folders:
                    share, folder = split_share(place)
                    yield Finding(
                        "note",
                        t('The folder "%(folder)s" of share "%(share)s" is new.', folder=folder, share=share),
                        t("Docker makes it, owned by root."),
                    )


def wanted_ports(definition: Definition, answers: Answers) -> list[tuple[str, int, int, str]]:
    """Return container, container port, host port and protocol of everything that will listen on the host."""
    wanted = []
    for name, spec in definition.launch_order:
        for port, port_spec in spec.port_specs.items():
            host = host_port(name, spec, port, answers)
            if host is not None:
                wanted += [(name, port, host, protocol) for protocol in port_spec.protocols]
    return wanted


def port_conflict(rockon: str, host: int, protocol: str, facts: HostFacts) -> Listener | None:
    """Return who holds a port of the host, other than the rock-on itself.

    On whichever address: Docker publishes on all of them, so one that is held on 127.0.0.1 alone is not to be had.
    """
    for listener in (*facts.listening, *facts.claimed):
        if listener.port == host and listener.protocol == protocol and listener.rockon != rockon:
            return listener
    return None


def free_port(
    rockon: str,
    start: int,
    protocols: Iterable[str],
    facts: HostFacts,
    taken: Collection[tuple[int, str]] = (),
    *,
    ui: bool = False,
) -> int | None:
    """Return the first port from `start` upwards that nobody holds; None when there is none.

    `taken` are those that the rock-on wants for something else; with `ui`, those that browsers refuse are left out.
    """
    wanted = set(protocols)
    held = {(one.port, one.protocol) for one in (*facts.listening, *facts.claimed) if one.rockon != rockon} | set(taken)
    for port in range(start, 65536):
        if not (ui and port in REFUSED) and not any((port, protocol) in held for protocol in wanted):
            return port
    return None


def in_use(port: int, protocol: str, holder: Listener) -> Text:
    """Return who holds a port, as a sentence; with the address where it is not held on all of them."""
    who = str(holder.holder or t("another program"))
    if holder.address in EVERY_ADDRESS:
        return t("Port %(port)s (%(protocol)s) is in use by %(who)s.", port=port, protocol=protocol, who=who)
    return t(
        "Port %(port)s (%(protocol)s) is in use by %(who)s, at the address %(address)s.",
        port=port,
        protocol=protocol,
        who=who,
        address=holder.address,
    )


def browser_refusal(port: int) -> Text | None:
    """Return why the app's own page can't be on a port; None when it can."""
    if port not in REFUSED:
        return None
    return t("Browsers refuse to open pages on port %(port)s, so the app's own page can't be there.", port=port)


def ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each host port that is wanted twice or held by someone else."""
    taken: dict[tuple[int, str], str] = {}
    for container, port, host, protocol in wanted_ports(definition, answers):
        first = taken.setdefault((host, protocol), f"{container} {port}")
        if first != f"{container} {port}":
            yield Finding(
                "block",
                t(
                    "Host port %(host)s (%(protocol)s) is wanted twice: for %(first)s and for %(second)s.",
                    host=host,
                    protocol=protocol,
                    first=first,
                    second=f"{container} {port}",
                ),
                t("Give one of them another port."),
            )
        elif holder := port_conflict(definition.name, host, protocol, facts):
            yield _port_finding(definition, answers, (container, port), in_use(host, protocol, holder), facts)
    yield from _pages(definition, answers, facts)


def _pages(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each page that no browser would open."""
    for name, spec in definition.launch_order:
        for port, port_spec in spec.port_specs.items():
            host = host_port(name, spec, port, answers)
            refusal = browser_refusal(host) if port_spec.ui and host is not None else None
            if refusal and spec.on_host_network:
                yield Finding("warn", refusal, t("The definition leaves no other choice."))
            elif refusal:
                yield _port_finding(definition, answers, (name, port), refusal, facts)


def _port_finding(
    definition: Definition, answers: Answers, wants: tuple[str, int], sentence: Text, facts: HostFacts
) -> Finding:
    """Return the finding for a port (of a container) that can't be had, with a free one to take instead."""
    container, port = wants
    spec = definition.containers[container]
    if spec.on_host_network:
        hint = t(
            "%(container)s runs on the host's own network and can't use another: stop it first.",
            container=container,
        )
        return Finding("block", sentence, hint)
    others = {
        (host, protocol)
        for name, number, host, protocol in wanted_ports(definition, answers)
        if (name, number) != (container, port)
    }
    start = (host_port(container, spec, port, answers) or 0) + 1
    asked = spec.port_specs[port]
    free = free_port(definition.name, start, asked.protocols, facts, others, ui=asked.ui)
    return Finding("block", sentence, t("Port %(free)s is free.", free=free) if free else t("Choose another."))


def _container_name(definition: Definition, name: str, facts: HostFacts) -> Iterator[Finding]:
    known = (facts.containers or {}).get(name)
    if known and known.rockon != definition.name:
        owner = (
            t("it belongs to the rock-on %(rockon)s", rockon=known.rockon)
            if known.rockon
            else t("it was not made by this Rockonweb and is left alone")
        )
        yield Finding(
            "block",
            t('A container named "%(name)s" exists already; %(owner)s.', name=name, owner=str(owner)),
            t("Rename or remove it, for example: docker rename %(name)s %(name)s-old", name=name),
        )


def _devices(name: str, spec: ContainerSpec, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for value in answers.devices.get(name, {}).values():
        path = value.split(":", 1)[0]
        if path in facts.missing_devices:
            yield Finding(
                "block",
                t(
                    "The device %(path)s, wanted for %(name)s, does not exist on this host.",
                    path=path,
                    name=name,
                ),
                t("Plug it in, choose another one, or leave the field blank."),
            )


def _user(name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    if spec.uid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run as the owner of its first volume, but has no volume.", name=name),
            t("It runs as its image says."),
        )
    if spec.uid not in (None, -1) and spec.gid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run in the group of its first volume, but has no volume.", name=name),
            t("It runs without a group of its own."),
        )
    if spec.uid is not None and spec.gid == -2 and "docker" not in facts.groups:
        yield Finding(
            "warn",
            t("%(name)s should run in the group docker, which this host does not have.", name=name),
            t("It runs without a group of its own."),
        )


def referred_containers(spec: ContainerSpec) -> Iterator[tuple[str, str]]:
    """Yield how an option refers to another container, and the container's name."""
    for flag, value in spec.options():
        first, _, second = value.strip().removeprefix("/").partition(":")
        if flag in REFERRING_OPTIONS and first:
            yield REFERRING_OPTIONS[flag], first
        elif flag in SHARING_OPTIONS and first == "container" and second:
            yield SHARING_OPTIONS[flag], second.removeprefix("/")


def _found(other: str, containers: Mapping[str, ContainerFacts]) -> ContainerFacts | None:
    """Return the container that Docker would take: the one of this name, or whose id begins so."""
    by_id = (known for known in containers.values() if len(other) >= ID_BEGINS and known.id.startswith(other))
    return containers.get(other) or next(by_id, None)


def _references(definition: Definition, name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    order = [one for one, _ in definition.launch_order]
    for verb, other in referred_containers(spec):
        known = _found(other, facts.containers or {})
        if other in order:
            if order.index(other) >= order.index(name) and known is None:
                yield Finding(
                    "block",
                    t(
                        '%(name)s %(verb)s the container "%(other)s", which is not there yet when it starts.',
                        name=name,
                        verb=verb,
                        other=other,
                    ),
                    t("Its definition must start that one before: see launch_order."),
                )
        elif known and known.state and known.state not in UP and verb != REFERRING_OPTIONS["--volumes-from"]:
            yield Finding(
                "warn",
                t(
                    '%(name)s %(verb)s the container "%(other)s", which does not run.',
                    name=name,
                    verb=verb,
                    other=other,
                ),
                t("Start that one first: without it this one can't start."),
            )
        elif facts.containers is not None and known is None:
            yield Finding(
                "block",
                t(
                    '%(name)s %(verb)s a container "%(other)s", which does not exist.',
                    name=name,
                    verb=verb,
                    other=other,
                ),
                t("Install what provides it first."),
            )


def _network(definition: Definition, name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    if spec.on_host_network:
        yield Finding(
            "note",
            t(
                "%(name)s uses the host's own network: its ports are the host's and can't be mapped.",
                name=name,
            ),
        )
    made = {*BUILT_IN_NETWORKS, *(link.network for link in definition.links), *(facts.networks or ())}
    for network in dict.fromkeys(spec.networks if facts.networks is not None else ()):
        if network and network not in made and not network.startswith("container:") and network.isprintable():
            yield Finding(
                "warn",
                t(
                    '%(name)s wants a network "%(network)s", which does not exist.',
                    name=name,
                    network=network,
                ),
                t("Submit makes it, with Docker's own choice of addresses."),
            )


def _joins(name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    networks = answers.networks.get(name)
    refusal = join_refusal(spec)
    if networks and refusal:
        yield Finding(
            "block",
            t("%(name)s can't join the network %(networks)s.", name=name, networks=", ".join(networks)),
            refusal,
        )
