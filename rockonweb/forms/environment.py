"""The environment page: the app's own settings, as variables. The custom-config page asks in the same way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wtforms import BooleanField, Field, Form, PasswordField, StringField, ValidationError

from rockonweb.core.definition import Definition
from rockonweb.core.text import t
from rockonweb.core.wizard import Ask, Values, asks, text_fault
from rockonweb.forms import Asked, PageForm, build

FORGET = "forget-"  # before the name of a secret that may be blank: a box to take it back


class TextAnswerField(Asked, StringField):  # type: ignore[misc]
    """A value that is shown."""


class SecretAnswerField(Asked, PasswordField):  # type: ignore[misc]
    """A value that is never shown again: sent blank, the one that was given before stays."""

    kept = ""
    forget: Field | None = None

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent; where that is blank, what was given before."""
        super().process(formdata, *data, **options)
        self.kept = self.object_data or ""
        self.data = self.data or self.kept


def form(definition: Definition, values: Values) -> PageForm:
    """Return the form."""
    return text_form("EnvironmentForm", asks(definition, "environment"), values)


def text_form(name: str, questions: Iterable[Ask], values: Values) -> PageForm:
    """Return a form of one-line texts, secrets among them."""
    fields: dict[str, Any] = {}
    for place, ask in enumerate(questions, 1):
        kind = SecretAnswerField if ask.secret else TextAnswerField
        fields[ask.name] = kind(
            ask=ask, place=place, notes=_notes(ask, values), validators=[_check], render_kw=_attributes(ask)
        )
        if ask.secret and ask.optional and values.get(ask.name):
            fields[FORGET + ask.name] = BooleanField(t("Forget the value that was given"), id=f"{FORGET}{place}")
    made = build(name, fields, values)
    for field in made.answers:
        box = FORGET + field.name
        if box in made:
            field.forget = made[box]
            field.data = "" if field.forget.data and field.data == field.kept else field.data
    return made


def _notes(ask: Ask, values: Values) -> list[str]:
    notes: list[str] = []
    if ask.secret and values.get(ask.name):
        notes.append(t("A value was given and is not shown. Leave this blank to keep it."))
    if ask.user_or_group:
        notes.append(t("A whole number, such as 1000. In a terminal, “id NAME” shows the numbers of a user."))
    return notes


def _attributes(ask: Ask) -> dict[str, str]:
    if ask.secret:
        return {"autocomplete": "new-password"}
    numeric = {"inputmode": "numeric"} if ask.user_or_group else {}
    return {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none", **numeric}


def _check(_form: Form, field: Field) -> None:
    if fault := text_fault(field.ask, field.data or ""):
        raise ValidationError(fault)
