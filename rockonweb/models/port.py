"""A port of a container and the host port that reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.models.base import Base

if TYPE_CHECKING:
    from rockonweb.models.container import Container


class Port(Base):
    """A port. `suggested` is what the wizard offers, `host` what the person chose: None is not published.

    `reserved` is the host port that an update under way will publish it on; both are spoken for until that ends.
    """

    __tablename__ = "port"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    protocol: Mapped[str | None] = mapped_column(String(8))  # None: tcp and udp
    default: Mapped[int]  # the definition's
    suggested: Mapped[int]
    host: Mapped[int | None] = mapped_column(index=True)
    reserved: Mapped[int | None]
    ui: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")

    container: Mapped[Container] = relationship(back_populates="ports")

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is published."""
        return (self.protocol,) if self.protocol else ("tcp", "udp")
