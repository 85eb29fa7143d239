"""Findings on ports of the host: wanted twice, in use, refused by browsers, or reachable from outside."""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import host_port
from rockonweb.core.containers.host_ports import (
    FIRST_UNPRIVILEGED_PORT,
    WantedPort,
    browser_refusal,
    find_free_port,
    is_loopback_address,
    port_conflict,
    port_in_use_sentence,
    wanted_ports,
)
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t


def check_host_ports(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each host port that is assigned twice or in use by something else."""
    earlier: list[WantedPort] = []
    for port in wanted_ports(definition, answers):
        first = next((other for other in earlier if _collide(port, other)), None)
        earlier.append(port)
        if first:
            yield Finding(
                "block",
                t("Host port %(host)s (%(protocol)s) is assigned twice: to %(first)s and to %(second)s.",
                  host=port.host, protocol=port.protocol, first=first.title, second=port.title),
                t("Both are in the definition's options: contact its maintainer.")
                if first.by_option and port.by_option
                else t("Choose another port for one of them."),
            )  # fmt: skip
        elif holder := port_conflict(definition.name, port.host, port.protocol, facts, port.address):
            yield _port_finding(definition, answers, port, port_in_use_sentence(holder), facts)
    yield from _check_ui_ports(definition, answers, facts)
    yield from _check_privileged_ports(definition, answers)


def _collide(port: WantedPort, other: WantedPort) -> bool:
    """Whether both would listen on the same port of the same address. Docker refuses also the same thing twice."""
    return (port.host, port.protocol) == (other.host, other.protocol) and (
        not port.address or not other.address or port.address == other.address
    )


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
        port.host
        for port in wanted_ports(definition, answers)
        if not definition.containers[port.container].on_host_network and not is_loopback_address(port.address)
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
    """Yield a warning for each app page on a port that browsers block."""
    for name, port, port_spec in definition.container_ports:
        host = host_port(definition, name, port, answers)
        refusal = browser_refusal(host) if port_spec.ui and host is not None else None
        if refusal and definition.containers[name].on_host_network:
            yield Finding("warn", refusal, t("The definition leaves no other choice."))
        elif refusal and host is not None:
            wanted = WantedPort(name, port, host, port_spec.published_protocols[0])
            yield Finding("warn", refusal, _other_port_hint(definition, answers, wanted, facts))


def _port_finding(
    definition: Definition,
    answers: Answers,
    wanted: WantedPort,
    sentence: TranslatableText,
    facts: HostFacts,
) -> Finding:
    """Return the finding for a port (of a container) that can't be had, with a free one to take instead."""
    if wanted.by_option:
        hint = t(
            "The definition publishes it by an option and can't use another port: stop what uses this one first.",
        )
    elif definition.containers[wanted.container].on_host_network:
        hint = t(
            "%(container)s uses the host network and can't use another port: stop what uses this one first.",
            container=wanted.container,
        )
    else:
        hint = _other_port_hint(definition, answers, wanted, facts)
    return Finding("block", sentence, hint)


def _other_port_hint(
    definition: Definition, answers: Answers, wanted: WantedPort, facts: HostFacts
) -> TranslatableText:
    """Return which port to choose instead."""
    container, port = wanted.container, wanted.number
    others = {
        (other.host, other.protocol)
        for other in wanted_ports(definition, answers)
        if (other.container, other.number) != (container, port) or other.by_option
    }
    port_spec = definition.containers[container].port_specs[port]
    available_port = find_free_port(
        definition.name, wanted.host, port_spec.published_protocols, facts, others, ui=port_spec.ui
    )
    return t("Port %(free)s is free.", free=available_port) if available_port else t("Choose another.")
