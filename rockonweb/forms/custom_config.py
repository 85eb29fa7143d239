"""The custom-config page: settings of the whole rock-on that its special install wants."""

from __future__ import annotations

from collections.abc import Mapping

from rockonweb.core.definition import Definition
from rockonweb.core.suggest import Suggestion
from rockonweb.core.wizard import Values
from rockonweb.forms import PageForm
from rockonweb.forms.environment import text_form


def form(definition: Definition, values: Values, suggested: Mapping[str, Suggestion] | None = None) -> PageForm:
    """Return the form; `suggested` fill what `values` leave out."""
    return text_form("CustomConfigForm", definition, "custom-config", values, suggested or {})
