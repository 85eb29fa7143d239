"""After a crash: compares what the rows say with what is true, and mends the difference."""

from __future__ import annotations

import logging
from collections.abc import Iterator

from flask import current_app
from rq.exceptions import NoSuchJobError
from rq.job import Job
from sqlalchemy import select

from rockonweb.config import instance_id
from rockonweb.core.errors import EngineError
from rockonweb.core.steps import ASIDE
from rockonweb.host import engine
from rockonweb.models import ACTIVE, Operation, Progress, RockOn, db
from rockonweb.work import operations, queue, runner

logger = logging.getLogger(__name__)


def recover() -> list[int]:
    """Compare what the rows say with what is true: queue again what lost its job, end what lost its process.

    An operation that runs is alive while its process holds the operation's file lock. Returns the ids of those that
    were mended. Called by the watcher.
    """
    mended = []
    for operation in list(db.session.scalars(select(Operation).where(Operation.progress.in_(ACTIVE)))):
        if operation.progress is Progress.QUEUED and not _has_job(operation.id):
            operations.enqueue(operation.id)
            mended.append(operation.id)
        elif operation.progress is Progress.RUNNING and runner.interrupt(operation.id):
            mended.append(operation.id)
    mended += _tidied()
    db.session.rollback()
    return mended


def _tidied() -> Iterator[int]:
    """Deal with what ended changes left set aside, because Docker was away when they ended."""
    try:
        docker = engine.connect(instance_id(current_app.config["SETTINGS"]))
        left = {facts.rockon for name, facts in docker.containers().items() if facts.rockon and name.endswith(ASIDE)}
        docker.close()
        busy = select(Operation.rockon_id).where(Operation.progress.in_(ACTIVE), Operation.rockon_id.is_not(None))
        for rockon_id in db.session.scalars(
            select(RockOn.id).where(RockOn.name.in_(left), RockOn.id.not_in(busy))
        ).all():
            if (operation_id := runner.tidy(rockon_id)) is not None:
                yield operation_id
    except EngineError as error:
        logger.info("what changes left aside has to wait: %s", error)


def _has_job(operation_id: int) -> bool:
    try:
        status = Job.fetch(operations.job_id(operation_id), connection=queue.connection()).get_status()
    except NoSuchJobError:
        return False
    return status is not None and status.value in ("queued", "started", "deferred", "scheduled")
