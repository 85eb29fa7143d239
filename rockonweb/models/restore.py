"""A restore of a backup: what is to be put back, and what became of each part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.text import each_string, from_stored, to_stored
from rockonweb.models.base import Moment, Numbered, Secret, now


class Restore(Numbered):
    """A backup that a person uploaded; `begun` is blank until the person agreed to what it will do."""

    created: Mapped[datetime] = mapped_column(Moment, default=now)
    begun: Mapped[datetime | None] = mapped_column(Moment)
    user: Mapped[str] = mapped_column(String(100), default="")
    content: Mapped[str] = mapped_column(Secret)  # the backup, with the secrets that are known
    outcome: Mapped[str] = mapped_column(
        Text, default="{}"
    )  # JSON, with sentences as they are kept; see work/restore.py

    @property
    def outcomes(self) -> dict[str, Any]:
        """What became of each part so far."""
        outcomes: dict[str, Any] = each_string(json.loads(self.outcome), from_stored)
        return outcomes

    @outcomes.setter
    def outcomes(self, outcomes: Mapping[str, Any]) -> None:
        self.outcome = json.dumps(each_string(outcomes, to_stored))
