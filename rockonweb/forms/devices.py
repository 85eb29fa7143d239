"""The devices page: which of the host's devices the app may use."""

from __future__ import annotations

from wtforms import Field, Form, ValidationError

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.wizard import Values, asks, device_fault
from rockonweb.core.text import t
from rockonweb.forms import PageForm, build, plain_fields
from rockonweb.host import host_of

LIST_ID = "known-devices"  # of the datalist that offers the devices there are


def form(definition: Definition, values: Values) -> PageForm:
    """Return the form."""
    fields = plain_fields(asks(definition, "devices"), validators=[_check], render_kw={"list": LIST_ID})
    return build(PageForm, fields, values)


def _check(_form: Form, field: Field) -> None:
    if fault := device_fault(field.data):
        raise ValidationError(fault)
    path = field.data.split(":", 1)[0]
    if path and not host_of().has_device(path):
        raise ValidationError(
            t("This host has no %(path)s. Plug the device in, choose another one, or leave the field blank.", path=path)
        )
