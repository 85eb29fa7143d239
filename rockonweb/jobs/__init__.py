"""The functions that RQ runs. A job names one by its dotted path and has at most one argument, the id of a row."""

from __future__ import annotations

from contextlib import suppress

from rockonweb.catalog import icons as pictures
from rockonweb.core.data_backup.restic_output import RepositoryFailed
from rockonweb.work import (
    data_repositories,
    icon_downloads,
    notification_queue,
    registry_logins,
    runner,
    update_obstacles,
    updates,
)


def run(operation_id: int) -> None:
    """Run a queued operation. One that is no longer queued is skipped, so that enqueuing it twice does no harm."""
    was_active = notification_queue.is_operation_active(operation_id)
    try:
        runner.run(operation_id)
    finally:
        updates.refresh_after_operation(operation_id)
        update_obstacles.note_obstacle_after(operation_id)
        if was_active:
            notification_queue.notify_operation_ended(operation_id)
    icon_downloads.fetch_after_refresh(operation_id)


def look_for_updates(rockon_id: int) -> None:
    """Check the registries for newer images of a rock-on (`updates.ALL_ROCKONS`: of all), and their logins; send
    notices of newer images, and of logins that are refused.
    """
    notification_queue.notify_refused_logins(registry_logins.check_due_logins())
    already_newer = notification_queue.outdated_rockons()
    updates.check_registries(rockon_id)
    update_obstacles.note_obstacles(rockon_id)
    notification_queue.notify_newer_images(notification_queue.outdated_rockons() - already_newer)


def send_notice(message_id: int) -> None:
    """Send a queued notice."""
    notification_queue.send_message(message_id)


def check_data_repository(repository_id: int) -> None:
    """Check each byte of a data repository; its row says what was found."""
    with suppress(RepositoryFailed):
        data_repositories.check_repository(repository_id)


def fetch_icons() -> None:
    """Download the icons of rock-ons that are missing."""
    pictures.refresh_icons()
