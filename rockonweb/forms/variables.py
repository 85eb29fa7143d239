"""The environment page of an installed app: the definition's variables, added ones, and rows to add more."""

from __future__ import annotations

from dataclasses import replace

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings, wizard
from rockonweb.core.questions.settings import TypedRow
from rockonweb.forms import PageForm
from rockonweb.forms.added import RowsForm, validate_rows


def merge_variables(definition: Definition, form: PageForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the typed variables; None where the forms have errors.

    `form` has the variables of `definition` and those added before, `rows` the new ones.
    """
    existing = [
        TypedRow(field.name, field.ask.container, field.ask.key, field.data or "")
        for field in form.answer_fields
        if field.ask.key not in definition.containers[field.ask.container].environment
    ]
    result = settings.parse_variables(definition, [*existing, *rows.row_entries])
    accepted = validate_rows(form, rows, result.faults)
    if not accepted:
        return None
    defined = wizard.answers_from_values(definition, form.typed_values).environment
    return replace(answers, environment=defined, variables=result.values_by_container)
