"""The environment page: the app's own settings, as variables. The custom-config page asks in the same way."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from wtforms import BooleanField, Field, Form, PasswordField, StringField, ValidationError
from wtforms.widgets import PasswordInput, TextInput

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.suggestions import Suggestion, generates, offered
from rockonweb.core.questions.wizard import Ask, Values, asks, text_fault
from rockonweb.core.text import t
from rockonweb.forms import PLAIN, Asked, PageForm, build

FORGET = "forget-"  # before the name of a secret that may be blank: a box to take it back
FRESH = "fresh-"  # before the name of a secret that the page generated: its fingerprint, while it is on the page
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look alike


class TextAnswerField(Asked, StringField):  # type: ignore[misc]
    """A value that is shown."""


class SecretAnswerField(Asked, PasswordField):  # type: ignore[misc]
    """A value that is not shown again once it is kept: sent blank, the one that was given before stays.

    What is not kept yet, as it was generated for this page, stays in its field, and can be shown there.
    """

    forget: Field | None = None
    stays = False  # what was sent is in the page that answers

    def __init__(self, *, kept: str = "", **options: Any) -> None:
        self.kept = kept
        super().__init__(**options)
        self.can_generate = generates(self.ask)

    @property
    def marker(self) -> tuple[str, str]:
        """Name and value of the hidden field that tells this page's own secret from one that was typed."""
        return FRESH + self.name, _fingerprint(self.data or "")

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent; where that is blank, what was given before."""
        super().process(formdata, *data, **options)
        value = self.data or ""
        if formdata is None:
            self.fresh = bool(value) and not self.kept
        else:
            self.fresh = bool(value) and formdata.get(FRESH + self.name) == _fingerprint(value)
        self.data = value or self.kept

    def __call__(self, **attributes: Any) -> Any:
        """Render the field: dots, unless the person asked to see it."""
        self.widget = TextInput() if self.shown else PasswordInput(hide_value=not (self.fresh or self.stays))
        return super().__call__(**attributes)


def form(
    definition: Definition,
    values: Values,
    suggested: Mapping[str, Suggestion] | None = None,
    page: str = "environment",
) -> PageForm:
    """Return the form of one-line texts, secrets among them; `suggested` fill what `values` leave out."""
    fields: dict[str, Any] = {}
    filled = offered(definition, page, values, suggested or {})
    for place, ask in enumerate(asks(definition, page), 1):
        options: dict[str, Any] = {"kept": values.get(ask.name, "")} if ask.secret else {}
        fields[ask.name] = (SecretAnswerField if ask.secret else TextAnswerField)(
            ask=ask,
            place=place,
            notes=_notes(ask, values, filled.get(ask.name)),
            validators=[_check],
            render_kw=_attributes(ask),
            **options,
        )
        if ask.secret and ask.optional and values.get(ask.name):
            fields[FORGET + ask.name] = BooleanField(t("Forget the value that was given"), id=f"{FORGET}{place}")
    made = build(PageForm, fields, {**{key: one.value for key, one in filled.items()}, **values})
    for field in made.answers:
        field.suggested = field.name in filled and not made.is_submitted()
        box = FORGET + field.name
        if box in made:
            field.forget = made[box]
            field.data = "" if field.forget.data and field.data == field.kept else field.data
    return made


def new_secret(length: int) -> str:
    """Return a secret of so many letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def generate(made: PageForm, name: str, suggested: Mapping[str, Suggestion]) -> None:
    """Put a new secret into a field of a sent form and show it; what belongs to it gets the same."""
    source = suggested[name].source if name in suggested else ""
    for field in secret_fields(made):
        if source and suggested.get(field.name) and suggested[field.name].source == source:
            field.data, field.fresh = suggested[field.name].value, True
    show(made, name)


def show(made: PageForm, name: str) -> None:
    """Let a sent form be looked at once more: nothing of it is kept, so its secrets stay in it; one may be shown."""
    for field in secret_fields(made):
        field.stays = field.sent and field.data != field.kept
        field.shown = field.name == name and (field.stays or field.fresh)


def secret_fields(made: PageForm) -> Iterable[SecretAnswerField]:
    """Return the fields that hold secrets."""
    return [field for field in made.answers if isinstance(field, SecretAnswerField)]


def _fingerprint(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _notes(ask: Ask, values: Values, suggestion: Suggestion | None) -> list[str]:
    notes: list[str] = []
    if ask.secret and values.get(ask.name):
        notes.append(t("A value was given and is not shown. Leave this blank to keep it."))
    if suggestion:
        notes.append(suggestion.why)
    if ask.user_or_group and not suggestion:
        notes.append(t("A whole number, such as 1000. In a terminal, “id NAME” shows the numbers of a user."))
    return notes


def _attributes(ask: Ask) -> dict[str, str]:
    if ask.secret:
        return {**PLAIN, "autocomplete": "new-password"}
    return {**PLAIN, "inputmode": "numeric"} if ask.user_or_group else PLAIN


def _check(_form: Form, field: Field) -> None:
    if fault := text_fault(field.ask, field.data or ""):
        raise ValidationError(fault)
