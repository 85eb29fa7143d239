"""The form of a rock-on's automatic updates."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField, ValidationError

from rockonweb.core.status.updates import parse_time_of_day
from rockonweb.forms import strip_blanks

TIME_INPUT = {"type": "time", "autocomplete": "off"}


class AutoUpdateForm(FlaskForm):  # type: ignore[misc]
    """Whether to update automatically, and the time window."""

    enabled = BooleanField(
        _l("Update automatically"),
        description=_l(
            "As soon as an update is available, within this time window. If the app is not healthy "
            "afterwards, the update is rolled back."
        ),
    )
    rehearse = BooleanField(
        _l("Rehearse it first"),
        description=_l(
            "Updates only after a copy of the app was healthy with the newer images; else it is passed over."
        ),
    )
    start = StringField(_l("From"), filters=[strip_blanks], render_kw=TIME_INPUT)
    until = StringField(
        _l("Until"),
        description=_l(
            "Times are in this machine's time zone. The window may extend past midnight; the same time "
            "twice means at any time."
        ),
        filters=[strip_blanks],
        render_kw=TIME_INPUT,
    )
    save = SubmitField(_l("Save"))

    def validate_start(self, field: StringField) -> None:
        """Refuse what is no time of day."""
        _require_time_of_day(field)

    def validate_until(self, field: StringField) -> None:
        """Refuse what is no time of day."""
        _require_time_of_day(field)

    @property
    def minutes_window(self) -> tuple[int, int]:
        """Start and end in minutes since midnight; the form must be valid."""
        return parse_time_of_day(self.start.data) or 0, parse_time_of_day(self.until.data) or 0


def _require_time_of_day(field: StringField) -> None:
    if parse_time_of_day(field.data or "") is None:
        raise ValidationError(_l("Enter a time such as 03:30."))
