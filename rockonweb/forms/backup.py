"""The forms that make a backup, take one in, and export a rock-on."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, PasswordField, SubmitField
from wtforms.validators import ValidationError

from rockonweb.work.backup import MIN_PASSPHRASE_LENGTH

NEW_PASSWORD_INPUT = {"autocomplete": "new-password"}


class BackupForm(FlaskForm):  # type: ignore[misc]
    """Whether the secrets go in, and the passphrase that encrypts them."""

    secrets = BooleanField(
        _l("With the secrets, encrypted"),
        description=_l("Passwords, tokens and keys. Without them, a restore asks for each of them again."),
    )
    passphrase = PasswordField(
        _l("Passphrase"),
        description=_l(
            "Only for the secrets. At least 10 characters. Nobody can open the secrets without it, and it is kept "
            "nowhere."
        ),
        render_kw=NEW_PASSWORD_INPUT,
    )
    again = PasswordField(_l("Passphrase again"), render_kw=NEW_PASSWORD_INPUT)
    submit = SubmitField(_l("Download the backup"))

    @property
    def secrets_passphrase(self) -> str | None:
        """The passphrase; None where no secrets are asked for."""
        return (self.passphrase.data or "") if self.secrets.data else None

    def validate_passphrase(self, field: PasswordField) -> None:
        """A passphrase is needed for secrets, and means nothing without."""
        if self.secrets.data and len(field.data or "") < MIN_PASSPHRASE_LENGTH:
            raise ValidationError(_l("Use at least 10 characters."))
        if field.data and not self.secrets.data:
            raise ValidationError(_l("Tick the box above, or leave this blank: without secrets nothing is encrypted."))

    def validate_again(self, field: PasswordField) -> None:
        """It is typed twice."""
        if self.secrets.data and field.data != self.passphrase.data:
            raise ValidationError(_l("The two passphrases differ."))


class RestoreForm(FlaskForm):  # type: ignore[misc]
    """A backup, and its passphrase where it has one."""

    file = FileField(
        _l("Backup"),
        [FileRequired(_l("Choose the file of a backup."))],
        description=_l("A file that this page made, or the command rockonweb backup. It has at most 10 MB."),
        render_kw={"accept": ".json,application/json"},
    )
    opening = PasswordField(
        _l("Passphrase"),
        description=_l("If its secrets are in it. Left blank, you are asked for each secret."),
        render_kw={"autocomplete": "off"},
    )
    look = SubmitField(_l("Look what is in it"))


class ExportForm(FlaskForm):  # type: ignore[misc]
    """Whether the .env has the secrets."""

    secrets = BooleanField(
        _l("With the secrets, readable"),
        description=_l("Then whoever has the file .env has the passwords. Without, it has blanks to fill in."),
    )
    password = PasswordField(
        _l("Your password"),
        description=_l("Only for the secrets: it is asked for again before they are readable."),
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField(_l("Download both files"))
