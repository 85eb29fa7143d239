"""Decides what an operation does: a plan is data, and prints as text."""

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
    Create,
    MakeNetwork,
    MakeShare,
    Page,
    Pull,
    Remove,
    RemoveImage,
    RemoveNetwork,
    RunOnce,
    SetOwner,
    Start,
    Step,
    Stop,
)
from rockonweb.core.preflight import Finding
from rockonweb.core.secret import render, reveal
from rockonweb.core.text import t


@dataclass(frozen=True)
class Plan:
    """What an operation will do, in order, and what speaks against it."""

    rockon: str
    steps: tuple[Step, ...]
    networks: tuple[tuple[str, tuple[str, ...]], ...] = ()
    findings: tuple[Finding, ...] = ()
    offers: tuple[owners.Mismatch, ...] = ()  # shares and folders that could be given to whoever works there

    @property
    def containers(self) -> list[tuple[str, Argv]]:
        """Name and command line of each lasting container, in launch order."""
        return [(step.container, step.argv) for step in self.steps if isinstance(step, Create)]

    @property
    def lines(self) -> list[str]:
        """The `docker run` lines as they are reviewed, one-shot runs included, secrets masked."""
        return [render(step.argv) for step in self.steps if isinstance(step, Create | RunOnce)]

    @property
    def revealed_lines(self) -> list[str]:
        """The `docker run` lines with their secrets, for the person who asked to see them."""
        return [shlex.join(reveal(step.argv)) for step in self.steps if isinstance(step, Create | RunOnce)]

    @property
    def blocked(self) -> list[Finding]:
        """The findings that forbid it."""
        return [finding for finding in self.findings if finding.level == "block"]

    def to_json(self, words: Callable[[Iterable[str]], list[str]] = list) -> dict[str, Any]:
        """Return the plan as `rockonweb plan --json` prints it; `words` may be `reveal`."""
        return {
            "rockon": self.rockon,
            "containers": [{"name": name, "argv": words(argv)} for name, argv in self.containers],
            "networks": [{"name": name, "containers": list(members)} for name, members in self.networks],
            "steps": [
                shlex.join(reveal(step.argv)) if words is reveal and isinstance(step, RunOnce) else str(step)
                for step in self.steps
            ],
            "findings": [{"level": finding.level, "message": str(finding)} for finding in self.findings],
        }


def install(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    new_shares: frozenset[str] = frozenset(),
    give: Mapping[str, tuple[int, int]] | None = None,
) -> Plan:
    """Plan an install: shares, images, networks, then the containers in launch order.

    `new_shares` are the shares that the person asked to be made; any other that is missing is a finding. `give` are
    shares and folders that get another user and group.
    """
    facts = replace(facts, new_owners=owners.of_new(definition, answers, new_shares))
    networks = network_members(definition, answers)
    launch = handlers.find(definition).launch(definition, answers, facts)
    return Plan(
        definition.name,
        (
            *places_first(definition, answers, facts, new_shares, give=give),
            *(Pull(image=image, why=t("get the newest image of this name")) for image in images(definition)),
            *(MakeNetwork(network=name, why=t("the containers find each other on it")) for name in networks),
            *(
                MakeNetwork(network=name, why=t("an option of the definition names it, and it does not exist"))
                for name in missing_option_networks(definition, facts)
                if name not in networks
            ),
            *launch,
            *gate(definition, answers, launch, stays=True),
        ),
        tuple((name, tuple(members)) for name, members in networks.items()),
        tuple(handlers.examine(definition, answers, facts, new_shares)),
        tuple(owners.offers(definition, answers, facts).values()),
    )


def gate(definition: Definition, answers: Answers, steps: Iterable[Step], *, stays: bool) -> Iterator[AwaitHealth]:
    """Yield the wait until those that the steps start hold; nothing where none is started."""
    steps = list(steps)
    ending = {step.container for step in steps if isinstance(step, AwaitEnd)}
    started = [step.container for step in steps if isinstance(step, Start) and step.container not in ending]
    if started:
        page = _page(definition, answers)
        pages = tuple((name, page.get(name)) for name in started)
        yield AwaitHealth(pages=pages, stays=stays, why=t("it must hold before this is done"))


def _page(definition: Definition, answers: Answers) -> dict[str, Page]:
    """Return the app's own page as this host reaches it, by its container; nothing where it is not published."""
    if definition.ui_port is None:
        return {}
    container, port = definition.ui_port
    host = host_port(definition, container, port, answers)
    return {} if host is None else {container: Page(host, definition.ui.https)}


