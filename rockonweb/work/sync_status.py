"""Looks at a rock-on's containers and writes on the rows how they are."""

from __future__ import annotations

from contextlib import nullcontext

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import derive_status
from rockonweb.host import Engine, get_host
from rockonweb.models import Container, Installation, State, Status, db, transaction
from rockonweb.work import scheduler

FactsByContainer = dict[str, ContainerFacts | None]


def sync_status(rockon_id: int, docker: Engine | None = None) -> bool:
    """Write a rock-on's status as its containers have it. Does nothing when no engine answers, or when an operation
    is working on the rock-on: that writes the status itself.

    Returns False in that last case: what was seen may be newer than what the operation saw.
    """
    if scheduler.unfinished_operations(rockon_id):
        db.session.rollback()
        return False
    facts = inspect_containers(rockon_id, docker)
    if facts is None:
        return True
    with transaction() as session:
        installation = session.get(Installation, rockon_id)
        if installation is not None and scheduler.unfinished_operations(rockon_id):
            return False
        if installation is not None:
            write_status(installation, facts)
    return True


def inspect_containers(rockon_id: int, docker: Engine | None = None) -> FactsByContainer | None:
    """Return a rock-on's containers as Docker has them, by name; None stands for one that is not there or not ours.

    Returns None when no engine answers.
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


def write_status(installation: Installation, facts: FactsByContainer, *, keep_failure: bool = False) -> None:
    """Put what was seen on the rows, inside a unit of work.

    With `keep_failure`, a start or stop that failed stays shown as failed.
    """
    query = select(Container).where(Container.installation_id == installation.id).options(lazyload("*"))
    for container in db.session.scalars(query):
        container_facts = facts.get(container.name)
        container.docker_state = container_facts.state if container_facts else ""
        container.exit_code = container_facts.exit_code if container_facts else None
        container.docker_error = container_facts.error if container_facts else ""
    failed = installation.status in (Status.START_FAILED, Status.STOP_FAILED)
    if installation.state is State.INSTALLED and not (keep_failure and failed):
        observed = derive_status(facts)
        installation.status, installation.exit_code, installation.status_error = (
            observed.status,
            observed.exit_code,
            observed.error,
        )
