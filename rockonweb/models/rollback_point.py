"""What a rock-on was like before a change, so that one can go back to it."""

from __future__ import annotations

import json
from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.rollback import Kept, kept_from_json
from rockonweb.models.base import Moment, Numbered, Secret, now
from rockonweb.models.installation import Installation
from rockonweb.models.operation import Operation


class RollbackPoint(Numbered):
    """A rock-on before an operation: its definition, answers and images, and of which shares there are snapshots."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    operation_id: Mapped[int | None] = mapped_column(ForeignKey("operation.id", ondelete="SET NULL"), index=True)
    created: Mapped[datetime] = mapped_column(Moment, default=now)
    definition: Mapped[str] = mapped_column(Text)  # the canonical text
    answers: Mapped[str] = mapped_column(Secret)  # JSON
    containers: Mapped[str] = mapped_column(Text, default="{}")  # JSON: the image of each, and whether it ran
    snapshots: Mapped[str] = mapped_column(Text, default="{}")  # JSON: shares, and the containers that use them
    ran: Mapped[bool] = mapped_column(default=False)  # what the operation made has run, or it replaced data

    installation: Mapped[Installation] = relationship()
    operation: Mapped[Operation | None] = relationship()

    @property
    def kept(self) -> dict[str, Kept]:
        """What each container was made from."""
        return kept_from_json(self.containers)

    @property
    def shares(self) -> dict[str, list[str]]:
        """The shares of which a snapshot was taken, with the containers of the rock-on that use them."""
        shares: dict[str, list[str]] = json.loads(self.snapshots)
        return shares
