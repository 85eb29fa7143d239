"""What people did."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Moment, Numbered, now

WHO, ACTION, ABOUT, ADDRESS = 200, 60, 300, 60  # the lengths that are kept


class AuditLine(Numbered):
    """A line of the audit: who did what, about what, when, from where. A name stays when its account is removed."""

    __tablename__ = "audit"

    moment: Mapped[datetime] = mapped_column(Moment, default=now)
    who: Mapped[str] = mapped_column(String(WHO), index=True)
    action: Mapped[str] = mapped_column(String(ACTION))
    about: Mapped[str] = mapped_column(String(ABOUT), default="")
    address: Mapped[str] = mapped_column(String(ADDRESS), default="")
