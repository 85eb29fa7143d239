"""What speaks against a plan, or should be known before it: pure functions of definition, answers and host facts.

A module for each subject yields findings; `examine` has all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight import privileges
from rockonweb.core.preflight.containers import containers
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.images import images
from rockonweb.core.preflight.mounts import places
from rockonweb.core.preflight.ports import open_ports, ports

__all__ = ["Finding", "examine"]


def examine(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every finding for an install or a rebuild."""
    yield from places(definition, answers, facts, new_shares)
    yield from ports(definition, answers, facts)
    yield from containers(definition, answers, facts)
    yield from images(definition, facts)
    yield from open_ports(definition, answers)
    yield from privileges.findings(definition)
