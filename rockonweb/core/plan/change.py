"""How a rock-on that is installed becomes another one: which containers are rebuilt, which stay, and the steps.

Everything that changes an installed rock-on goes this way: other answers, a newer definition, newer images. A
container is rebuilt when its command line differs, or that of a one-shot run that prepares it, and when it refers to
one that is rebuilt. Networks alone are joined and left while the container runs.

Rebuilding keeps what works until its replacement stands: everything is pulled first; then the old containers are
stopped and set aside under another name, the new ones are made and started in launch order, and the old ones are
removed. Until that last part every step can be taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import Argv, own_words
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker import run_options
from rockonweb.core.facts import UP, HostFacts
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    Create,
    Discard,
    Join,
    Leave,
    MakeNetwork,
    Pull,
    PutBack,
    RemoveNetwork,
    RunOnce,
    SetAside,
    Snapshot,
    Start,
    Step,
    Stop,
)
from rockonweb.core.plan.plan import Plan, gate, link_networks, missing_option_networks, network_members, places_first
from rockonweb.core.plan.rollback import AS_IT_IS, Back, Cover, covers, resumed
from rockonweb.core.secret import render, reveal
from rockonweb.core.text import t

Recipe = tuple[Step, ...]  # what makes and starts one container


@dataclass(frozen=True)
class Made:
    """What the containers of a rock-on are made from."""

    definition: Definition
    answers: Answers


@dataclass(frozen=True)
class Compared:
    """One container before and after. `why` it is rebuilt is blank for one that stays.

    `before` is None for a container that is new, `after` for one that goes.
    """

    container: str
    why: str
    before: Argv | None
    after: Argv | None
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()

    @property
    def rebuilt(self) -> bool:
        """Whether it is made anew, made for the first time, or removed."""
        return bool(self.why)


@dataclass(frozen=True)
class Change:
    """What a change does to each container, the steps that do it, and the data of which shares could be undone."""

    plan: Plan
    containers: tuple[Compared, ...] = field(default=())
    covers: tuple[Cover, ...] = field(default=())

    @property
    def rebuilt(self) -> list[str]:
        """The names of the containers that are made anew, made, or removed."""
        return [one.container for one in self.containers if one.rebuilt]

    @property
    def paused(self) -> list[str]:
        """The names of those that stay, but are stopped meanwhile and started again."""
        stopped = [step.container for step in self.plan.steps if isinstance(step, Stop)]
        return [name for name in stopped if name not in self.rebuilt]

    @property
    def reviewed(self) -> list[str]:
        """What a person agrees to, secrets masked: the commands, and which containers and networks are touched.

        Without what may differ between two looks and does not matter, such as which images are there already.
        """
        told = (Create, RunOnce, SetAside, Join, Leave, PutBack)
        return [
            render(step.argv) if isinstance(step, Create | RunOnce) else str(step)
            for step in self.plan.steps
            if isinstance(step, told)
        ]


def change(
    old: Made,
    new: Made,
    facts: HostFacts,
    *,
    again: Mapping[str, str] | None = None,
    start: bool = False,
    new_shares: frozenset[str] = frozenset(),
    asked: Collection[str] = (),
    back: Back = AS_IT_IS,
    give: Mapping[str, tuple[int, int]] | None = None,
) -> Change:
    """Plan how a rock-on that was made from `old` comes to be as if made from `new`.

    `again` are containers that are rebuilt in any case, with the reason. The rock-on ends as it is now: what runs, runs
    again; with `start`, all of it runs then. Of the shares that others use too, a snapshot is taken of those that are
    `asked` for. `back` is for going back to a rollback point.
    """
    facts = replace(facts, new_owners=owners.of_new(new.definition, new.answers, new_shares))
    then = replace(facts, pinned={**facts.pinned, **back.images})
    before, after = _recipes(old, facts), _recipes(new, then)
    present = set(before)
    if facts.containers is not None:
        present = {n for n in before if n in facts.containers and facts.containers[n].rockon == new.definition.name}
    why = _reasons(before, after, present, again or {}, new.definition)
    gone = {name: t("the definition no longer has it") for name in before if name not in after}
    replaced = [
        name for name, _ in reversed(old.definition.launch_order) if name in {**why, **gone} and name in present
    ]
    live = {name: _moves(before[name], after[name]) for name in after if name in before and name not in why}
    starts = set(after) if start else _starts(after, why, present, facts) if back.ran is None else {*back.ran}
    touched = () if start else {*why, *gone}  # a start is no change that one could go back from
    found = covers((old.definition, old.answers), (new.definition, new.answers), touched, facts, asked, back.shares)
    paused = {name for one in found if one.covered for name in one.containers if name in present and _up(name, facts)}
    again_up = resumed(after, {*paused, *(set(after) if start else back.ran or ())} - set(why))
    done = _prepared(before, after, why, new, facts)
    networks = _new_networks(old, new, facts, {*why, *starts, *(name for name, (joins, _) in live.items() if joins)})
    built = [
        step
        for name in after
        for step in (
            _build(after[name], why[name], starts, prepared=name in done) if name in why else again_up.get(name, ())
        )
    ]
    steps = (
        *places_first(
            new.definition, new.answers, facts, new_shares, give=give, before=owners.places(old.definition, old.answers)
        ),
        *_pulls(old.definition, new.definition, why, then),
        *networks,
        *(
            Join(network=network, container=name, why=t("it joins while it runs"))
            for name, (joins, _) in live.items()
            for network in joins
        ),
        *(
            Stop(container=name, why=t("the last one first"))
            for name, _ in reversed(old.definition.launch_order)
            if name in {*replaced, *paused}
        ),
        *(
            Snapshot(share=one.share, containers=one.containers, why=t("so that its data can be brought back"))
            for one in found
            if one.covered and one.share in facts.shares
        ),
        *(PutBack(share=share, point=back.point, why=t("its data as it was then")) for share in back.shares),
        *(SetAside(container=name, why=t("it comes back should its replacement fail")) for name in replaced),
        *built,
        *(() if start else gate(new.definition, new.answers, built, stays=False)),
        *(
            Leave(network=network, container=name, why=t("it leaves while it runs"))
            for name, (_, leaves) in live.items()
            for network in leaves
        ),
        *(
            Discard(container=name, why=t("its replacement holds; shares, images and volumes stay"))
            for name in replaced
        ),
        *(
            RemoveNetwork(network=name, why=t("unless something else uses it"))
            for name in link_networks(old.definition)
            if name not in link_networks(new.definition)
        ),
    )
    compared = tuple(
        Compared(
            name,
            {**gone, **why}.get(name, ""),
            _line(before.get(name)) if name in present else None,
            _line(after.get(name)),
            *live.get(name, ((), ())),
        )
        for name in dict.fromkeys([*after, *gone])
    )
    plan = Plan(
        new.definition.name,
        steps,
        tuple((name, tuple(members)) for name, members in network_members(new.definition, new.answers).items()),
        tuple(handlers.examine(new.definition, new.answers, facts, new_shares)),
        tuple(owners.offers(new.definition, new.answers, facts).values()),
    )
    return Change(plan, compared, tuple(found))


def _recipes(made: Made, facts: HostFacts) -> dict[str, Recipe]:
    """Return the steps of a launch by container, in launch order."""
    found: dict[str, list[Step]] = {name: [] for name, _ in made.definition.launch_order}
    for step in handlers.find(made.definition).launch(made.definition, made.answers, facts):
        found[getattr(step, "container")].append(step)  # noqa: B009 - each step of a launch has one
    return {name: tuple(steps) for name, steps in found.items()}


def _reasons(
    before: Mapping[str, Recipe],
    after: Mapping[str, Recipe],
    present: set[str],
    again: Mapping[str, str],
    definition: Definition,
) -> dict[str, str]:
    """Return why each container that is made or made anew is."""
    why: dict[str, str] = {}
    for name, recipe in after.items():
        if name not in before:
            why[name] = t("it is new in the definition")
        elif name not in present:
            why[name] = t("it was removed by hand and is made anew from its answers")
        elif _essence(recipe) != _essence(before[name]):
            why[name] = t("its command line changes")
        elif _runs_once(recipe) != _runs_once(before[name]):
            why[name] = t("the run that prepares it changes")
        elif name in again:
            why[name] = again[name]
    return referring(definition, why)


def referring(definition: Definition, why: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons, with those for the containers that refer to one that has a reason: they would look for the
    old one.
    """
    found = dict(why)
    grown = True
    while grown:
        grown = False
        for name, _ in definition.launch_order:
            other = next((other for other in handlers.referred(definition, name) if other in found), None)
            if other and name not in found:
                found[name] = t("it refers to %(other)s, which is made anew", other=other)
                grown = True
    return {name: found[name] for name, _ in definition.launch_order if name in found}


