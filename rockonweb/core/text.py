"""Sentences for people, kept translatable without a web framework in the core.

A `Text` is a plain English string that remembers its template and its values, so that a page can render it
in the reader's language, while a log, a test or JSON just sees the English.
"""

from __future__ import annotations

from typing import Any


class Text(str):
    """English text with the template and the values that it came from."""

    __slots__ = ("template", "values")
    template: str
    values: dict[str, Any]


def t(template: str, **values: Any) -> Text:
    """Return `template` with its `%(name)s` places filled, as a `Text`.

    Raises KeyError when a place has no value.
    """
    text = Text(template % values if values else template)
    text.template = template
    text.values = values
    return text
