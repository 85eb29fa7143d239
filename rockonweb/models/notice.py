"""Notification targets, and messages that wait to be sent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.packed import unpack_or
from rockonweb.core.text import ENGLISH
from rockonweb.models.base import EncryptedText, NumberedBase, TranslatableString, UTCDateTime, utc_now

if TYPE_CHECKING:
    from rockonweb.core.instance.notifications import NoticeChannel


class NoticeTarget(NumberedBase):
    """A target of notifications: a webhook, a mailbox, or any Apprise URL; `way` is the `NoticeChannel`."""

    way: Mapped[str] = mapped_column(String(20))
    address: Mapped[str] = mapped_column(EncryptedText)  # JSON: the parts of the address, a password among them
    events: Mapped[str] = mapped_column(String(100), default="")  # `NoticeEvent` values, separated by blanks
    language: Mapped[str] = mapped_column(String(10), default=ENGLISH)
    fine: Mapped[bool | None]  # whether the last message was delivered; None before the first
    said: Mapped[str] = mapped_column(TranslatableString, default="")  # why it was not delivered
    said_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    messages: Mapped[list[NoticeMessage]] = relationship(
        back_populates="target", cascade="all, delete-orphan", order_by="NoticeMessage.id"
    )

    @property
    def address_parts(self) -> dict[str, str]:
        """The parts of the address; none where it can't be read."""
        parts: dict[str, str] = unpack_or(dict[str, str], self.address, {})
        return parts

    @property
    def channel(self) -> NoticeChannel | None:
        """The way of the target; None where it or the address can't be read, so that nothing can be sent."""
        from rockonweb.core.instance.notifications import NoticeChannel  # few commands send any

        return NoticeChannel(self.way) if self.way in [*NoticeChannel] and self.address_parts else None


class NoticeMessage(NumberedBase):
    """A message that waits to be sent."""

    target_id: Mapped[int] = mapped_column(ForeignKey("notice_target.id", ondelete="CASCADE"), index=True)
    title: Mapped[str] = mapped_column(Text)
    body: Mapped[str] = mapped_column(Text)
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    tries: Mapped[int] = mapped_column(default=0)
    due: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)

    target: Mapped[NoticeTarget] = relationship(back_populates="messages")
