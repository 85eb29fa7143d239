"""The custom-config page: settings of the whole rock-on that its special install wants."""

from __future__ import annotations

from rockonweb.core.definition import Definition
from rockonweb.core.wizard import Values, asks
from rockonweb.forms import PageForm
from rockonweb.forms.environment import text_form


def form(definition: Definition, values: Values) -> PageForm:
    """Return the form."""
    return text_form("CustomConfigForm", asks(definition, "custom-config"), values)
