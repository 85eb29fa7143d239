"""A network that the user joined a container to."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base


class NetworkMember(Base):
    """A container's place on a user's network."""

    __tablename__ = "network_member"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    network: Mapped[str] = mapped_column(Text)
