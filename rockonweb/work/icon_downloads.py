"""Queues the job that downloads the icons of rock-ons, after each refresh of the catalogue."""

from __future__ import annotations

import secrets
from contextlib import suppress

from rockonweb.core.errors import QueueUnreachable
from rockonweb.models import Kind, Operation, Progress, db
from rockonweb.work import queue

JOB = "rockonweb.jobs.fetch_icons"


def enqueue_icon_fetch() -> None:
    """Queue the download. Where the queue is down, icons stay missing until the next refresh queues it."""
    with suppress(QueueUnreachable):
        queue.enqueue_job(JOB, job_id=f"icons-{secrets.token_hex(4)}")


def fetch_after_refresh(operation_id: int) -> None:
    """Queue the download if the operation of this id is a refresh that succeeded."""
    operation = db.session.get(Operation, operation_id)
    if operation is not None and operation.kind is Kind.REFRESH and operation.progress is Progress.DONE:
        enqueue_icon_fetch()
