"""Values of the core as JSON, as the database stores them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, TypeAdapter

from rockonweb.core.text import from_stored, to_stored

StoredSentence = Annotated[str, AfterValidator(from_stored), PlainSerializer(to_stored)]  # stored with its template


class UnreadableText(str):
    """A stored text that can't be decrypted: blank, and `stored` is what stands in the database, to be left there."""

    __slots__ = ("stored",)
    stored: str

    def __new__(cls, stored: str) -> UnreadableText:
        text = super().__new__(cls, "")
        text.stored = stored
        return text


@cache
def _type_adapter(kind: Any) -> TypeAdapter[Any]:
    """Return the adapter of a type, created on first use: creating all of them would slow down every start."""
    return TypeAdapter(kind)


def pack(kind: Any, value: Any) -> str:
    """Return a value of the type `kind` as JSON, without fields that have their default."""
    return _type_adapter(kind).dump_json(value, exclude_defaults=True).decode()


def unpack(kind: Any, text: str) -> Any:
    """Return the value that `pack` wrote. Raises ValueError for anything else."""
    return _type_adapter(kind).validate_json(text)


def unpack_or(kind: Any, text: str, default: Any) -> Any:
    """Return the value that `pack` wrote, or a default for anything else."""
    try:
        return unpack(kind, text)
    except ValueError:
        return default


def check_type(kind: Any, value: Any) -> Any:
    """Return a value of JSON as the type `kind`. Raises ValueError."""
    return _type_adapter(kind).validate_python(value)
