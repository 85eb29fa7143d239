"""Handlers of rock-ons that need more than the generic launch, found by the rock-on's name.

One whose definition does not have the expected shape is launched as any other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rockonweb.core import preflight
from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.handlers import generic, openvpn, owncloud
from rockonweb.core.handlers.tasks import HandlerTasks
from rockonweb.core.operations.steps import CreateContainer, RunOnce, Step
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.commands import check_commands


@dataclass(frozen=True)
class Handler:
    """`launch` returns the steps that create and start a rock-on's containers, each naming its container.

    `matches` says whether the definition has the shape that the handler knows. `findings` are preflight findings in
    addition to the general ones; `references` pairs of a container and one that it refers to, in addition to those of
    its options. `tasks` are what users can do with the rock-on once it is installed.
    """

    launch: Callable[[Definition, Answers, HostFacts], list[Step]]
    matches: Callable[[Definition], bool] = lambda _: True
    findings: Callable[[Definition, HostFacts], Iterable[Finding]] = lambda *_: ()
    references: Callable[[Definition], Iterable[tuple[str, str]]] = lambda _: ()
    tasks: HandlerTasks | None = None


GENERIC_HANDLER = Handler(generic.plan_generic_launch)
HANDLERS = {
    "openvpn": Handler(openvpn.plan_openvpn_launch, openvpn.matches_openvpn, tasks=openvpn.OPENVPN_TASKS),
    "owncloud": Handler(
        owncloud.plan_owncloud_launch,
        owncloud.matches_owncloud,
        owncloud.certificate_findings,
        owncloud.owncloud_references,
    ),
}


def find_handler(definition: Definition) -> Handler:
    """Return the handler of a rock-on: its own where the shape fits, else the generic one."""
    handler = HANDLERS.get(definition.name.lower())
    return handler if handler and handler.matches(definition) else GENERIC_HANDLER


def collect_all_findings(
    definition: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> Iterator[Finding]:
    """Yield every finding for an install or a change, those of the rock-on's handler too."""
    yield from preflight.collect_findings(definition, answers, facts, new_shares)
    handler = find_handler(definition)
    yield from handler.findings(definition, facts)
    steps = handler.launch(definition, answers, facts)
    commands = ((step.container, step.argv) for step in steps if isinstance(step, CreateContainer | RunOnce))
    yield from check_commands(commands, facts.command_limit)


def referenced_containers(definition: Definition, container: str) -> Iterator[str]:
    """Yield the containers that one refers to: it is recreated whenever one of these is."""
    yield from (one.container for one in definition.containers[container].run_options.references)
    yield from (other for one, other in find_handler(definition).references(definition) if one == container)
