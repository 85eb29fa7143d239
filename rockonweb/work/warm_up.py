"""Simulates an operation in a transaction that is rolled back, so that the first real ones start fast.

Each job's process is forked from its worker, and `rockonweb up` forks the workers from a process that has warmed up.
So jobs inherit configured mappers, compiled statements and late imports, in memory that the workers share; that saves a
job about as much time as all its Docker requests take. What is not covered here is only slower, never wrong.
"""

from __future__ import annotations

import secrets

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, configure_mappers

from rockonweb.core.definition.parser import canonical_json, definition_from_body
from rockonweb.migrations import upgrade
from rockonweb.models import (
    ContainerImage,
    Installation,
    Kind,
    Operation,
    OperationStep,
    Progress,
    State,
    Status,
    port_suggestions,
    repository,
    utc_now,
)
from rockonweb.models.base import db, transaction
from rockonweb.work import scheduler, sync_status, updates
from rockonweb.work.collect_facts import gather_facts


class _WarmUpDone(Exception):
    """Rolls back the transaction."""


def warm_up() -> None:
    """Run an operation's statements, roll them back, and close all connections, which forks must not share. Does
    nothing where the database is unreachable or has no tables yet.
    """
    configure_mappers()
    upgrade.own_revisions()
    try:
        with transaction(durable=False) as session:
            _simulate_operation(session)
            raise _WarmUpDone
    except (_WarmUpDone, SQLAlchemyError):
        db.session.remove()
    db.engine.dispose()


def _simulate_operation(session: Session) -> None:
    name = f"rehearsal {secrets.token_hex(8)}"
    body = {"description": "", "website": "", "version": "1", "containers": _CONTAINERS}
    definition, source = definition_from_body(name, body), canonical_json(body)
    entry, _ = repository.upsert_entry(
        session, None, definition, source, port_suggestions.PortSuggestions(), origin="", position=0
    )
    session.flush()
    installation = repository.ensure_installation(session, repository.blank_installation(entry))
    repository.sync_children(installation, definition)
    session.flush()
    rockon_id = installation.id
    operation = Operation(kind=Kind.INSTALL, installation_id=rockon_id, reviewed=[])
    session.add(operation)
    session.flush()
    operation_id = operation.id
    _flush_and_expunge(session)

    operation = session.get_one(Operation, operation_id)
    scheduler.blocking_operations(operation)
    operation.progress, operation.started = Progress.RUNNING, utc_now()
    _flush_and_expunge(session)

    installation = session.get_one(Installation, rockon_id)
    gather_facts(installation, None, None)
    session.add_all(
        OperationStep(operation_id=operation_id, position=position, title="", why="") for position in range(4)
    )
    session.flush()
    step_key = session.get_one(Operation, operation_id).steps[0].id
    _flush_and_expunge(session)
    for change in (
        {"progress": Progress.RUNNING, "started": utc_now()},
        {"current": 1, "total": 1, "layers": "[]"},
        {"progress": Progress.DONE, "finished": utc_now()},
        {"progress": Progress.FAILED, "finished": utc_now(), "output": "."},
    ):
        step = session.get_one(OperationStep, step_key)
        for field, value in change.items():
            setattr(step, field, value)
        _flush_and_expunge(session)

    operation = session.get_one(Operation, operation_id)
    operation.mark_finished(Progress.DONE)
    installation = session.get_one(Installation, rockon_id)
    installation.state = State.INSTALLED
    session.flush()
    installation.status = Status.STARTED
    sync_status.write_status(installation, {})
    session.add(ContainerImage(container_id=installation.containers[0].id, reference="box.example/rehearsal:latest"))
    _flush_and_expunge(session)
    updates.rockon_images(installation.id)


def _flush_and_expunge(session: Session) -> None:
    """Write, and make the next access read again, as in a new transaction."""
    session.flush()
    session.expunge_all()


_CONTAINERS = {"rehearsal": {"image": "box.example/rehearsal", "launch_order": 1}}
