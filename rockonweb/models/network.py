"""The networks that an owner made, and the containers that were joined to one."""

from __future__ import annotations

import json

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.networks import NetworkSpec
from rockonweb.models.base import Base


class Network(Base):
    """A network that an owner made. It is kept here too, so that one that Docker lost can be made again."""

    __tablename__ = "network"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(255), unique=True)
    comment: Mapped[str] = mapped_column(Text, default="")
    subnet: Mapped[str] = mapped_column(Text, default="")  # blank: Docker chooses
    gateway: Mapped[str] = mapped_column(Text, default="")
    ip_range: Mapped[str] = mapped_column(Text, default="")
    aux_addresses: Mapped[str] = mapped_column(Text, default="[]")  # JSON: pairs of a name and an address
    host_binding: Mapped[str] = mapped_column(Text, default="")
    mtu: Mapped[int | None]
    internal: Mapped[bool] = mapped_column(default=False)
    icc: Mapped[bool] = mapped_column(default=True)
    ip_masquerade: Mapped[bool] = mapped_column(default=True)

    @property
    def spec(self) -> NetworkSpec:
        """What was asked for."""
        return NetworkSpec(
            name=self.name,
            comment=self.comment,
            subnet=self.subnet,
            gateway=self.gateway,
            ip_range=self.ip_range,
            aux_addresses=tuple((name, address) for name, address in json.loads(self.aux_addresses)),
            host_binding=self.host_binding,
            mtu=self.mtu,
            internal=self.internal,
            icc=self.icc,
            ip_masquerade=self.ip_masquerade,
        )

    @spec.setter
    def spec(self, spec: NetworkSpec) -> None:
        """Write down what was asked for."""
        for key, value in vars(spec).items():
            setattr(self, key, json.dumps(value) if key == "aux_addresses" else value)


class NetworkMember(Base):
    """A container's place on a user's network."""

    __tablename__ = "network_member"

    id: Mapped[int] = mapped_column(primary_key=True)
    container_id: Mapped[int] = mapped_column(ForeignKey("container.id", ondelete="CASCADE"), index=True)
    network: Mapped[str] = mapped_column(Text)
