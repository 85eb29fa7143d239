"""What a rock-on was like before a change, so that one can go back to it."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.plan.rollback import PreviousImage
from rockonweb.models.base import EncryptedText, NumberedBase, PackedJSON, UTCDateTime, utc_now
from rockonweb.models.installation import Installation
from rockonweb.models.operation import Operation


class RollbackPoint(NumberedBase):
    """A rock-on before an operation: its definition, answers and images, and of which shares there are snapshots."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    operation_id: Mapped[int | None] = mapped_column(ForeignKey("operation.id", ondelete="SET NULL"), index=True)
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    definition: Mapped[str] = mapped_column(Text)  # the canonical text
    answers: Mapped[str] = mapped_column(EncryptedText)  # JSON
    kept: Mapped[dict[str, PreviousImage]] = mapped_column(
        "containers", PackedJSON(dict[str, PreviousImage]), default=dict
    )
    # The shares of which a snapshot was taken, with the containers of the rock-on that use them.
    shares: Mapped[dict[str, list[str]]] = mapped_column("snapshots", PackedJSON(dict[str, list[str]]), default=dict)
    ran: Mapped[bool] = mapped_column(default=False)  # what the operation made has run, or it replaced data

    installation: Mapped[Installation] = relationship()
    operation: Mapped[Operation | None] = relationship()
