"""The devices page: which of the host's devices the app may use."""

from __future__ import annotations

from wtforms import Field, Form, ValidationError

from rockonweb.core.definition.definition import Definition
from rockonweb.core.questions.wizard import FieldValues, device_fault, page_questions
from rockonweb.core.text import t
from rockonweb.forms import PageForm, build_form, build_plain_fields
from rockonweb.host import get_host

LIST_ID = "known-devices"  # of the datalist of existing devices


def build_devices_form(definition: Definition, values: FieldValues) -> PageForm:
    """Return the form with `values` by field name."""
    fields = build_plain_fields(
        page_questions(definition, "devices"), validators=[_validate_device], render_kw={"list": LIST_ID}
    )
    return build_form(PageForm, fields, values)


def _validate_device(_form: Form, field: Field) -> None:
    if fault := device_fault(field.data):
        raise ValidationError(fault)
    path = field.data.split(":", 1)[0]
    if path and get_host().find_missing_paths([path]):
        raise ValidationError(
            t("This host has no %(path)s. Plug the device in, choose another one, or leave the field blank.", path=path)
        )
