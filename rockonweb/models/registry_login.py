"""Logins for image registries."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from rockonweb.models.base import EncryptedText, NumberedBase, TranslatableString, UTCDateTime


class RegistryLogin(NumberedBase):
    """The login for a registry, and what the registry said of it when it was tested last."""

    host: Mapped[str] = mapped_column(String(255), unique=True)  # of the registry; see remote.registry.parse_registry
    user: Mapped[str] = mapped_column(EncryptedText)
    password: Mapped[str] = mapped_column(EncryptedText)  # or token
    accepted: Mapped[bool | None]  # by the registry, when it last said so; None: it never did
    error: Mapped[str] = mapped_column(TranslatableString, default="")  # of the last test
    tested: Mapped[datetime | None] = mapped_column(UTCDateTime)
