"""The forms: a file for each page of the wizard, and for each page of settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeVar

from flask_wtf import FlaskForm
from wtforms import Field, StringField

from rockonweb.core.questions.wizard import Ask, Values

PLAIN = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}  # no help of the browser's


class PageForm(FlaskForm):  # type: ignore[misc]
    """A page of the wizard. A field carries its question (`ask`) and sentences of help (`notes`)."""

    @property
    def answers(self) -> list[Field]:
        """The fields that answer a question, in order."""
        return [field for field in self if hasattr(field, "ask")]

    @property
    def groups(self) -> list[tuple[str, list[Field]]]:
        """The fields by container."""
        return [(name, list(fields)) for name, fields in groupby(self.answers, key=lambda field: field.ask.container)]

    @property
    def typed(self) -> dict[str, str]:
        """What the fields hold, by name."""
        return {field.name: field.data or "" for field in self.answers}

    @property
    def sent(self) -> dict[str, str]:
        """What a person typed into the submitted form, by name."""
        return {field.name: field.data or "" for field in self.answers if field.sent and not field.fresh}

    @property
    def typed_so_far(self) -> dict[str, str]:
        """What the fields of a page with errors hold: a secret that was just generated is still on that page."""
        return {field.name: field.data or "" for field in self.answers if not field.fresh}

    @property
    def first_fault(self) -> Field | None:
        """The first field with an error; it gets the focus."""
        return next((field for field in self.answers if field.errors), None)

    @property
    def has_secrets(self) -> bool:
        """Whether a field holds a secret, with buttons of its own."""
        return any(field.ask.secret for field in self.answers)

    @property
    def focus(self) -> Field | None:
        """The field that gets the focus: the first with an error, or the one that was asked to be shown."""
        return self.first_fault or next((field for field in self.answers if field.shown), None)


AForm = TypeVar("AForm", bound=FlaskForm)


class PlainField(StringField):  # type: ignore[misc]
    """One line of text that is no prose, such as a name or an address: without blanks around it."""

    def __init__(self, label: Any = None, validators: Any = None, *, render_kw: Any = None, **options: Any) -> None:
        attributes = {**PLAIN, **(render_kw or {})}
        super().__init__(label, validators, filters=[stripped], render_kw=attributes, **options)


class Asked:
    """What all fields of questions have; before a WTForms field among the bases of a class.

    The field's name is the question's and may hold slashes and spaces; its id is safe in a selector.
    """

    data: str | None
    fresh = False  # a secret that was generated for this page and is kept nowhere yet
    shown = False  # a secret that the person asked to see
    kept = ""  # a secret that was given before and is not shown
    suggested = False  # filled in by us; the notes say where it comes from

    def __init__(self, *, ask: Ask, place: int, notes: Sequence[str] = (), **options: Any) -> None:
        self.ask = ask
        self.notes = notes
        self.sent = False
        super().__init__(label=ask.label, description=ask.question.description, id=f"{ask.page}-{place}", **options)  # type: ignore[call-arg]

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent. What was left out of a submitted form is blank, not its suggestion."""
        super().process(formdata, *data, **options)  # type: ignore[misc]
        self.sent = formdata is not None and self.name in formdata  # type: ignore[attr-defined]
        if formdata is not None and not self.sent:
            self.data = ""


class PlainAnswerField(Asked, PlainField):
    """An answer in one line that is no prose, or blank for none."""


def plain_fields(asks: Iterable[Ask], **options: Any) -> dict[str, PlainAnswerField]:
    """Return a field for each question, by its name."""
    return {ask.name: PlainAnswerField(ask=ask, place=place, **options) for place, ask in enumerate(asks, 1)}


def build(kind: type[AForm], fields: Mapping[str, Any], values: Values) -> AForm:
    """Return a form of a kind with these fields, in this order; `values` fill it until it is submitted."""
    form: AForm = type(kind.__name__, (kind,), dict(fields))(data=dict(values))
    return form


def stripped(value: str | None) -> str:
    """Return a value without the blanks around it; a filter of fields where they can't be meant."""
    return (value or "").strip()
