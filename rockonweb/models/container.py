"""The containers of an app: what their definition asks, with the answers, and what was added to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.models.base import Numbered, Secret

if TYPE_CHECKING:
    from rockonweb.models.installation import Installation


class Container(Numbered):
    """A container as its definition describes it, and as Docker was last seen to have it.

    Its name is not unique: a catalogue may rename a rock-on and keep its containers.
    """

    __table_args__ = (UniqueConstraint("installation_id", "name"),)

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


class Question(Numbered):
    """Base of what a definition asks; each kind has a column for the answer."""

    __abstract__ = True

    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")


class OfContainer(Numbered):
    """Base of what belongs to a container, and goes with it."""

    __abstract__ = True

    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)


class Port(Question, OfContainer):
    """A port. `suggested` is what the wizard offers, `host` what the person chose: None is not published.

    `reserved` is the host port that an update under way will publish it on; both are spoken for until that ends.
    """

    number: Mapped[int]
    protocol: Mapped[str | None] = mapped_column(String(8))  # None: tcp and udp
    default: Mapped[int]  # the definition's
    suggested: Mapped[int]
    host: Mapped[int | None] = mapped_column(index=True)
    reserved: Mapped[int | None]
    ui: Mapped[bool] = mapped_column(default=False)

    container: Mapped[Container] = relationship(back_populates="ports")

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is published."""
        return (self.protocol,) if self.protocol else ("tcp", "udp")


class Volume(Question, OfContainer):
    """A mount. `added` marks one that the user added after the install; `share` is SHARE or SHARE/FOLDER."""

    destination: Mapped[str] = mapped_column(Text)
    share: Mapped[str | None] = mapped_column(Text)
    added: Mapped[bool] = mapped_column(default=False)
    min_size: Mapped[int | None] = mapped_column(BigInteger)


class Environment(Question, OfContainer):
    """A variable; its value is encrypted, since any of them may be a secret.

    `added` marks one that the definition does not name and the user added after the install.
    """

    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(Secret)
    added: Mapped[bool] = mapped_column(default=False)


class Device(Question, OfContainer):
    """A device of the host that a container may get; a blank value means none."""

    name: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(Text)


class Label(OfContainer):
    """A label that the user added, KEY or KEY=VALUE."""

    value: Mapped[str] = mapped_column(Text)


class NetworkMember(OfContainer):
    """A container's place on a user's network."""

    network: Mapped[str] = mapped_column(Text)
