"""Collects the facts for planning: of the host, and of the other rock-ons in the database."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rockonweb.core.answers.answers import Answers, SuggestPort, split_share_path
from rockonweb.core.containers.host_ports import WantedPort, option_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.facts import ContainerFacts, HostFacts, PortListener, VolumeMount
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.plan.adoption import own_adopted
from rockonweb.core.questions import wizard
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Container, Installation, Network, Port, State, Volume, db
from rockonweb.models.installation import in_state
from rockonweb.models.repository import load_answers, port_suggester
from rockonweb.work.known_shares import find_absent_shares

if TYPE_CHECKING:
    from rockonweb.host import Engine


def gather_facts(
    installation: Installation,
    answers: Answers | None,
    docker: Engine | None,
    named: Collection[int] | None = None,
    definition: Definition | None = None,
    adopted: Mapping[str, str] | None = None,
) -> HostFacts:
    """Return the facts for planning with these answers (None: the stored ones); `named`: see `Host.collect_facts`.

    What the options of `definition` need of the host is looked for. The containers that are to be `adopted` count as
    the rock-on's (None: those that it was imported from).
    """
    claims = claimed_ports(db.session())
    host = get_host(installation)
    facts = host.collect_facts(answers or load_answers(installation), claims, docker, named)
    specs = definition.containers.values() if definition else ()
    source = installation.current_source
    networks = select(Network.name)
    facts = replace(
        facts,
        missing_paths=host.find_missing_paths(path for spec in specs for path in spec.run_options.required_paths),
        absent_shares=find_absent_shares(db.session(), host.shares),
        stored_networks=frozenset(db.session.scalars(networks) if "--net" in source else ()),
        claimed=tuple(claim for claim in claims if claim.rockon != installation.name),
        kept_volumes=collect_volumes(installation, docker, facts.containers),
    )
    return own_adopted(facts, installation.name, adopted or pending_adoption(installation, facts.containers))


def pending_adoption(installation: Installation, containers: Mapping[str, ContainerFacts] | None) -> dict[str, str]:
    """Return the ids of the containers of others that the rock-on was imported from, by the name of the container in
    place of each; without those that are gone altogether.
    """
    present = containers or {}
    ids = {container.id for container in present.values()}
    return {
        old.container: old.docker_id
        for old in installation.old_containers
        if not old.kept_name and (old.docker_id in ids or old.name in present)
    }


def free_port_suggester(installation: Installation) -> SuggestPort:
    """Return a function from container and container port to a host port that is free now, as the wizard suggests it.

    The host is asked when the first port is.
    """
    suggest = port_suggester(installation)
    answered = load_answers(installation).ports

    @cache
    def find_free_ports() -> dict[tuple[str, int], int]:
        definition = installation.current_definition
        facts, _ = get_host(installation).call_with_engine(lambda docker: gather_facts(installation, None, docker, ()))
        places = {item.name: (item.container, int(item.key)) for item in wizard.page_questions(definition, "ports")}
        preferred = {
            name: answered.get(container, {}).get(number) or suggest(container, number)
            for name, (container, number) in places.items()
        }
        free_ports = wizard.suggest_host_ports(definition, preferred, facts)
        return {places[name]: suggestion.port for name, suggestion in free_ports.items()}

    return lambda container, port: find_free_ports().get((container, port)) or suggest(container, port)


def collect_volumes(
    installation: Installation, docker: Engine | None, containers: Mapping[str, ContainerFacts] | None
) -> dict[str, tuple[VolumeMount, ...]]:
    """Return by container the anonymous volumes of the rock-on: of existing containers, and kept from removed ones."""
    mounts_by_container: dict[str, dict[str, VolumeMount]] = {}
    for volume in installation.kept_volumes:
        mounts_by_container.setdefault(volume.container, {})[volume.destination] = VolumeMount(
            volume.volume, volume.destination
        )
    for container in installation.containers:
        container_facts = (containers or {}).get(container.name)
        if docker and container_facts and container_facts.rockon == installation.name:
            for mount in docker.anonymous_volumes(container.name):
                mounts_by_container.setdefault(container.name, {})[mount.destination] = mount
    return {name: tuple(mounts.values()) for name, mounts in mounts_by_container.items()}


def claimed_ports(session: Session) -> list[PortListener]:
    """Return the host ports of all installed rock-ons, running or not, and those that a pending change reserves."""
    rows = session.execute(
        select(Port, Installation.name)
        .join(Port.container)
        .join(Container.installation)
        .where(in_state(*INSTALLED_OR_PENDING), or_(Port.host.is_not(None), Port.reserved.is_not(None)))
    )
    answered = [
        PortListener(host, protocol, "", t("the rock-on %(name)s", name=name), name)
        for port, name in rows
        for host in {port.host, port.reserved}
        for protocol in port.published_protocols
        if host is not None
    ]
    sources = session.execute(
        select(Installation.name, Installation.installed_source).where(
            in_state(*INSTALLED_OR_PENDING), Installation.installed_source.contains('"opts"')
        )
    )
    return answered + [
        PortListener(port.host, port.protocol, port.address, t("the rock-on %(name)s", name=name), name)
        for name, source in sources
        for port in _option_ports(name, source or "")
    ]


@lru_cache(512)
def _option_ports(name: str, source: str) -> tuple[WantedPort, ...]:
    return tuple(option_ports(definition_from_source(name, source)))


def share_users(states: Collection[State] = INSTALLED_OR_PENDING) -> dict[str, list[tuple[int, str]]]:
    """Return by share the rock-ons (id, name) in one of these states that use it."""
    query = select(Volume.share, Installation.id, Installation.name).join(
        Container, Volume.container_id == Container.id
    )
    rows = db.session.execute(
        query.join(Installation, Container.installation_id == Installation.id)
        .where(Volume.share.is_not(None), in_state(*states))
        .distinct()
        .order_by(Installation.name)
    )
    users_by_share: dict[str, list[tuple[int, str]]] = {}
    for share, rockon_id, name in rows:
        users = users_by_share.setdefault(split_share_path(share or "")[0], [])
        users += [(rockon_id, name)] if (rockon_id, name) not in users else []
    return users_by_share


def other_users(
    installation: Installation, states: Collection[State] = INSTALLED_OR_PENDING
) -> dict[str, tuple[str, ...]]:
    """Return by share the names of the other rock-ons that use it."""
    return {
        share: tuple(name for user_id, name in users if user_id != installation.id)
        for share, users in share_users(states).items()
    }
