"""Rows in which something is added: for one container or for all of them. A row that stays blank adds nothing."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, SelectField, StringField
from wtforms.widgets import PasswordInput

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.settings import ALL, Fault, Typed
from rockonweb.core.secret import is_secret
from rockonweb.core.text import Text, t
from rockonweb.forms import PLAIN, PlainField, build, shares

ADD = "Add"  # the button for one more row
REMOVE = "Remove"  # the buttons that take one away; their value is what
MOST = 50  # rows
_NAME = re.compile(r"new-([0-9]{1,2})-(?:container|key|value)")


@dataclass(frozen=True)
class Row:
    """One row of fields. `container` is None where there is only one to choose."""

    name: str
    container: Field | None
    key: Field
    value: Field | None

    @property
    def fields(self) -> list[Field]:
        """The fields that there are."""
        return [one for one in (self.container, self.key, self.value) if one is not None]


class RowsForm(FlaskForm):  # type: ignore[misc]
    """The rows of a page, as many as were sent; one more when that was asked for."""

    rows: list[Row]
    only: str  # the one container there is, blank when there are several

    @property
    def typed(self) -> list[Typed]:
        """What stands in the rows."""
        return [
            Typed(
                row.name,
                self.only if row.container is None else row.container.data or "",
                row.key.data or "",
                row.value.data or "" if row.value is not None else "",
            )
            for row in self.rows
        ]

    @property
    def focus(self) -> Field | None:
        """The field that gets the focus: the first with an error, or the new row's."""
        faulty = [one for row in self.rows for one in row.fields if one.errors]
        return faulty[0] if faulty else self.rows[-1].key if ADD in request.form else None


@dataclass(frozen=True)
class Words:
    """How the fields of a page's rows are called. Without `value` a row has none."""

    key: Text
    example: str
    value: Text | None = None
    value_example: str = ""


WORDS = {
    "storage": Words(t("Path in the app"), "/photos", t("Share"), "photos"),
    "environment": Words(t("Variable"), "LOG_LEVEL", t("Value")),
    "labels": Words(t("Label"), "KEY=VALUE"),
    "networks": Words(t("Name of the network"), "family"),
}


def form(definition: Definition, page: str) -> RowsForm:
    """Return the rows of a page."""
    words = WORDS[page]
    names = [name for name, _ in definition.launch_order]
    fields: dict[str, Any] = {}
    for number in range(1, _count() + 1):
        fields |= _fields(f"new-{number}", words, names, _begin_with(definition), page)
    made = build(RowsForm, fields, {})
    made.only = names[0] if len(names) == 1 else ""
    made.rows = [_row(made, f"new-{number}") for number in range(1, _count() + 1)]
    if page == "environment":
        for row in made.rows:
            if row.value is not None and is_secret(row.key.data or ""):
                row.value.widget = PasswordInput(hide_value=False)  # nothing of it is kept yet
    return made


def judge(form: FlaskForm, rows: RowsForm, faults: Collection[Fault]) -> bool:
    """Whether a page is valid and has none of these faults; otherwise their sentences stand beside its fields.

    `form` has the fields of what was there before.
    """
    accepted = all([form.validate(), rows.validate()])
    for fault in faults:
        name = f"{fault.name}-{fault.part}"
        field = (
            rows[name]
            if name in rows
            else rows[f"{fault.name}-key"]
            if f"{fault.name}-key" in rows
            else form[fault.name]
        )
        field.errors = [*field.errors, fault.sentence]
    return accepted and not faults


def _row(made: RowsForm, name: str) -> Row:
    container, value = f"{name}-container", f"{name}-value"
    return Row(
        name,
        made[container] if container in made._fields else None,
        made[f"{name}-key"],
        made[value] if value in made._fields else None,
    )


def _fields(name: str, words: Words, containers: list[str], begin: str, page: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if len(containers) > 1:
        choices = [*map(SelectChoice, containers), SelectChoice(ALL, _l("all containers"))]
        fields[f"{name}-container"] = SelectField(
            t("Container"), choices=choices, default=begin, validate_choice=False, id=f"{name}-container"
        )
    fields[f"{name}-key"] = PlainField(words.key, render_kw={"placeholder": words.example}, id=f"{name}-key")
    if page == "storage":
        shown = {"list": shares.LIST_ID, "placeholder": words.value_example}
        fields[f"{name}-value"] = PlainField(words.value, render_kw=shown, id=f"{name}-value")
    elif words.value:  # of a variable: blanks around it may be meant
        fields[f"{name}-value"] = StringField(words.value, render_kw=PLAIN, id=f"{name}-value")
    return fields


def _begin_with(definition: Definition) -> str:
    """Return the container that is chosen at first: that of the app's own page."""
    return definition.ui_port[0] if definition.ui_port else definition.launch_order[0][0]


def _count() -> int:
    sent = [int(found[1]) for name in request.form if (found := _NAME.fullmatch(name))]
    return min(max([1, *sent]) + (ADD in request.form), MOST)
