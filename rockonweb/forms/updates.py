"""When a rock-on may be updated by itself."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField, ValidationError

from rockonweb.core.status.updates import parse_time_of_day
from rockonweb.forms import strip_blanks

TIME_INPUT = {"type": "time", "autocomplete": "off"}


class AutoUpdateForm(FlaskForm):  # type: ignore[misc]
    """Whether, and between which times of day."""

    enabled = BooleanField(
        _l("Update by itself"),
        description=_l("As soon as a newer image is known, within this time. What does not hold is taken back."),
    )
    start = StringField(_l("From"), filters=[strip_blanks], render_kw=TIME_INPUT)
    until = StringField(
        _l("Until"),
        description=_l("This machine's own time. It may go past midnight; twice the same means at any time."),
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
        """The minutes of the day, of a form that is valid."""
        return parse_time_of_day(self.start.data) or 0, parse_time_of_day(self.until.data) or 0


def _require_time_of_day(field: StringField) -> None:
    if parse_time_of_day(field.data or "") is None:
        raise ValidationError(_l("A time of day looks like 03:30."))
