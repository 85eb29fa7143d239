"""Containers: their names, devices, users and networks, and the other containers that they need."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import ContainerSpec, Definition
from rockonweb.core.docker.run_options import RELATION_VERBS, Relation, is_ip_address
from rockonweb.core.facts import UP_STATES, HostFacts, find_container
from rockonweb.core.preflight.finding import Finding
from rockonweb.core.text import t

MIN_ID_PREFIX = 12  # characters from which on a name may be the beginning of an id


def check_containers(definition: Definition, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    """Yield the findings about each container."""
    for name, spec in definition.launch_order:
        yield from _check_container_name(definition, name, facts)
        yield from _check_devices(name, answers, facts)
        yield from _check_required_paths(name, spec, facts)
        yield from _check_user(name, spec, facts)
        yield from _check_references(definition, name, spec, facts)
        yield from _check_network_options(definition, spec, name, facts)
        yield from _check_joined_networks(name, spec, answers)
    yield from find_stopped_lenders(definition, facts)
    yield from _check_link_networks(definition, facts)


def _check_link_networks(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding for each link network that somebody else created: containers of others may be on it."""
    for name in dict.fromkeys(link.network for link in definition.network_links):
        network = (facts.networks or {}).get(name)
        if network and not network.ours:
            yield Finding(
                "note",
                t('The network "%(network)s" exists already and was not created by this Rockonweb.', network=name),
                t("The containers join it and may be reached by others on it. An uninstall leaves it."),
            )


def find_stopped_lenders(definition: Definition, facts: HostFacts) -> Iterator[Finding]:
    """Yield a warning for each container of others that is stopped and without which one of these can't start."""
    for name, spec in definition.launch_order:
        for reference in spec.run_options.references:
            lender = find_container(reference.container, facts.containers or {})
            if (
                lender
                and lender.state
                and lender.state not in UP_STATES
                and reference.container not in definition.containers
                and reference.relation is not Relation.VOLUMES
            ):
                yield Finding(
                    "warn",
                    t(
                        '%(name)s %(verb)s the container "%(other)s", which is not running.',
                        name=name,
                        verb=RELATION_VERBS[reference.relation],
                        other=reference.container,
                    ),
                    t("Start that container first: this one can't start without it."),
                )


def _check_container_name(definition: Definition, name: str, facts: HostFacts) -> Iterator[Finding]:
    existing = (facts.containers or {}).get(name)
    if not existing or existing.rockon == definition.name:
        return
    if existing.rockon:
        owner = t("it belongs to the rock-on %(rockon)s", rockon=existing.rockon)
        hint = t(
            "Uninstall that rock-on first: two rock-ons with the same container name can't be installed at the "
            "same time."
        )
    else:
        owner = t("it was not created by this Rockonweb and is not changed")
        hint = t(
            "Adopt it: under Import, Containers that run here, or by rockonweb import --container %(name)s. "
            "Or rename it: docker rename %(name)s %(name)s-old",
            name=name,
        )
    yield Finding("block", t('A container named "%(name)s" already exists; %(owner)s.', name=name, owner=owner), hint)


def _check_devices(name: str, answers: Answers, facts: HostFacts) -> Iterator[Finding]:
    for value in answers.devices.get(name, {}).values():
        path = value.split(":", 1)[0]
        if path in facts.missing_devices:
            yield Finding(
                "block",
                t("The device %(path)s for %(name)s does not exist on this host.", path=path, name=name),
                t("Plug it in, choose another one, or leave the field blank."),
            )


def _check_required_paths(name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    for path in dict.fromkeys(spec.run_options.required_paths):
        if path in facts.missing_paths:
            yield Finding(
                "block",
                t("%(path)s, which %(name)s needs, does not exist on this host.", path=path, name=name),
                t("Connect or create it first. The definition names it by an option and can't use another one."),
            )


def _check_user(name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    if spec.uid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run as the owner of its first volume, but has no volume.", name=name),
            t("It runs as the user set in its image."),
        )
    if spec.uid not in (None, -1) and spec.gid == -1 and not spec.volumes:
        yield Finding(
            "warn",
            t("%(name)s should run in the group of its first volume, but has no volume.", name=name),
            t("It runs with no group set."),
        )
    if spec.uid is not None and spec.gid == -2 and "docker" not in facts.groups and "groups" not in facts.blind_spots:
        yield Finding(
            "warn",
            t("%(name)s should run in the group docker, which this host does not have.", name=name),
            t("It runs with no group set."),
        )


def _check_references(definition: Definition, name: str, spec: ContainerSpec, facts: HostFacts) -> Iterator[Finding]:
    order = [container for container, _ in definition.launch_order]
    for reference in spec.run_options.references:
        target_name = reference.container
        placeholders = {"name": name, "verb": RELATION_VERBS[reference.relation], "other": target_name}
        target = find_container(target_name, facts.containers or {})
        if target_name in order:
            if order.index(target_name) >= order.index(name) and target is None:
                yield Finding(
                    "block",
                    t(
                        '%(name)s %(verb)s the container "%(other)s", which does not exist yet when it starts.',
                        **placeholders,
                    ),
                    t("The definition must start that container first: see launch_order."),
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
            t("%(name)s uses the host network: its ports are the host's ports and can't be mapped.", name=name),
        )
    yield from _check_address(spec, name, facts)
    available = {*(link.network for link in definition.network_links), *(facts.networks or ())}
    address = spec.run_options.fixed_address
    for network in spec.run_options.own_networks if facts.networks is not None else ():
        if network in available or not network.isprintable():
            continue
        sentence = t('%(name)s needs the network "%(network)s", which does not exist.', name=name, network=network)
        if network in facts.stored_networks:
            yield Finding("warn", sentence, t("It will be recreated as it is under Networks."))
        elif address:
            hint = t("Create it first, under Networks, with a subnet that contains %(address)s.", address=address)
            yield Finding("block", sentence, hint)
        else:
            yield Finding("warn", sentence, t("It will be created, with addresses chosen by Docker."))


def _check_address(spec: ContainerSpec, name: str, facts: HostFacts) -> Iterator[Finding]:
    """Yield a finding where the only network that a container names exists and can't have the container's address."""
    address, networks = spec.run_options.fixed_address, spec.run_options.own_networks
    present = [facts.networks[network] for network in networks if facts.networks and network in facts.networks]
    if not address or len(networks) != 1 or not present or _is_within(address, present[0].subnets):
        return
    if subnets := ", ".join(present[0].subnets):  # blank where Docker was not asked for them
        sentence = t(
            "%(name)s is to have the address %(address)s, which is not in the network %(network)s: that is "
            "%(subnets)s.",
            name=name,
            address=address,
            network=present[0].name,
            subnets=subnets,
        )
        hint = t("Create the network again, under Networks, with a subnet that contains it.")
        yield Finding("block", sentence, hint)


def _is_within(address: str, subnets: tuple[str, ...]) -> bool:
    """Whether an address is one of these subnets; what is no address is in none."""
    return is_ip_address(address) and any(ip_address(address) in ip_network(subnet) for subnet in subnets)


def _check_joined_networks(name: str, spec: ContainerSpec, answers: Answers) -> Iterator[Finding]:
    networks = answers.networks.get(name)
    refusal = join_refusal(spec)
    if networks and refusal:
        yield Finding(
            "block",
            t("%(name)s can't join the network %(networks)s.", name=name, networks=", ".join(networks)),
            refusal,
        )
