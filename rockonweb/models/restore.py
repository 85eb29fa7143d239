"""A restore of a backup: what is to be put back, and what became of each part."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.formats.restored import Outcome
from rockonweb.models.base import Moment, Numbered, Packed, Secret, now


class Restore(Numbered):
    """A backup that a person uploaded; `begun` is blank until the person agreed to what it will do."""

    created: Mapped[datetime] = mapped_column(Moment, default=now)
    begun: Mapped[datetime | None] = mapped_column(Moment)
    user: Mapped[str] = mapped_column(String(100), default="")
    content: Mapped[str] = mapped_column(Secret)  # the backup, with the secrets that are known
    outcome: Mapped[Outcome] = mapped_column(Packed(Outcome), default=Outcome())
