"""Rows of fields that add settings for one or all containers. A blank row adds nothing."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, SelectChoice, SelectField

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.settings import ALL_CONTAINERS, RowFault, TypedRow
from rockonweb.core.secret import is_secret
from rockonweb.core.text import TranslatableText, t
from rockonweb.forms import PlainField, build_form, shares
from rockonweb.forms.lines import LabelField, LinesField

ADD_BUTTON = "Add"  # the button that adds a row
REMOVE_BUTTON = "Remove"  # the buttons that remove a setting or row; their value is its name
MAX_ROWS = 50
_FIELD_NAME = re.compile(r"new-([0-9]{1,2})-(?:container|key|value)")


@dataclass(frozen=True)
class FieldRow:
    """One row of fields. `container` is None where the rock-on has only one."""

    name: str
    container: Field | None
    key: Field
    value: Field | None

    @property
    def fields(self) -> list[Field]:
        """The fields that the row has."""
        return [field for field in (self.container, self.key, self.value) if field is not None]


class RowsForm(FlaskForm):  # type: ignore[misc]
    """The rows of a page: as many as were sent, and one more when `ADD_BUTTON` was pressed."""

    rows: list[FieldRow]
    only_container: str  # the rock-on's only container, blank when there are several

    @property
    def row_entries(self) -> list[TypedRow]:
        """The values of the rows."""
        return [
            TypedRow(
                row.name,
                self.only_container if row.container is None else row.container.data or "",
                row.key.data or "",
                row.value.data or "" if row.value is not None else "",
            )
            for row in self.rows
        ]

    @property
    def focused_input(self) -> Field | None:
        """The field that gets the focus: the first with an error, or the key of a new row."""
        faulty_fields = [field for row in self.rows for field in row.fields if field.errors]
        return faulty_fields[0] if faulty_fields else self.rows[-1].key if ADD_BUTTON in request.form else None


@dataclass(frozen=True)
class RowLabels:
    """The labels and examples of a page's rows. Where `value` is None, rows have no such field."""

    key: TranslatableText
    example: str
    value: TranslatableText | None = None
    value_example: str = ""


ROW_LABELS = {
    "storage": RowLabels(t("Path in the app"), "/photos", t("Share"), "photos"),
    "environment": RowLabels(t("Variable"), "LOG_LEVEL", t("Value")),
    "labels": RowLabels(t("Label"), "KEY=VALUE"),
    "networks": RowLabels(t("Network name"), "family"),
}


def build_rows_form(definition: Definition, page: str) -> RowsForm:
    """Return the rows of a page."""
    labels = ROW_LABELS[page]
    names = [name for name, _ in definition.launch_order]
    fields: dict[str, Any] = {}
    for number in range(1, _count_rows() + 1):
        fields |= _build_row_fields(f"new-{number}", labels, names, _default_container(definition), page)
    rows_form = build_form(RowsForm, fields, {})
    rows_form.only_container = names[0] if len(names) == 1 else ""
    rows_form.rows = [_build_row(rows_form, f"new-{number}") for number in range(1, _count_rows() + 1)]
    if page == "environment":
        for row in rows_form.rows:
            if row.value is not None and is_secret(row.key.data or ""):
                row.value.hidden = True  # not blank: it is not stored yet, so it must stay on the page
    return rows_form


def validate_rows(form: FlaskForm, rows: RowsForm, faults: Collection[RowFault]) -> bool:
    """Whether a page is valid and has none of these faults, which are set as errors of their fields.

    `form` has the fields of existing settings, `rows` those of new ones.
    """
    accepted = all([form.validate(), rows.validate()])
    for fault in faults:
        name = f"{fault.name}-{fault.column}"
        field = (
            rows[name]
            if name in rows
            else rows[f"{fault.name}-key"]
            if f"{fault.name}-key" in rows
            else form[fault.name]
        )
        if fault.sentence not in field.errors:
            field.errors = [*field.errors, fault.sentence]
    return accepted and not faults


def _build_row(rows_form: RowsForm, name: str) -> FieldRow:
    container, value = f"{name}-container", f"{name}-value"
    return FieldRow(
        name,
        rows_form[container] if container in rows_form._fields else None,
        rows_form[f"{name}-key"],
        rows_form[value] if value in rows_form._fields else None,
    )


def _build_row_fields(
    name: str, labels: RowLabels, containers: list[str], default_container: str, page: str
) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if len(containers) > 1:
        choices = [*map(SelectChoice, containers), SelectChoice(ALL_CONTAINERS, _l("all containers"))]
        fields[f"{name}-container"] = SelectField(
            t("Container"), choices=choices, default=default_container, validate_choice=False, id=f"{name}-container"
        )
    key_field = LabelField if page == "labels" else PlainField
    fields[f"{name}-key"] = key_field(labels.key, render_kw={"placeholder": labels.example}, id=f"{name}-key")
    if page == "storage":
        attributes = {"list": shares.LIST_ID, "placeholder": labels.value_example}
        fields[f"{name}-value"] = PlainField(labels.value, render_kw=attributes, id=f"{name}-value")
    elif labels.value:  # of a variable: surrounding blanks may be intended
        fields[f"{name}-value"] = LinesField(labels.value, id=f"{name}-value")
    return fields


def _default_container(definition: Definition) -> str:
    """Return the preselected container: that of the app's own page, else the first."""
    return definition.ui_port[0] if definition.ui_port else definition.launch_order[0][0]


def _count_rows() -> int:
    numbers = [int(match[1]) for name in request.form if (match := _FIELD_NAME.fullmatch(name))]
    return min(max([1, *numbers]) + (ADD_BUTTON in request.form), MAX_ROWS)
