"""The form that names a client of a server."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField

from rockonweb.forms import stripped


class ClientForm(FlaskForm):  # type: ignore[misc]
    """A client's name. Whether it can be had is decided where the client is made."""

    client = StringField(
        _l("Name of the client"),
        description=_l("One for each device, such as annas-phone: letters, digits, dots, dashes and underscores."),
        filters=[stripped],
        render_kw={
            "maxlength": "64",
            "autocomplete": "off",
            "autocapitalize": "none",
            "spellcheck": "false",
            "required": True,
        },
    )
    submit = SubmitField(_l("Make a profile"))
