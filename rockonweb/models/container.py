"""A container of a rock-on: the hub that ports, volumes and the other settings hang on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.models.base import Base
from rockonweb.models.device import Device
from rockonweb.models.environment import Environment
from rockonweb.models.label import Label
from rockonweb.models.network import NetworkMember
from rockonweb.models.port import Port
from rockonweb.models.volume import Volume

if TYPE_CHECKING:
    from rockonweb.models.installation import Installation


class Container(Base):
    """A container as its definition describes it, and as Docker was last seen to have it.

    Its name is not unique: a catalogue may rename a rock-on and keep its containers.
    """

    __tablename__ = "container"
    __table_args__ = (UniqueConstraint("installation_id", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    launch_order: Mapped[int] = mapped_column(default=1)
    image: Mapped[str] = mapped_column(Text)  # IMAGE:TAG

    docker_state: Mapped[str] = mapped_column(String(20), default="")  # blank: there is none
    exit_code: Mapped[int | None]
    docker_error: Mapped[str] = mapped_column(Text, default="")

    installation: Mapped[Installation] = relationship(back_populates="containers")
    ports: Mapped[list[Port]] = relationship(
        back_populates="container", cascade="all, delete-orphan", order_by="Port.position", lazy="selectin"
    )
    volumes: Mapped[list[Volume]] = relationship(
        cascade="all, delete-orphan", order_by="Volume.position", lazy="selectin"
    )
    environment: Mapped[list[Environment]] = relationship(
        cascade="all, delete-orphan", order_by="Environment.position", lazy="selectin"
    )
    devices: Mapped[list[Device]] = relationship(
        cascade="all, delete-orphan", order_by="Device.position", lazy="selectin"
    )
    labels: Mapped[list[Label]] = relationship(cascade="all, delete-orphan", order_by="Label.id", lazy="selectin")
    networks: Mapped[list[NetworkMember]] = relationship(
        cascade="all, delete-orphan", order_by="NetworkMember.id", lazy="selectin"
    )
