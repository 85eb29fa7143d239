"""Containers of others: those whose place an app takes or took, and those that are only watched."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import NumberedBase, UTCDateTime


class OldContainer(NumberedBase):
    """A container of others that an app is to adopt, or has adopted and that is kept: `kept_name` is blank before.

    `name` is its own, `container` that of the app's container in its place; `restart_policy` and `running` are as
    before the adoption. It is removed after `remove_after`, None: only when somebody says so.
    """

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    container: Mapped[str] = mapped_column(Text)
    docker_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text)
    kept_name: Mapped[str] = mapped_column(Text, default="")
    restart_policy: Mapped[str] = mapped_column(String(40), default="")
    running: Mapped[bool] = mapped_column(default=False)
    remove_after: Mapped[datetime | None] = mapped_column(UTCDateTime)


class WatchedContainer(NumberedBase):
    """A container of others that is shown beside the apps and never changed."""

    docker_id: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(Text, unique=True)
