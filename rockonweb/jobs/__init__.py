"""RQ's entry points: a job is a dotted name and an id, and calls one function."""

from __future__ import annotations

from rockonweb.catalog import icons as pictures
from rockonweb.work import icon_downloads, notices, runner, updates


def run(operation_id: int) -> None:
    """Run an operation that waits. One that does not wait any more is left alone, so a requeue is harmless."""
    waits = notices.is_active(operation_id)
    try:
        runner.run(operation_id)
    finally:
        updates.follow(operation_id)
        if waits:
            notices.operation_ended(operation_id)
    icon_downloads.follow(operation_id)


def look_for_updates(rockon_id: int) -> None:
    """Ask the registries for newer images of one rock-on, or of all."""
    known = notices.with_newer()
    updates.look(rockon_id)
    notices.images_found(notices.with_newer() - known)


def send_notice(message_id: int) -> None:
    """Send a notice that waits."""
    notices.send(message_id)


def fetch_icons() -> None:
    """Fetch the pictures of rock-ons that are missing."""
    pictures.refresh()
