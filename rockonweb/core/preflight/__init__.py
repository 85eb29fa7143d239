"""Preflight: what blocks a plan or should be known before it, by pure functions of definition, answers and host facts.

A module for each subject yields findings; `collect_findings` yields all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight import privileges
from rockonweb.core.preflight.containers import check_containers
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.preflight.images import check_images
from rockonweb.core.preflight.mounts import check_shares
from rockonweb.core.preflight.options import check_options
from rockonweb.core.preflight.ports import check_host_ports, check_published_ports
from rockonweb.core.preflight.stored_data import check_stored_data
from rockonweb.core.preflight.visibility import check_visibility

__all__ = ["Finding", "collect_findings"]


def collect_findings(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every finding for an install or a change; `new_shares` are those to be created."""
    yield from check_visibility(definition, answers, facts)
    yield from check_shares(definition, answers, facts, new_shares)
    yield from check_host_ports(definition, answers, facts)
    yield from check_containers(definition, answers, facts)
    yield from check_options(definition, answers)
    yield from check_images(definition, facts)
    yield from check_stored_data(definition, answers, facts)
    yield from check_published_ports(definition, answers)
    yield from privileges.privilege_findings(definition)
