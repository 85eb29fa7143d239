"""Values of the core as JSON: what is kept with rows, and what it comes back as."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import AfterValidator, PlainSerializer, TypeAdapter

from rockonweb.core.text import from_stored, to_stored

StoredSentence = Annotated[
    str, AfterValidator(from_stored), PlainSerializer(to_stored)
]  # a sentence, with its template


@cache
def _type_adapter(kind: Any) -> TypeAdapter[Any]:
    """Made when it is first needed: making all of them takes longer than a start may."""
    return TypeAdapter(kind)


def pack(kind: Any, value: Any) -> str:
    """Return a value of a type as it is kept, without what is as it would be anyway."""
    return _type_adapter(kind).dump_json(value, exclude_defaults=True).decode()


def unpack(kind: Any, text: str) -> Any:
    """Return the value of which `pack` made a text. Raises ValueError for anything else."""
    return _type_adapter(kind).validate_json(text)
