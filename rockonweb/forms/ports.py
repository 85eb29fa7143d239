"""The ports page: under which ports of the host the app is reached."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from wtforms import Field, Form, StringField, ValidationError

from rockonweb.core.definition.definition import Definition, PortSpec
from rockonweb.core.facts import HostFacts
from rockonweb.core.questions.wizard import Ask, PortSuggestion, Values, asks, port_fault, port_number
from rockonweb.core.text import t
from rockonweb.forms import Asked, PageForm, build, stripped


class PortField(Asked, StringField):  # type: ignore[misc]
    """A host port, or blank. One that is fixed keeps its number, whatever is sent.

    Not a number field: of what it can't read, a browser sends nothing, and nothing means "not published".
    """

    def process(self, formdata: Any, *data: Any, **options: Any) -> None:
        """Take what was sent, unless the port is fixed."""
        if self.ask.fixed:
            formdata, data = None, (self.ask.key,)
        super().process(formdata, *data, **options)


def form(
    definition: Definition,
    values: Values,
    suggested: Mapping[str, PortSuggestion],
    facts: HostFacts,
    *,
    page_needed: bool = True,
) -> PageForm:
    """Return the form, checked against the host's facts; `suggested` fill what `values` leave out.

    `page_needed`: the port of the app's own page may not be blank.
    """
    fields = {}
    for place, ask in enumerate(asks(definition, "ports"), 1):
        fields[ask.name] = PortField(
            ask=ask,
            place=place,
            notes=[] if ask.name in values else _notes(ask, suggested[ask.name]),
            filters=[stripped],
            validators=[partial(_check, definition, facts, page_needed)],
            render_kw={"inputmode": "numeric", "autocomplete": "off"} | ({"readonly": True} if ask.fixed else {}),
        )
    offered = {name: str(suggestion.port) for name, suggestion in suggested.items()}
    return build(PageForm, fields, {**offered, **values})


def _notes(ask: Ask, suggestion: PortSuggestion) -> list[str]:
    default = ask.question.host_default if isinstance(ask.question, PortSpec) else None
    if suggestion.why:
        return [suggestion.why]
    if default and default != suggestion.port and not ask.fixed:
        return [t("Usually %(default)s, which is suggested for another rock-on of the catalogue.", default=default)]
    return []


def _check(definition: Definition, facts: HostFacts, page_needed: bool, form: Form, field: Field) -> None:
    """Validate one port against the host and the form's other ports."""
    ask: Ask = field.ask
    if not field.data:
        if ask.ui and page_needed:
            raise ValidationError(t("The app's own page needs a port."))
        return
    port = port_number(field.data)
    if port is None:
        raise ValidationError(t("A port is a number from 1 to 65535."))
    if fault := port_fault(definition, ask, port, facts, _given_to_others(form, field)):
        field.errors.append(fault.sentence)
        raise ValidationError(fault.hint)


def _given_to_others(form: Form, field: Field) -> dict[tuple[int, str], Ask]:
    return {
        (port, protocol): other.ask
        for other in form
        if isinstance(other, PortField) and other is not field and (port := port_number(other.data or ""))
        for protocol in other.ask.protocols
    }
