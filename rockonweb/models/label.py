"""A container label that the user added."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base


class Label(Base):
    """A label, KEY or KEY=VALUE."""

    __tablename__ = "label"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    value: Mapped[str] = mapped_column(Text)
