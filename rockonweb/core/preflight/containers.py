"""Containers: their names, devices, users and networks, and the other containers that they need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import Relation
from rockonweb.core.facts import UP_STATES, ContainerFacts, HostFacts
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import t

MIN_ID_PREFIX = 12  # characters of a container's id that nobody takes for a name
RELATION_VERBS = {
    Relation.VOLUMES: t("takes its volumes from"),
    Relation.LINK: t("links to"),
    Relation.NETWORK: t("uses the network of"),
    Relation.PROCESSES: t("uses the processes of"),
    Relation.MEMORY: t("uses the memory of"),
}


def check_containers(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield what speaks against each container."""
    for name, spec in definition.launch_order:
        yield from _check_container_name(definition, name, facts)
        yield from _check_devices(name, answers, facts)
        yield from _check_user(name, spec, facts)
        yield from _check_references(definition, name, spec, facts)
        yield from _check_network_options(definition, spec, name, facts)
        yield from _check_joined_networks(name, spec, answers)


def _check_container_name(definition: Definition, name: str, facts: HostFacts) -> Iterator[Finding]:
    existing = (facts.containers or {}).get(name)
    if not existing or existing.rockon == definition.name:
        return
    if existing.rockon:
        owner = t("it belongs to the rock-on %(rockon)s", rockon=existing.rockon)
        hint = t("Uninstall that rock-on first: two with a container of the same name can't be installed together.")
    else:
        owner = t("it was not made by this Rockonweb and is left alone")
        hint = t("Rename or remove it, for example: docker rename %(name)s %(name)s-old", name=name)
    yield Finding("block", t('A container named "%(name)s" exists already; %(owner)s.', name=name, owner=owner), hint)


def _check_devices(name: str, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for value in answers.devices.get(name, {}).values():
        path = value.split(":", 1)[0]
        if path in facts.missing_devices:
            yield Finding(
                "block",
                t("The device %(path)s, wanted for %(name)s, does not exist on this host.", path=path, name=name),
                t("Plug it in, choose another one, or leave the field blank."),
            )


def _check_user(name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    if spec.uid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run as the owner of its first volume, but has no volume.", name=name),
            t("It runs as its image says."),
        )
    if spec.uid not in (None, -1) and spec.gid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run in the group of its first volume, but has no volume.", name=name),
            t("It runs without a group of its own."),
        )
    if spec.uid is not None and spec.gid == -2 and "docker" not in facts.groups:
        yield Finding(
            "warn",
            t("%(name)s should run in the group docker, which this host does not have.", name=name),
            t("It runs without a group of its own."),
        )


def _find_referenced(name_or_id: str, containers: Mapping[str, ContainerFacts]) -> ContainerFacts | None:
    """Return the container that Docker would take: the one of this name, or whose id begins so."""
    by_id = (
        container
        for container in containers.values()
        if len(name_or_id) >= MIN_ID_PREFIX and container.id.startswith(name_or_id)
    )
    return containers.get(name_or_id) or next(by_id, None)


def _check_references(definition: Definition, name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    order = [container for container, _ in definition.launch_order]
    for reference in spec.run_options.references:
        target_name = reference.container
        placeholders = {"name": name, "verb": RELATION_VERBS[reference.relation], "other": target_name}
        target = _find_referenced(target_name, facts.containers or {})
        if target_name in order:
            if order.index(target_name) >= order.index(name) and target is None:
                yield Finding(
                    "block",
                    t(
                        '%(name)s %(verb)s the container "%(other)s", which is not there yet when it starts.',
                        **placeholders,
                    ),
                    t("Its definition must start that one before: see launch_order."),
                )
        elif target and target.state and target.state not in UP_STATES and reference.relation is not Relation.VOLUMES:
            yield Finding(
                "warn",
                t('%(name)s %(verb)s the container "%(other)s", which does not run.', **placeholders),
                t("Start that one first: without it this one can't start."),
            )
        elif facts.containers is not None and target is None:
            yield Finding(
                "block",
                t('%(name)s %(verb)s a container "%(other)s", which does not exist.', **placeholders),
                t("Install what provides it first."),
            )


def _check_network_options(
    definition: Definition, spec: ContainerSpec, name: str, facts: HostFacts
) -> Iterator[Finding]:
    if spec.on_host_network:
        yield Finding(
            "note",
            t("%(name)s uses the host's own network: its ports are the host's and can't be mapped.", name=name),
        )
    available = {*(link.network for link in definition.network_links), *(facts.networks or ())}
    for network in spec.run_options.own_networks if facts.networks is not None else ():
        if network not in available and network.isprintable():
            yield Finding(
                "warn",
                t('%(name)s wants a network "%(network)s", which does not exist.', name=name, network=network),
                t("Submit makes it, with Docker's own choice of addresses."),
            )


def _check_joined_networks(name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    networks = answers.networks.get(name)
    refusal = join_refusal(spec)
    if networks and refusal:
        yield Finding(
            "block",
            t("%(name)s can't join the network %(networks)s.", name=name, networks=", ".join(networks)),
            refusal,
        )
