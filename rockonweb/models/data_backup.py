"""Data repositories, and for each app how its data is backed up and what the last backup brought."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.data_backup.repository import RepositoryAccess, Retention
from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.core.packed import StoredSentence, UnreadableText, unpack_or
from rockonweb.models.base import (
    EncryptedText,
    NumberedBase,
    PackedJSON,
    StoredNumber,
    TranslatableString,
    UTCDateTime,
    utc_now,
)
from rockonweb.models.installation import Installation


class DataRepository(NumberedBase):
    """A place where restic keeps the data of apps, and how often it goes there.

    With `all_apps`, the data of each app that has no other repository goes there. `error` is what went wrong with the
    repository itself last: blank where its last use or check was good.
    """

    name: Mapped[str] = mapped_column(String(80), unique=True)
    uid: Mapped[str] = mapped_column(String(64))  # restic's id of it
    url: Mapped[str] = mapped_column(EncryptedText)  # it may have a password
    passphrase: Mapped[str] = mapped_column(EncryptedText)
    environment: Mapped[str] = mapped_column(EncryptedText, default="{}")  # JSON
    upload_limit: Mapped[int] = mapped_column(default=0)  # KiB a second; 0: none
    all_apps: Mapped[bool] = mapped_column(default=True)
    schedule: Mapped[BackupSchedule] = mapped_column(
        PackedJSON(BackupSchedule, lambda: BackupSchedule(0)), default=BackupSchedule()
    )
    retention: Mapped[Retention] = mapped_column(
        PackedJSON(Retention, lambda: Retention(0, 0, 0, 0)), default=Retention()
    )
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    pruned: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)  # when what is not kept went last
    checked: Mapped[datetime | None] = mapped_column(UTCDateTime)
    error: Mapped[str] = mapped_column(TranslatableString, default="")

    @property
    def access(self) -> RepositoryAccess | None:
        """How restic reaches it; None where that can't be read in the database."""
        environment: Mapping[str, str] | None = unpack_or(dict[str, str], self.environment, None)
        if environment is None or any(isinstance(text, UnreadableText) for text in (self.url, self.passphrase)):
            return None
        return RepositoryAccess(self.url, self.passphrase, environment, self.upload_limit)


class DataBackup(NumberedBase):
    """How an app's data is backed up, where that was chosen for it, and its last good backup.

    `repository_id` and `hours`: None, as for all apps; 0 hours: never. With `live`, its containers go on running
    meanwhile. `taken` is None before its first backup. `unread` says which files could not be read, `uncovered` what
    else is not in it.
    """

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), unique=True)
    repository_id: Mapped[int | None] = mapped_column(ForeignKey("data_repository.id", ondelete="SET NULL"))
    hours: Mapped[int | None]
    live: Mapped[bool] = mapped_column(default=False)
    taken: Mapped[datetime | None] = mapped_column(UTCDateTime)
    taken_live: Mapped[bool] = mapped_column(default=False)
    snapshot: Mapped[str] = mapped_column(String(64), default="")
    size: Mapped[int] = mapped_column(StoredNumber, default=0)
    files: Mapped[int] = mapped_column(StoredNumber, default=0)
    unread: Mapped[list[str]] = mapped_column(PackedJSON(list[str], list), default=list)
    uncovered: Mapped[list[str]] = mapped_column(PackedJSON(list[StoredSentence], list), default=list)
    overdue_told: Mapped[bool] = mapped_column(default=False)

    installation: Mapped[Installation] = relationship()
    repository: Mapped[DataRepository | None] = relationship()
