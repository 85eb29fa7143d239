"""Rock-ons that need more than the generic launch, found by the rock-on's name.

A handler is a module with what `Handler` names. One whose definition is not of the expected shape is launched as any
other.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from rockonweb.core import preflight
from rockonweb.core.answers import Answers
from rockonweb.core.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import generic, openvpn, owncloud
from rockonweb.core.handlers.tasks import Tasks
from rockonweb.core.preflight import Finding
from rockonweb.core.steps import Step


class Handler(Protocol):
    """What a handler module offers."""

    @property
    def tasks(self) -> Tasks | None:
        """What people do with the rock-on once it is installed; None for nothing."""
        ...

    def fits(self, definition: Definition) -> bool:
        """Whether the definition has the shape that the handler knows."""
        ...

    def launch(self, definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
        """Return the steps that make and start the containers; each names the container that it is for."""
        ...

    def findings(self, definition: Definition, facts: HostFacts) -> Iterator[Finding]:
        """Yield what should be known before a launch, beside what any rock-on's is examined for."""
        ...

    def references(self, definition: Definition) -> Iterator[tuple[str, str]]:
        """Yield a container and another one that it is linked to, beside what its options say."""
        ...


HANDLERS: dict[str, Handler] = {"openvpn": openvpn, "owncloud": owncloud}


def find(definition: Definition) -> Handler:
    """Return the handler of a rock-on: its own where the shape fits, else the generic one."""
    handler = HANDLERS.get(definition.name.lower())
    return handler if handler and handler.fits(definition) else generic


def examine(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every finding for an install or a rebuild, those of the rock-on's handler too."""
    yield from preflight.examine(definition, answers, facts, new_shares)
    yield from find(definition).findings(definition, facts)


def referred(definition: Definition, container: str) -> Iterator[str]:
    """Yield the containers that one refers to: what is rebuilt takes along whatever refers to it."""
    yield from (one.container for one in definition.containers[container].options.references)
    yield from (other for one, other in find(definition).references(definition) if one == container)
