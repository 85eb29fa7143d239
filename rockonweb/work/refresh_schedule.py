"""The refresh of the catalogue by itself: when it is due, and how often it was chosen to be.

It is the operation that the button submits. One that fails is no alarm, as a machine may be without a network for days:
the page of the catalogue says so, and it is tried again with growing pauses. So is one that only loaded what needs no
network.
"""

from __future__ import annotations

import time
from datetime import datetime

from sqlalchemy import select

from rockonweb.config import current_config, instance_id
from rockonweb.core.status.updates import is_refresh_due
from rockonweb.models import Kind, Operation, Progress, RefreshReport, RefreshSchedule, db, transaction, utc_now
from rockonweb.models.operation import AUTOMATIC_REFRESH
from rockonweb.work import operations

FIRST_SECONDS = 600  # of a new instance, in which its owner may choose other metastores
MAX_FAILURES = 10  # in a row that are counted
FAILED = (Progress.FAILED, Progress.INTERRUPTED)


def refresh_hours() -> int:
    """Return the hours between two refreshes; 0: never."""
    hours = db.session.scalar(select(RefreshSchedule.hours))
    return RefreshSchedule.DEFAULT_HOURS if hours is None else hours


def set_refresh_hours(hours: int) -> None:
    """Store the hours between two refreshes; 0: never."""
    with transaction() as session:
        session.merge(RefreshSchedule(id=1, hours=hours))


def last_failed_refresh(report: RefreshReport | None) -> Operation | None:
    """Return the last refresh that has ended where it failed, else None; `report` is that of the last one."""
    ended = select(Operation).where(Operation.kind == Kind.REFRESH, Operation.finished.is_not(None))
    last = db.session.scalar(ended.order_by(Operation.id.desc()).limit(1))
    if last is None or last.progress not in FAILED or (report and last.finished and report.finished > last.finished):
        return None  # the last one, by the command line, is no operation
    return last


def submit_due_refresh() -> None:
    """Submit a refresh if one is due. Called by the watcher. Raises QueueUnreachable."""
    query = select(Operation.progress, Operation.notes, Operation.created).where(Operation.kind == Kind.REFRESH)
    tries = db.session.execute(query.order_by(Operation.id.desc()).limit(MAX_FAILURES)).all()
    successes = (
        number for number, (progress, notes, _) in enumerate(tries) if not (progress in FAILED or notes.offline)
    )
    failures = next(successes, len(tries))
    instance = int(instance_id(current_config()), 16) % 1000
    if is_refresh_due(_seconds_since_try([created for *_, created in tries]), refresh_hours(), failures, instance):
        operations.submit_refresh(AUTOMATIC_REFRESH)


def _seconds_since_try(moments: list[datetime]) -> float | None:
    """Return how long ago the last try was, also one by the command line, which is no operation.

    None where there was none, 0 in the first minutes of a new instance.
    """
    report = RefreshReport.load_latest(db.session())
    if last := max([*moments[:1], *([report.finished] if report else [])], default=None):
        return (utc_now() - last).total_seconds()
    is_new = 0 <= time.time() - current_config().key_file.stat().st_mtime < FIRST_SECONDS
    return 0 if is_new else None
