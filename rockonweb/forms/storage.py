"""The storage page: shares that were added to an installed app, each mounted at a path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings
from rockonweb.core.questions.settings import TypedRow
from rockonweb.forms import PageForm, build_form, build_plain_fields
from rockonweb.forms.added import RowsForm, validate_rows
from rockonweb.forms.shares import LIST_ID, ShareContext, share_path_faults, share_path_notes


class StorageForm(PageForm):
    """The share of each added path."""

    definition: Definition
    share_context: ShareContext


def build_storage_form(
    definition: Definition, shares_by_container: Mapping[str, Mapping[str, str]], share_context: ShareContext
) -> StorageForm:
    """Return the form for shares by container name and path."""
    storage_questions = settings.added_storage_questions(definition, shares_by_container)
    values = {ask.name: shares_by_container[ask.container][ask.key] for ask in storage_questions}
    form = build_form(StorageForm, build_plain_fields(storage_questions, render_kw={"list": LIST_ID}), values)
    form.definition, form.share_context = definition, share_context
    for field in form.answer_fields:
        field.notes = share_path_notes(field.data or "", share_context)
    return form


def merge_storage(form: StorageForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the typed storage; None where the forms have errors."""
    existing = [TypedRow(field.name, field.ask.container, field.ask.key, field.data) for field in form.answer_fields]
    result = settings.parse_storage(form.definition, [*existing, *rows.row_entries])
    accepted = validate_rows(form, rows, result.faults)
    fields = [
        *form.answer_fields,
        *(row.value for row, entry in zip(rows.rows, rows.row_entries, strict=True) if not entry.is_blank),
    ]
    for field in fields:
        faults = share_path_faults(field.data or "", form.share_context)
        field.errors = [*field.errors, *faults]
        accepted = accepted and not faults
    return replace(answers, storage=result.values_by_container) if accepted else None
