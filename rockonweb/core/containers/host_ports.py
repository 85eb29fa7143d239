"""Ports of the host: which a rock-on will listen on, who holds one, and the next free one."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import host_port
from rockonweb.core.definition.browser_ports import BLOCKED_PORTS
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.text import TranslatableText, t

WILDCARD_ADDRESSES = ("", "0.0.0.0", "::")  # noqa: S104
FIRST_UNPRIVILEGED_PORT = 1024  # from here on everybody may listen
LARGEST_PORT = 65535


@dataclass(frozen=True)
class WantedPort:
    """A port of the host on which a container will listen; with `by_option` the definition publishes it itself."""

    container: str
    number: int
    host: int
    protocol: str
    address: str = ""  # blank for all addresses of the host
    by_option: bool = False

    @property
    def title(self) -> str:
        """Container and port, for people."""
        return f"{self.container} {self.number}"


def wanted_ports(definition: Definition, answers: Answers) -> list[WantedPort]:
    """Return everything that will listen on the host: by answers, then by the definition's own options."""
    answered = [
        WantedPort(name, port, host, protocol)
        for name, port, port_spec in definition.container_ports
        if (host := host_port(definition, name, port, answers)) is not None
        for protocol in port_spec.published_protocols
    ]
    return [*answered, *option_ports(definition)]


def option_ports(definition: Definition) -> list[WantedPort]:
    """Return the ports of the host that a definition publishes by its options, whatever the answers are."""
    return [
        WantedPort(name, port.number, port.host, port.protocol, port.address, by_option=True)
        for name, spec in definition.launch_order
        if not spec.on_host_network
        for port in spec.run_options.published_ports
    ]


def host_ports(definition: Definition, answers: Answers) -> frozenset[int]:
    """Return the ports of the host that something of a rock-on will listen on."""
    return frozenset(port.host for port in wanted_ports(definition, answers))


def port_conflict(rockon: str, host: int, protocol: str, facts: HostFacts, address: str = "") -> PortListener | None:
    """Return who holds a port of the host, other than the rock-on itself.

    Who wants it on all addresses can't have one that is held on 127.0.0.1 alone either.
    """
    for listener in (*facts.listening, *facts.claimed):
        same_port = (listener.port, listener.protocol) == (host, protocol) and listener.rockon != rockon
        if same_port and (not address or listener.address in (*WILDCARD_ADDRESSES, address)):
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
    """Return `start`, or the next port that is not in use and may be suggested; None when there is none.

    `taken` are those that the rock-on uses for something else; `ui` is for a port of the app's own page.
    """
    needed_protocols = set(protocols)
    occupied = {
        (listener.port, listener.protocol)
        for listener in (*facts.listening, *facts.claimed)
        if listener.rockon != rockon
    } | set(taken)
    for port in chain(range(start, LARGEST_PORT + 1), range(FIRST_UNPRIVILEGED_PORT, start)):
        if may_suggest_port(port, start, ui=ui) and not any(
            (port, protocol) in occupied for protocol in needed_protocols
        ):
            return port
    return None


def may_suggest_port(port: int, default: int, *, ui: bool) -> bool:
    """Whether to suggest a port instead of `default`. One that browsers block is suggested only where the definition
    itself names it for something that is not a page (`ui`), such as DNS.
    """
    return port not in BLOCKED_PORTS or (port == default and not ui)


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


def is_loopback_address(address: str) -> bool:
    """Whether only this host itself reaches what listens on an address."""
    return address.startswith("127.") or address in ("::1", "localhost")


def browser_refusal(port: int) -> TranslatableText | None:
    """Return that browsers do not open the app's own page on a port; None when they do.

    A warning only: Docker can publish it, and a proxy or another program can use it.
    """
    if port not in BLOCKED_PORTS:
        return None
    return t("Browsers block port %(port)s: they will not open the app's page on it.", port=port)
