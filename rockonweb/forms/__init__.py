"""The forms: a file for each page of the wizard, and for each page of settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import Field, StringField

from rockonweb.core.questions.wizard import FieldValues, Question

NO_AUTOFILL = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}  # no help of the browser's


class PageForm(FlaskForm):  # type: ignore[misc]
    """A page of the wizard. A field carries its question (`ask`) and sentences of help (`notes`)."""

    @property
    def answer_fields(self) -> list[Field]:
        """The fields that answer a question, in order."""
        return [field for field in self if hasattr(field, "ask")]

    @property
    def groups(self) -> list[tuple[str, list[Field]]]:
        """The fields by container."""
        return [
            (name, list(fields)) for name, fields in groupby(self.answer_fields, key=lambda field: field.ask.container)
        ]

    @property
    def typed_values(self) -> dict[str, str]:
        """What the fields hold, by name."""
        return {field.name: field.data or "" for field in self.answer_fields}

    @property
    def submitted_values(self) -> dict[str, str]:
        """What a person typed into the submitted form, by name."""
        return {field.name: field.data or "" for field in self.answer_fields if field.submitted and not field.generated}

    @property
    def unsaved_values(self) -> dict[str, str]:
        """What the fields of a page with errors hold: a secret that was just generated is still on that page."""
        return {field.name: field.data or "" for field in self.answer_fields if not field.generated}

    @property
    def first_faulty_field(self) -> Field | None:
        """The first field with an error; it gets the focus."""
        return next((field for field in self.answer_fields if field.errors), None)

    @property
    def has_secret_fields(self) -> bool:
        """Whether a field holds a secret, with buttons of its own."""
        return any(field.ask.secret for field in self.answer_fields)

    @property
    def focused_field(self) -> Field | None:
        """The field that gets the focus: the first with an error, or the one that was asked to be shown."""
        return self.first_faulty_field or next((field for field in self.answer_fields if field.revealed), None)


FormT = TypeVar("FormT", bound=FlaskForm)


class PlainField(StringField):  # type: ignore[misc]
    """One line of text that is no prose, such as a name or an address: without blanks around it."""

    def __init__(self, label: Any = None, validators: Any = None, *, render_kw: Any = None, **options: Any) -> None:
        attributes = {**NO_AUTOFILL, **(render_kw or {})}
        super().__init__(label, validators, filters=[strip_blanks], render_kw=attributes, **options)


class QuestionField:
    """What all fields of questions have; before a WTForms field among the bases of a class.

    The field's name is the question's and may hold slashes and spaces; its id is safe in a selector.
    """

    data: str | None
    generated = False  # a secret that was generated for this page and is kept nowhere yet
    revealed = False  # a secret that the person asked to see
    stored = ""  # a secret that was given before and is not shown
    suggested = False  # filled in by us; the notes say where it comes from

    def __init__(self, *, ask: Question, position: int, notes: Sequence[str] = (), **options: Any) -> None:
        self.ask = ask
        self.notes = notes
        self.submitted = False
        super().__init__(label=ask.label, description=ask.spec.description, id=f"{ask.page}-{position}", **options)  # type: ignore[call-arg]

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent. What was left out of a submitted form is blank, not its suggestion."""
        super().process(formdata, *data, **options)  # type: ignore[misc]
        self.submitted = formdata is not None and self.name in formdata  # type: ignore[attr-defined]
        if formdata is not None and not self.submitted:
            self.data = ""


class PlainAnswerField(QuestionField, PlainField):
    """An answer in one line that is no prose, or blank for none."""


def build_plain_fields(asks: Iterable[Question], **options: Any) -> dict[str, PlainAnswerField]:
    """Return a field for each question, by its name."""
    return {ask.name: PlainAnswerField(ask=ask, position=position, **options) for position, ask in enumerate(asks, 1)}


def build_form(form_class: type[FormT], fields: Mapping[str, Any], values: FieldValues) -> FormT:
    """Return a form of a kind with these fields, in this order; `values` fill it until it is submitted."""
    form: FormT = type(form_class.__name__, (form_class,), dict(fields))(data=dict(values))
    return form


def strip_blanks(value: str | None) -> str:
    """Return a value without the blanks around it; a filter of fields where they can't be meant."""
    return (value or "").strip()
