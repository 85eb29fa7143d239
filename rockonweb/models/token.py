"""API tokens, with which scripts log in."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.models.base import NumberedBase, StoredEnum, UTCDateTime, utc_now
from rockonweb.models.user import Role, User

LABEL_LENGTH = 100  # characters


class Token(NumberedBase):
    """A user's token: shown once, stored as a hash. It may do what both its role and the user's allow."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    label: Mapped[str] = mapped_column(String(LABEL_LENGTH), default="")
    role: Mapped[Role] = mapped_column(StoredEnum(Role, 20, Role.VIEWER), default=Role.OWNER)
    expires: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    user: Mapped[User] = relationship()
