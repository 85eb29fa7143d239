"""Data backups as JSON, the same for the API and the command line."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rockonweb.core.data_backup.repository import shown_url
from rockonweb.core.data_backup.restic_output import DataSnapshot
from rockonweb.models import DataRepository
from rockonweb.work.data_schedule import DataStatus


def describe_status(status: DataStatus) -> dict[str, Any]:
    """Return how the data of an app is backed up."""
    backup = status.backup
    return {
        "id": status.app.id,
        "name": status.app.name,
        "repository": status.repository.name if status.repository else None,
        "shares": [*status.paths],
        "hours": status.schedule.hours,
        "live": status.live,
        "taken": _format_time(status.taken),
        "next": _format_time(status.next_time),
        "overdue": status.is_overdue,
        "size": backup.size if backup and backup.taken else None,
        "files": backup.files if backup and backup.taken else None,
        "snapshot": backup.snapshot if backup and backup.taken else None,
        "operation": status.operation,
        "remarks": [str(sentence) for sentence in status.remarks],
    }


def describe_repository(row: DataRepository) -> dict[str, Any]:
    """Return a repository, without its secrets."""
    return {
        "id": row.id,
        "name": row.name,
        "url": shown_url(row.url),
        "all_apps": row.all_apps,
        "schedule": vars(row.schedule),
        "keep": vars(row.retention),
        "checked": _format_time(row.checked),
        "error": str(row.error),
    }


def describe_snapshot(snapshot: DataSnapshot) -> dict[str, Any]:
    """Return a snapshot."""
    return {"id": snapshot.id, "time": _format_time(snapshot.time), "app": snapshot.app, "paths": [*snapshot.paths]}


def _format_time(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
