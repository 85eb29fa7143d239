"""A volume that Docker made for a container, kept for the container's next life."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base


class KeptVolume(Base):
    """A volume of a removed container, attached again when the container is made anew."""

    __tablename__ = "kept_volume"

    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    container: Mapped[str] = mapped_column(Text)
    volume: Mapped[str] = mapped_column(Text)
    destination: Mapped[str] = mapped_column(Text)
