"""Plans the change of an installed rock-on: which containers are recreated, which are kept, and the steps.

Every change of an installed rock-on is planned here: other answers, a newer definition, newer images. A container is
recreated when its command line differs, or that of a one-shot run that prepares it, and when it refers to one that is
recreated. Where only networks differ, it is connected and disconnected while it runs.

The old containers are kept until their replacements are healthy: images are pulled first; then the old containers are
stopped and renamed, the new ones are created and started in launch order, and the old ones are removed. Until that
last part every step can be undone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import Argv, without_management_labels
from rockonweb.core.containers.networks import joined_endpoint
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker import run_options
from rockonweb.core.facts import UP_STATES, HostFacts
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    DisconnectNetwork,
    DumpDatabase,
    LoadDatabase,
    PullImage,
    RemoveNetwork,
    RemoveOld,
    RenameOld,
    RestoreSnapshot,
    RunOnce,
    SaveFolder,
    StartContainer,
    Step,
    StopContainer,
    TakeSnapshot,
)
from rockonweb.core.plan.plan import (
    Phases,
    Plan,
    health_gate,
    link_networks,
    missing_option_networks,
    network_members,
    share_steps,
)
from rockonweb.core.plan.repair import find_missing_memberships, find_stale_containers
from rockonweb.core.plan.rollback import NO_ROLLBACK, RollbackTarget, SnapshotScope, find_snapshot_scopes, resume_steps
from rockonweb.core.secret import format_command, reveal_argv
from rockonweb.core.text import TranslatableText, t

ContainerSteps = tuple[Step, ...]  # those that create and start one container


@dataclass(frozen=True)
class DesiredState:
    """What the containers of a rock-on are created from."""

    definition: Definition
    answers: Answers


@dataclass(frozen=True)
class ContainerDiff:
    """One container before and after. `why` it is recreated is blank for one that is kept.

    `before` is None for a container that is new, `after` for one that is removed.
    """

    container: str
    why: str
    before: Argv | None
    after: Argv | None
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    @property
    def recreated(self) -> bool:
        """Whether it is recreated, created for the first time, or removed."""
        return bool(self.why)


@dataclass(frozen=True)
class Change:
    """The plan of a change, its effect on each container, and the shares of which snapshots can be taken."""

    plan: Plan
    phases: Phases
    containers: tuple[ContainerDiff, ...] = field(default=())
    snapshot_scopes: tuple[SnapshotScope, ...] = field(default=())

    @property
    def recreated(self) -> list[str]:
        """The names of the containers that are recreated, created, or removed."""
        return [diff.container for diff in self.containers if diff.recreated]

    @property
    def paused(self) -> list[str]:
        """The names of those that are kept, but stopped in between and started again."""
        stopped = [step.container for step in self.plan.steps if isinstance(step, StopContainer)]
        return [name for name in stopped if name not in self.recreated]

    @property
    def reviewed(self) -> list[str]:
        """What the user agrees to, secrets masked: the commands, and which containers and networks are changed.

        Without what may differ between two reviews and does not matter, such as which images Docker has already.
        """
        step_types = (CreateContainer, RunOnce, RenameOld, ConnectNetwork, DisconnectNetwork, RestoreSnapshot,
                      DumpDatabase, LoadDatabase)  # fmt: skip
        return [
            format_command(step.argv) if isinstance(step, CreateContainer | RunOnce) else str(step)
            for step in self.plan.steps
            if isinstance(step, step_types)
        ]


def plan_change(
    old: DesiredState,
    new: DesiredState,
    facts: HostFacts,
    *,
    recreate: Mapping[str, str] | None = None,
    start_all: bool = False,
    new_shares: frozenset[str] = frozenset(),
    requested_shares: Collection[str] = (),
    rollback_target: RollbackTarget = NO_ROLLBACK,
    ownership_changes: Mapping[str, tuple[int, int]] | None = None,
) -> Change:
    """Plan the change of a rock-on that was created from `old` to what `new` would create.

    `recreate` are containers that are recreated in any case, with the reason. What runs now is started again; with
    `start_all`, all containers are. Of the shares that other rock-ons use too, a snapshot is taken only of the
    `requested_shares`. `rollback_target` is for rolling back; `ownership_changes` are new owners by share path.
    """
    facts = replace(facts, new_owners=owners.new_path_owners(new.definition, new.answers, new_shares))
    target_facts = replace(facts, pinned={**facts.pinned, **rollback_target.images})
    before, after = launch_steps(old, facts), launch_steps(new, target_facts)
    present = set(before)
    if facts.containers is not None:
        present = {
            container
            for container in before
            if container in facts.containers and facts.containers[container].rockon == new.definition.name
        }
    stale = find_stale_containers(new.definition, facts)
    reasons = _recreate_reasons(before, after, present, {**stale, **(recreate or {})}, new.definition)
    removed = {name: t("the definition no longer has it") for name in before if name not in after}
    replaced = [
        name for name, _ in reversed(old.definition.launch_order) if name in {**reasons, **removed} and name in present
    ]
    repairs = find_missing_memberships(new.definition, new.answers, facts)
    network_moves = {
        name: _network_moves(before[name], after[name], repairs.get(name, ()))
        for name in after
        if name in before and name not in reasons
    }
    to_start = (
        set(after)
        if start_all
        else containers_to_start(after, reasons, present, facts)
        if rollback_target.running is None
        else {*rollback_target.running}
    )
    changed = () if start_all else {*reasons, *removed}  # a start is no change that could be rolled back
    scopes = find_snapshot_scopes(
        (old.definition, old.answers),
        (new.definition, new.answers),
        changed,
        facts,
        requested_shares,
        rollback_target.shares,
    )
    paused = {
        name
        for scope in scopes
        if scope.is_included
        for name in scope.containers
        if name in present and _is_up(name, facts)
    }
    restarts = resume_steps(
        after, {*paused, *(set(after) if start_all else rollback_target.running or ())} - set(reasons)
    )
    prepared = already_prepared(before, after, reasons, new, facts)
    networks = network_steps(
        old, new, facts, {*reasons, *to_start, *(name for name, (joins, _) in network_moves.items() if joins)}
    )
    build_steps = [
        step
        for name in after
        for step in (
            recreate_steps(after[name], reasons[name], to_start, prepared=name in prepared)
            if name in reasons
            else restarts.get(name, ())
        )
    ]
    phases = Phases(
        prepare=(
            *share_steps(
                new.definition,
                new.answers,
                facts,
                new_shares,
                give=ownership_changes,
                previous_paths=owners.used_share_paths(old.definition, old.answers),
            ),
            *pull_steps(old.definition, new.definition, reasons, target_facts),
            *networks,
            *(
                ConnectNetwork(
                    network=network,
                    container=name,
                    endpoint=joined_endpoint(new.definition.containers[name], network),
                    why=t("it is connected while running"),
                )
                for name, (joins, _) in network_moves.items()
                for network in joins
            ),
        ),
        stop=tuple(
            StopContainer(container=name, why=t("in reverse launch order"))
            for name, _ in reversed(old.definition.launch_order)
            if name in {*replaced, *paused}
        ),
        replace=(
            *(
                TakeSnapshot(share=scope.share, containers=scope.containers, why=t("so that its data can be restored"))
                for scope in scopes
                if scope.is_included and scope.share in facts.shares
            ),
            *(
                RestoreSnapshot(share=share, point=rollback_target.point_id, why=t("its data as of the rollback point"))
                for share in rollback_target.shares
            ),
            *rename_steps(replaced),
        ),
        build=(
            *build_steps,
            *(() if start_all else health_gate(new.definition, new.answers, build_steps, keep_on_failure=False)),
        ),
        finish=(
            *(
                DisconnectNetwork(network=network, container=name, why=t("it is disconnected while running"))
                for name, (_, leaves) in network_moves.items()
                for network in leaves
            ),
            *remove_steps(replaced),
            *(
                RemoveNetwork(network=name, why=t("unless something else uses it"))
                for name in link_networks(old.definition)
                if name not in link_networks(new.definition)
            ),
        ),
    )
    diffs = tuple(
        ContainerDiff(
            name,
            {**removed, **reasons}.get(name, ""),
            create_argv(before.get(name)) if name in present else None,
            create_argv(after.get(name)),
            *network_moves.get(name, ((), ())),
        )
        for name in dict.fromkeys([*after, *removed])
    )
    plan = Plan(
        new.definition.name,
        phases.steps,
        tuple((name, tuple(members)) for name, members in network_members(new.definition, new.answers).items()),
        tuple(handlers.collect_all_findings(new.definition, new.answers, facts, new_shares)),
        tuple(owners.ownership_offers(new.definition, new.answers, facts).values()),
    )
    return Change(plan, phases, diffs, tuple(scopes))


def save_folders(change: Change, share_paths: Mapping[str, str]) -> Change:
    """Return a change that also copies folders (CONTAINER:FOLDER) of old containers to the shares that take their place
    in the new ones, before these start.
    """
    build: list[Step] = []
    for step in change.phases.build:
        build.append(step)
        if isinstance(step, CreateContainer):
            for key, share_path in share_paths.items():
                container, _, folder = key.partition(":")
                if share_path and container == step.container:
                    why = t("its files are in no share and would be lost")
                    build.append(SaveFolder(container=container, folder=folder, share=share_path, why=why))
    phases = replace(change.phases, build=tuple(build))
    return replace(change, phases=phases, plan=replace(change.plan, steps=phases.steps))


def launch_steps(state: DesiredState, facts: HostFacts) -> dict[str, ContainerSteps]:
    """Return the steps of a launch by container, in launch order."""
    steps_by_container: dict[str, list[Step]] = {name: [] for name, _ in state.definition.launch_order}
    for step in handlers.find_handler(state.definition).launch(state.definition, state.answers, facts):
        steps_by_container[getattr(step, "container")].append(step)  # noqa: B009 - each step of a launch has one
    return {name: tuple(steps) for name, steps in steps_by_container.items()}


def _recreate_reasons(
    before: Mapping[str, ContainerSteps],
    after: Mapping[str, ContainerSteps],
    present: set[str],
    recreate: Mapping[str, str],
    definition: Definition,
) -> dict[str, str]:
    """Return the reason for each container that is created or recreated."""
    reasons: dict[str, str] = {}
    for name, steps in after.items():
        if name not in before:
            reasons[name] = t("it is new in the definition")
        elif name not in present:
            reasons[name] = t("it was removed manually and is recreated from its settings")
        elif _create_commands(steps) != _create_commands(before[name]):
            reasons[name] = t("its command line changes")
        elif _one_shot_commands(steps) != _one_shot_commands(before[name]):
            reasons[name] = t("the one-time run that prepares it changes")
        elif name in recreate:
            reasons[name] = recreate[name]
    return propagate_reasons(definition, reasons)


def propagate_reasons(definition: Definition, direct_reasons: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons, and one for each container that refers to a recreated one: it would look for the old one."""
    reasons = dict(direct_reasons)
    changed = True
    while changed:
        changed = False
        for name, _ in definition.launch_order:
            other = next(
                (other for other in handlers.referenced_containers(definition, name) if other in reasons), None
            )
            if other and name not in reasons:
                reasons[name] = t("it refers to %(other)s, which is recreated", other=other)
                changed = True
    return {name: reasons[name] for name, _ in definition.launch_order if name in reasons}


