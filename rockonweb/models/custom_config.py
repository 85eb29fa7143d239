"""An answer for the whole rock-on, which a special install handler wants."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base, Secret


class CustomConfig(Base):
    """A custom setting; its value is encrypted."""

    __tablename__ = "custom_config"

    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(Secret)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
