"""Fields for text that may have several lines: an input as long as there is one line, a text area for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import request
from markupsafe import Markup, escape
from wtforms import Field, StringField
from wtforms.widgets import PasswordInput, TextArea, TextInput, html_params

from rockonweb.core.answers.answers import read_typed_text
from rockonweb.forms import NO_AUTOFILL, strip_blanks

# The button that asks for a text area where scripts don't run; its value is the field's name. An input drops line ends.
LINES_BUTTON = "Lines"
MAX_ROWS = 12  # of a text area; more scroll


class LinesField(StringField):  # type: ignore[misc]
    """Text that is not prose, in one line or several; if it is not changed, it stays exactly as it was."""

    hidden = False  # shows dots instead of characters
    blank = False  # the page does not get the value

    def __init__(self, label: Any = None, validators: Any = None, *, render_kw: Any = None, **options: Any) -> None:
        super().__init__(label, validators, render_kw={**NO_AUTOFILL, **(render_kw or {})}, **options)

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read the sent text."""
        if valuelist:
            self.data = read_typed_text(valuelist[0], self.object_data or "")

    @property
    def several_lines(self) -> bool:
        """Whether it is a text area."""
        return bool({"\n", "\r"} & set(self.data or "")) or request.form.get(LINES_BUTTON) == self.name

    def __call__(self, **attributes: Any) -> Any:
        """Render the field."""
        if self.several_lines:
            self.widget = LinesInput()
            classes = [attributes.get("class", ""), "text-lines", "text-dots" if self.hidden else ""]
            attributes["class"] = " ".join(filter(None, classes))
        else:
            self.widget = PasswordInput(hide_value=self.blank) if self.hidden else TextInput()
            attributes["data-lines"] = True  # a script makes it a text area when lines are pasted
        return super().__call__(**attributes)


class LinesInput(TextArea):  # type: ignore[misc]
    """A text area that is as high as its text."""

    def __call__(self, field: Field, **attributes: Any) -> Markup:
        """Render a `LinesField`."""
        value = "" if field.blank else field._value()
        attributes = {"id": field.id, **attributes, "rows": min(value.count("\n") + 1, MAX_ROWS)}
        # HTML ignores a line end at the beginning of a text area: the value may begin with one.
        return Markup("<textarea {}>\n{}</textarea>").format(
            Markup(html_params(name=field.name, **attributes)),  # noqa: S704 - escaped by html_params
            escape(value),
        )


class LabelField(LinesField):
    """A label; surrounding blanks are stripped, unless it is not changed."""

    def process_formdata(self, valuelist: Sequence[str]) -> None:
        """Read the sent text."""
        super().process_formdata(valuelist)
        if self.data != self.object_data:
            self.data = strip_blanks(self.data)
