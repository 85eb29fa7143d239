"""An operation that nobody asked for, on rows that are never kept: so that those which count begin at once.

The process of each job is forked from its worker, and `up` forks the workers from one that has rehearsed. What was
done once the job finds done: the mappers are configured, the statements of an operation are compiled, what is imported
late is there. That saves a job about as much as all its questions to Docker cost, and the workers share the memory.
What is missing here is only slower, never wrong.
"""

from __future__ import annotations

import secrets

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, configure_mappers

from rockonweb.core.definition.definition import canonical, from_body
from rockonweb.models import (
    ContainerImage,
    Installation,
    Kind,
    Operation,
    OperationStep,
    Progress,
    State,
    Status,
    now,
    repository,
)
from rockonweb.models.base import db, writing
from rockonweb.work import scheduler, sync_status, updates
from rockonweb.work.collect_facts import gather_facts


class _Rehearsed(Exception):
    """Nothing of it is kept."""


def rehearse() -> None:
    """Do what an operation does to the rows, from its turn to its end, take it back, and keep no connection open. A
    database that is away, or has no tables yet, is left alone.
    """
    configure_mappers()
    try:
        with writing() as session:
            _act(session)
            raise _Rehearsed
    except (_Rehearsed, SQLAlchemyError):
        db.session.remove()
    db.engine.dispose()


def _act(session: Session) -> None:
    name = f"rehearsal {secrets.token_hex(8)}"
    body = {"description": "", "website": "", "version": "1", "containers": _CONTAINERS}
    definition, source = from_body(name, body), canonical(body)
    entry, _ = repository.put(session, None, definition, source, repository.Suggestions(), origin="", position=0)
    session.flush()
    rockon = repository.stored(session, repository.not_installed(entry))
    repository.sync_children(rockon, definition)
    session.flush()
    home = rockon.id
    operation = Operation(kind=Kind.INSTALL, installation_id=home, reviewed=[])
    session.add(operation)
    session.flush()
    key = operation.id
    _again(session)

    operation = session.get_one(Operation, key)
    scheduler.before(operation)
    operation.progress, operation.started = Progress.RUNNING, now()
    _again(session)

    rockon = session.get_one(Installation, home)
    gather_facts(rockon, None, None)
    session.add_all(OperationStep(operation_id=key, position=n, title="", why="") for n in range(4))
    session.flush()
    step_key = session.get_one(Operation, key).steps[0].id
    _again(session)
    for change in (
        {"progress": Progress.RUNNING, "started": now()},
        {"current": 1, "total": 1, "layers": "[]"},
        {"progress": Progress.DONE, "finished": now()},
        {"progress": Progress.FAILED, "finished": now(), "output": "."},
    ):
        step = session.get_one(OperationStep, step_key)
        for field, value in change.items():
            setattr(step, field, value)
        _again(session)

    operation = session.get_one(Operation, key)
    operation.end(Progress.DONE)
    rockon = session.get_one(Installation, home)
    rockon.state = State.INSTALLED
    session.flush()
    rockon.status = Status.STARTED
    sync_status.write(rockon, {})
    session.add(ContainerImage(container_id=rockon.containers[0].id, reference="box.example/rehearsal:latest"))
    _again(session)
    updates.images_of(rockon.id)


def _again(session: Session) -> None:
    """Write, and read anew what is asked for next, as another transaction would."""
    session.flush()
    session.expunge_all()


_CONTAINERS = {"rehearsal": {"image": "box.example/rehearsal", "launch_order": 1}}
