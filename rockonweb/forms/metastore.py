"""The form that adds a metastore."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, SubmitField
from wtforms.validators import InputRequired

from rockonweb.forms import PlainField


class MetastoreForm(FlaskForm):  # type: ignore[misc]
    """The URL or folder of a new metastore."""

    place = PlainField(
        _l("Address or folder"),
        [InputRequired(_l("Enter an address or a folder."))],
        description=_l(
            "The address of the folder that contains root.json, such as https://example.org/rockons, that of a list of "
            "Portainer's app templates (templates.json), or the absolute path of a folder of definition files on this "
            "machine."
        ),
    )
    submit = SubmitField(_l("Add metastore"))


class RefreshScheduleForm(FlaskForm):  # type: ignore[misc]
    """How often the catalogue is refreshed by itself."""

    hours = SelectField(
        _l("The catalogue is refreshed automatically"),
        choices=[SelectChoice(24, _l("Daily")), SelectChoice(168, _l("Weekly")), SelectChoice(0, _l("Never"))],
        coerce=int,
    )
    save = SubmitField(_l("Save"))
