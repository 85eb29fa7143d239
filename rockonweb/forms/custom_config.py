"""The custom-config page: settings of the whole rock-on that its special install wants."""

from __future__ import annotations

from rockonweb.definition import Definition
from rockonweb.forms import PageForm
from rockonweb.forms.environment import text_form
from rockonweb.wizard import Values, asks


def form(definition: Definition, values: Values) -> PageForm:
    """Return the form."""
    return text_form("CustomConfigForm", asks(definition, "custom-config"), values)
