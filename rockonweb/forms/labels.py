"""The labels page: labels of the app's containers, which other programs such as a reverse proxy read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from flask_wtf import FlaskForm
from wtforms import Field

from rockonweb.core.answers.answers import Answers
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings
from rockonweb.core.questions.settings import TypedRow
from rockonweb.forms import build_form
from rockonweb.forms.added import RowsForm, validate_rows
from rockonweb.forms.lines import LabelField

LabelEntries = list[tuple[str, str, str]]  # the field's name, the container, the label


class LabelsForm(FlaskForm):  # type: ignore[misc]
    """The existing labels; a blank one is removed."""

    definition: Definition
    label_fields: list[tuple[str, Field]]

    @property
    def groups(self) -> Iterator[tuple[str, list[Field]]]:
        """The fields by container name."""
        for name, pairs in groupby(self.label_fields, key=lambda pair: pair[0]):
            yield name, [field for _, field in pairs]


def name_labels(definition: Definition, labels: Mapping[str, Sequence[str]]) -> LabelEntries:
    """Return field name, container and label for each label of these containers."""
    return [
        (field_name("labels", container, str(number), definition.containers), container, label)
        for container, texts in labels.items()
        for number, label in enumerate(texts, 1)
    ]


def build_labels_form(definition: Definition, labels: LabelEntries) -> LabelsForm:
    """Return the form for these labels."""
    container_order = [name for name, _ in definition.launch_order]
    sorted_labels = sorted(labels, key=lambda entry: container_order.index(entry[1]))
    fields: dict[str, Any] = {
        name: LabelField(label, id=f"label-{position}") for position, (name, _, label) in enumerate(sorted_labels, 1)
    }
    form = build_form(LabelsForm, fields, {name: label for name, _, label in sorted_labels})
    form.definition = definition
    form.label_fields = [(container, form[name]) for name, container, _ in sorted_labels]
    return form


def merge_labels(form: LabelsForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the typed labels; None where the forms have errors."""
    existing = [TypedRow(field.name, container, field.data) for container, field in form.label_fields]
    result = settings.parse_labels(form.definition, [*existing, *rows.row_entries])
    return replace(answers, labels=result.keys_by_container) if validate_rows(form, rows, result.faults) else None
