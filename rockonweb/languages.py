"""The supported languages, and translation of `TranslatableText`."""

from __future__ import annotations

from contextlib import AbstractContextManager

from babel.numbers import get_decimal_symbol
from flask import current_app
from flask_babel import Babel, force_locale, get_locale, get_translations, gettext
from markupsafe import Markup

from rockonweb.core.text import ENGLISH, TranslatableText

LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}  # each by its own name


def translate(text: str) -> str:
    """Translate a sentence to the current locale, with translatable texts among its values."""
    if not isinstance(text, TranslatableText):
        return str(text)
    return str(gettext(text.template, **{key: translate_value(value) for key, value in text.values.items()}))


def translate_value(value: object) -> object:
    """Translate a sentence, format a float for the current locale, and return any other value unchanged."""
    if isinstance(value, float):
        return str(value).replace(".", get_decimal_symbol(get_locale()))
    return translate(value) if isinstance(value, TranslatableText) else value


def translate_markup(text: str, **values: object) -> Markup:
    """Translate a text of a template and insert the values, escaped. Jinja's own does the same in three times as long:
    a page has a hundred texts, most of them without values.
    """
    translated = Markup(get_translations().ugettext(text))  # noqa: S704 -- the text of a template
    return translated % values if "%" in translated else translated


def use_language(language: str) -> AbstractContextManager[None]:
    """Set the locale within a context, also outside of a request, as in a job."""
    if "babel" not in current_app.extensions:  # of a command: few of them translate
        Babel(current_app)
    return force_locale(language)  # type: ignore[no-any-return]
