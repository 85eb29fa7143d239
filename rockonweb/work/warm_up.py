"""Simulates an operation in a transaction that is rolled back, so that the first real ones start fast.

Each job's process is forked from its worker, and `rockonweb up` forks the workers from a process that has warmed up.
So jobs inherit configured mappers, compiled statements and late imports, in memory that the workers share; that saves a
job about as much time as all its Docker requests take. What is not covered here is only slower, never wrong.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from importlib import import_module

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
    PulledImage,
    State,
    Status,
    port_suggestions,
    repository,
    utc_now,
)
from rockonweb.models.base import db, transaction
from rockonweb.models.image import rockon_images
from rockonweb.work import (
    executor,
    notification_queue,
    rollback,
    runner,
    scheduler,
    step_actions,
    sync_status,
)
from rockonweb.work.collect_facts import gather_facts
from rockonweb.work.dependents import find_dependents


class _WarmUpDone(Exception):
    """Rolls back the transaction."""


def warm_up() -> None:
    """Run an operation's statements, roll them back, and close all connections, which forks must not share. Does
    nothing where the database is unreachable or has no tables yet.
    """
    import_module(scheduler.JOB.rpartition(".")[0])  # as each job's process would
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

    operation = session.get_one(Operation, operation_id)
    installation = operation.installation or session.get_one(Installation, rockon_id)
    find_dependents(installation)
    gather_facts(installation, None, None)
    session.expire_all()  # as after each transaction
    operation.notes = replace(operation.notes, running=tuple(member.name for member in operation.members))
    session.add_all(
        OperationStep(operation_id=operation_id, position=position, kind="", data={}, title="", why="")
        for position in range(4)
    )
    session.flush()
    step_key = operation.steps[0].id
    _flush_and_expunge(session)
    for change in (
        {"progress": Progress.RUNNING, "started": utc_now(), "memory": None},
        {"output": "", "current": 1, "total": 1, "layers": "[]"},
        {"progress": Progress.DONE, "finished": utc_now()},
        {"output": "."},
    ):
        OperationStep.update_row(step_key, **change)
    session.merge(PulledImage(id="", reference="", pulled=utc_now()))

    operation = session.get_one(Operation, operation_id)
    operation.mark_finished(Progress.DONE)
    installation = session.get_one(Installation, rockon_id)
    installation.state = State.INSTALLED
    session.flush()
    installation.status = Status.STARTED
    sync_status.write_status(installation, {})
    session.add(ContainerImage(container_id=installation.containers[0].id, reference="box.example/rehearsal:latest"))
    _flush_and_expunge(session)
    rockon_images(installation.id)
    # These end the transaction, and so find nothing any more.
    notification_queue.is_operation_active(operation_id)
    runner.last_effective_operation(rockon_id, operation_id)
    executor.find_renamers({})
    step_actions.stop_if_cancelled(operation_id)
    rollback.lacks_run_mark(operation_id)


def _flush_and_expunge(session: Session) -> None:
    """Write, and make the next access read again, as in a new transaction."""
    session.flush()
    session.expunge_all()


_CONTAINERS = {"rehearsal": {"image": "box.example/rehearsal", "launch_order": 1}}
