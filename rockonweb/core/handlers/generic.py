"""The launch of any rock-on: each container in launch order is made, joined to its networks, and started."""

from __future__ import annotations

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import NOTHING, Additions, docker_run
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import Create, Join, Start, Step
from rockonweb.core.text import t


def launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
    """Return the steps that make and start all containers."""
    return [step for name, _ in definition.launch_order for step in launch_container(definition, name, answers, facts)]


def launch_container(
    definition: Definition, name: str, answers: Answers, facts: HostFacts, added: Additions = NOTHING
) -> list[Step]:
    """Return the steps for one container, whose command line a handler may add to.

    It joins its networks before the app starts, so names resolve at once.
    """
    spec = definition.containers[name]
    links = [link.network for link in definition.links if name in (link.source, link.target)]
    networks = dict.fromkeys([*links, *answers.networks.get(name, ())])
    return [
        Create(
            container=name,
            argv=docker_run(definition, name, answers, facts, added),
            why=t("container %(number)s of %(name)s", number=spec.launch_order, name=definition.name),
        ),
        *(
            Join(network=network, container=name, required=spec.network is None, why=t("so that names resolve"))
            for network in networks
        ),
        Start(container=name, why=t("in launch order")),
    ]
