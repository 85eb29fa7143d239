"""The ports page: the host ports on which the app is published."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from wtforms import Field, Form, StringField, ValidationError

from rockonweb.core.definition.definition import Definition, PortSpec
from rockonweb.core.facts import HostFacts
from rockonweb.core.questions.wizard import (
    FieldValues,
    PortSuggestion,
    Question,
    page_questions,
    parse_port,
    question_port_fault,
)
from rockonweb.core.text import t
from rockonweb.forms import PageForm, QuestionField, build_form, strip_blanks


class PortField(QuestionField, StringField):  # type: ignore[misc]
    """A host port, blank where it is not published. A fixed port keeps its number, whatever is sent.

    Not a number field: for invalid input browsers send a blank value, which means "not published".
    """

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Read the sent value, unless the port is fixed."""
        if self.ask.fixed:
            formdata, data = None, (self.ask.key,)
        super().process(formdata, *data, **options)


def build_ports_form(
    definition: Definition,
    values: FieldValues,
    suggested: Mapping[str, PortSuggestion],
    facts: HostFacts,
    *,
    page_needed: bool = True,
) -> PageForm:
    """Return the form, validated against the host's facts; `suggested` fills the fields that `values` leaves out.

    With `page_needed`, the port of the app's own page may not be blank.
    """
    fields = {}
    for position, ask in enumerate(page_questions(definition, "ports"), 1):
        fields[ask.name] = PortField(
            ask=ask,
            position=position,
            notes=[] if ask.name in values else _usual_port_notes(ask, suggested[ask.name]),
            filters=[strip_blanks],
            validators=[partial(_validate_port, definition, facts, page_needed)],
            render_kw={"inputmode": "numeric", "autocomplete": "off"} | ({"readonly": True} if ask.fixed else {}),
        )
    defaults = {name: str(suggestion.port) for name, suggestion in suggested.items()}
    return build_form(PageForm, fields, {**defaults, **values})


def _usual_port_notes(ask: Question, suggestion: PortSuggestion) -> list[str]:
    default = ask.spec.host_default if isinstance(ask.spec, PortSpec) else None
    if suggestion.why:
        return [suggestion.why]
    if default and default != suggestion.port and not ask.fixed:
        return [
            t("Usually %(default)s, but that port is suggested for another rock-on in the catalogue.", default=default)
        ]
    return []


def _validate_port(definition: Definition, facts: HostFacts, page_needed: bool, form: Form, field: Field) -> None:
    """Validate one port against the host and the form's other ports."""
    ask: Question = field.ask
    if not field.data:
        if ask.ui and page_needed:
            raise ValidationError(t("The app's own page needs a port."))
        return
    port = parse_port(field.data)
    if port is None:
        raise ValidationError(t("A port is a number from 1 to 65535."))
    if fault := question_port_fault(definition, ask, port, facts, _ports_of_others(form, field)):
        field.errors.append(fault.sentence)
        raise ValidationError(fault.hint)


def _ports_of_others(form: Form, field: Field) -> dict[tuple[int, str], Question]:
    return {
        (port, protocol): other.ask
        for other in form
        if isinstance(other, PortField) and other is not field and (port := parse_port(other.data or ""))
        for protocol in other.ask.protocols
    }
