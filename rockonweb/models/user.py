"""The people who may use this, and how they prove to be themselves."""

from __future__ import annotations

import enum
from datetime import datetime

from flask_login import UserMixin
from sqlalchemy import Enum, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import EncryptedText, NumberedBase, UTCDateTime


class Role(enum.StrEnum):
    """What a person may do, least first."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(NumberedBase, UserMixin):  # type: ignore[misc]
    """A person with an account."""

    name: Mapped[str] = mapped_column(String(100), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(Enum(Role, native_enum=False, length=20), default=Role.OWNER)
    last_login: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The second step of the login. Its secrets are read, and decrypted, only where they are needed.
    totp_since: Mapped[datetime | None] = mapped_column(UTCDateTime)  # it is on since then
    totp_counter: Mapped[int] = mapped_column(default=0)  # of the last code that was used: none counts twice
    totp_secret: Mapped[str | None] = mapped_column(EncryptedText, deferred=True)
    totp_pending: Mapped[str | None] = mapped_column(
        EncryptedText, deferred=True
    )  # until the first code shows that it works


class RecoveryCode(NumberedBase):
    """A code for who lost the device of the second step: shown once, kept as a hash, removed when it is used."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
