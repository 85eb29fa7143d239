"""The form that makes a share."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField
from wtforms.validators import InputRequired


class ShareForm(FlaskForm):  # type: ignore[misc]
    """The name of a new share."""

    name = StringField(
        _l("Name"),
        [InputRequired(_l("Type a name for the share."))],
        description=_l("Letters, digits, dots, dashes and underscores, such as photos or syncthing-config."),
        render_kw={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"},
    )
    submit = SubmitField(_l("Make the share"))
