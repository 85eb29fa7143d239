"""A restore of a backup: what is to be put back, and what became of each part."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.formats.restored import RestoreOutcome
from rockonweb.models.base import EncryptedText, NumberedBase, PackedJSON, UTCDateTime, utc_now


class Restore(NumberedBase):
    """A backup that a person uploaded; `begun` is blank until the person agreed to what it will do."""

    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    begun: Mapped[datetime | None] = mapped_column(UTCDateTime)
    user: Mapped[str] = mapped_column(String(100), default="")
    content: Mapped[str] = mapped_column(EncryptedText)  # the backup, with the secrets that are known
    outcome: Mapped[RestoreOutcome] = mapped_column(PackedJSON(RestoreOutcome), default=RestoreOutcome())