def _create_commands(steps: ContainerSteps) -> list[list[str]]:
    return [reveal_argv(step.argv) for step in steps if isinstance(step, CreateContainer)]


def _one_shot_commands(steps: ContainerSteps) -> list[list[str]]:
    return [without_management_labels(reveal_argv(step.argv)) for step in steps if isinstance(step, RunOnce)]


def rename_steps(names: Iterable[str]) -> Iterator[RenameOld]:
    """Yield the steps that set containers aside."""
    for name in names:
        yield RenameOld(container=name, why=t("it is restored if its replacement fails"))


def remove_steps(names: Iterable[str]) -> Iterator[RemoveOld]:
    """Yield the steps that remove containers which were set aside."""
    for name in names:
        yield RemoveOld(container=name, why=t("its replacement is healthy; shares, images and volumes are kept"))


def create_argv(steps: ContainerSteps | None) -> Argv | None:
    return next((step.argv for step in steps or () if isinstance(step, CreateContainer)), None)


def _network_moves(
    before: ContainerSteps, after: ContainerSteps, missing: Collection[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the networks that a container is connected to, and those that it is disconnected from.

    `missing` are those that it should be on already, and is not.
    """
    old_networks = [step.network for step in before if isinstance(step, ConnectNetwork)]
    new_networks = [step.network for step in after if isinstance(step, ConnectNetwork)]
    return tuple(network for network in new_networks if network in missing or network not in old_networks), tuple(
        network for network in old_networks if network not in new_networks
    )


def containers_to_start(
    after: Mapping[str, ContainerSteps], reasons: Mapping[str, str], present: set[str], facts: HostFacts
) -> set[str]:
    """Return which of the containers that are created are started too: those that run now.

    One that is new, or that is meant to end, is started where the rock-on runs; one whose end is awaited is in any
    case.
    """
    containers = facts.containers
    if containers is None:
        return set(reasons)
    running = {name for name in present if containers[name].state in UP_STATES}  # also removed: others may replace them
    return {
        name
        for name in reasons
        if name in running
        or any(isinstance(step, AwaitEnd) for step in after[name])
        or (running and (name not in present or _meant_to_end(after[name])))
    }


def _is_up(name: str, facts: HostFacts) -> bool:
    return facts.containers is None or facts.containers[name].state in UP_STATES


def _meant_to_end(steps: ContainerSteps) -> bool:
    """Whether a container is meant to end: nothing restarts it."""
    return run_options.parse_command_line(create_argv(steps) or ()).last_value("restart") in ("", "no")


def already_prepared(
    before: Mapping[str, ContainerSteps],
    after: Mapping[str, ContainerSteps],
    reasons: Mapping[str, str],
    new: DesiredState,
    facts: HostFacts,
) -> set[str]:
    """Return the containers whose one-shot run is not repeated: it would do the same, and its volume is kept."""
    return {
        name
        for name in set(before) & set(after)
        if _one_shot_commands(before[name]) == _one_shot_commands(after[name])
        and all(
            reference.container not in reasons or facts.kept_volumes.get(reference.container)
            for reference in new.definition.containers[name].run_options.references
        )
    }


def recreate_steps(steps: ContainerSteps, reason: str, to_start: set[str], *, prepared: bool) -> Iterator[Step]:
    """Yield the steps that recreate one container, and start it where it is to run."""
    for step in steps:
        if isinstance(step, CreateContainer):
            yield replace(step, why=reason)
        elif isinstance(step, RunOnce):
            yield from () if prepared else (step,)
        elif not isinstance(step, StartContainer | AwaitEnd | AwaitAnswer) or step.container in to_start:
            yield step


def pull_steps(old: Definition, new: Definition, reasons: Mapping[str, str], facts: HostFacts) -> Iterator[PullImage]:
    old_images = {spec.image_reference for _, spec in old.launch_order}
    images = dict.fromkeys(
        facts.pinned.get(name, spec.image_reference) for name, spec in new.launch_order if name in reasons
    )
    for image in images:
        if image not in facts.pinned.values() and image not in old_images:
            yield PullImage(image=image, why=t("pull the newest image of this name before anything is stopped"))
        elif image in facts.absent_images:
            yield PullImage(image=image, why=t("it is no longer on this host"))


def network_steps(old: DesiredState, new: DesiredState, facts: HostFacts, moved: set[str]) -> Iterator[CreateNetwork]:
    """Yield the creation of the missing networks of the containers that are created, started or connected (`moved`)."""
    members = network_members(new.definition, new.answers)
    existing = facts.networks if facts.networks is not None else network_members(old.definition, old.answers)
    for name, containers in members.items():
        if name not in existing and moved & set(containers):
            yield CreateNetwork(network=name, why=t("the containers reach each other on it"))
    referenced = {spec.network for name, spec in new.definition.containers.items() if name in moved}
    for name in missing_option_networks(new.definition, facts):
        if name in referenced and name not in members:
            yield CreateNetwork(network=name, why=t("an option in the definition names it, but it does not exist"))


def describe_downtime(recreated: Collection[str], containers: int, *, running: bool) -> TranslatableText:
    """Return how long the app is unavailable, when these of its containers are recreated."""
    if not running:
        return t("The app is stopped now and stays stopped; the next start uses the new settings.")
    if not recreated:
        return t("Nothing is recreated: the app keeps running the whole time.")
    if len(recreated) == containers:
        return t(
            "The app is unavailable from the moment its old containers stop until the new ones have started, usually "
            "for a few seconds. Anything that must be downloaded is downloaded beforehand."
        )
    return t(
        "%(count)s of %(containers)s containers are replaced; the others keep running. What the replaced ones provide "
        "is unavailable in the meantime, usually for a few seconds. Anything that must be downloaded is downloaded "
        "beforehand.",
        count=len(recreated),
        containers=containers,
    )
