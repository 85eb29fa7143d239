"""Looks at a rock-on's containers and writes on the rows how they are."""

from __future__ import annotations

from flask import current_app
from sqlalchemy import select

from rockonweb import engine
from rockonweb.config import instance_id
from rockonweb.errors import EngineError
from rockonweb.models import ACTIVE, Operation, RockOn, State, Status, db, writing
from rockonweb.status import observe


def look(rockon_id: int, keep_failure: bool = False, docker: engine.Engine | None = None) -> None:
    """Write a rock-on's status as its containers have it.

    With `keep_failure`, a start or stop that failed stays shown as failed. One that an operation is working on is left
    to the operation. Does nothing when no engine answers.
    """
    rockon = db.session.get(RockOn, rockon_id)
    names = [container.name for container in rockon.containers] if rockon else []
    db.session.rollback()
    try:
        docker = docker or engine.connect(instance_id(current_app.config["SETTINGS"]))
        found = {name: docker.container(name) for name in names}
    except EngineError:
        return
    with writing() as session:
        rockon = session.get(RockOn, rockon_id)
        if rockon is None:
            return
        ours = {name: facts if facts and facts.rockon == rockon.name else None for name, facts in found.items()}
        for container in rockon.containers:
            facts = ours.get(container.name)
            container.docker_state = facts.state if facts else ""
            container.exit_code = facts.exit_code if facts else None
            container.docker_error = facts.error if facts else ""
        if rockon.state is not State.INSTALLED or _busy(rockon_id):
            return
        if keep_failure and rockon.status in (Status.START_FAILED, Status.STOP_FAILED):
            return
        seen = observe(ours)
        rockon.status, rockon.exit_code, rockon.status_error = seen.status, seen.exit_code, seen.error


def _busy(rockon_id: int) -> bool:
    return bool(
        db.session.scalar(
            select(Operation.id).where(Operation.rockon_id == rockon_id, Operation.progress.in_(ACTIVE)).limit(1)
        )
    )
