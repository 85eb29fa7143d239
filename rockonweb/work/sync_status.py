"""Looks at a rock-on's containers and writes on the rows how they are."""

from __future__ import annotations

from contextlib import nullcontext

from sqlalchemy import select
from sqlalchemy.orm import lazyload

from rockonweb.core.errors import EngineError
from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import observe
from rockonweb.host import Engine, host_of
from rockonweb.models import Container, Installation, State, Status, db, writing
from rockonweb.work import scheduler

Facts = dict[str, ContainerFacts | None]


def look(rockon_id: int, docker: Engine | None = None) -> bool:
    """Write a rock-on's status as its containers have it. Does nothing when no engine answers, or when an operation
    is working on the rock-on: that writes the status itself.

    Returns False in that last case: what was seen may be newer than what the operation saw.
    """
    if scheduler.active(rockon_id):
        db.session.rollback()
        return False
    facts = containers(rockon_id, docker)
    if facts is None:
        return True
    with writing() as session:
        rockon = session.get(Installation, rockon_id)
        if rockon is not None and scheduler.active(rockon_id):
            return False
        if rockon is not None:
            write(rockon, facts)
    return True


def containers(rockon_id: int, docker: Engine | None = None) -> Facts | None:
    """Return a rock-on's containers as Docker has them, by name; None stands for one that is not there or not ours.

    Returns None when no engine answers.
    """
    query = select(Container.name, Installation.name).join(Container.installation).where(Installation.id == rockon_id)
    owners = dict(db.session.execute(query).all())
    db.session.rollback()
    try:
        with nullcontext(docker) if docker else host_of().connect() as connected:
            found = {name: connected.container(name) for name in owners}
    except EngineError:
        return None
    return {name: facts if facts and facts.rockon == owners[name] else None for name, facts in found.items()}


def write(rockon: Installation, facts: Facts, *, keep_failure: bool = False) -> None:
    """Put what was seen on the rows, inside a unit of work.

    With `keep_failure`, a start or stop that failed stays shown as failed.
    """
    query = select(Container).where(Container.installation_id == rockon.id).options(lazyload("*"))
    for container in db.session.scalars(query):
        known = facts.get(container.name)
        container.docker_state = known.state if known else ""
        container.exit_code = known.exit_code if known else None
        container.docker_error = known.error if known else ""
    failed = rockon.status in (Status.START_FAILED, Status.STOP_FAILED)
    if rockon.state is State.INSTALLED and not (keep_failure and failed):
        seen = observe(facts)
        rockon.status, rockon.exit_code, rockon.status_error = seen.status, seen.exit_code, seen.error
