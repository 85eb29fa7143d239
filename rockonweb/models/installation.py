"""An app: a rock-on that is, or was, installed, with what is kept for it as a whole."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.definition.definition import Definition, definition_digest, definition_from_source
from rockonweb.core.operations.lifecycle import State
from rockonweb.core.secret import SecretWord, is_secret
from rockonweb.core.status.status import Status
from rockonweb.models.base import EncryptedText, NumberedBase, TranslatableString, UTCDateTime
from rockonweb.models.container import Container, Environment, QuestionRow
from rockonweb.models.rockon import RockOn

LOCAL_HOST = "local"  # the one host that there is


def is_newer_definition(source: str, installed: str | None, ignored: str) -> bool:
    """Whether a definition differs from the installed one and is not the one that was left aside."""
    return installed is not None and source != installed and definition_digest(source) != ignored


class Installation(NumberedBase):
    """An app: where it runs, the definition and the answers that it was made from, and how it is.

    After an uninstall it stays, with its answers and its history, for the next install.
    """

    __table_args__ = (UniqueConstraint("host", "name"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("rockon.id"), index=True)
    host: Mapped[str] = mapped_column(String(100), default=LOCAL_HOST)
    name: Mapped[str] = mapped_column(String(100))
    installed_source: Mapped[str | None] = mapped_column(Text)  # the definition that the containers were made from
    # What people chose to be a secret, or not to be one, by container (blank: the whole rock-on) and variable.
    secret_choices: Mapped[dict[str, dict[str, bool]] | None] = mapped_column(JSON)
    ignored: Mapped[str] = mapped_column(String(32), default="")  # fingerprint of a newer one that an owner left aside

    state: Mapped[State] = mapped_column(Enum(State, native_enum=False, length=40), default=State.AVAILABLE, index=True)
    status: Mapped[Status] = mapped_column(Enum(Status, native_enum=False, length=40), default=Status.STOPPED)
    exit_code: Mapped[int | None]
    status_error: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str | None] = mapped_column(TranslatableString)  # the sentence of its last failed operation

    # Newer images under the same names; see models/image.py and work/updates.py.
    newer_images: Mapped[bool] = mapped_column(default=False)
    images_looked: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when the registries were asked last
    auto_update: Mapped[bool] = mapped_column(default=False)
    auto_from: Mapped[int] = mapped_column(default=3 * 60)  # minute of the day, this machine's time
    auto_until: Mapped[int] = mapped_column(default=5 * 60)
    auto_tried: Mapped[str] = mapped_column(Text, default="")  # the images that were tried last without being asked

    entry: Mapped[RockOn] = relationship()
    containers: Mapped[list[Container]] = relationship(
        back_populates="installation", cascade="all, delete-orphan", order_by="Container.position"
    )
    custom_config: Mapped[list[CustomConfig]] = relationship(
        cascade="all, delete-orphan", order_by="CustomConfig.position"
    )
    kept_volumes: Mapped[list[KeptVolume]] = relationship(cascade="all, delete-orphan")

    @property
    def is_installed(self) -> bool:
        """Whether it has, or should have, containers."""
        return self.state in (State.INSTALLED, State.PENDING_UPDATE, State.PENDING_UNINSTALL)

    @property
    def has_newer_image(self) -> bool:
        """Whether a newer image was seen for one of its containers."""
        return self.is_installed and self.newer_images

    @property
    def has_newer_definition(self) -> bool:
        """Whether the catalogue has another definition than the installed one, which no owner left aside."""
        return (
            self.is_installed
            and self.entry.in_catalogue
            and is_newer_definition(self.entry.source, self.installed_source, self.ignored)
        )

    @property
    def is_pending(self) -> bool:
        """Whether an operation is under way or waits."""
        return self.state.startswith("pending") or self.status.startswith("pending")

    @property
    def current_definition(self) -> Definition:
        """The definition that counts now: the installed one, else the catalogue's newest."""
        return self.parse_definition(self.installed_source or self.entry.source)

    def parse_definition(self, source: str, name: str = "") -> Definition:
        """Return a definition of it, or of its successor `name`, with what people chose to be a secret."""
        return definition_from_source(name or self.name, source).with_secrets(self.secret_choices or {})

    @property
    def secret_values(self) -> list[SecretWord]:
        """The secret values of its answers, for masking what others print."""
        rows: list[tuple[str, Any]] = [("", config) for config in self.custom_config]
        rows += [(container.name, variable) for container in self.containers for variable in container.environment]
        return [
            SecretWord("", row.value) for container, row in rows if row.value and self.is_secret_answer(row, container)
        ]

    def is_secret_answer(self, row: Environment | CustomConfig, container: str = "") -> bool:
        """Whether an answer is a secret."""
        choices = (self.secret_choices or {}).get(container, {})
        return choices.get(row.key, is_secret(row.key, row.label))

    def set_secret(self, container: str, key: str, label: str, *, secret: bool) -> None:
        """Note that an answer is a secret, or is none; what its name says anyway need not be noted."""
        choices = {name: dict(by_key) for name, by_key in (self.secret_choices or {}).items()}
        choices.setdefault(container, {}).pop(key, None)
        if secret != is_secret(key, label):
            choices[container][key] = secret
        self.secret_choices = {name: by_key for name, by_key in choices.items() if by_key}

    @property
    def definition_hash(self) -> str:
        """A fingerprint of `current_definition`."""
        return definition_digest(self.installed_source or self.entry.source)

    @property
    def status_text(self) -> str:
        """The status in the original's words, `exitcode: N error: …` for an app that ended."""
        if self.status is Status.EXITED:
            return f"exitcode: {self.exit_code} error: {self.status_error}"
        return self.status.value


class CustomConfig(QuestionRow):
    """An answer for the whole rock-on, which a special install handler wants; its value is encrypted."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(EncryptedText)


class KeptVolume(NumberedBase):
    """A volume that Docker made for a container since removed, attached again when the container is made anew."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    container: Mapped[str] = mapped_column(Text)
    volume: Mapped[str] = mapped_column(Text)
    destination: Mapped[str] = mapped_column(Text)
