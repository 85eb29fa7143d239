"""What the existing containers of a rock-on lack: their networks, and the container that they refer to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import Definition
from rockonweb.core.docker.run_options import (
    BUILT_IN_NETWORKS,
    RELATION_VERBS,
    ContainerReference,
    Relation,
    container_of,
)
from rockonweb.core.facts import ContainerFacts, HostFacts, find_container
from rockonweb.core.operations.steps import RestoreName
from rockonweb.core.plan.plan import network_members
from rockonweb.core.text import TranslatableText, t

ID_LENGTH = 64  # characters of a container's id


def find_stale_containers(definition: Definition, facts: HostFacts) -> dict[str, TranslatableText]:
    """Return the containers that can't start as they are, with the reason: what they were created with is gone.

    That is the network that an option names, or the container that one refers to: Docker keeps the ids of both.
    """
    return {
        container.name: reason
        for container in _own_containers(definition, facts)
        if (reason := _stale_reason(definition, container, facts))
    }


def find_missing_memberships(definition: Definition, answers: Answers, facts: HostFacts) -> dict[str, list[str]]:
    """Return by container the link networks and the user's own that it is not connected to, though it should be."""
    missing: dict[str, list[str]] = {}
    existing = {container.name: container for container in _own_containers(definition, facts)}
    for network, containers in network_members(definition, answers).items():
        for name in containers:
            can_join = name in existing and join_refusal(definition.containers[name]) is None
            if can_join and not _is_connected(existing[name], network, facts):
                missing.setdefault(name, []).append(network)
    return missing


def name_steps(definition: Definition, containers: Mapping[str, ContainerFacts]) -> Iterator[RestoreName]:
    """Yield a step for each container of a rock-on that was renamed manually: everything else goes by its name."""
    for name in definition.containers:
        container = containers.get(name)
        if container and container.docker_name and container.rockon == definition.name:
            yield RestoreName(container=name, why=t("it was renamed manually to %(name)s", name=container.docker_name))


def _own_containers(definition: Definition, facts: HostFacts) -> Iterator[ContainerFacts]:
    for name, _ in definition.launch_order if facts.networks is not None else ():
        container = (facts.containers or {}).get(name)
        if container and container.rockon == definition.name:
            yield container


def _is_connected(container: ContainerFacts, network: str, facts: HostFacts) -> bool:
    """Whether it is on the network that has this name now."""
    present = (facts.networks or {}).get(network)
    if present is None or network not in container.networks:
        return False
    return not present.id or container.network_ids.get(network, "") in ("", present.id)


def _stale_reason(definition: Definition, container: ContainerFacts, facts: HostFacts) -> TranslatableText | None:
    options = definition.containers[container.name].run_options
    for reference in options.references:
        if _has_lost(container, reference, facts.containers or {}):
            return t(
                "it %(verb)s %(other)s, which was removed or recreated",
                verb=RELATION_VERBS[reference.relation],
                other=reference.container,
            )
    for network in options.own_networks:
        if network not in BUILT_IN_NETWORKS and not _is_connected(container, network, facts):
            return t("it is not connected to the network %(network)s", network=network)
    return None


def _has_lost(
    container: ContainerFacts, reference: ContainerReference, containers: Mapping[str, ContainerFacts]
) -> bool:
    """Whether the container that Docker connected it to is not the one that has this name now.

    Docker keeps the id, and tells it only of a lender of the network; of others, the one that is newer is another one.
    Volumes stay mounted whatever becomes of their lender.
    """
    lender = find_container(reference.container, containers)
    if reference.relation is Relation.VOLUMES:
        return False
    if reference.relation is Relation.NETWORK and (joined := container_of(container.network_mode)):
        return len(joined) == ID_LENGTH and joined != (lender.id if lender else "")
    return lender is None or lender.created > container.created
