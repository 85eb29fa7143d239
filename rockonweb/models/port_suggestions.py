"""Host ports that are taken in the catalogue and by apps, and the next free one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb.core.containers.host_ports import FIRST_UNPRIVILEGED_PORT, LARGEST_PORT, may_suggest_port
from rockonweb.core.definition.browser_ports import BLOCKED_PORTS
from rockonweb.models import (
    Port,
    RockOn,
)
from rockonweb.models.rockon import expand_protocol


class PortSuggestions:
    """Host ports that are taken in the catalogue or by apps, and the search for free ones.

    A port is taken per protocol; one without a protocol is taken for tcp and udp.
    """

    def __init__(self, taken: Iterable[tuple[int, str]] = ()) -> None:
        self.taken = Counter(taken)
        # By searched protocols: maps a taken port to the next candidate, which skips runs of taken ports.
        self._next: dict[tuple[str, ...], dict[int, int]] = {}

    @classmethod
    def load_taken(cls, session: Session) -> PortSuggestions:
        """Return the ports suggested for the catalogue's rock-ons and published by apps."""
        suggestions = cls()
        for ports in session.scalars(select(RockOn.ports)):
            for port in ports:
                suggestions.hold_port(port.suggested, port.offered_protocols)
        for host, protocol in session.execute(select(Port.host, Port.protocol).where(Port.host.is_not(None))):
            suggestions.hold_port(host or 0, expand_protocol(protocol))
        return suggestions

    def take_port(self, default: int, protocols: Iterable[str], *, ui: bool = False) -> int:
        """Take and return `default` or the next free port; `ui` is for a port of the app's own page."""
        searched = tuple(protocols)
        port = default
        if self._is_taken(port, searched) or not may_suggest_port(port, default, ui=ui):
            port = self._find_free_port(default, searched)
        if port > LARGEST_PORT:
            port = self._find_free_port(FIRST_UNPRIVILEGED_PORT, searched)
        port = port if port <= LARGEST_PORT else default
        self.hold_port(port, searched)
        return port

    def _find_free_port(self, start: int, protocols: tuple[str, ...]) -> int:
        """Return the first free port from `start` that browsers do not block; runs of taken ports are skipped."""
        next_ports = self._next.setdefault(protocols, {})
        passed = []
        port = start
        while port in next_ports or (
            port <= LARGEST_PORT and (port in BLOCKED_PORTS or self._is_taken(port, protocols))
        ):
            passed.append(port)
            port = next_ports.get(port, port + 1)
        next_ports.update(dict.fromkeys(passed, port))
        return port

    def _is_taken(self, port: int, protocols: tuple[str, ...]) -> bool:
        return any(self.taken[port, protocol] > 0 for protocol in protocols)

    def hold_port(self, port: int, protocols: Iterable[str]) -> None:
        """Count one more user of a port."""
        self.taken.update((port, protocol) for protocol in protocols)

    def release_port(self, port: int, protocols: Iterable[str]) -> None:
        """Count one user less of a port."""
        self.taken.subtract((port, protocol) for protocol in protocols)
        self._next.clear()
