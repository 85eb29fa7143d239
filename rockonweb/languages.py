"""The languages that people can read, and sentences of the core in them."""

from __future__ import annotations

from contextlib import AbstractContextManager

from babel.numbers import get_decimal_symbol
from flask_babel import force_locale, get_locale, gettext

from rockonweb.core.text import TranslatableText

ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}  # each in its own words


def translate(text: str) -> str:
    """Return a sentence of the core in the reader's language, with those among its values."""
    if not isinstance(text, TranslatableText):
        return str(text)
    return str(gettext(text.template, **{key: translate_value(value) for key, value in text.values.items()}))


def translate_value(value: object) -> object:
    """Return what people read of a value: a sentence or a number in their language, else the value."""
    if isinstance(value, float):
        return str(value).replace(".", get_decimal_symbol(get_locale()))
    return translate(value) if isinstance(value, TranslatableText) else value


def use_language(language: str) -> AbstractContextManager[None]:
    """Say things in a language, whoever asks; also where nobody does, in a job."""
    return force_locale(language)  # type: ignore[no-any-return]
