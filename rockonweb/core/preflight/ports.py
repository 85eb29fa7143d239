"""Ports of the host: who wants them, who holds them, which are free, and what browsers say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import host_port
from rockonweb.core.definition.browser_ports import REFUSED
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, Listener
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import Text, t

EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104
FREE_FOR_ALL = 1024  # from here on everybody may listen


def wanted_ports(definition: Definition, answers: Answers) -> list[tuple[str, int, int, str]]:
    """Return container, container port, host port and protocol of everything that will listen on the host."""
    return [
        (name, port, host, protocol)
        for name, port, asked in definition.ports
        if (host := host_port(definition, name, port, answers)) is not None
        for protocol in asked.protocols
    ]


def host_ports(definition: Definition, answers: Answers) -> frozenset[int]:
    """Return the ports of the host that something of a rock-on will listen on."""
    return frozenset(port for _, _, port, _ in wanted_ports(definition, answers))


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


def in_use(holder: Listener) -> Text:
    """Return who holds a port, as a sentence; with the address where it is not held on all of them."""
    held = {"port": holder.port, "protocol": holder.protocol, "who": str(holder.holder or t("another program"))}
    if holder.address in EVERY_ADDRESS:
        return t("Port %(port)s (%(protocol)s) is in use by %(who)s.", **held)
    address = holder.address
    return t("Port %(port)s (%(protocol)s) is in use by %(who)s, at the address %(address)s.", **held, address=address)


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
            yield _port_finding(definition, answers, (container, port), in_use(holder), facts)
    yield from _pages(definition, answers, facts)
    yield from _privileged(definition, answers)


def _privileged(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield a finding for each port that only an administrator may listen on, where the app does so itself.

    Elsewhere Docker listens, and lets anybody do so inside of a container.
    """
    for name, spec in definition.launch_order:
        known = owners.worker(name, spec, answers) if spec.on_host_network and spec.uid is not None else None
        for port, asked in spec.port_specs.items() if known and known.uid else ():
            if port < FREE_FOR_ALL:
                yield Finding(
                    "warn",
                    t(
                        "%(name)s listens on port %(port)s of the host as user %(uid)s, and only root may below"
                        " %(free)s.",
                        name=name,
                        port=port,
                        uid=known.uid if known else "",
                        free=FREE_FOR_ALL,
                    ),
                    t("Its own page will most likely not answer.") if asked.ui else t("It will most likely fail."),
                )


def open_ports(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield, once, that Docker's rules come before those of the host's firewall."""
    published = {
        host
        for name, _, host, _ in wanted_ports(definition, answers)
        if not definition.containers[name].on_host_network
    }
    if published:
        yield Finding(
            "note",
            t(
                "Whoever reaches this host reaches its published ports (%(ports)s): Docker opens them whatever the"
                " host's firewall says.",
                ports=", ".join(map(str, sorted(published))),
            ),
            t("A port that is left blank is not published."),
        )


def _pages(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each page that no browser would open."""
    for name, port, asked in definition.ports:
        host = host_port(definition, name, port, answers)
        refusal = browser_refusal(host) if asked.ui and host is not None else None
        if refusal and definition.containers[name].on_host_network:
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
    start = (host_port(definition, container, port, answers) or 0) + 1
    asked = spec.port_specs[port]
    free = free_port(definition.name, start, asked.protocols, facts, others, ui=asked.ui)
    return Finding("block", sentence, t("Port %(free)s is free.", free=free) if free else t("Choose another."))
