"""RQ's entry points: a job is a dotted name and an id, and calls one function."""

from __future__ import annotations

from rockonweb.catalog import icons as pictures
from rockonweb.work import icon_downloads, notices, runner, updates


def run(operation_id: int) -> None:
    """Run an operation that waits. One that does not wait any more is left alone, so a requeue is harmless."""
    was_active = notices.is_operation_active(operation_id)
    try:
        runner.run(operation_id)
    finally:
        updates.refresh_after_operation(operation_id)
        if was_active:
            notices.notify_operation_ended(operation_id)
    icon_downloads.fetch_after_refresh(operation_id)


def look_for_updates(rockon_id: int) -> None:
    """Ask the registries for newer images of one rock-on, or of all."""
    already_newer = notices.outdated_rockons()
    updates.check_registries(rockon_id)
    notices.notify_newer_images(notices.outdated_rockons() - already_newer)


def send_notice(message_id: int) -> None:
    """Send a notice that waits."""
    notices.send_message(message_id)


def fetch_icons() -> None:
    """Fetch the pictures of rock-ons that are missing."""
    pictures.refresh_icons()
