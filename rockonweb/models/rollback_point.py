"""Rollback points: the state of a rock-on before a change."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.plan.rollback import PreviousImage
from rockonweb.models.base import EncryptedText, NumberedBase, PackedJSON, UTCDateTime, new_uid, utc_now
from rockonweb.models.installation import Installation
from rockonweb.models.operation import Operation


class RollbackPoint(NumberedBase):
    """A rock-on before an operation: its definition, answers and images, and the shares that have snapshots."""

    # Part of the names of its snapshots and image tags.
    uid: Mapped[str] = mapped_column(String(32), default=new_uid, unique=True)
    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    operation_id: Mapped[int | None] = mapped_column(ForeignKey("operation.id", ondelete="SET NULL"), index=True)
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    definition: Mapped[str] = mapped_column(Text)  # canonical JSON
    answers: Mapped[str] = mapped_column(EncryptedText)  # JSON
    kept: Mapped[dict[str, PreviousImage]] = mapped_column(
        "containers", PackedJSON(dict[str, PreviousImage], dict), default=dict
    )
    # The shares with a snapshot, with the names of the rock-on's containers that use each.
    shares: Mapped[dict[str, list[str]]] = mapped_column(
        "snapshots", PackedJSON(dict[str, list[str]], dict), default=dict
    )
    ran: Mapped[bool] = mapped_column(default=False)  # whether its containers have run, or it replaced data

    installation: Mapped[Installation] = relationship()
    operation: Mapped[Operation | None] = relationship()
