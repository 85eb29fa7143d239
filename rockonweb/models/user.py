"""User accounts, their roles and recovery codes."""

from __future__ import annotations

import enum
from datetime import datetime

from flask_login import UserMixin
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import EncryptedText, NumberedBase, StoredEnum, UTCDateTime


class Role(enum.StrEnum):
    """The role of a user, least permissions first."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    OWNER = "owner"

    def includes(self, other: Role) -> bool:
        """Whether this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class User(NumberedBase, UserMixin):  # type: ignore[misc]
    """A user account."""

    name: Mapped[str] = mapped_column(String(100), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    role: Mapped[Role] = mapped_column(StoredEnum(Role, 20, Role.VIEWER), default=Role.OWNER)
    last_login: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # Two-factor authentication. Its secrets are deferred, so that they are decrypted only where needed.
    totp_since: Mapped[datetime | None] = mapped_column(UTCDateTime)  # None: it is off
    totp_counter: Mapped[int] = mapped_column(default=0)  # of the last used code, since none is valid twice
    totp_secret: Mapped[str | None] = mapped_column(EncryptedText, deferred=True)
    totp_pending: Mapped[str | None] = mapped_column(EncryptedText, deferred=True)  # until confirmed by a code


class RecoveryCode(NumberedBase):
    """A code to log in without the TOTP device: shown once, stored as a hash, deleted when used."""

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"), index=True)
    hash: Mapped[str] = mapped_column(String(64), unique=True)
