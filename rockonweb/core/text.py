"""Sentences for people, kept translatable without a web framework in the core.

A `Text` is a plain English string that remembers its template and its values, so that a page can render it
in the reader's language, while a log, a test or JSON just sees the English.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

STORED = '{"template": '  # how a sentence that is kept with its template begins
DECIMAL = ("kB", "MB", "GB", "TB", "PB", "EB")
BINARY = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class Text(str):
    """English text with the template and the values that it came from; a value may be a `Text` itself."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]


def t(template: str, **values: Any) -> Text:
    """Return `template` with its `%(name)s` places filled, as a `Text`.

    Raises KeyError when a place has no value.
    """
    return _text(template, values)


def filled(sentence: Text, **values: Any) -> Text:
    """Return a sentence whose places were left open with values in them. Raises KeyError when a place has none."""
    return _text(sentence.template, values)


def _text(template: str, values: dict[str, Any]) -> Text:
    text = Text(template % values if values else template)
    text.template = template
    text.values = values
    return text


def joined(between: str, parts: Iterable[str]) -> str:
    """Return parts with something between them, each of which can still be shown in the reader's language."""
    values = {f"part{n}": part for n, part in enumerate(parts) if part}
    if not any(isinstance(part, Text) for part in values.values()):
        return between.join(values.values())
    return _text(between.replace("%", "%%").join(f"%({name})s" for name in values), values)


def size(number: int, *, binary: bool = False) -> Text:
    """Return a number of bytes for people: `1.5 GB`, or `1.4 GiB` where it is `binary`."""
    base, units = (1024, BINARY) if binary else (1000, DECIMAL)
    if number < base:
        return t("%(number)s byte", number=number) if number == 1 else t("%(number)s bytes", number=number)
    counted = number / base
    for unit in units[:-1]:
        if round(counted, 1) < base:
            return t("%(number)s %(unit)s", number=round(counted, 1), unit=unit)
        counted /= base
    return t("%(number)s %(unit)s", number=round(counted, 1), unit=units[-1])


def reworded(text: str, change: Callable[[str], str]) -> str:
    """Return a sentence with a change made to each of its values; a string that is no `Text` is changed itself."""
    if not isinstance(text, Text):
        return change(text)
    values = {key: reworded(value, change) if isinstance(value, str) else value for key, value in text.values.items()}
    return _text(text.template, values)


def to_stored(text: str) -> str:
    """Return what a database keeps of a sentence: the template and the values of a `Text`, else the string.

    A string of somebody else that looks like a kept sentence is kept as one, so that it comes back as it is.
    """
    if text.startswith(STORED) and not isinstance(text, Text):
        return json.dumps(_packed(_text(text, {})))
    return json.dumps(_packed(text)) if isinstance(text, Text) else text


def from_stored(kept: str) -> str:
    """Return the sentence that `to_stored` made something of; whatever else is kept is the sentence itself."""
    if not kept.startswith(STORED):
        return kept
    try:
        return _unpacked(json.loads(kept))
    except (ValueError, TypeError, KeyError, AttributeError):
        return kept


def each_string(value: Any, change: Callable[[str], str]) -> Any:
    """Return a value of JSON with a change made to each string in it, keys left out."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: each_string(part, change) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [each_string(part, change) for part in value]
    return value


def _packed(text: Text) -> dict[str, Any]:
    kept = {key: _packed(value) if isinstance(value, Text) else _plain(value) for key, value in text.values.items()}
    return {"template": text.template, "values": kept}


def _plain(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else str(value)


def _unpacked(kept: dict[str, Any]) -> Text:
    values = {key: _unpacked(value) if isinstance(value, dict) else value for key, value in kept["values"].items()}
    return _text(kept["template"], values)
