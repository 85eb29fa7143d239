"""The networks page of an app's settings: which of its containers are on which network that people made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask_wtf import FlaskForm
from wtforms import BooleanField, Field

from rockonweb.core.answers.answers import Answers
from rockonweb.core.answers.field_names import field_name
from rockonweb.core.containers.networks import join_refusal
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings
from rockonweb.core.questions.settings import Typed
from rockonweb.core.text import Text
from rockonweb.forms import build
from rockonweb.forms.added import RowsForm, judge


@dataclass(frozen=True)
class Place:
    """A container, why it can join no network, else a box for each that it can join."""

    container: str
    refusal: Text | None
    boxes: list[tuple[str, Field]]


class MembershipsForm(FlaskForm):  # type: ignore[misc]
    """A box for each container and network."""

    definition: Definition
    places: list[Place]


def form(definition: Definition, joined: Mapping[str, Sequence[str]], known: Collection[str]) -> MembershipsForm:
    """Return the form; `known` are the networks there are, `joined` those that each container is on."""
    fields: dict[str, Any] = {}
    boxes: dict[str, list[tuple[str, str]]] = {}
    for container, spec in definition.launch_order:
        on = joined.get(container, ())
        for network in on if join_refusal(spec) else dict.fromkeys([*sorted(known), *on]):
            name = field_name("networks", container, network, definition.containers)
            fields[name] = BooleanField(network, default=network in on, id=f"network-{len(fields) + 1}")
            boxes.setdefault(container, []).append((network, name))
    made = build(MembershipsForm, fields, {})
    made.definition = definition
    made.places = [
        Place(container, join_refusal(spec), [(network, made[name]) for network, name in boxes.get(container, ())])
        for container, spec in definition.launch_order
    ]
    return made


def take(form: MembershipsForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the networks that were chosen; None when something is wrong, which is on the forms."""
    there = [
        Typed(field.name, place.container, network)
        for place in form.places
        for network, field in place.boxes
        if field.data
    ]
    made = settings.networks(form.definition, [*there, *rows.typed])
    return replace(answers, networks=made.lists) if judge(form, rows, made.faults) else None
