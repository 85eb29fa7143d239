"""Ports of the host: who wants them, who holds them, which are free, and what browsers say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import host_port
from rockonweb.core.definition.browser_ports import BLOCKED_PORTS
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t

WILDCARD_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104
FIRST_UNPRIVILEGED_PORT = 1024  # from here on everybody may listen


def wanted_ports(definition: Definition, answers: Answers) -> list[tuple[str, int, int, str]]:
    """Return container, container port, host port and protocol of everything that will listen on the host."""
    return [
        (name, port, host, protocol)
        for name, port, port_spec in definition.container_ports
        if (host := host_port(definition, name, port, answers)) is not None
        for protocol in port_spec.published_protocols
    ]


def host_ports(definition: Definition, answers: Answers) -> frozenset[int]:
    """Return the ports of the host that something of a rock-on will listen on."""
    return frozenset(port for _, _, port, _ in wanted_ports(definition, answers))


def port_conflict(rockon: str, host: int, protocol: str, facts: HostFacts) -> PortListener | None:
    """Return who holds a port of the host, other than the rock-on itself.

    On whichever address: Docker publishes on all of them, so one that is held on 127.0.0.1 alone is not to be had.
    """
    for listener in (*facts.listening, *facts.claimed):
        if listener.port == host and listener.protocol == protocol and listener.rockon != rockon:
            return listener
    return None


def find_free_port(
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
    needed_protocols = set(protocols)
    occupied = {
        (listener.port, listener.protocol)
        for listener in (*facts.listening, *facts.claimed)
        if listener.rockon != rockon
    } | set(taken)
    for port in range(start, 65536):
        if not (ui and port in BLOCKED_PORTS) and not any(
            (port, protocol) in occupied for protocol in needed_protocols
        ):
            return port
    return None


def port_in_use_sentence(holder: PortListener) -> TranslatableText:
    """Return who holds a port, as a sentence; with the address where it is not held on all of them."""
    placeholders = {"port": holder.port, "protocol": holder.protocol, "who": str(holder.holder or t("another program"))}
    if holder.address in WILDCARD_ADDRESSES:
        return t("Port %(port)s (%(protocol)s) is in use by %(who)s.", **placeholders)
    address = holder.address
    return t(
        "Port %(port)s (%(protocol)s) is in use by %(who)s, at the address %(address)s.",
        **placeholders,
        address=address,
    )


def browser_refusal(port: int) -> TranslatableText | None:
    """Return why the app's own page can't be on a port; None when it can."""
    if port not in BLOCKED_PORTS:
        return None
    return t("Browsers refuse to open pages on port %(port)s, so the app's own page can't be there.", port=port)


def check_host_ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each host port that is wanted twice or held by someone else."""
    users_by_port: dict[tuple[int, str], str] = {}
    for container, port, host, protocol in wanted_ports(definition, answers):
        first_user = users_by_port.setdefault((host, protocol), f"{container} {port}")
        if first_user != f"{container} {port}":
            yield Finding(
                "block",
                t(
                    "Host port %(host)s (%(protocol)s) is wanted twice: for %(first)s and for %(second)s.",
                    host=host,
                    protocol=protocol,
                    first=first_user,
                    second=f"{container} {port}",
                ),
                t("Give one of them another port."),
            )
        elif holder := port_conflict(definition.name, host, protocol, facts):
            yield _port_finding(definition, answers, (container, port), port_in_use_sentence(holder), facts)
    yield from _check_ui_ports(definition, answers, facts)
    yield from _check_privileged_ports(definition, answers)


def _check_privileged_ports(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield a finding for each port that only an administrator may listen on, where the app does so itself.

    Elsewhere Docker listens, and lets anybody do so inside of a container.
    """
    for name, spec in definition.launch_order:
        worker = owners.container_user(name, spec, answers) if spec.on_host_network and spec.uid is not None else None
        for port, port_spec in spec.port_specs.items() if worker and worker.uid else ():
            if port < FIRST_UNPRIVILEGED_PORT:
                yield Finding(
                    "warn",
                    t(
                        "%(name)s listens on port %(port)s of the host as user %(uid)s, and only root may below"
                        " %(free)s.",
                        name=name,
                        port=port,
                        uid=worker.uid if worker else "",
                        free=FIRST_UNPRIVILEGED_PORT,
                    ),
                    t("Its own page will most likely not answer.") if port_spec.ui else t("It will most likely fail."),
                )


def check_published_ports(definition: Definition, answers: Answers) -> Iterator[Finding]:
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


def _check_ui_ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each page that no browser would open."""
    for name, port, port_spec in definition.container_ports:
        host = host_port(definition, name, port, answers)
        refusal = browser_refusal(host) if port_spec.ui and host is not None else None
        if refusal and definition.containers[name].on_host_network:
            yield Finding("warn", refusal, t("The definition leaves no other choice."))
        elif refusal:
            yield _port_finding(definition, answers, (name, port), refusal, facts)


def _port_finding(
    definition: Definition,
    answers: Answers,
    container_port: tuple[str, int],
    sentence: TranslatableText,
    facts: HostFacts,
) -> Finding:
    """Return the finding for a port (of a container) that can't be had, with a free one to take instead."""
    container, port = container_port
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
    port_spec = spec.port_specs[port]
    available_port = find_free_port(
        definition.name, start, port_spec.published_protocols, facts, others, ui=port_spec.ui
    )
    return Finding(
        "block", sentence, t("Port %(free)s is free.", free=available_port) if available_port else t("Choose another.")
    )
