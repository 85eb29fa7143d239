"""When the data of which app is backed up, and where; what the pages, the API and the command line say of that."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from rockonweb.accounts import audit
from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.operations.requests import BackupDataRequest
from rockonweb.core.plan.data_backup import data_paths
from rockonweb.core.text import t
from rockonweb.models import (
    ACTIVE_PROGRESS,
    DataBackup,
    DataRepository,
    Installation,
    Kind,
    Operation,
    State,
    db,
    transaction,
    utc_now,
)
from rockonweb.models.installation import in_state
from rockonweb.work import data_backups, known_shares, notification_queue, operations
from rockonweb.work.data_repositories import list_repositories

SCHEDULER = "automatic backup"  # the user of operations that no person asked for


@dataclass(frozen=True)
class DataStatus:
    """How the data of an installed app is backed up. `repository` is None where it goes nowhere; `backup` is None
    before its first backup; `operation` is the id of a backup that waits or runs. `paths` are its share paths.
    """

    app: Installation
    repository: DataRepository | None
    schedule: BackupSchedule
    live: bool
    backup: DataBackup | None
    paths: tuple[str, ...]
    operation: int | None
    last_try: datetime | None

    @property
    def taken(self) -> datetime | None:
        """When its last good backup was taken."""
        return self.backup.taken if self.backup else None

    @property
    def next_time(self) -> datetime | None:
        """From when on the next one is due; None for never, or at once."""
        return self.schedule.next_time(self.taken) if self.repository and self.paths else None

    @property
    def is_overdue(self) -> bool:
        """Whether there should have been a backup by now."""
        since = self.repository.created if self.repository else utc_now()
        return bool(self.repository and self.paths) and self.schedule.is_overdue(self.taken, since, utc_now())

    @property
    def is_due(self) -> bool:
        """Whether a backup is to be started by itself."""
        if not (self.repository and self.paths) or self.operation is not None:
            return False
        return self.schedule.is_due(self.taken, self.last_try, utc_now())

    @property
    def remarks(self) -> list[str]:
        """What its last backup does not have, or has only in part."""
        if self.backup is None or self.backup.taken is None:
            return []
        unread = self.backup.unread
        return [
            *([data_backups.live_remark(self.app.name)] if self.backup.taken_live else []),
            *([t("It lacks files that could not be read: %(names)s", names=", ".join(unread))] if unread else []),
            *self.backup.uncovered,
        ]


def list_statuses() -> list[DataStatus]:
    """Return how the data of each installed app is backed up, by name."""
    query = select(Installation).where(in_state(State.INSTALLED, State.PENDING_UPDATE))
    installations = sorted(db.session.scalars(query), key=lambda installation: installation.name.lower())
    backups = {row.installation_id: row for row in db.session.scalars(select(DataBackup))}
    kinds = (Operation.kind == Kind.BACKUP_DATA, Operation.installation_id.is_not(None))
    active = dict(
        db.session.execute(
            select(Operation.installation_id, func.max(Operation.id))
            .where(*kinds, Operation.progress.in_(ACTIVE_PROGRESS))
            .group_by(Operation.installation_id)
        ).all()
    )
    tries = dict(
        db.session.execute(
            select(Operation.installation_id, func.max(Operation.created))
            .where(*kinds)
            .group_by(Operation.installation_id)
        ).all()
    )
    repositories, used = list_repositories(), known_shares.used_share_paths(db.session())
    return [
        _status(
            app,
            data_paths(used.get(app.id, ())),
            backups.get(app.id),
            repositories,
            active.get(app.id),
            tries.get(app.id),
        )
        for app in installations
    ]


def find_status(app: Installation) -> DataStatus:
    """Return how the data of an installed app is backed up. Raises Conflict where it is not installed."""
    status = next((status for status in list_statuses() if status.app.id == app.id), None)
    if status is None:
        raise Conflict(t("%(name)s is not installed.", name=app.name))
    return status


def _status(
    app: Installation,
    paths: tuple[str, ...],
    backup: DataBackup | None,
    repositories: list[DataRepository],
    operation: int | None,
    last_try: datetime | None,
) -> DataStatus:
    chosen = backup.repository if backup else None
    default = next((row for row in repositories if row.all_apps), None)
    row = chosen or default
    schedule = row.schedule if row else BackupSchedule(0)
    if backup and backup.hours is not None:
        schedule = BackupSchedule(backup.hours, schedule.from_hour, schedule.to_hour)
    return DataStatus(app, row, schedule, bool(backup and backup.live), backup, paths, operation, last_try)


def choose_plan(app: Installation, repository_id: int | None, hours: int | None, *, live: bool) -> None:
    """Store how the data of an app is backed up; None: as for all apps. Raises BadInput for an unknown repository."""
    with transaction() as session:
        if repository_id is not None and session.get(DataRepository, repository_id) is None:
            raise BadInput(t("This data repository is not known any more."))
        row = session.scalar(select(DataBackup).where(DataBackup.installation_id == app.id))
        if row is None:
            row = DataBackup(installation_id=app.id)
            session.add(row)
        row.repository_id, row.hours, row.live = repository_id, hours, live
        audit.record("data_backups.plan", app.name)


def submit_backup(app: Installation, user: str, repository_id: int | None = None, live: bool | None = None) -> int:
    """Submit a backup of an app's data, by its plan where nothing else is said; return the operation's id.

    Raises Conflict where it goes nowhere, or has no data.
    """
    status = find_status(app)
    target = repository_id or (status.repository.id if status.repository else None)
    if target is None:
        raise Conflict(t("There is no data repository yet."), t("Add one first."))
    if not status.paths:
        raise Conflict(t("%(name)s uses no share, so there is no data to back up.", name=app.name))
    request = BackupDataRequest(target, status.live if live is None else live)
    db.session.rollback()
    return operations.submit_operation(app, request, user)


def submit_due_backups() -> None:
    """Submit the backups that are due, and tell of those that are overdue. Called by the watcher."""
    statuses = list_statuses()
    due = [status.app for status in statuses if status.is_due and status.app.state is State.INSTALLED]
    overdue = [
        status for status in statuses if status.is_overdue and not (status.backup and status.backup.overdue_told)
    ]
    names = [status.app.name for status in overdue]
    ids = [status.app.id for status in overdue]
    db.session.rollback()
    for app in due:
        submit_backup(app, SCHEDULER)
    if names:
        with transaction() as session:
            for installation_id in ids:
                row = session.scalar(select(DataBackup).where(DataBackup.installation_id == installation_id))
                if row is None:
                    row = DataBackup(installation_id=installation_id)
                    session.add(row)
                row.overdue_told = True
        notification_queue.notify_overdue_backups(names)
