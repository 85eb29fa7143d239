"""The editor of a definition: check, preview and save."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField
from wtforms import SubmitField, TextAreaField

from rockonweb.catalog.metastore import UnusableFile, decode_utf8
from rockonweb.core.definition.parser import MAX_BYTES
from rockonweb.core.text import t
from rockonweb.forms import NO_AUTOFILL


class DefinitionForm(FlaskForm):  # type: ignore[misc]
    """The text of a definition file; an uploaded file replaces the typed text."""

    file = FileField(
        _l("From a file"),
        description=_l("A JSON file of at most 1 MB. It replaces the text below."),
        render_kw={"accept": ".json,application/json"},
    )
    text = TextAreaField(
        _l("Definition"),
        render_kw={**NO_AUTOFILL, "rows": "26"},
    )
    check = SubmitField(_l("Check"))
    attempt = SubmitField(_l("Try"))
    save = SubmitField(_l("Save"))

    def load_upload(self) -> str:
        """Copy an uploaded file into the text field. Returns what is wrong with the file, or blank."""
        upload = self.file.data
        if not upload:
            return ""
        body = upload.read(MAX_BYTES + 1)
        if len(body) > MAX_BYTES:
            return t("The file is larger than 1 MB, the limit for a definition.")
        try:
            self.text.data = decode_utf8(body)
        except UnusableFile:
            return t("The file is not UTF-8 text.")
        return ""

    @property
    def normalized_text(self) -> str:
        """The text with LF line ends; browsers send CRLF."""
        return (self.text.data or "").replace("\r\n", "\n")
