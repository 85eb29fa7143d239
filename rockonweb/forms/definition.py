"""The form that a definition is written, checked, tried and saved in."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SubmitField, TextAreaField

from rockonweb.catalog.metastore import Unusable, decoded
from rockonweb.core.definition.definition import MAX_BYTES
from rockonweb.core.text import t
from rockonweb.forms import PLAIN


class DefinitionForm(FlaskForm):  # type: ignore[misc]
    """The text of a definition file; a file that is sent along takes the place of what was typed."""

    file = FileField(
        _l("From a file"),
        description=_l("A JSON file of at most 1 MB. It takes the place of the text below."),
        render_kw={"accept": ".json,application/json"},
    )
    text = TextAreaField(
        _l("Definition"),
        render_kw={**PLAIN, "rows": "26"},
    )
    check = SubmitField(_l("Check"))
    attempt = SubmitField(_l("Try"))
    save = SubmitField(_l("Save"))

    def take_file(self) -> str:
        """Put the text of a file that was sent into the text field. Returns what is wrong with the file, or blank."""
        sent = self.file.data
        if not sent:
            return ""
        body = sent.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            return t("The file is larger than 1 MB, which no definition may be.")
        try:
            self.text.data = decoded(body)
        except Unusable:
            return t("The file is not text in UTF-8.")
        return ""

    @property
    def content(self) -> str:
        """The text with the line ends of files; browsers send those of the web."""
        return (self.text.data or "").replace("\r\n", "\n")
