"""The WTForms forms: a module for each page of the wizard and of settings, and for each blueprint with forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import Field, StringField

from rockonweb.core.questions.wizard import FieldValues, Question

NO_AUTOFILL = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}  # no changes by the browser


class PageForm(FlaskForm):  # type: ignore[misc]
    """A page of the wizard. A field carries its question (`ask`) and sentences of help (`notes`)."""

    @property
    def answer_fields(self) -> list[Field]:
        """The fields that answer a question, in order."""
        return [field for field in self if hasattr(field, "ask")]

    @property
    def groups(self) -> list[tuple[str, list[Field]]]:
        """The fields by container name."""
        return [
            (name, list(fields)) for name, fields in groupby(self.answer_fields, key=lambda field: field.ask.container)
        ]

    @property
    def typed_values(self) -> dict[str, str]:
        """The values of the fields, by field name."""
        return {field.name: field.data or "" for field in self.answer_fields}

    @property
    def submitted_values(self) -> dict[str, str]:
        """The values that were typed into the submitted form, by field name."""
        return {field.name: field.data or "" for field in self.answer_fields if field.submitted and not field.generated}

    @property
    def unsaved_values(self) -> dict[str, str]:
        """The values to store for a page with errors; without secrets generated for this page, which stay on it."""
        return {field.name: field.data or "" for field in self.answer_fields if not field.generated}

    @property
    def first_faulty_field(self) -> Field | None:
        """The first field with an error; it gets the focus."""
        return next((field for field in self.answer_fields if field.errors), None)

    @property
    def has_field_buttons(self) -> bool:
        """Whether a field has buttons of its own: those for texts have."""
        return any(hasattr(field, "several_lines") for field in self.answer_fields)

    @property
    def focused_field(self) -> Field | None:
        """The field that gets the focus: the first with an error, or a revealed secret."""
        return self.first_faulty_field or next((field for field in self.answer_fields if field.revealed), None)


FormT = TypeVar("FormT", bound=FlaskForm)


class PlainField(StringField):  # type: ignore[misc]
    """One line of text that is not prose, such as a name or an address: surrounding blanks are stripped."""

    def __init__(self, label: Any = None, validators: Any = None, *, render_kw: Any = None, **options: Any) -> None:
        attributes = {**NO_AUTOFILL, **(render_kw or {})}
        super().__init__(label, validators, filters=[strip_blanks], render_kw=attributes, **options)


class QuestionField:
    """Mixin of all fields of questions; must precede a WTForms field among the bases of a class.

    The field's name is the question's and may contain slashes and spaces; its id is safe in a CSS selector.
    """

    data: str | None
    generated = False  # a secret that was generated for this page and is not stored yet
    revealed = False  # a secret that the user requested to see
    stored = ""  # a stored secret, which is not shown
    suggested = False  # filled with a suggestion; the notes say where it comes from

    def __init__(self, *, ask: Question, position: int, notes: Sequence[str] = (), **options: Any) -> None:
        self.ask = ask
        self.notes = notes
        self.submitted = False
        super().__init__(label=ask.label, description=ask.spec.description, id=f"{ask.page}-{position}", **options)  # type: ignore[call-arg]

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Read the submitted value. A field that is missing in a submitted form is blank, not its default."""
        super().process(formdata, *data, **options)  # type: ignore[misc]
        self.submitted = formdata is not None and self.name in formdata  # type: ignore[attr-defined]
        if formdata is not None and not self.submitted:
            self.data = ""


class PlainAnswerField(QuestionField, PlainField):
    """An answer in one line that is not prose, blank for none."""


def build_plain_fields(asks: Iterable[Question], **options: Any) -> dict[str, PlainAnswerField]:
    """Return a field for each question, by the question's name."""
    return {ask.name: PlainAnswerField(ask=ask, position=position, **options) for position, ask in enumerate(asks, 1)}


def build_form(form_class: type[FormT], fields: Mapping[str, Any], values: FieldValues) -> FormT:
    """Return a form of a subclass with these fields, in this order; `values` fill it until it is submitted."""
    form: FormT = type(form_class.__name__, (form_class,), dict(fields))(data=dict(values))
    return form


def strip_blanks(value: str | None) -> str:
    """Return a value without surrounding blanks; a filter for fields where they are never intended."""
    return (value or "").strip()
