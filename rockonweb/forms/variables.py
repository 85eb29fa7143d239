"""The environment page of an installed app: the definition's variables, those that were added, and rows for more."""

from __future__ import annotations

from dataclasses import replace

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions import settings, wizard
from rockonweb.core.questions.settings import Typed
from rockonweb.core.text import t
from rockonweb.forms import PageForm
from rockonweb.forms.added import RowsForm, judge


def take(definition: Definition, form: PageForm, rows: RowsForm, answers: Answers) -> Answers | None:
    """Return the answers with the variables that were typed; None when something is wrong, which stands on the forms.

    `form` asks for the variables of `definition` and for those that were added.
    """
    there = [
        Typed(field.name, field.ask.container, field.ask.key, field.data or "")
        for field in form.answers
        if field.ask.key not in definition.containers[field.ask.container].environment
    ]
    made = settings.variables(definition, [*there, *rows.typed])
    accepted = judge(form, rows, made.faults)
    for row in rows.rows:
        if row.value is not None and set(row.value.data or "") & set("\0\r\n"):
            row.value.errors = [*row.value.errors, t("This must be a single line of text.")]
            accepted = False
    if not accepted:
        return None
    named = wizard.answers(definition, form.typed).environment
    return replace(answers, environment=named, variables=made.found)
