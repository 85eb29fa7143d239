"""Rocknets: the networks that owners create."""

from __future__ import annotations

from dataclasses import fields

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.core.containers.networks import NetworkSpec
from rockonweb.models.base import NumberedBase, PackedJSON


class Network(NumberedBase):
    """A rocknet with all its options, so that it can be recreated when it is missing in Docker."""

    name: Mapped[str] = mapped_column(String(255), unique=True)
    comment: Mapped[str] = mapped_column(Text, default="")
    subnet: Mapped[str] = mapped_column(Text, default="")  # blank: Docker chooses
    gateway: Mapped[str] = mapped_column(Text, default="")
    ip_range: Mapped[str] = mapped_column(Text, default="")
    aux_addresses: Mapped[tuple[tuple[str, str], ...]] = mapped_column(
        PackedJSON(tuple[tuple[str, str], ...], tuple), default=()
    )
    host_binding: Mapped[str] = mapped_column(Text, default="")
    mtu: Mapped[int | None]
    internal: Mapped[bool] = mapped_column(default=False)
    icc: Mapped[bool] = mapped_column(default=True)
    ip_masquerade: Mapped[bool] = mapped_column(default=True)

    @property
    def network_spec(self) -> NetworkSpec:
        """The options of the network."""
        return NetworkSpec(**{field.name: getattr(self, field.name) for field in fields(NetworkSpec)})

    @network_spec.setter
    def network_spec(self, spec: NetworkSpec) -> None:
        """Store the options of the network."""
        for key, value in vars(spec).items():
            setattr(self, key, value)
