"""Plans operations: a plan is data that can be reviewed, printed and executed."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import owners
from rockonweb.core.containers.argv import Argv, host_port
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import (
    AwaitAnswer,
    AwaitEnd,
    AwaitHealth,
    CreateContainer,
    CreateNetwork,
    CreateShare,
    PullImage,
    RemoveContainer,
    RemoveImage,
    RemoveNetwork,
    RunOnce,
    SetShareOwner,
    StartContainer,
    Step,
    StopContainer,
    UiPage,
)
from rockonweb.core.preflight import Finding
from rockonweb.core.secret import format_command, reveal_argv
from rockonweb.core.text import TranslatableText, t


@dataclass(frozen=True)
class Plan:
    """What an operation will do, in order, and the findings about it."""

    rockon: str
    steps: tuple[Step, ...]
    networks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    findings: tuple[Finding, ...] = ()
    ownership_offers: tuple[owners.OwnerMismatch, ...] = ()  # share paths whose owner may be changed
    movable_data: tuple[str, ...] = ()  # containers whose database a dump may take along to their new image

    @property
    def containers(self) -> list[tuple[str, Argv]]:
        """Name and command line of each permanent container, in launch order."""
        return [(step.container, step.argv) for step in self.steps if isinstance(step, CreateContainer)]

    @property
    def masked_lines(self) -> list[str]:
        """The `docker run` lines as they are reviewed, one-shot runs included, secrets masked."""
        return [format_command(step.argv) for step in self.steps if isinstance(step, CreateContainer | RunOnce)]

    @property
    def revealed_lines(self) -> list[str]:
        """The `docker run` lines with their secrets, for the user who asked to see them."""
        return [
            shlex.join(reveal_argv(step.argv)) for step in self.steps if isinstance(step, CreateContainer | RunOnce)
        ]

    @property
    def blockers(self) -> list[Finding]:
        """The findings that block it."""
        return [finding for finding in self.findings if finding.level == "block"]

    def to_json_data(self, render_argv: Callable[[Iterable[str]], list[str]] = list) -> dict[str, Any]:
        """Return the plan as `rockonweb plan --json` prints it; `render_argv` may be `reveal_argv`."""
        return {
            "rockon": self.rockon,
            "containers": [{"name": name, "argv": render_argv(argv)} for name, argv in self.containers],
            "networks": [{"name": name, "containers": list(members)} for name, members in self.networks],
            "steps": [
                shlex.join(reveal_argv(step.argv))
                if render_argv is reveal_argv and isinstance(step, RunOnce)
                else str(step)
                for step in self.steps
            ],
            "findings": [{"level": finding.level, "message": str(finding)} for finding in self.findings],
        }


@dataclass(frozen=True)
class Phases:
    """The steps of a change in the order of what they are for, so that those of several rock-ons can be combined.

    Everything before `finish` can be undone; the steps of `finish` remove what was replaced.
    """

    prepare: tuple[Step, ...] = ()
    stop: tuple[Step, ...] = ()
    replace: tuple[Step, ...] = ()
    build: tuple[Step, ...] = ()
    finish: tuple[Step, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return (*self.prepare, *self.stop, *self.replace, *self.build, *self.finish)

    def with_dependent(self, dependent: Phases) -> Phases:
        """Return the phases with those of a rock-on that depends on this one: it is stopped before, built after it."""
        return Phases(
            (*self.prepare, *dependent.prepare),
            (*dependent.stop, *self.stop),
            (*self.replace, *dependent.replace),
            (*self.build, *dependent.build),
            (*self.finish, *dependent.finish),
        )


def plan_install(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    new_shares: frozenset[str] = frozenset(),
    give: Mapping[str, tuple[int, int]] | None = None,
) -> Plan:
    """Plan an install: shares, images, networks, then the containers in launch order.

    `new_shares` are the shares that the user wants created; any other that is missing is a finding. `give` are the new
    owners (uid, gid) of existing shares and folders, by share path.
    """
    facts = replace(facts, new_owners=owners.new_path_owners(definition, answers, new_shares))
    networks = network_members(definition, answers)
    launch_steps = handlers.find_handler(definition).launch(definition, answers, facts)
    return Plan(
        definition.name,
        (
            *share_steps(definition, answers, facts, new_shares, give=give),
            *(
                PullImage(image=image, why=t("pull the newest image of this name"))
                for image in image_references(definition)
            ),
            *(CreateNetwork(network=name, why=t("the containers reach each other on it")) for name in networks),
            *(
                CreateNetwork(network=name, why=t("an option in the definition names it, but it does not exist"))
                for name in missing_option_networks(definition, facts)
                if name not in networks
            ),
            *launch_steps,
            *health_gate(definition, answers, launch_steps, keep_on_failure=True),
        ),
        tuple((name, tuple(members)) for name, members in networks.items()),
        tuple(handlers.collect_all_findings(definition, answers, facts, new_shares)),
        tuple(owners.ownership_offers(definition, answers, facts).values()),
    )


def health_gate(
    definition: Definition, answers: Answers, steps: Iterable[Step], *, keep_on_failure: bool
) -> Iterator[AwaitHealth]:
    """Yield the step that waits until the containers which `steps` start are healthy; nothing where none is started."""
    steps = list(steps)
    ending = {step.container for step in steps if isinstance(step, AwaitEnd)}
    started = [step.container for step in steps if isinstance(step, StartContainer) and step.container not in ending]
    if started:
        app_pages = _app_pages(definition, answers)
        pages = tuple((name, app_pages.get(name)) for name in started)
        yield AwaitHealth(pages=pages, stays=keep_on_failure, why=t("the operation is done only once it is healthy"))


def _app_pages(definition: Definition, answers: Answers) -> dict[str, UiPage]:
    """Return the app's own page as this host reaches it, by its container; nothing where it is not published."""
    if definition.ui_port is None:
        return {}
    container, port = definition.ui_port
    host = host_port(definition, container, port, answers)
    return {} if host is None else {container: UiPage(host, definition.ui.https)}


