"""Sentences for users that stay translatable, without a web framework in the core.

A `TranslatableText` is a plain English string that remembers its template and its values, so that a page can render it
in the reader's language, while a log, a test or JSON just sees the English.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ENGLISH = "en"  # the language of all templates
STORED_PREFIX = '{"template": '  # how a sentence that is stored with its template begins
DECIMAL_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")
BINARY_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


class TranslatableText(str):
    """English text with the template and the values that it came from; a value may be a `TranslatableText` itself."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]


class AppOutput(str):
    """What an app printed: only for those who may read its logs, unlike our own sentences and Docker's messages."""

    __slots__ = ()


def t(template: str, **values: Any) -> TranslatableText:
    """Return `template` with its `%(name)s` placeholders filled, as a `TranslatableText`.

    Raises KeyError when a placeholder has no value.
    """
    return _make_text(template, values)


def fill_template(sentence: TranslatableText, **values: Any) -> TranslatableText:
    """Return a sentence with its open placeholders filled. Raises KeyError when a placeholder has no value."""
    return _make_text(sentence.template, values)


def _make_text(template: str, values: dict[str, Any]) -> TranslatableText:
    text = TranslatableText(template % values if values else template)
    text.template = template
    text.values = values
    return text


def join_texts(separator: str, parts: Iterable[str]) -> str:
    """Return the non-blank parts joined by `separator`; each of them stays translatable."""
    values = {f"part{n}": sentence for n, sentence in enumerate(parts) if sentence}
    if not any(isinstance(sentence, TranslatableText) for sentence in values.values()):
        return separator.join(values.values())
    return _make_text(separator.replace("%", "%%").join(f"%({name})s" for name in values), values)


def format_size(number: int, *, binary: bool = False) -> TranslatableText:
    """Return a number of bytes for people: `1.5 GB`, or `1.4 GiB` where it is `binary`."""
    base, units = (1024, BINARY_UNITS) if binary else (1000, DECIMAL_UNITS)
    if number < base:
        return t("%(number)s byte", number=number) if number == 1 else t("%(number)s bytes", number=number)
    amount = number / base
    for unit in units[:-1]:
        if round(amount, 1) < base:
            return t("%(number)s %(unit)s", number=round(amount, 1), unit=unit)
        amount /= base
    return t("%(number)s %(unit)s", number=round(amount, 1), unit=units[-1])


def map_text_values(text: str, convert: Callable[[str], str]) -> str:
    """Return a sentence with `convert` applied to each of its values, or to itself where it is a plain string."""
    if not isinstance(text, TranslatableText):
        return convert(text)
    values = {
        key: map_text_values(value, convert) if isinstance(value, str) else value for key, value in text.values.items()
    }
    return _make_text(text.template, values)


def to_stored(text: str) -> str:
    """Return a sentence as a database stores it: template and values of a `TranslatableText` as JSON, else the string.

    A plain string that looks like a stored sentence is stored as one, so that it is read back unchanged.
    """
    if text.startswith(STORED_PREFIX) and not isinstance(text, TranslatableText):
        return json.dumps(_text_to_json(_make_text(text, {})))
    return json.dumps(_text_to_json(text)) if isinstance(text, TranslatableText) else text


def from_stored(stored: str) -> str:
    """Return the sentence that `to_stored` wrote; any other string is the sentence itself."""
    if not stored.startswith(STORED_PREFIX):
        return stored
    try:
        return _text_from_json(json.loads(stored))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return stored


def map_strings(value: Any, convert: Callable[[str], str]) -> Any:
    """Return a JSON value with `convert` applied to each string in it except keys."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, Mapping):
        return {key: map_strings(item, convert) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [map_strings(item, convert) for item in value]
    return value


def _text_to_json(text: TranslatableText) -> dict[str, Any]:
    values = {
        key: _text_to_json(value) if isinstance(value, TranslatableText) else _json_scalar(value)
        for key, value in text.values.items()
    }
    return {"template": text.template, "values": values}


def _json_scalar(value: Any) -> Any:
    return value if isinstance(value, str | int | float) else str(value)


def _text_from_json(data: dict[str, Any]) -> TranslatableText:
    values = {
        key: _text_from_json(value) if isinstance(value, dict) else value for key, value in data["values"].items()
    }
    if not isinstance(template := data["template"], str):
        raise TypeError
    return _make_text(template, values)
