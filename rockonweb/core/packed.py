"""Values of the core as JSON, as the database stores them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, TypeAdapter

from rockonweb.core.text import from_stored, to_stored

StoredSentence = Annotated[str, AfterValidator(from_stored), PlainSerializer(to_stored)]  # stored with its template


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
