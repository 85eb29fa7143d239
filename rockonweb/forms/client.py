"""The form that names a client of a VPN server."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SubmitField

from rockonweb.forms import PlainField


class ClientForm(FlaskForm):  # type: ignore[misc]
    """A client's name, which is validated where the client is created."""

    client = PlainField(
        _l("Name of the client"),
        description=_l("One for each device, such as annas-phone: letters, digits, dots, dashes and underscores."),
        render_kw={"maxlength": "64", "required": True},
    )
    submit = SubmitField(_l("Create profile"))
