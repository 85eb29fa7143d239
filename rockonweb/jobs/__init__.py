"""RQ's entry points: a job is a dotted name and an id, and calls one function."""

from __future__ import annotations

from rockonweb.catalog import icons as pictures
from rockonweb.work import icons, runner


def run(operation_id: int) -> None:
    """Run an operation that waits. One that does not wait any more is left alone, so a requeue is harmless."""
    runner.run(operation_id)
    icons.follow(operation_id)


def fetch_icons() -> None:
    """Fetch the pictures of rock-ons that are missing."""
    pictures.refresh()