def _essence(recipe: Recipe) -> list[list[str]]:
    return [reveal(step.argv) for step in recipe if isinstance(step, Create)]


def _runs_once(recipe: Recipe) -> list[list[str]]:
    return [own_words(reveal(step.argv)) for step in recipe if isinstance(step, RunOnce)]


def _line(recipe: Recipe | None) -> Argv | None:
    return next((step.argv for step in recipe or () if isinstance(step, Create)), None)


def _moves(before: Recipe, after: Recipe) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the networks that a container joins, and those that it leaves."""
    had = [step.network for step in before if isinstance(step, Join)]
    has = [step.network for step in after if isinstance(step, Join)]
    return tuple(one for one in has if one not in had), tuple(one for one in had if one not in has)


def _starts(after: Mapping[str, Recipe], why: Mapping[str, str], present: set[str], facts: HostFacts) -> set[str]:
    """Return which of the containers that are made are started too: those that run now.

    One that is new, or that does its work and ends, is started where the rock-on runs; one that others wait for is in
    any case.
    """
    known = facts.containers
    if known is None:
        return set(why)
    up = {name for name in present if known[name].state in UP}  # also one that goes: another may do its work
    return {
        name
        for name in why
        if name in up
        or any(isinstance(step, AwaitEnd) for step in after[name])
        or (up and (name not in present or _ends(after[name])))
    }


def _up(name: str, facts: HostFacts) -> bool:
    return facts.containers is None or facts.containers[name].state in UP


def _ends(recipe: Recipe) -> bool:
    """Whether a container is meant to end: nothing restarts it."""
    return run_options.read(_line(recipe) or ()).last("restart") in ("", "no")


def _prepared(
    before: Mapping[str, Recipe], after: Mapping[str, Recipe], why: Mapping[str, str], new: Made, facts: HostFacts
) -> set[str]:
    """Return the containers whose one-shot run stays done: it would do the same, and what it wrote into is kept."""
    return {
        name
        for name in set(before) & set(after)
        if _runs_once(before[name]) == _runs_once(after[name])
        and all(
            one.container not in why or facts.kept_volumes.get(one.container)
            for one in new.definition.containers[name].options.references
        )
    }


def _build(recipe: Recipe, why: str, starts: set[str], *, prepared: bool) -> Iterator[Step]:
    """Yield the steps that make one container anew, and start it where it is to run."""
    for step in recipe:
        if isinstance(step, Create):
            yield replace(step, why=why)
        elif isinstance(step, RunOnce):
            yield from () if prepared else (step,)
        elif not isinstance(step, Start | AwaitEnd | AwaitAnswer) or step.container in starts:
            yield step


def _pulls(old: Definition, new: Definition, why: Mapping[str, str], facts: HostFacts) -> Iterator[Pull]:
    had = {spec.reference for _, spec in old.launch_order}
    wanted = dict.fromkeys(facts.pinned.get(name, spec.reference) for name, spec in new.launch_order if name in why)
    for image in wanted:
        if image not in facts.pinned.values() and image not in had:
            yield Pull(image=image, why=t("get the newest image of this name, before anything is stopped"))
        elif image in facts.absent_images:
            yield Pull(image=image, why=t("it is not on this host any more"))


def _new_networks(old: Made, new: Made, facts: HostFacts, moved: set[str]) -> Iterator[MakeNetwork]:
    """Yield the networks that those who are made, started or connected need and that do not exist."""
    members = network_members(new.definition, new.answers)
    known = facts.networks if facts.networks is not None else network_members(old.definition, old.answers)
    for name, found in members.items():
        if name not in known and moved & set(found):
            yield MakeNetwork(network=name, why=t("the containers find each other on it"))
    named = {spec.network for name, spec in new.definition.containers.items() if name in moved}
    for name in missing_option_networks(new.definition, facts):
        if name in named and name not in members:
            yield MakeNetwork(network=name, why=t("an option of the definition names it, and it does not exist"))
