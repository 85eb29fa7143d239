"""Login sessions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.models.base import NumberedBase, UTCDateTime, utc_now
from rockonweb.models.user import User

BROWSER_LENGTH = 300  # stored characters of the User-Agent


class LoginSession(NumberedBase):
    """A browser in which a user is logged in. The cookie has the key, the row only its hash."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    address: Mapped[str] = mapped_column(String(60), default="")
    browser: Mapped[str] = mapped_column(String(BROWSER_LENGTH), default="")

    user: Mapped[User] = relationship()
