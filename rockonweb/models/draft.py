"""Answers that a person is still giving in the wizard."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base, Moment, Secret, now


class Draft(Base):
    """What a person typed so far for a rock-on; made by the first POST, gone with the submit.

    `definition_hash` tells whether the definition changed meanwhile.
    """

    __tablename__ = "draft"
    __table_args__ = (UniqueConstraint("user_id", "rockon_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    rockon_id: Mapped[int] = mapped_column(ForeignKey("rockon.id", ondelete="CASCADE"))
    definition_hash: Mapped[str] = mapped_column(String(32))
    content: Mapped[str] = mapped_column(Secret, default="{}")
    changed: Mapped[datetime] = mapped_column(Moment, default=now, onupdate=now)

    @property
    def data(self) -> dict[str, Any]:
        """The typed values of each page, by field name; `new_shares` are to be made on submit."""
        data: dict[str, Any] = json.loads(self.content)
        return data

    @data.setter
    def data(self, value: dict[str, Any]) -> None:
        self.content = json.dumps(value)
