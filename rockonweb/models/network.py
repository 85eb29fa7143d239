"""The networks that an owner made."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.models.base import NumberedBase, PackedJSON


class Network(NumberedBase):
    """A network that an owner made. It is kept here too, so that one that Docker lost can be made again."""

    name: Mapped[str] = mapped_column(String(255), unique=True)
    comment: Mapped[str] = mapped_column(Text, default="")
    subnet: Mapped[str] = mapped_column(Text, default="")  # blank: Docker chooses
    gateway: Mapped[str] = mapped_column(Text, default="")
    ip_range: Mapped[str] = mapped_column(Text, default="")
    aux_addresses: Mapped[tuple[tuple[str, str], ...]] = mapped_column(
        PackedJSON(tuple[tuple[str, str], ...]), default=()
    )
    host_binding: Mapped[str] = mapped_column(Text, default="")
    mtu: Mapped[int | None]
    internal: Mapped[bool] = mapped_column(default=False)
    icc: Mapped[bool] = mapped_column(default=True)
    ip_masquerade: Mapped[bool] = mapped_column(default=True)

    @property
    def network_spec(self) -> NetworkSpec:
        """What was asked for."""
        return NetworkSpec(**{field.name: getattr(self, field.name) for field in fields(NetworkSpec)})

    @network_spec.setter
    def network_spec(self, spec: NetworkSpec) -> None:
        """Write down what was asked for."""
        for key, value in vars(spec).items():
            setattr(self, key, value)
