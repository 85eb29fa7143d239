"""The storage page: shares that were added to an installed app, each at a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings
from rockonweb.core.questions.settings import Typed
from rockonweb.forms import PageForm, build, plain_fields
from rockonweb.forms.added import RowsForm, judge
from rockonweb.forms.shares import LIST_ID, Room, place_faults, place_notes


class StorageForm(PageForm):
    """The share of each path that was added."""

    definition: Definition
    room: Room


def form(definition: Definition, places: Mapping[str, Mapping[str, str]], room: Room) -> StorageForm:
    """Return the form for these paths and shares, by container."""
    asked = settings.storage_asks(definition, places)
    values = {ask.name: places[ask.container][ask.key] for ask in asked}
    made = build(StorageForm, plain_fields(asked, render_kw={"list": LIST_ID}), values)
    made.definition, made.room = definition, room
    for one in made.answers:
        one.notes = place_notes(one.data or "", room)
    return made


def take(form: StorageForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the storage that was typed; None when something is wrong, which stands on the forms."""
    there = [Typed(field.name, field.ask.container, field.ask.key, field.data) for field in form.answers]
    made = settings.storage(form.definition, [*there, *rows.typed])
    accepted = judge(form, rows, made.faults)
    fields = [*form.answers, *(row.value for row, one in zip(rows.rows, rows.typed, strict=True) if not one.blank)]
    for field in fields:
        faults = place_faults(field.data or "", form.room)
        field.errors = [*field.errors, *faults]
        accepted = accepted and not faults
    return replace(answers, storage=made.found) if accepted else None
