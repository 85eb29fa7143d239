"""The containers of an app: the questions of their definition with the answers, and what the user added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.status.status import Problem
from rockonweb.models.base import EncryptedText, NumberedBase, StoredEnum, StoredNumber, TranslatableString
from rockonweb.models.rockon import expand_protocol

if TYPE_CHECKING:
    from rockonweb.models.installation import Installation


# The children of a container are loaded and deleted with it.
CHILD_OPTIONS: dict[str, Any] = {"cascade": "all, delete-orphan", "lazy": "selectin"}


class Container(NumberedBase):
    """A container as its definition describes it, with its state when Docker was last inspected.

    Its name is not unique: a catalogue may rename a rock-on and keep its containers.
    """

    __table_args__ = (UniqueConstraint("installation_id", "name"),)

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(Text)
    position: Mapped[int] = mapped_column(default=0)
    launch_order: Mapped[int] = mapped_column(default=1)
    image: Mapped[str] = mapped_column(Text)  # IMAGE:TAG

    docker_state: Mapped[str] = mapped_column(String(20), default="")  # blank: it does not exist
    docker_name: Mapped[str] = mapped_column(Text, default="")  # if it was renamed manually
    exit_code: Mapped[int | None]
    signal: Mapped[int] = mapped_column(default=0)  # sent through Docker since its last start, else 0
    problem: Mapped[Problem] = mapped_column(StoredEnum(Problem, 40, Problem.NONE), default=Problem.NONE)
    status_error: Mapped[str] = mapped_column("docker_error", TranslatableString, default="")  # the sentence on that
    # Its restart policy while a share is absent and Docker must not start it; None: Docker has its own.
    held_restart_policy: Mapped[str | None] = mapped_column(String(40))

    installation: Mapped[Installation] = relationship(back_populates="containers")
    ports: Mapped[list[Port]] = relationship(order_by="Port.position", back_populates="container", **CHILD_OPTIONS)
    volumes: Mapped[list[Volume]] = relationship(order_by="Volume.position", **CHILD_OPTIONS)
    environment: Mapped[list[Environment]] = relationship(order_by="Environment.position", **CHILD_OPTIONS)
    devices: Mapped[list[Device]] = relationship(order_by="Device.position", **CHILD_OPTIONS)
    labels: Mapped[list[Label]] = relationship(order_by="Label.id", **CHILD_OPTIONS)
    networks: Mapped[list[NetworkMember]] = relationship(order_by="NetworkMember.id", **CHILD_OPTIONS)


class QuestionRow(NumberedBase):
    """Base of a definition's questions; each kind has its own column for the answer."""

    __abstract__ = True

    position: Mapped[int] = mapped_column(default=0)
    label: Mapped[str] = mapped_column(Text, default="")
    description: Mapped[str] = mapped_column(Text, default="")


class ContainerChild(NumberedBase):
    """Base of the children of a container, which are deleted with it."""

    __abstract__ = True

    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)


class Port(QuestionRow, ContainerChild):
    """A port. `suggested` is the wizard's default, `host` the chosen host port, None where it is not published.

    `reserved` is the host port of a change in progress; both are taken until that ends.
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
    def published_protocols(self) -> tuple[str, ...]:
        """The protocols on which it is published."""
        return expand_protocol(self.protocol)


class Volume(QuestionRow, ContainerChild):
    """A mount. `added` marks one that the user added after the install; `share` is SHARE or SHARE/FOLDER."""

    destination: Mapped[str] = mapped_column(Text)
    share: Mapped[str | None] = mapped_column(Text)
    added: Mapped[bool] = mapped_column(default=False)
    min_size: Mapped[int | None] = mapped_column(StoredNumber)


class Environment(QuestionRow, ContainerChild):
    """A variable; its value is encrypted, since any of them may be a secret.

    `added` marks one that the definition does not name and the user added after the install.
    """

    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(EncryptedText)
    added: Mapped[bool] = mapped_column(default=False)


class Device(QuestionRow, ContainerChild):
    """A device of the host that a container may use; a blank value means none."""

    name: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(Text)


class Label(ContainerChild):
    """A label that the user added, KEY or KEY=VALUE."""

    value: Mapped[str] = mapped_column(Text)


class NetworkMember(ContainerChild):
    """A container's membership of a rocknet or unmanaged network."""

    network: Mapped[str] = mapped_column(Text)
