"""Apps: rock-ons that are or were installed."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import definition_digest, definition_from_source
from rockonweb.core.operations.lifecycle import State
from rockonweb.core.packed import UnreadableText
from rockonweb.core.secret import EVERY, EVERYTHING_SECRET, SecretWord, is_chosen_secret, is_secret
from rockonweb.core.status.status import Problem, Status
from rockonweb.models.adoption import OldContainer
from rockonweb.models.base import EncryptedText, NumberedBase, StoredEnum, TranslatableString, TypedJSON, UTCDateTime
from rockonweb.models.container import Container, Environment, QuestionRow
from rockonweb.models.rockon import RockOn

LOCAL_HOST = "local"  # the only host


def is_newer_definition(source: str, installed: str | None, ignored: str) -> bool:
    """Whether a definition differs from the installed one and was not ignored (`ignored` is a digest)."""
    return installed is not None and source != installed and definition_digest(source) != ignored


class Installation(NumberedBase):
    """An app: its host, the definition and answers it was installed with, its state and status.

    The row stays after an uninstall, with answers and history, for the next install.
    """

    __table_args__ = (UniqueConstraint("host", "name"),)

    entry_id: Mapped[int] = mapped_column(ForeignKey("rockon.id"), index=True)
    host: Mapped[str] = mapped_column(String(100), default=LOCAL_HOST)
    name: Mapped[str] = mapped_column(String(100))
    installed_source: Mapped[str | None] = mapped_column(Text)  # the definition that the containers were created from
    # The definition of the last install that was submitted, kept for the next one; see work/review.py.
    last_source: Mapped[str | None] = mapped_column(Text)
    # Users' choices whether a variable is a secret, by container (blank: the whole rock-on) and variable.
    secret_choices: Mapped[dict[str, dict[str, bool]] | None] = mapped_column(
        TypedJSON(dict[str, dict[str, bool]], lambda: EVERYTHING_SECRET)
    )
    ignored: Mapped[str] = mapped_column(String(32), default="")  # digest of a newer definition that an owner ignored

    state: Mapped[State] = mapped_column(StoredEnum(State, 40, State.INSTALLED), default=State.AVAILABLE, index=True)
    status: Mapped[Status] = mapped_column(StoredEnum(Status, 40, Status.STOPPED), default=Status.STOPPED)
    exit_code: Mapped[int | None]
    status_error: Mapped[str] = mapped_column(TranslatableString, default="")  # what is wrong, also while it runs
    problem: Mapped[Problem] = mapped_column(StoredEnum(Problem, 40, Problem.NONE), default=Problem.NONE)
    page_answers: Mapped[bool | None]  # whether its page did when it was last asked; None until it has answered once
    error: Mapped[str | None] = mapped_column(TranslatableString)  # the sentence of its last failed operation

    # Newer images under the same names; see models/image.py and work/updates.py.
    newer_images: Mapped[bool] = mapped_column(default=False)
    images_looked: Mapped[datetime | None] = mapped_column(UTCDateTime)  # when the registries were last queried
    auto_update: Mapped[bool] = mapped_column(default=False)
    auto_rehearse: Mapped[bool] = mapped_column(default=False)  # whether an automatic one is rehearsed before
    auto_from: Mapped[int] = mapped_column(default=3 * 60)  # minute of the day, this machine's time
    auto_until: Mapped[int] = mapped_column(default=5 * 60)
    auto_tried: Mapped[str] = mapped_column(Text, default="")  # fingerprint of the last automatic update's images
    mend: Mapped[bool] = mapped_column(default=False)  # whether it is restarted automatically when it is down
    ask_page: Mapped[bool] = mapped_column(default=True)  # whether its page is asked while it runs
    auto_obstacle: Mapped[str] = mapped_column(TranslatableString, default="")  # why an automatic one passes it over

    entry: Mapped[RockOn] = relationship()
    containers: Mapped[list[Container]] = relationship(
        back_populates="installation", cascade="all, delete-orphan", order_by="Container.position"
    )
    custom_config: Mapped[list[CustomConfig]] = relationship(
        cascade="all, delete-orphan", order_by="CustomConfig.position"
    )
    kept_volumes: Mapped[list[KeptVolume]] = relationship(cascade="all, delete-orphan")
    old_containers: Mapped[list[OldContainer]] = relationship(cascade="all, delete-orphan", order_by=OldContainer.id)

    @property
    def is_installed(self) -> bool:
        """Whether it has, or should have, containers."""
        return self.state in (State.INSTALLED, State.PENDING_UPDATE, State.PENDING_UNINSTALL)

    @property
    def is_down(self) -> bool:
        """Whether it does not do what it should, though it runs or should."""
        return self.state is State.INSTALLED and (
            self.status is Status.EXITED or (self.status is Status.STARTED and self.problem.is_down)
        )

    @property
    def has_newer_image(self) -> bool:
        """Whether a newer image is known for one of its containers."""
        return self.is_installed and self.newer_images

    @property
    def has_newer_definition(self) -> bool:
        """Whether the catalogue has a definition that differs from the installed one and was not ignored."""
        return (
            self.is_installed
            and self.entry.in_catalogue
            and is_newer_definition(self.entry.source, self.installed_source, self.ignored)
        )

    @property
    def is_pending(self) -> bool:
        """Whether an operation of it waits or runs."""
        return self.state.startswith("pending") or self.status.startswith("pending")

    @property
    def current_definition(self) -> Definition:
        """The installed definition, or the catalogue's where it is not installed.

        Where the text of an installed one can't be read, it is `unreadable`, and has what the rows say of it.
        """
        definition = self.parse_definition(self.current_source)
        if not definition.unreadable or not self.is_installed:
            return definition
        stand_in = Definition.for_unreadable(self.name, definition.unreadable, self.describe_rows())
        return stand_in.with_secrets(self.secret_choices or {})

    @property
    def unreadable_answers(self) -> list[str]:
        """The names of variables and settings whose stored value can't be read."""
        rows: list[Any] = [
            *self.custom_config,
            *(row for container in self.containers for row in container.environment),
        ]
        return [row.key for row in rows if isinstance(row.value, UnreadableText)]

    def describe_rows(self) -> dict[str, Any]:
        """Return what the rows say of the definition, as a JSON object of a file; options and links are missing."""

        def describe_questions(rows: Iterable[Any], key: str) -> dict[str, Any]:
            return {getattr(row, key): {"label": row.label, "description": row.description} for row in rows}

        return {
            "description": "",
            "version": "",
            "website": "",
            "containers": {
                container.name: {
                    "image": container.image,
                    "launch_order": container.launch_order,
                    "ports": {
                        str(port.number): {
                            "label": port.label,
                            "description": port.description,
                            "host_default": port.default,
                            "protocol": port.protocol,
                            "ui": port.ui,
                        }
                        for port in container.ports
                    },
                    "volumes": describe_questions((row for row in container.volumes if not row.added), "destination"),
                    "environment": describe_questions((row for row in container.environment if not row.added), "key"),
                    "devices": describe_questions(container.devices, "name"),
                }
                for container in self.containers
            },
            "custom_config": describe_questions(self.custom_config, "key"),
        }

    def parse_definition(self, source: str, name: str = "") -> Definition:
        """Return a parsed definition of it, or of its replacement `name`, with the users' choices of secrets."""
        return definition_from_source(name or self.name, source).with_secrets(self.secret_choices or {})

    @property
    def secret_values(self) -> list[SecretWord]:
        """The secret values of its answers, to mask them in the output of containers."""
        rows: list[tuple[str, Any]] = [("", config) for config in self.custom_config]
        rows += [(container.name, variable) for container in self.containers for variable in container.environment]
        return [
            SecretWord("", row.value) for container, row in rows if row.value and self.is_secret_answer(row, container)
        ]

    def is_secret_answer(self, row: Environment | CustomConfig, container: str = "") -> bool:
        """Whether an answer is a secret."""
        return is_chosen_secret(self.secret_choices or {}, container, row.key, row.label)

    def set_secret(self, container: str, key: str, label: str, *, secret: bool) -> None:
        """Store whether an answer is a secret, unless its name and label already say so."""
        choices = {name: dict(by_key) for name, by_key in (self.secret_choices or {}).items()}
        choices.setdefault(container, {}).pop(key, None)
        if EVERY in choices or secret != is_secret(key, label):
            choices[container][key] = secret
        self.secret_choices = {name: by_key for name, by_key in choices.items() if by_key}

    @property
    def definition_hash(self) -> str:
        """A fingerprint of `current_definition`."""
        return definition_digest(self.current_source)

    @property
    def current_source(self) -> str:
        """The text of `current_definition`; blank, which can't be read, where an installed app lost it."""
        return (self.installed_source or "") if self.is_installed else self.installed_source or self.entry.source

    @property
    def status_text(self) -> str:
        """The status as in Rockstor's API, `exitcode: N error: …` for an app that ended."""
        if self.status is Status.EXITED:
            return f"exitcode: {self.exit_code} error: {self.status_error}"
        return self.status.value


def in_state(*states: State) -> ColumnElement[bool]:
    """Return the SQL condition that an app is in one of these states; one that can't be read counts as installed."""
    if State.INSTALLED not in states:
        return Installation.state.in_(states)
    return Installation.state.not_in([state for state in State if state not in states])


class CustomConfig(QuestionRow):
    """An answer for the whole rock-on, used by its install handler; the value is encrypted."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    key: Mapped[str] = mapped_column(Text)
    value: Mapped[str | None] = mapped_column(EncryptedText)


class KeptVolume(NumberedBase):
    """A volume that Docker created for a container since removed; mounted again when that container is recreated."""

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    container: Mapped[str] = mapped_column(Text)
    volume: Mapped[str] = mapped_column(Text)
    destination: Mapped[str] = mapped_column(Text)
