"""The labels page: what programs beside the app, such as a proxy, read on its containers."""

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
from rockonweb.core.questions.settings import Typed
from rockonweb.forms import PlainField, build
from rockonweb.forms.added import RowsForm, judge

Labels = list[tuple[str, str, str]]  # the field's name, the container, the label


class LabelsForm(FlaskForm):  # type: ignore[misc]
    """The labels that there are; a blank one is removed."""

    definition: Definition
    there: list[tuple[str, Field]]

    @property
    def groups(self) -> Iterator[tuple[str, list[Field]]]:
        """The fields by container."""
        for name, found in groupby(self.there, key=lambda one: one[0]):
            yield name, [field for _, field in found]


def named(definition: Definition, labels: Mapping[str, Sequence[str]]) -> Labels:
    """Return a field's name, the container and the label for each of these labels."""
    return [
        (field_name("labels", container, str(number), definition.containers), container, label)
        for container, found in labels.items()
        for number, label in enumerate(found, 1)
    ]


def form(definition: Definition, labels: Labels) -> LabelsForm:
    """Return the form for these labels."""
    order = [name for name, _ in definition.launch_order]
    there = sorted(labels, key=lambda one: order.index(one[1]))
    fields: dict[str, Any] = {
        name: PlainField(label, id=f"label-{place}") for place, (name, _, label) in enumerate(there, 1)
    }
    made = build(LabelsForm, fields, {name: label for name, _, label in there})
    made.definition = definition
    made.there = [(container, made[name]) for name, container, _ in there]
    return made


def take(form: LabelsForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the labels that were typed; None when something is wrong, which stands on the forms."""
    there = [Typed(field.name, container, field.data) for container, field in form.there]
    made = settings.labels(form.definition, [*there, *rows.typed])
    return replace(answers, labels=made.lists) if judge(form, rows, made.faults) else None
