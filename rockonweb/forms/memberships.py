"""The networks page of an app's settings: which of its containers join which networks."""

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
from rockonweb.core.questions.settings import TypedRow
from rockonweb.core.text import TranslatableText
from rockonweb.forms import build_form
from rockonweb.forms.added import RowsForm, validate_rows


@dataclass(frozen=True)
class ContainerMembership:
    """A container, the reason why it can join no network, and a checkbox for each network."""

    container: str
    refusal: TranslatableText | None
    boxes: list[tuple[str, Field]]


class MembershipsForm(FlaskForm):  # type: ignore[misc]
    """A checkbox for each container and network."""

    definition: Definition
    memberships: list[ContainerMembership]


def build_memberships_form(
    definition: Definition, joined: Mapping[str, Sequence[str]], existing_networks: Collection[str]
) -> MembershipsForm:
    """Return the form; `joined` has the networks of each container, by its name."""
    fields: dict[str, Any] = {}
    boxes: dict[str, list[tuple[str, str]]] = {}
    for container, spec in definition.launch_order:
        current_networks = joined.get(container, ())
        for network in (
            current_networks if join_refusal(spec) else dict.fromkeys([*sorted(existing_networks), *current_networks])
        ):
            name = field_name("networks", container, network, definition.containers)
            fields[name] = BooleanField(network, default=network in current_networks, id=f"network-{len(fields) + 1}")
            boxes.setdefault(container, []).append((network, name))
    form = build_form(MembershipsForm, fields, {})
    form.definition = definition
    form.memberships = [
        ContainerMembership(
            container, join_refusal(spec), [(network, form[name]) for network, name in boxes.get(container, ())]
        )
        for container, spec in definition.launch_order
    ]
    return form


def merge_memberships(form: MembershipsForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the chosen networks; None where the forms have errors."""
    existing = [
        TypedRow(field.name, membership.container, network)
        for membership in form.memberships
        for network, field in membership.boxes
        if field.data
    ]
    result = settings.parse_networks(form.definition, [*existing, *rows.row_entries])
    return replace(answers, networks=result.keys_by_container) if validate_rows(form, rows, result.faults) else None
