"""Restores of backups: the uploaded backup, and the outcome of each part."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.formats.restored import RestoreOutcome
from rockonweb.models.base import EncryptedText, NumberedBase, PackedJSON, UTCDateTime, utc_now


class Restore(NumberedBase):
    """An uploaded backup; `begun` is None until the user has started the restore."""

    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    begun: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user: Mapped[str] = mapped_column(String(100), default="")
    content: Mapped[str] = mapped_column(EncryptedText)  # the backup as JSON, with the decrypted or entered secrets
    outcome: Mapped[RestoreOutcome] = mapped_column(
        PackedJSON(RestoreOutcome, RestoreOutcome), default=RestoreOutcome()
    )