def unstarted(found: Plan) -> Plan:
    """Return an install that starts nothing but what ends again by itself: for a rock-on that was stopped."""
    ending = {step.container for step in found.steps if isinstance(step, AwaitEnd)}
    needless = [
        step
        for step in found.steps
        if isinstance(step, AwaitAnswer | AwaitHealth) or (isinstance(step, Start) and step.container not in ending)
    ]
    return replace(found, steps=tuple(step for step in found.steps if step not in needless))


def places_first(
    definition: Definition,
    answers: Answers,
    facts: HostFacts,
    new_shares: frozenset[str],
    *,
    give: Mapping[str, tuple[int, int]] | None = None,
    before: Collection[str] = (),
) -> Iterator[MakeShare | SetOwner]:
    """Yield the steps that make the shares which are used and yet to be made, and those that `give` some away.

    A new share or folder is given to whoever works there; `before` are the places that were had before.
    """
    for share in answers.used_shares():
        if share in new_shares and share not in facts.shares:
            owner = facts.new_owners.get(share)
            why = t("a new share for the app's data")
            if owner:
                why = t("a new share for the app's data, given to user %(uid)s and group %(gid)s",
                        uid=owner[0], gid=owner[1])  # fmt: skip
            yield MakeShare(share=share, owner=owner, why=why)
    for place, (uid, gid) in owners.of_new(definition, answers, facts.missing_folders).items():
        if place not in before:
            yield SetOwner(share=place, uid=uid, gid=gid, why=t("a new folder for the app's data"))
    for place, (uid, gid) in (give or {}).items():
        yield SetOwner(share=place, uid=uid, gid=gid, why=t("it was asked for; what is in it stays whose it is"))


def link_networks(definition: Definition) -> list[str]:
    """Return the names of the networks that connect the containers of a rock-on, each once."""
    return list(dict.fromkeys(link.network for link in definition.links))


def images(definition: Definition) -> list[str]:
    """Return each image once, in launch order."""
    return list(dict.fromkeys(spec.reference for _, spec in definition.launch_order))


def network_members(definition: Definition, answers: Answers) -> dict[str, list[str]]:
    """Return the link networks and the user's own, with the containers on each."""
    members: dict[str, list[str]] = {}
    for link in definition.links:
        found = members.setdefault(link.network, [])
        found += [name for name in (link.source, link.target) if name not in found]
    for container, networks in answers.networks.items():
        for network in networks:
            found = members.setdefault(network, [])
            found += [container] if container not in found else []
    return members


def missing_option_networks(definition: Definition, facts: HostFacts) -> list[str]:
    """Return the networks that options name and that do not exist; none when no engine was asked."""
    named = [network for _, spec in definition.launch_order for network in spec.options.own_networks]
    return [name for name in dict.fromkeys(named) if facts.networks is not None and name not in facts.networks]


def start(definition: Definition) -> Plan:
    """Plan a start: in launch order."""
    return Plan(
        definition.name,
        tuple(Start(container=name, why=t("in launch order")) for name, _ in definition.launch_order),
    )


def stop(definition: Definition) -> Plan:
    """Plan a stop: in the reverse of the launch order."""
    return Plan(
        definition.name,
        tuple(Stop(container=name, why=t("the last one first")) for name, _ in reversed(definition.launch_order)),
    )


def pull(definition: Definition, got: Collection[str] = ()) -> Plan:
    """Plan to get the newest image of each name; of those that were `got` before, the one that is here will do."""
    return Plan(
        definition.name,
        tuple(
            Pull(image=image, required=image not in got, why=t("get the newest of this name"))
            for image in images(definition)
        ),
    )


def uninstall(definition: Definition, present: Collection[str], unwanted_images: Collection[str] = ()) -> Plan:
    """Plan an uninstall of the containers that are `present` and ours, and of the link networks.

    Shares and volumes stay, and images but for the `unwanted_images`.
    """
    known = [name for name, _ in reversed(definition.launch_order)]
    names = [name for name in known if name in present] + sorted(set(present) - set(known))
    return Plan(
        definition.name,
        (
            *(Stop(container=name, why=t("the last one first")) for name in names),
            *(Remove(container=name, why=t("its shares, images and volumes stay")) for name in names),
            *(
                RemoveNetwork(network=name, why=t("unless something else uses it"))
                for name in link_networks(definition)
            ),
            *(
                RemoveImage(image=image, why=t("it was asked for, and nothing else uses it"))
                for image in unwanted_images
            ),
        ),
    )
