"""The launch of any rock-on: each container in launch order is created, connected to its networks, and started."""

from __future__ import annotations

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import NO_ADDITIONS, HandlerAdditions, docker_run_argv
from rockonweb.core.containers.networks import joined_endpoint
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.steps import ConnectNetwork, CreateContainer, StartContainer, Step
from rockonweb.core.text import t


def plan_generic_launch(definition: Definition, answers: Answers, facts: HostFacts) -> list[Step]:
    """Return the steps that create and start all containers."""
    return [
        step for name, _ in definition.launch_order for step in plan_container_launch(definition, name, answers, facts)
    ]


def plan_container_launch(
    definition: Definition, name: str, answers: Answers, facts: HostFacts, additions: HandlerAdditions = NO_ADDITIONS
) -> list[Step]:
    """Return the steps for one container, whose command line gets a handler's `additions`.

    It is connected to its networks before the app starts, so that names resolve at once.
    """
    spec = definition.containers[name]
    links = [link.network for link in definition.network_links if name in (link.source, link.target)]
    networks = dict.fromkeys([*links, *answers.networks.get(name, ())])
    return [
        CreateContainer(
            container=name,
            argv=docker_run_argv(definition, name, answers, facts, additions),
            why=t("container %(number)s of %(name)s", number=spec.launch_order, name=definition.name),
        ),
        *(
            ConnectNetwork(
                network=network,
                container=name,
                required=spec.network is None,
                endpoint=joined_endpoint(spec, network),
                why=t("for name resolution"),
            )
            for network in networks
        ),
        StartContainer(container=name, why=t("in launch order")),
    ]
