"""Rock-ons that need more than the generic launch, found by the rock-on's name.

A handler is a module with `fits(definition)` and `launch(definition, answers, facts)`, which returns the steps that
make and start the containers. One whose definition is not of the expected shape is launched as any other.
"""

from __future__ import annotations

from typing import Protocol

from rockonweb.core.answers import Answers
from rockonweb.core.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import generic, openvpn
from rockonweb.core.steps import AnyStep


class Handler(Protocol):
    """What a handler module offers."""

    def fits(self, definition: Definition) -> bool:
        """Whether the definition has the shape that the handler knows."""
        ...

    def launch(self, definition: Definition, answers: Answers, facts: HostFacts) -> list[AnyStep]:
        """Return the steps that make and start the containers."""
        ...


HANDLERS: dict[str, Handler] = {"openvpn": openvpn}


def find(definition: Definition) -> Handler:
    """Return the handler of a rock-on: its own where the shape fits, else the generic one."""
    handler = HANDLERS.get(definition.name.lower())
    return handler if handler and handler.fits(definition) else generic