def without_starting(install_plan: Plan) -> Plan:
    """Return an install that starts only containers whose end is awaited: for a rock-on that was stopped."""
    ending = {step.container for step in install_plan.steps if isinstance(step, AwaitEnd)}
    starting_steps = [
        step
        for step in install_plan.steps
        if isinstance(step, AwaitAnswer | AwaitHealth)
        or (isinstance(step, StartContainer) and step.container not in ending)
    ]
    return replace(install_plan, steps=tuple(step for step in install_plan.steps if step not in starting_steps))


def share_steps(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    new_shares: frozenset[str],
    *,
    give: Mapping[str, tuple[int, int]] | None = None,
    previous_paths: Collection[str] = (),
) -> Iterator[CreateShare | SetShareOwner]:
    """Yield the steps that create used shares which do not exist, and those that change owners as in `give`.

    A new share or folder is owned by its container's user; `previous_paths` are the share paths used before.
    """
    for share in answers.used_shares():
        if share in new_shares and share not in facts.shares:
            owner = facts.new_owners.get(share)
            why = t("a new share for the app's data")
            if owner:
                why = t("a new share for the app's data, owned by user %(uid)s and group %(gid)s",
                        uid=owner[0], gid=owner[1])  # fmt: skip
            yield CreateShare(share=share, owner=owner, why=why)
    for share_path, (uid, gid) in owners.new_path_owners(definition, answers, facts.missing_folders).items():
        if share_path not in previous_paths:
            yield SetShareOwner(share=share_path, uid=uid, gid=gid, why=t("a new folder for the app's data"))
    for share_path, (uid, gid) in (give or {}).items():
        yield SetShareOwner(
            share=share_path, uid=uid, gid=gid, why=t("as requested; the owner of its contents does not change")
        )


