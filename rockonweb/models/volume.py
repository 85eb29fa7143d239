"""A path in a container and the share that is mounted there."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import Base


class Volume(Base):
    """A mount. `added` marks one that the user added after the install; `share` is SHARE or SHARE/FOLDER."""

    __tablename__ = "volume"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    destination: Mapped[str] = mapped_column(Text)
    share: Mapped[str | None] = mapped_column(Text)
    added: Mapped[bool] = mapped_column(default=False)
    min_size: Mapped[int | None] = mapped_column(BigInteger)
    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")
