"""A variable of a container."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base, Secret


class Environment(Base):
    """A variable; its value is encrypted, since any of them may be a secret.

    `added` marks one that the definition does not name and the user added after the install.
    """

    __tablename__ = "environment"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(Secret)
    added: Mapped[bool] = mapped_column(default=False)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