def link_networks(definition: Definition) -> list[str]:
    """Return the names of the networks that connect the containers of a rock-on, each once."""
    return list(dict.fromkeys(link.network for link in definition.network_links))


def kept_networks(definition: Definition, containers: Collection[str], facts: HostFacts) -> dict[str, TranslatableText]:
    """Return the link networks that an uninstall leaves, with why; `containers` are the rock-on's own."""
    reasons = {}
    for name in link_networks(definition):
        network = (facts.networks or {}).get(name)
        others = sorted({*network.containers} - {*containers}) if network else []
        if network and not network.ours:
            reasons[name] = t("it was not created by this Rockonweb")
        elif network and name in facts.stored_networks:
            reasons[name] = t("an owner created it")
        elif others:
            reasons[name] = t("still used by %(names)s", names=", ".join(others))
    return reasons


def image_references(definition: Definition) -> list[str]:
    """Return each image once, in launch order."""
    return list(dict.fromkeys(spec.image_reference for _, spec in definition.launch_order))


def network_members(definition: Definition, answers: Answers) -> dict[str, list[str]]:
    """Return the link networks and the user's own, with the containers on each."""
    members: dict[str, list[str]] = {}
    for link in definition.network_links:
        containers = members.setdefault(link.network, [])
        containers += [name for name in (link.source, link.target) if name not in containers]
    for container, networks in answers.networks.items():
        for network in networks:
            containers = members.setdefault(network, [])
            containers += [container] if container not in containers else []
    return members


def missing_option_networks(definition: Definition, facts: HostFacts) -> list[str]:
    """Return the networks that options name and that do not exist; none where Docker was not queried."""
    network_names = [network for _, spec in definition.launch_order for network in spec.run_options.own_networks]
    return [name for name in dict.fromkeys(network_names) if facts.networks is not None and name not in facts.networks]


def plan_start(definition: Definition) -> Plan:
    """Plan a start: in launch order."""
    steps = [StartContainer(container=name, why=t("in launch order")) for name, _ in definition.launch_order]
    return Plan(definition.name, (*steps, *steady_gate(steps)))


def steady_gate(steps: Iterable[Step]) -> Iterator[AwaitHealth]:
    """Yield the step that checks whether the containers which `steps` start again stay up."""
    pages = tuple((step.container, None) for step in steps if isinstance(step, StartContainer))
    if pages:
        yield AwaitHealth(pages=pages, stays=True, brief=True, why=t("one that keeps ending has not been started"))


def plan_stop(definition: Definition) -> Plan:
    """Plan a stop: in the reverse of the launch order."""
    return Plan(
        definition.name,
        tuple(
            StopContainer(container=name, why=t("in reverse launch order"))
            for name, _ in reversed(definition.launch_order)
        ),
    )


def plan_pull(definition: Definition, already_pulled: Collection[str] = ()) -> Plan:
    """Plan to pull the newest image of each name; of those `already_pulled`, the one on the host is enough."""
    return Plan(
        definition.name,
        tuple(
            PullImage(image=image, required=image not in already_pulled, why=t("pull the newest image of this name"))
            for image in image_references(definition)
        ),
    )


def plan_uninstall(definition: Definition, present: Collection[str], unwanted_images: Collection[str] = ()) -> Plan:
    """Plan an uninstall of the managed containers that are `present`, and of the link networks.

    Shares and volumes are kept, and so are images except the `unwanted_images`.
    """
    defined_names = [name for name, _ in reversed(definition.launch_order)]
    names = [name for name in defined_names if name in present] + sorted(set(present) - set(defined_names))
    return Plan(
        definition.name,
        (
            *(StopContainer(container=name, why=t("in reverse launch order")) for name in names),
            *(RemoveContainer(container=name, why=t("its shares, images and volumes are kept")) for name in names),
            *(
                RemoveNetwork(network=name, why=t("unless something else uses it"))
                for name in link_networks(definition)
            ),
            *(RemoveImage(image=image, why=t("as requested, and nothing else uses it")) for image in unwanted_images),
        ),
    )
