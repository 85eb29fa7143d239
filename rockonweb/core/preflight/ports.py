"""Ports of the host: which a rock-on uses, what else listens on them, which are free, and which browsers block."""

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
FIRST_UNPRIVILEGED_PORT = 1024  # from here on any user may listen


def wanted_ports(definition: Definition, answers: Answers) -> list[tuple[str, int, int, str]]:
    """Return container, container port, host port and protocol of everything that will listen on the host."""
    return [
        (name, port, host, protocol)
        for name, port, port_spec in definition.container_ports
        if (host := host_port(definition, name, port, answers)) is not None
        for protocol in port_spec.published_protocols
    ]


def host_ports(definition: Definition, answers: Answers) -> frozenset[int]:
    """Return the ports of the host that a rock-on will listen on."""
    return frozenset(port for _, _, port, _ in wanted_ports(definition, answers))


def port_conflict(rockon: str, host: int, protocol: str, facts: HostFacts) -> PortListener | None:
    """Return what uses a port of the host, other than the rock-on itself; None when nothing does.

    On any address: Docker publishes on all of them, so one in use on 127.0.0.1 alone is not available.
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
    """Return the first port from `start` upwards that is not in use; None when there is none.

    `taken` are those that the rock-on uses for something else; with `ui`, those that browsers block are left out.
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
    """Return a sentence on what uses a port, with its address where it does not listen on all of them."""
    placeholders = {"port": holder.port, "protocol": holder.protocol, "who": str(holder.holder or t("another program"))}
    if holder.address in WILDCARD_ADDRESSES:
        return t("Port %(port)s (%(protocol)s) is in use by %(who)s.", **placeholders)
    address = holder.address
    return t(
        "Port %(port)s (%(protocol)s) is in use by %(who)s on the address %(address)s.",
        **placeholders,
        address=address,
    )


def browser_refusal(port: int) -> TranslatableText | None:
    """Return why the app's own page can't be on a port; None when it can."""
    if port not in BLOCKED_PORTS:
        return None
    return t("Browsers block port %(port)s, so the app's page can't use it.", port=port)


def check_host_ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each host port that is assigned twice or in use by something else."""
    users_by_port: dict[tuple[int, str], str] = {}
    for container, port, host, protocol in wanted_ports(definition, answers):
        first_user = users_by_port.setdefault((host, protocol), f"{container} {port}")
        if first_user != f"{container} {port}":
            yield Finding(
                "block",
                t(
                    "Host port %(host)s (%(protocol)s) is assigned twice: to %(first)s and to %(second)s.",
                    host=host,
                    protocol=protocol,
                    first=first_user,
                    second=f"{container} {port}",
                ),
                t("Choose another port for one of them."),
            )
        elif holder := port_conflict(definition.name, host, protocol, facts):
            yield _port_finding(definition, answers, (container, port), port_in_use_sentence(holder), facts)
    yield from _check_ui_ports(definition, answers, facts)
    yield from _check_privileged_ports(definition, answers)


def _check_privileged_ports(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield a finding for each port that only an administrator may listen on, where the app does so itself.

    Otherwise Docker listens on the host, and any user may listen inside a container.
    """
    for name, spec in definition.launch_order:
        worker = owners.container_user(name, spec, answers) if spec.on_host_network and spec.uid is not None else None
        for port, port_spec in spec.port_specs.items() if worker and worker.uid else ():
            if port < FIRST_UNPRIVILEGED_PORT:
                yield Finding(
                    "warn",
                    t(
                        "%(name)s listens on host port %(port)s as user %(uid)s, but only root can use ports below "
                        "%(free)s.",
                        name=name,
                        port=port,
                        uid=worker.uid if worker else "",
                        free=FIRST_UNPRIVILEGED_PORT,
                    ),
                    t("The app's page will most likely not be reachable.")
                    if port_spec.ui
                    else t("It will most likely fail."),
                )


def check_published_ports(definition: Definition, answers: Answers) -> Iterator[Finding]:
    """Yield one note that published ports bypass the host's firewall."""
    published = {
        host
        for name, _, host, _ in wanted_ports(definition, answers)
        if not definition.containers[name].on_host_network
    }
    if published:
        yield Finding(
            "note",
            t(
                "Anyone who can reach this host can reach its published ports (%(ports)s): Docker opens them "
                "regardless of the host's firewall.",
                ports=", ".join(map(str, sorted(published))),
            ),
            t("A port that is left blank is not published."),
        )


def _check_ui_ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each app page on a port that browsers block."""
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
    """Return the finding for a port (of a container) that is not available, with a free one to use instead."""
    container, port = container_port
    spec = definition.containers[container]
    if spec.on_host_network:
        hint = t(
            "%(container)s uses the host network and can't use another port: stop what uses this one first.",
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
