"""The languages that people can read, and sentences of the core in them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from babel.numbers import get_decimal_symbol
from flask_babel import force_locale, get_locale, gettext

from rockonweb.core.text import Text

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}  # each in its own words


def say(text: str) -> str:
    """Return a sentence of the core in the reader's language, with those among its values."""
    if not isinstance(text, Text):
        return str(text)
    return str(gettext(text.template, **{key: printed(value) for key, value in text.values.items()}))


def printed(value: object) -> object:
    """Return what people read of a value: a sentence or a number in their language, else the value."""
    if isinstance(value, float):
        return str(value).replace(".", get_decimal_symbol(get_locale()))
    return say(value) if isinstance(value, Text) else value


def speaking(language: str) -> AbstractContextManager[None]:
    """Say things in a language, whoever asks; also where nobody does, in a job."""
    return force_locale(language)  # type: ignore[no-any-return]
