"""An entry of the catalogue: a rock-on as its metastore offers it."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import JSON, ColumnElement, Dialect, Index, String, Text, literal, type_coerce
from sqlalchemy.orm import InstrumentedAttribute, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from rockonweb.models.base import NumberedBase


class WordList(TypeDecorator[tuple[str, ...]]):
    """Words without spaces, in their order."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str:
        """Write them as one text."""
        return " ".join(value or ())

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...]:
        """Read them."""
        return tuple((value or "").split())


def has_word(column: InstrumentedAttribute[tuple[str, ...]], word: str) -> ColumnElement[bool]:
    """Return the condition that a word is among those of a column."""
    return (literal(" ") + type_coerce(column, Text) + " ").contains(f" {word} ", autoescape=True)


def expand_protocol(protocol: str | None) -> tuple[str, ...]:
    """Return what is published for a port of this protocol; without one it is both."""
    return (protocol,) if protocol else ("tcp", "udp")


class SuggestedPort(NamedTuple):
    """The host port that an install offers for a port of a container; no protocol is tcp and udp."""

    container: str
    number: int
    protocol: str | None
    default: int  # the definition's
    suggested: int

    @property
    def offered_protocols(self) -> tuple[str, ...]:
        """What is published."""
        return expand_protocol(self.protocol)


class SuggestedPorts(TypeDecorator[tuple[SuggestedPort, ...]]):
    """The ports of a rock-on, as JSON."""

    impl = JSON
    cache_ok = True

    def process_bind_param(self, value: tuple[SuggestedPort, ...] | None, dialect: Dialect) -> list[list[object]]:
        """Write them."""
        return [list(port) for port in value or ()]

    def process_result_value(self, value: list[list[object]] | None, dialect: Dialect) -> tuple[SuggestedPort, ...]:
        """Read them."""
        return tuple(SuggestedPort(*port) for port in value or ())  # type: ignore[arg-type]


class RockOn(NumberedBase):
    """A rock-on of the catalogue: its newest definition, and what lists show of it.

    A refresh of the catalogue writes these rows and no others. One that has left the catalogue is kept for as long as
    an app is, or was, installed from it.
    """

    __tablename__ = "rockon"
    __table_args__ = (
        # All that lists sort, filter and search by: SQLite then reads past the definitions, which are long.
        Index("ix_rockon_lists", *("sort_name", "name", "in_catalogue", "categories", "badges", "search")).ddl_if(
            dialect="sqlite"
        ),
    )

    name: Mapped[str] = mapped_column(String(100), unique=True)
    position: Mapped[int] = mapped_column(default=0)  # in its metastore; decides who gets a contested port
    origin: Mapped[str] = mapped_column(String(20), default="")  # starter, remote, local
    in_catalogue: Mapped[bool] = mapped_column(default=True)
    source: Mapped[str] = mapped_column(Text)  # the newest definition, canonical JSON
    ports: Mapped[tuple[SuggestedPort, ...]] = mapped_column(SuggestedPorts, default=(), deferred=True)

    description: Mapped[str] = mapped_column(Text, default="")  # sanitised HTML
    version: Mapped[str] = mapped_column(Text, default="")
    website: Mapped[str] = mapped_column(Text, default="")
    has_ui: Mapped[bool] = mapped_column(default=False)

    # What the list of rock-ons shows and searches, from the newest definition; see `rows.describe`.
    described: Mapped[int] = mapped_column(default=0)  # the edition of core.shown that wrote them
    sort_name: Mapped[str] = mapped_column(Text, default="", index=True)
    search: Mapped[str] = mapped_column(Text, default="", deferred=True)
    summary: Mapped[str] = mapped_column(Text, default="")  # the description's first words, without markup
    badges: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    categories: Mapped[tuple[str, ...]] = mapped_column(WordList, default=())
    containers: Mapped[tuple[str, ...]] = mapped_column(WordList, default=(), deferred=True)  # their names
    icon: Mapped[str] = mapped_column(Text, default="")  # the address that the definition names
