"""The forms of data repositories, of how an app's data is backed up, and of what is restored."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    BooleanField,
    HiddenField,
    IntegerField,
    PasswordField,
    RadioField,
    SelectChoice,
    SelectField,
    SubmitField,
    TextAreaField,
)
from wtforms.validators import InputRequired, NumberRange

from rockonweb.core.data_backup.repository import Retention
from rockonweb.core.data_backup.schedule import BackupSchedule
from rockonweb.forms import NO_AUTOFILL, PlainField
from rockonweb.models import DataRepository
from rockonweb.work.data_repositories import RepositorySettings

AS_DEFAULT = -1  # stands for None in a choice: as for all apps
MAX_KEPT, MAX_LIMIT = 1000, 10_000_000
HOURS = (
    SelectChoice(1, _l("Hourly")),
    SelectChoice(6, _l("Every 6 hours")),
    SelectChoice(24, _l("Daily")),
    SelectChoice(168, _l("Weekly")),
    SelectChoice(0, _l("Never by itself")),
)


def _count(label: Any) -> IntegerField:
    return IntegerField(label, [InputRequired(_l("Enter a number.")), NumberRange(0, MAX_KEPT)])


def _hour(label: Any, description: Any = "") -> IntegerField:
    return IntegerField(label, [InputRequired(_l("Enter a number.")), NumberRange(0, 23)], description=description)


class RepositorySettingsForm(FlaskForm):  # type: ignore[misc]
    """What can be changed of a repository later."""

    name = PlainField(_l("Name"), [InputRequired(_l("Enter a name for the repository."))])
    all_apps = BooleanField(
        _l("All apps are backed up here"), description=_l("Each app may have another repository, or another schedule.")
    )
    hours = SelectField(_l("How often"), choices=HOURS, coerce=int)
    from_hour = _hour(_l("From hour"))
    to_hour = _hour(_l("Until hour"), _l("0 to 23; the same hour twice: at any time."))
    hourly = _count(_l("Hourly"))
    daily = _count(_l("Daily"))
    weekly = _count(_l("Weekly"))
    monthly = _count(_l("Monthly"))
    upload_limit = IntegerField(
        _l("Upload limit in KiB/s"),
        [InputRequired(_l("Enter a number.")), NumberRange(0, MAX_LIMIT)],
        description=_l("0: no limit."),
    )
    environment = TextAreaField(
        _l("Keys for the server"),
        description=_l(
            "One per line, such as AWS_ACCESS_KEY_ID=… and AWS_SECRET_ACCESS_KEY=…, as restic names them. They are "
            "stored encrypted and not shown again."
        ),
        render_kw={**NO_AUTOFILL, "rows": 2},
    )
    submit = SubmitField(_l("Save"))

    @classmethod
    def for_row(cls, row: DataRepository) -> RepositorySettingsForm:
        """Return the form with the settings of a repository."""
        return cls(
            name=row.name, all_apps=row.all_apps, upload_limit=row.upload_limit,
            **vars(row.schedule), **vars(row.retention),
        )  # fmt: skip

    def settings(self, url: str = "", passphrase: str = "") -> RepositorySettings:
        """Return what was typed."""
        return RepositorySettings(
            self.name.data,
            url,
            passphrase,
            self.environment.data or "",
            self.upload_limit.data,
            self.all_apps.data,
            BackupSchedule(self.hours.data, self.from_hour.data, self.to_hour.data),
            Retention(self.hourly.data, self.daily.data, self.weekly.data, self.monthly.data),
        )


class NewRepositoryForm(RepositorySettingsForm):
    """A new repository: also where it is."""

    url = PlainField(
        _l("Address"),
        [InputRequired(_l("Enter where the repository is."))],
        description=_l(
            "A folder on another disk, such as /mnt/usb/backup, or sftp:user@host:/folder, rest:https://host:8000/, "
            "s3:https://host/bucket."
        ),
    )
    passphrase = PasswordField(
        _l("Passphrase"),
        description=_l("Of a repository that exists. If you leave this blank, one is generated and shown once."),
        render_kw={**NO_AUTOFILL, "autocomplete": "new-password"},
    )
    submit = SubmitField(_l("Add repository"))

    @classmethod
    def blank(cls) -> NewRepositoryForm:
        """Return the form with the usual settings."""
        return cls(formdata=None, all_apps=True, upload_limit=0, **vars(BackupSchedule()), **vars(Retention()))


class AppDataForm(FlaskForm):  # type: ignore[misc]
    """How an app's data is backed up."""

    repository = SelectField(_l("Data repository"), coerce=int)
    hours = SelectField(
        _l("How often"), choices=(SelectChoice(AS_DEFAULT, _l("As the repository says")), *HOURS), coerce=int
    )
    live = BooleanField(
        _l("Back it up while it runs"),
        description=_l("Without stopping it. What it writes meanwhile, its databases above all, may be incomplete."),
    )
    save = SubmitField(_l("Save"))

    def with_repositories(self, rows: list[DataRepository]) -> AppDataForm:
        """Return the form with the repositories as choices."""
        self.repository.choices = [
            SelectChoice(AS_DEFAULT, _l("As for all apps")),
            *(SelectChoice(row.id, row.name) for row in rows),
        ]
        return self


class RestoreDataForm(FlaskForm):  # type: ignore[misc]
    """What of a snapshot is restored, and where."""

    path = HiddenField()
    place = RadioField(
        _l("Where"),
        choices=[
            SelectChoice("beside", _l("Beside what is there, in a new share")),
            SelectChoice(
                "there", _l("In the place of what is there: the app is stopped for it, and what is there now is kept")
            ),
        ],
        default="beside",
    )
    share = PlainField(_l("Name of the new share"))
    restore = SubmitField(_l("Restore"))
