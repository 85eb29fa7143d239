"""Drafts: answers in a wizard that are not submitted yet."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.answers.answers import Answers
from rockonweb.core.packed import unpack_or
from rockonweb.models.base import EncryptedText, NumberedBase, UTCDateTime, utc_now


@dataclass(frozen=True)
class WizardData:
    """What web/drafts.py stores."""

    values: dict[str, str]
    done: list[str]
    new_shares: list[str]


@dataclass(frozen=True)
class PendingData:
    """What blueprints/settings/pending_changes.py stores."""

    wanted: Answers
    base: Answers
    wanted_shares: list[str]


IS_INSTALL = text("installation_id IS NULL")


class Draft(NumberedBase):
    """What a user typed so far: for an install of a rock-on, or as settings of an installed app.

    Created by the first POST, deleted on submit. `definition_hash` shows whether the definition has changed since.
    """

    __table_args__ = (
        Index(
            "uq_draft_install",
            "user_id",
            "rockon_id",
            unique=True,
            sqlite_where=IS_INSTALL,
        ),
        Index("uq_draft_change", "user_id", "installation_id", unique=True),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id", ondelete="CASCADE"))
    rockon_id: Mapped[int] = mapped_column(ForeignKey("rockon.id", ondelete="CASCADE"))
    installation_id: Mapped[int | None] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"))
    definition_hash: Mapped[str] = mapped_column(String(32))
    content: Mapped[str] = mapped_column(EncryptedText, default="{}")
    changed: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, onupdate=utc_now)

    @property
    def typed_values(self) -> dict[str, Any]:
        """The draft's JSON data: that of a wizard, or of pending changes; blank where it can't be read."""
        if unpack_or(WizardData | PendingData, self.content, None) is None:
            return {}
        data: dict[str, Any] = json.loads(self.content)
        return data

    @typed_values.setter
    def typed_values(self, value: dict[str, Any]) -> None:
        self.content = json.dumps(value)
