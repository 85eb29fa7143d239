"""Finds the rock-ons whose containers refer to those of another one, and plans what they do along with it."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import select

from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.docker.run_options import ContainerReference
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.plan.change import DesiredState
from rockonweb.core.plan.dependents import (
    DependentPlan,
    Disturbance,
    dependent_warning,
    leave_as_is,
    plan_dependent,
)
from rockonweb.core.plan.plan import Phases
from rockonweb.core.preflight import Finding
from rockonweb.host import get_host
from rockonweb.models import Installation, db
from rockonweb.models.installation import in_state
from rockonweb.models.repository import load_answers
from rockonweb.work.change_facts import gather_change_facts, pin_images
from rockonweb.work.known_shares import absent_data_findings

if TYPE_CHECKING:
    from rockonweb.host import Engine

Reference = tuple[str, ContainerReference]  # the container that refers, and to what


def find_dependents(installation: Installation) -> list[Installation]:
    """Return the installed rock-ons that refer to a container of this one, and those that refer to these, the nearest
    first.
    """
    query = select(Installation).where(
        Installation.id != installation.id,
        in_state(*INSTALLED_OR_PENDING),
        Installation.installed_source.contains('"opts"'),
    )
    others = [*db.session.scalars(query.order_by(Installation.id))]
    lenders = {*installation.current_definition.containers}
    found: list[Installation] = []
    while nearest := [other for other in others if other not in found and _refers_to(other, lenders)]:
        found += nearest
        lenders = {name for other in nearest for name in other.current_definition.containers}
    return found


def list_references(installation: Installation) -> tuple[Reference, ...]:
    """Return the references of a rock-on's containers to those of others."""
    return _read_references(installation.name, installation.current_source)


def dependent_warnings(installation: Installation) -> tuple[Finding, ...]:
    """Return a warning for each container of another rock-on that refers to one of this rock-on."""
    own = installation.current_definition.containers
    return tuple(
        dependent_warning(other.name, name, reference)
        for other in find_dependents(installation)
        for name, reference in list_references(other)
        if reference.container in own
    )


def plan_dependents(installation: Installation, disturbance: Disturbance, docker: Engine) -> DependentPlan:
    """Plan what other rock-ons do when the containers of this one are disturbed. Raises EngineError.

    One whose shares or folders are absent is left as it is: it would start on empty ones.
    """
    together = DependentPlan(Phases(), disturbance)
    for dependent in find_dependents(installation) if disturbance else ():
        state = DesiredState(dependent.current_definition, load_answers(dependent))
        facts = gather_change_facts(dependent, state, state, docker)
        planned = plan_dependent(
            state, pin_images(state.definition, state.definition, facts, docker, 0), together.disturbance
        )
        touched = planned.disturbance.recreated | planned.disturbance.restarted
        mounting = [item for name, item in (facts.containers or {}).items() if name in touched]
        if absent := next(absent_data_findings(mounting, get_host(dependent).shares, facts.absent_shares), None):
            planned = DependentPlan(Phases(), Disturbance(), findings=(leave_as_is(state.definition, absent),))
        together |= planned
    return together


def _refers_to(installation: Installation, containers: Collection[str]) -> bool:
    return any(reference.container in containers for _, reference in list_references(installation))


@lru_cache(512)
def _read_references(name: str, source: str) -> tuple[Reference, ...]:
    definition = definition_from_source(name, source)
    return tuple(
        (container, reference)
        for container, spec in definition.launch_order
        for reference in spec.run_options.references
        if reference.container not in definition.containers
    )
