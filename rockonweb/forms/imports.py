"""The form that imports an app from elsewhere."""

from __future__ import annotations

import json

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import MultipleFileField
from wtforms import HiddenField, SubmitField, TextAreaField

from rockonweb.core.errors import BadInput
from rockonweb.core.imports.formats import MAX_FILES, decode_files
from rockonweb.core.imports.source import MAX_SOURCE_BYTES
from rockonweb.core.text import t
from rockonweb.forms import NO_AUTOFILL, PlainField


class ImportForm(FlaskForm):  # type: ignore[misc]
    """A text or files that describe an app. `kept` has the files between the form and its review, as JSON."""

    text = TextAreaField(
        _l("Lines or text"),
        description=_l("One or several docker run lines, as they stand in instructions, or the text of a file."),
        render_kw={**NO_AUTOFILL, "rows": "10"},
    )
    files = MultipleFileField(
        _l("From files"), description=_l("They replace the text above. Choose all files of an app together.")
    )
    name = PlainField(_l("Name"), description=_l("What the app is called here. Blank: as in its source."))
    kept = HiddenField()
    show = SubmitField(_l("Preview"))
    save = SubmitField(_l("Continue"))
    back = SubmitField(_l("Back"))

    def read_files(self) -> dict[str, str]:
        """Return the texts by file name, blank for a typed one, and keep them in the form. Raises BadInput."""
        uploads = [upload for upload in self.files.data or () if upload]
        if uploads:
            limited = uploads[: MAX_FILES + 1]
            files = decode_files({upload.filename: upload.read(MAX_SOURCE_BYTES + 1) for upload in limited})
        elif self.text.data or not self.kept.data:
            files = {"": (self.text.data or "").replace("\r\n", "\n")}
        else:
            files = _read_kept(self.kept.data)
        self.kept.data = json.dumps(files, ensure_ascii=False)
        self.text.data = next(iter(files.values())) if len(files) == 1 else ""
        return files

    @property
    def kept_names(self) -> list[str]:
        """The names of several files that the form keeps."""
        return [] if self.text.data or not self.kept.data else list(_read_kept(self.kept.data))


def _read_kept(text: str) -> dict[str, str]:
    try:
        kept = json.loads(text)
    except (ValueError, RecursionError):
        kept = None
    if not isinstance(kept, dict) or not all(isinstance(content, str) for content in kept.values()):
        raise BadInput(t("The files were lost: choose them again."))
    return kept
