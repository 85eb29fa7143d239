"""Entries of the catalogue: rock-ons as their metastores offer them."""

from __future__ import annotations

import enum
from typing import NamedTuple

from sqlalchemy import JSON, ColumnElement, Dialect, Index, String, Text, literal, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.core.packed import check_type
from rockonweb.models.base import NumberedBase, StoredType


class WordList(TypeDecorator[tuple[str, ...]]):
    """An ordered list of words, stored as text separated by spaces; with a `kind`, only the values of that enum."""

    impl = Text
    cache_ok = True

    def __init__(self, kind: type[enum.StrEnum] | None = None) -> None:
        super().__init__()
        self.kind = kind
        self._known_words = frozenset(kind or ())

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:
        """Join the words."""
        return " ".join(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """Split the words."""
        words = (value or "").split()
        return tuple(words if self.kind is None else (word for word in words if word in self._known_words))


def has_word(column: InstrumentedAttribute[tuple[str, ...]], word: str) -> ColumnElement[bool]:
    """Return the SQL condition that a column's list contains a word."""
    return (literal(" ") + type_coerce(column, Text) + " ").contains(f" {word} ", autoescape=True)


def expand_protocol(protocol: str | None) -> tuple[str, ...]:
    """Return the protocols of a port: its own, or tcp and udp where it has none."""
    return (protocol,) if protocol else ("tcp", "udp")


class SuggestedPort(NamedTuple):
    """The suggested host port for a container's port; protocol None means tcp and udp."""

    container: str
    number: int
    protocol: str | None
    default: int  # the definition's
    suggested: int

    @property
    def offered_protocols(self) -> tuple[str, ...]:
        """The protocols on which it would be published."""
        return expand_protocol(self.protocol)


class SuggestedPorts(StoredType[tuple[SuggestedPort, ...]]):
    """The suggested ports of a rock-on, stored as JSON; none where it can't be read."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: tuple[SuggestedPort, ...] | None, dialect: Dialect) -> list[list[object]]:
        """Return them as lists for JSON."""
        return [list(port) for port in value or ()]

    def process_result_value(self, value: list[list[object]] | None, dialect: Dialect) -> tuple[SuggestedPort, ...]:
        """Return them from the lists of JSON."""
        ports: tuple[SuggestedPort, ...] = check_type(tuple[SuggestedPort, ...], value or ())
        return ports

    def unreadable_value(self, stored: object) -> tuple[SuggestedPort, ...]:
        """Return none."""
        return ()


class RockOn(NumberedBase):
    """A rock-on of the catalogue: its newest definition, and what lists show of it.

    A refresh of the catalogue writes only these rows. One that was removed from the catalogue is kept while an
    installation refers to it.
    """

    __tablename__ = "rockon"
    __table_args__ = (
        # A covering index of what lists sort, filter and search by, so that SQLite need not read the long definitions.
        Index("ix_rockon_lists", *("sort_name", "name", "in_catalogue", "categories", "badges", "search")).ddl_if(
            dialect="sqlite"
        ),
    )

    name: Mapped[str] = mapped_column(String(100), unique=True)
    position: Mapped[int] = mapped_column(default=0)  # in the catalogue; an earlier one gets a contested port
    origin: Mapped[str] = mapped_column(String(20), default="")  # starter, remote, local or metastore-ID
    in_catalogue: Mapped[bool] = mapped_column(default=True)
    source: Mapped[str] = mapped_column(Text)  # the newest definition, canonical JSON
    ports: Mapped[tuple[SuggestedPort, ...]] = mapped_column(SuggestedPorts, default=(), deferred=True)

    description: Mapped[str] = mapped_column(Text, default="")  # sanitised HTML
    version: Mapped[str] = mapped_column(Text, default="")
    website: Mapped[str] = mapped_column(Text, default="")
    has_ui: Mapped[bool] = mapped_column(default=False)

    # What the list of rock-ons shows and searches, from the newest definition; see `repository.describe_entry`.
    described: Mapped[int] = mapped_column(default=0)  # `SUMMARY_VERSION` when these columns were written
    sort_name: Mapped[str] = mapped_column(Text, default="", index=True)
    search: Mapped[str] = mapped_column(Text, default="", deferred=True)
    summary: Mapped[str] = mapped_column(Text, default="")  # the start of the description, without markup
    badges: Mapped[tuple[str, ...]] = mapped_column(WordList(Badge), default=())
    categories: Mapped[tuple[str, ...]] = mapped_column(WordList(Category), default=())
    containers: Mapped[tuple[str, ...]] = mapped_column(WordList, default=(), deferred=True)  # their names
    icon: Mapped[str] = mapped_column(Text, default="")  # the URL in the definition
    known_icon: Mapped[str] = mapped_column(Text, default="")  # of the bundled ones; see `known_apps`
