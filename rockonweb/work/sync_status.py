"""Syncs the status of a rock-on and its containers from Docker to the database."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import derive_status, describe_container
from rockonweb.host import Engine, get_host
from rockonweb.models import Container, Installation, State, Status, db, transaction
from rockonweb.work import scheduler

FactsByContainer = dict[str, ContainerFacts | None]


def sync_status(rockon_id: int, docker: Engine | None = None, signals: Mapping[str, int] | None = None) -> bool:
    """Store a rock-on's status, derived from its containers and the `signals` that they got (see `track_signals`). Does
    nothing where Docker does not answer, or while an operation is queued or runs for the rock-on, which stores the
    status itself.

    Returns False in the latter case: the caller should sync again later, as the operation may have read older facts.
    """
    if scheduler.unfinished_operations(rockon_id):
        db.session.rollback()
        return False
    facts = inspect_containers(rockon_id, docker)
    if facts is None:
        return True
    with transaction(durable=False) as session:
        installation = session.get(Installation, rockon_id)
        if installation is not None and scheduler.unfinished_operations(rockon_id):
            return False
        if installation is not None:
            write_status(installation, facts, signals)
    return True


def inspect_containers(rockon_id: int, docker: Engine | None = None) -> FactsByContainer | None:
    """Return the facts of a rock-on's containers by name; None for one that is missing or not the rock-on's.

    Returns None where Docker does not answer.
    """
    query = select(Container.name, Installation.name).join(Container.installation).where(Installation.id == rockon_id)
    owners = dict(db.session.execute(query).all())
    db.session.rollback()
    try:
        with nullcontext(docker) if docker else get_host().connect_docker() as engine:
            facts_by_name = {name: engine.inspect_container(name) for name in owners}
    except EngineError:
        return None
    return {name: facts if facts and facts.rockon == owners[name] else None for name, facts in facts_by_name.items()}


def write_status(
    installation: Installation,
    facts: FactsByContainer,
    signals: Mapping[str, int] | None = None,
    *,
    keep_failure: bool = False,
) -> None:
    """Store the facts of a rock-on's containers, and its status, inside the caller's transaction.

    `signals` are those that containers got since the last time, see `track_signals`. With `keep_failure`, the status of
    a failed start or stop stays.
    """
    query = select(Container).where(Container.installation_id == installation.id).options(lazyload("*"))
    facts = dict(facts)
    for container in db.session.scalars(query):
        container.signal = (signals or {}).get(container.name, container.signal)
        if container_facts := facts.get(container.name):
            policy = container_facts.restart_policy
            if container.held_restart_policy is not None:  # it was stopped and did not end by itself
                policy = container.held_restart_policy.partition(":")[0]
            container_facts = replace(container_facts, signal=container.signal, restart_policy=policy)
            facts[container.name] = container_facts
        observed_container = describe_container(container.name, container_facts)
        container.problem, container.status_error = observed_container.problem, observed_container.sentence
        container.docker_state = container_facts.state if container_facts else ""
        container.docker_name = container_facts.docker_name if container_facts else ""
        container.exit_code = container_facts.exit_code if container_facts else None
    failed = installation.status in (Status.START_FAILED, Status.STOP_FAILED)
    if installation.state is State.INSTALLED and not (keep_failure and failed):
        observed = derive_status(facts, page_answers=installation.page_answers)
        installation.status, installation.exit_code = observed.status, observed.exit_code
        installation.problem, installation.status_error = observed.problem, observed.error
