"""The pictures of rock-ons are fetched behind everybody's back: after each refresh of the catalogue, as a job."""

from __future__ import annotations

import secrets
from contextlib import suppress

from rockonweb.core.errors import QueueUnreachable
from rockonweb.models import Kind, Operation, Progress, db
from rockonweb.work import queue

JOB = "rockonweb.jobs.fetch_icons"


def enqueue_icon_fetch() -> None:
    """Queue it. Without a queue the next refresh does it: nothing but pictures is missing until then."""
    with suppress(QueueUnreachable):
        queue.enqueue_job(JOB, job_id=f"icons-{secrets.token_hex(4)}")


def fetch_after_refresh(operation_id: int) -> None:
    """Queue it when an operation was a refresh that is done."""
    operation = db.session.get(Operation, operation_id)
    if operation is not None and operation.kind is Kind.REFRESH and operation.progress is Progress.DONE:
        enqueue_icon_fetch()
