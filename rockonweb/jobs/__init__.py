"""RQ's entry points: a job is a dotted name and an id, and calls one function."""

from __future__ import annotations

from rockonweb.catalog import icons as pictures
from rockonweb.work import icons, runner, updates


def run(operation_id: int) -> None:
    """Run an operation that waits. One that does not wait any more is left alone, so a requeue is harmless."""
    try:
        runner.run(operation_id)
    finally:
        updates.follow(operation_id)
    icons.follow(operation_id)


def look_for_updates(rockon_id: int) -> None:
    """Ask the registries for newer images of one rock-on, or of all."""
    updates.look(rockon_id)


def fetch_icons() -> None:
    """Fetch the pictures of rock-ons that are missing."""
    pictures.refresh()
