"""The form that creates a share."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SubmitField
from wtforms.validators import InputRequired

from rockonweb.forms import PlainField


class ShareForm(FlaskForm):  # type: ignore[misc]
    """The name of a new share."""

    name = PlainField(
        _l("Name"),
        [InputRequired(_l("Enter a name for the share."))],
        description=_l("Letters, digits, dots, dashes and underscores, such as photos or syncthing-config."),
    )
    submit = SubmitField(_l("Create share"))
