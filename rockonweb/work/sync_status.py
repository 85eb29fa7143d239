"""Syncs the status of a rock-on and its containers from Docker to the database."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import ObservedProblem, derive_status, describe_containers
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
    if scheduler.is_changing(rockon_id):
        db.session.rollback()
        return False
    facts = inspect_containers(rockon_id, docker)
    if facts is None:
        return True
    with transaction(durable=False) as session:
        installation = session.get(Installation, rockon_id)
        if installation is not None and scheduler.is_changing(rockon_id):
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
    rows = db.session.scalars(query).all()
    for container in rows:
        container.signal = (signals or {}).get(container.name, container.signal)
    rows_by_name = {container.name: container for container in rows}
    facts = {name: one and _add_stored_facts(one, rows_by_name.get(name)) for name, one in facts.items()}
    problems = describe_containers(facts)
    for container in rows:
        observed_container = problems.get(container.name, ObservedProblem())
        container.problem, container.status_error = observed_container.problem, observed_container.sentence
        container_facts = facts.get(container.name)
        container.docker_state = container_facts.state if container_facts else ""
        container.docker_name = container_facts.docker_name if container_facts else ""
        container.exit_code = container_facts.exit_code if container_facts else None
    failed = installation.status in (Status.START_FAILED, Status.STOP_FAILED)
    if installation.state is State.INSTALLED and not (keep_failure and failed):
        lacks_share = any(container.held_restart_policy is not None for container in rows)
        observed = derive_status(facts, page_answers=installation.page_answers, lacks_share=lacks_share)
        installation.status, installation.exit_code = observed.status, observed.exit_code
        installation.problem, installation.status_error = observed.problem, observed.error


def _add_stored_facts(facts: ContainerFacts, row: Container | None) -> ContainerFacts:
    """Return a container's facts with what Docker does not tell: its last signal, and the policy that is held back."""
    if row is None:
        return facts
    held = row.held_restart_policy  # where it is held, it was stopped and did not end by itself
    policy = facts.restart_policy if held is None else held.partition(":")[0]
    return replace(facts, signal=row.signal, restart_policy=policy)
