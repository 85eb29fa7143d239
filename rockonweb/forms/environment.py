"""The environment page: the app's own settings, as variables. The custom-config page is built the same way."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Mapping
from typing import Any

from wtforms import BooleanField, Field, Form, ValidationError

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.suggestions import Suggestion, can_generate_secret, prefill_suggestions
from rockonweb.core.questions.wizard import FieldValues, Question, page_questions, text_fault
from rockonweb.core.text import t
from rockonweb.forms import NO_AUTOFILL, PageForm, QuestionField, build_form
from rockonweb.forms.lines import LinesField

FORGET_PREFIX = "forget-"  # before the name of an optional secret: the checkbox that clears it
# Before the name of a secret: the hidden field with the fingerprint of one generated for this page.
GENERATED_PREFIX = "fresh-"
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # without characters that look alike


class TextAnswerField(QuestionField, LinesField):  # type: ignore[misc]
    """A value that is shown in plain text."""


class SecretAnswerField(QuestionField, LinesField):  # type: ignore[misc]
    """A value that is not shown once it is stored; if sent blank, the stored one stays.

    One that is not stored yet, as it was generated for this page, stays in its field and can be revealed.
    """

    forget: Field | None = None
    redisplayed = False  # the response contains the sent value

    def __init__(self, *, kept: str = "", **options: Any) -> None:
        self.stored = kept
        super().__init__(**options)
        self.can_generate = can_generate_secret(self.ask)

    @property
    def marker(self) -> tuple[str, str]:
        """Name and value of the hidden field that distinguishes a generated secret from a typed one."""
        return GENERATED_PREFIX + self.name, _secret_fingerprint(self.data or "")

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Read the sent value, or use the stored one where it is blank."""
        super().process(formdata, *data, **options)
        value = self.data or ""
        if formdata is None:
            self.generated = bool(value) and not self.stored
        else:
            self.generated = bool(value) and formdata.get(GENERATED_PREFIX + self.name) == _secret_fingerprint(value)
        self.data = value or self.stored

    def __call__(self, **attributes: Any) -> Any:
        """Render the field: hidden, unless the secret is revealed."""
        self.hidden = not self.revealed
        self.blank = not (self.revealed or self.generated or self.redisplayed)
        return super().__call__(**attributes)


def build_environment_form(
    definition: Definition,
    values: FieldValues,
    suggested: Mapping[str, Suggestion] | None = None,
    page: str = "environment",
) -> PageForm:
    """Return the form of texts and secrets; suggestions fill the fields that `values` leaves out."""
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
            fields[FORGET_PREFIX + ask.name] = BooleanField(t("Clear the saved value"), id=f"{FORGET_PREFIX}{position}")
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
    """Return a random secret of `length` letters and digits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def fill_generated_secret(form: PageForm, name: str, suggested: Mapping[str, Suggestion]) -> None:
    """Put the suggested secret into a field of a sent form and reveal it; fields with the same source get the same."""
    source = suggested[name].source if name in suggested else ""
    for field in find_secret_fields(form):
        if source and suggested.get(field.name) and suggested[field.name].source == source:
            field.data, field.generated = suggested[field.name].value, True
    redisplay_secrets(form, name)


def redisplay_secrets(form: PageForm, name: str) -> None:
    """Prepare a sent form for display again: secrets that are not stored stay in it; the one of `name` is revealed."""
    for field in find_secret_fields(form):
        field.redisplayed = field.submitted and field.data != field.stored
        field.revealed = field.name == name and (field.redisplayed or field.generated)


def find_secret_fields(form: PageForm) -> Iterable[SecretAnswerField]:
    """Return the fields for secrets."""
    return [field for field in form.answer_fields if isinstance(field, SecretAnswerField)]


def _secret_fingerprint(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:16]


def _answer_notes(ask: Question, values: FieldValues, suggestion: Suggestion | None) -> list[str]:
    notes: list[str] = []
    if ask.secret and values.get(ask.name):
        notes.append(t("A value is set but not shown. Leave this blank to keep it."))
    if suggestion:
        notes.append(suggestion.why)
    if ask.user_or_group and not suggestion:
        notes.append(t("A whole number, such as 1000. In a terminal, “id NAME” shows a user's IDs."))
    return notes


def _input_attributes(ask: Question) -> dict[str, str]:
    if ask.secret:
        return {**NO_AUTOFILL, "autocomplete": "new-password"}
    return {**NO_AUTOFILL, "inputmode": "numeric"} if ask.user_or_group else NO_AUTOFILL


def _validate_text(_form: Form, field: Field) -> None:
    if fault := text_fault(field.ask, field.data or ""):
        raise ValidationError(fault)
