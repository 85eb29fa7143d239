"""Shares that apps use: what tells each from another folder at its path."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.facts import ShareIdentity
from rockonweb.models.base import NumberedBase


class Share(NumberedBase):
    """A share as it was when an app used it first, or when a person last confirmed it."""

    name: Mapped[str] = mapped_column(String(255), unique=True)
    mark: Mapped[str] = mapped_column(String(32), default="")
    device: Mapped[str] = mapped_column(Text)
    mount_point: Mapped[str] = mapped_column(Text)

    @property
    def identity(self) -> ShareIdentity:
        """What tells it from others."""
        return ShareIdentity(self.mark, self.device, self.mount_point)

    @identity.setter
    def identity(self, identity: ShareIdentity) -> None:
        """Store what tells it from others."""
        self.mark, self.device, self.mount_point = identity.mark or "", identity.device, identity.mount_point
