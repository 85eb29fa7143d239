"""The environment page: the app's own settings, as variables. The custom-config page asks in the same way."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from wtforms import BooleanField, Field, Form, PasswordField, StringField, ValidationError
from wtforms.widgets import PasswordInput, TextInput

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.suggestions import Suggestion, can_generate_secret, prefill_suggestions
from rockonweb.core.questions.wizard import FieldValues, Question, page_questions, text_fault
from rockonweb.core.text import t
from rockonweb.forms import NO_AUTOFILL, PageForm, QuestionField, build_form

FORGET_PREFIX = "forget-"  # before the name of a secret that may be blank: a box to take it back
# Before the name of a secret that the page generated: its fingerprint, while it is on the page.
GENERATED_PREFIX = "fresh-"
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without those that look alike


class TextAnswerField(QuestionField, StringField):  # type: ignore[misc]
    """A value that is shown."""


class SecretAnswerField(QuestionField, PasswordField):  # type: ignore[misc]
    """A value that is not shown again once it is kept: sent blank, the one that was given before stays.

    What is not kept yet, as it was generated for this page, stays in its field, and can be shown there.
    """

    forget: Field | None = None
    redisplayed = False  # what was sent is in the page that answers

    def __init__(self, *, kept: str = "", **options: Any) -> None:
        self.stored = kept
        super().__init__(**options)
        self.can_generate = can_generate_secret(self.ask)

    @property
    def marker(self) -> tuple[str, str]:
        """Name and value of the hidden field that tells this page's own secret from one that was typed."""
        return GENERATED_PREFIX + self.name, _secret_fingerprint(self.data or "")

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent; where that is blank, what was given before."""
        super().process(formdata, *data, **options)
        value = self.data or ""
        if formdata is None:
            self.generated = bool(value) and not self.stored
        else:
            self.generated = bool(value) and formdata.get(GENERATED_PREFIX + self.name) == _secret_fingerprint(value)
        self.data = value or self.stored

    def __call__(self, **attributes: Any) -> Any:
        """Render the field: dots, unless the person asked to see it."""
        self.widget = (
            TextInput() if self.revealed else PasswordInput(hide_value=not (self.generated or self.redisplayed))
        )
        return super().__call__(**attributes)


def build_environment_form(
    definition: Definition,
    values: FieldValues,
    suggested: Mapping[str, Suggestion] | None = None,
    page: str = "environment",
) -> PageForm:
    """Return the form of one-line texts, secrets among them; `suggested` fill what `values` leave out."""
    fields: dict[str, Any] = {}
    suggestions = prefill_suggestions(definition, page, values, suggested or {})
    for position, ask in enumerate(page_questions(definition, page), 1):
        options: dict[str, Any] = {"kept": values.get(ask.name, "")} if ask.secret else {}
        fields[ask.name] = (SecretAnswerField if ask.secret else TextAnswerField)(
            ask=ask,
            position=position,
            notes=_answer_notes(ask, values, suggestions.get(ask.name)),
            validators=[_validate_text],
            render_kw=_input_attributes(ask),
            **options,
        )
        if ask.secret and ask.optional and values.get(ask.name):
            fields[FORGET_PREFIX + ask.name] = BooleanField(
                t("Forget the value that was given"), id=f"{FORGET_PREFIX}{position}"
            )
    form = build_form(
        PageForm, fields, {**{key: suggestion.value for key, suggestion in suggestions.items()}, **values}
    )
    for field in form.answer_fields:
        field.suggested = field.name in suggestions and not form.is_submitted()
        box = FORGET_PREFIX + field.name
        if box in form:
            field.forget = form[box]
            field.data = "" if field.forget.data and field.data == field.stored else field.data
    return form


def random_secret(length: int) -> str:
    """Return a secret of so many letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def fill_generated_secret(form: PageForm, name: str, suggested: Mapping[str, Suggestion]) -> None:
    """Put a new secret into a field of a sent form and show it; what belongs to it gets the same."""
    source = suggested[name].source if name in suggested else ""
    for field in find_secret_fields(form):
        if source and suggested.get(field.name) and suggested[field.name].source == source:
            field.data, field.generated = suggested[field.name].value, True
    redisplay_secrets(form, name)


def redisplay_secrets(form: PageForm, name: str) -> None:
    """Let a sent form be looked at once more: nothing of it is kept, so its secrets stay in it; one may be shown."""
    for field in find_secret_fields(form):
        field.redisplayed = field.submitted and field.data != field.stored
        field.revealed = field.name == name and (field.redisplayed or field.generated)


def find_secret_fields(form: PageForm) -> Iterable[SecretAnswerField]:
    """Return the fields that hold secrets."""
    return [field for field in form.answer_fields if isinstance(field, SecretAnswerField)]


def _secret_fingerprint(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _answer_notes(ask: Question, values: FieldValues, suggestion: Suggestion | None) -> list[str]:
    notes: list[str] = []
    if ask.secret and values.get(ask.name):
        notes.append(t("A value was given and is not shown. Leave this blank to keep it."))
    if suggestion:
        notes.append(suggestion.why)
    if ask.user_or_group and not suggestion:
        notes.append(t("A whole number, such as 1000. In a terminal, “id NAME” shows the numbers of a user."))
    return notes


def _input_attributes(ask: Question) -> dict[str, str]:
    if ask.secret:
        return {**NO_AUTOFILL, "autocomplete": "new-password"}
    return {**NO_AUTOFILL, "inputmode": "numeric"} if ask.user_or_group else NO_AUTOFILL


def _validate_text(_form: Form, field: Field) -> None:
    if fault := text_fault(field.ask, field.data or ""):
        raise ValidationError(fault)
