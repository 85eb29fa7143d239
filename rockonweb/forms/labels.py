"""The labels page: what programs beside the app, such as a proxy, read on its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, cast

from flask_wtf import FlaskForm
from wtforms import Field, StringField

from rockonweb.core import settings
from rockonweb.core.answers import Answers
from rockonweb.core.definition import Definition
from rockonweb.core.settings import Typed
from rockonweb.forms import stripped
from rockonweb.forms.added import RowsForm, attach


class LabelsForm(FlaskForm):  # type: ignore[misc]
    """The labels that there are; a blank one is removed."""

    definition: Definition
    there: list[tuple[str, Field]]

    @property
    def groups(self) -> Iterator[tuple[str, list[Field]]]:
        """The fields by container."""
        for name, found in groupby(self.there, key=lambda one: one[0]):
            yield name, [field for _, field in found]


def form(definition: Definition, labels: Mapping[str, Sequence[str]]) -> LabelsForm:
    """Return the form for these labels."""
    fields: dict[str, Any] = {}
    values = {}
    containers = {}
    for container, _ in definition.launch_order:
        for number, label in enumerate(labels.get(container, ()), 1):
            name = f"labels-{container}-{number}"
            fields[name] = StringField(
                label,
                filters=[stripped],
                id=f"label-{len(fields) + 1}",
                render_kw={"autocomplete": "off", "spellcheck": "false", "autocapitalize": "none"},
            )
            values[name], containers[name] = label, container
    made = cast(LabelsForm, type("LabelsForm", (LabelsForm,), fields)(data=values))
    made.definition = definition
    made.there = [(container, made[name]) for name, container in containers.items()]
    return made


def take(form: LabelsForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the labels that were typed; None when something is wrong, which stands on the forms."""
    accepted = all([form.validate(), rows.validate()])
    there = [Typed(field.name, container, field.data) for container, field in form.there]
    made = settings.labels(form.definition, [*there, *rows.typed])
    attach(form, rows, made.faults)
    return Answers(**{**vars(answers), "labels": made.lists}) if accepted and not made.faults else None
