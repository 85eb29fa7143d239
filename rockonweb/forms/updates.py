"""When a rock-on may be updated by itself."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, StringField, SubmitField, ValidationError

from rockonweb.core.status.updates import minute_of
from rockonweb.forms import stripped

CLOCK = {"type": "time", "autocomplete": "off"}


class AutomaticForm(FlaskForm):  # type: ignore[misc]
    """Whether, and between which times of day."""

    enabled = BooleanField(
        _l("Update by itself"),
        description=_l("As soon as a newer image is known, within this time. What does not hold is taken back."),
    )
    start = StringField(_l("From"), filters=[stripped], render_kw=CLOCK)
    until = StringField(
        _l("Until"),
        description=_l("This machine's own time. It may go past midnight; twice the same means at any time."),
        filters=[stripped],
        render_kw=CLOCK,
    )
    save = SubmitField(_l("Save"))

    def validate_start(self, field: StringField) -> None:
        """Refuse what is no time of day."""
        _refuse_other_words(field)

    def validate_until(self, field: StringField) -> None:
        """Refuse what is no time of day."""
        _refuse_other_words(field)

    @property
    def window(self) -> tuple[int, int]:
        """The minutes of the day, of a form that is valid."""
        return minute_of(self.start.data) or 0, minute_of(self.until.data) or 0


def _refuse_other_words(field: StringField) -> None:
    if minute_of(field.data or "") is None:
        raise ValidationError(_l("A time of day looks like 03:30."))
