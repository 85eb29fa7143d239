"""What becomes of the containers of other rock-ons that refer to those which an operation recreates or restarts.

Docker resolves such a reference once, to an id. So who refers to a container that is recreated is recreated too, by its
own unchanged command line; who has joined a namespace of one that stops is restarted after it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import NAMESPACE_RELATIONS, RELATION_VERBS, ContainerReference
from rockonweb.core.facts import UP_STATES, ContainerFacts, HostFacts
from rockonweb.core.operations.steps import StartContainer, Step, StopContainer
from rockonweb.core.plan.change import (
    Change,
    ContainerDiff,
    DesiredState,
    already_prepared,
    containers_to_start,
    create_argv,
    launch_steps,
    network_steps,
    propagate_reasons,
    pull_steps,
    recreate_steps,
    remove_steps,
    rename_steps,
)
from rockonweb.core.plan.plan import Phases, health_gate
from rockonweb.core.plan.rollback import resume_steps
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import TranslatableText, t


@dataclass(frozen=True)
class Disturbance:
    """The containers that an operation recreates, stops and starts again, or takes away."""

    recreated: frozenset[str] = frozenset()
    restarted: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        """Whether any container is disturbed."""
        return bool(self.recreated or self.restarted or self.removed)

    def __or__(self, other: Disturbance) -> Disturbance:
        """Return both together."""
        return Disturbance(
            self.recreated | other.recreated, self.restarted | other.restarted, self.removed | other.removed
        )


@dataclass(frozen=True)
class DependentPlan:
    """What a rock-on does along with an operation on another one, with the findings that tell of it."""

    phases: Phases
    disturbance: Disturbance
    containers: tuple[ContainerDiff, ...] = ()
    findings: tuple[Finding, ...] = ()

    def __or__(self, further: DependentPlan) -> DependentPlan:
        """Return the plan of both, where the `further` one depends on this one."""
        return DependentPlan(
            self.phases.with_dependent(further.phases),
            self.disturbance | further.disturbance,
            (*self.containers, *further.containers),
            (*self.findings, *further.findings),
        )


def find_disturbance(change: Change, facts: HostFacts) -> Disturbance:
    """Return what a change of a rock-on does to its containers."""
    started = {step.container for step in change.plan.steps if isinstance(step, StartContainer)}
    recreated = {diff.container for diff in change.containers if diff.recreated and diff.before and diff.after}
    missing = {diff.container for diff in change.containers if diff.recreated and not diff.before}
    stopped = {step.container for step in change.plan.steps if isinstance(step, StopContainer)}
    down = {name for name in started if not _is_up(name, facts)}
    return Disturbance(
        frozenset(recreated | missing),
        frozenset((down | (started & stopped)) - recreated - missing),
        frozenset(diff.container for diff in change.containers if not diff.after),
    )


def references_to(definition: Definition, containers: Collection[str]) -> Iterator[tuple[str, ContainerReference]]:
    """Yield the containers of a rock-on with each of their references to one of these `containers`."""
    for name, spec in definition.launch_order:
        for reference in spec.run_options.references:
            if reference.container in containers:
                yield name, reference


def plan_dependent(state: DesiredState, facts: HostFacts, disturbance: Disturbance) -> DependentPlan:
    """Plan what a rock-on that was created from `state` does when the containers that it refers to are disturbed."""
    definition, present = state.definition, _own_containers(state.definition, facts)
    direct: dict[str, str] = {}
    restarts: set[str] = set()
    findings: list[Finding] = []
    for name, reference in references_to(
        definition,
        {*disturbance.recreated, *disturbance.restarted, *disturbance.removed, *present},
    ):
        lender = reference.container
        if name not in present:
            continue
        if lender in disturbance.removed:
            findings.append(dependent_warning(definition.name, name, reference))
        elif lender in disturbance.recreated:
            direct[name] = t("it refers to %(other)s, which is recreated", other=lender)
            findings.append(_along_finding(definition, name, reference, recreated=True))
        elif _follows(reference, {*disturbance.restarted, *restarts}) and present[name].state in UP_STATES:
            restarts.add(name)
            findings.append(_along_finding(definition, name, reference, recreated=False))
    reasons = {name: why for name, why in propagate_reasons(definition, direct).items() if name in present}
    restarts -= set(reasons)
    phases, diffs = _build_phases(state, facts, reasons, restarts)
    return DependentPlan(phases, Disturbance(frozenset(reasons), frozenset(restarts)), diffs, tuple(findings))


def add_dependent(change: Change, dependent: DependentPlan) -> Change:
    """Return a change that also does what a dependent rock-on does along with it."""
    phases = change.phases.with_dependent(dependent.phases)
    plan = replace(change.plan, steps=phases.steps, findings=(*change.plan.findings, *dependent.findings))
    return replace(change, plan=plan, phases=phases, containers=(*change.containers, *dependent.containers))


def leave_as_is(definition: Definition, blocking: Finding) -> Finding:
    """Return the warning about a rock-on that stays as it is, though what it refers to is disturbed: it is blocked."""
    return Finding(
        "warn",
        t("%(rockon)s is left as it is, though it depends on this rock-on: %(why)s",
          rockon=definition.name, why=blocking.sentence),
        blocking.hint,
    )  # fmt: skip


def dependent_warning(rockon: str, name: str, reference: ContainerReference) -> Finding:
    """Return the warning that a container of a rock-on refers to one that is stopped or removed."""
    words = _describe(rockon, name, reference)
    return Finding(
        "warn",
        t("%(name)s of %(rockon)s %(verb)s %(other)s.", **words),
        t("It does not work while that container is stopped, and can't start without it."),
    )


def _build_phases(
    state: DesiredState, facts: HostFacts, reasons: dict[str, str], restarts: Collection[str]
) -> tuple[Phases, tuple[ContainerDiff, ...]]:
    if not reasons and not restarts:
        return Phases(), ()
    definition, present = state.definition, set(_own_containers(state.definition, facts))
    launch = launch_steps(state, facts)
    to_start = containers_to_start(launch, reasons, present, facts)
    prepared = already_prepared(launch, launch, reasons, state, facts)
    resumed = resume_steps(launch, restarts)
    backwards = [name for name, _ in reversed(definition.launch_order)]
    build: list[Step] = []
    for name in launch:
        if name in reasons:
            build += recreate_steps(launch[name], reasons[name], to_start, prepared=name in prepared)
        build += resumed.get(name, ())
    replaced = [name for name in backwards if name in reasons]
    phases = Phases(
        prepare=(
            *pull_steps(definition, definition, reasons, facts),
            *network_steps(state, state, facts, {*reasons}),
        ),
        stop=tuple(
            StopContainer(container=name, why=t("it refers to a container that stops"))
            for name in backwards
            if name in reasons or name in restarts
        ),
        replace=tuple(rename_steps(replaced)),
        build=(*build, *health_gate(definition, state.answers, build, keep_on_failure=False)),
        finish=tuple(remove_steps(replaced)),
    )
    argv = {name: create_argv(launch[name]) for name in reasons}
    return phases, tuple(ContainerDiff(name, why, argv[name], argv[name]) for name, why in reasons.items())


def _own_containers(definition: Definition, facts: HostFacts) -> dict[str, ContainerFacts]:
    containers = facts.containers or {}
    return {
        name: containers[name]
        for name in definition.containers
        if name in containers and containers[name].rockon == definition.name
    }


def _follows(reference: ContainerReference, restarted: Collection[str]) -> bool:
    return reference.relation in NAMESPACE_RELATIONS and reference.container in restarted


def _is_up(name: str, facts: HostFacts) -> bool:
    container = (facts.containers or {}).get(name)
    return container is not None and container.state in UP_STATES


def _describe(rockon: str, name: str, reference: ContainerReference) -> dict[str, TranslatableText | str]:
    return {
        "name": name,
        "rockon": rockon,
        "verb": RELATION_VERBS[reference.relation],
        "other": reference.container,
    }


def _along_finding(definition: Definition, name: str, reference: ContainerReference, *, recreated: bool) -> Finding:
    words = _describe(definition.name, name, reference)
    if recreated:
        return Finding("note", t("%(name)s of %(rockon)s %(verb)s %(other)s and is recreated with it.", **words))
    return Finding("note", t("%(name)s of %(rockon)s %(verb)s %(other)s and is restarted with it.", **words))
