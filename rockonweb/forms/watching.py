"""The forms of maintenance, and of how an app is watched."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, SubmitField


class MaintenanceForm(FlaskForm):  # type: ignore[misc]
    """For how long maintenance lasts."""

    minutes = SelectField(
        _l("Duration"),
        choices=[
            ("30", _l("30 minutes")),
            ("120", _l("2 hours")),
            ("480", _l("8 hours")),
            ("1440", _l("1 day")),
            ("10080", _l("1 week")),
        ],
        default="120",
    )


class WatchForm(FlaskForm):  # type: ignore[misc]
    """How an app is watched."""

    mend = BooleanField(
        _l("Restart it automatically when it is down"),
        description=_l(
            "At most three times an hour, with growing pauses. Never one that somebody stopped, and not while one of "
            "its shares is absent. What keeps ending is restarted by Docker itself, where its definition says so."
        ),
    )
    ask_page = BooleanField(
        _l("Notice when its page does not answer"),
        description=_l("Once a minute, while the app is running, its page is requested from this machine."),
    )
    save = SubmitField(_l("Save"))
