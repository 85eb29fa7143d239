"""After a crash: compares what the rows say with what is true, and mends the difference."""

from __future__ import annotations

from rq.exceptions import NoSuchJobError
from rq.job import Job
from sqlalchemy import select

from rockonweb.models import ACTIVE, Operation, Progress, db
from rockonweb.work import operations, queue, runner


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
    db.session.rollback()
    return mended


def _has_job(operation_id: int) -> bool:
    try:
        status = Job.fetch(operations.job_id(operation_id), connection=queue.connection()).get_status()
    except NoSuchJobError:
        return False
    return status is not None and status.value in ("queued", "started", "deferred", "scheduled")
