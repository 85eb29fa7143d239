"""The audit log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import NumberedBase, UTCDateTime, utc_now

WHO_LENGTH, ACTION_LENGTH, ABOUT_LENGTH, ADDRESS_LENGTH = 200, 60, 300, 60  # characters; longer texts are cut


class AuditEntry(NumberedBase):
    """An audit entry: who did what to what, when, from which address. The name stays when the account is removed."""

    __tablename__ = "audit"

    moment: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    who: Mapped[str] = mapped_column(String(WHO_LENGTH), index=True)
    action: Mapped[str] = mapped_column(String(ACTION_LENGTH))
    about: Mapped[str] = mapped_column(String(ABOUT_LENGTH), default="")
    address: Mapped[str] = mapped_column(String(ADDRESS_LENGTH), default="")
