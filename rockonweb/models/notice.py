"""Where notices go, and those that wait to be sent."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.languages import ENGLISH
from rockonweb.models.base import Moment, Numbered, Secret, Sentence, now


class NoticeTarget(Numbered):
    """Somewhere that notices are sent to: a web hook, a mailbox, or whatever else Apprise knows."""

    way: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(Secret)  # JSON: the parts of the address, a password among them
    events: Mapped[str] = mapped_column(String(100), default="")  # with blanks between them
    language: Mapped[str] = mapped_column(String(10), default=ENGLISH)
    fine: Mapped[bool | None]  # how the last message fared; nothing before there was one
    said: Mapped[str] = mapped_column(Sentence, default="")  # why it did not get through
    said_at: Mapped[datetime | None] = mapped_column(Moment)

    messages: Mapped[list[NoticeMessage]] = relationship(
        back_populates="target", cascade="all, delete-orphan", order_by="NoticeMessage.id"
    )

    @property
    def parts(self) -> dict[str, str]:
        """The parts of the address."""
        parts: dict[str, str] = json.loads(self.address)
        return parts


class NoticeMessage(Numbered):
    """A message that waits to be sent."""

    target_id: Mapped[int] = mapped_column(ForeignKey("notice_target.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(Moment, default=now)
    tries: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime] = mapped_column(Moment, default=now)

    target: Mapped[NoticeTarget] = relationship(back_populates="messages")
