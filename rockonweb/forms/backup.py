"""The forms that create a backup, upload one to restore, and export a rock-on."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import BooleanField, PasswordField, RadioField, SubmitField
from wtforms.validators import ValidationError

from rockonweb.work.backup_encryption import MIN_PASSPHRASE_LENGTH
from rockonweb.work.export import ExportFormat

NEW_PASSWORD_INPUT = {"autocomplete": "new-password"}


class BackupForm(FlaskForm):  # type: ignore[misc]
    """Whether a backup includes secrets, and the passphrase that encrypts them."""

    secrets = BooleanField(
        _l("Include secrets, encrypted"),
        description=_l("Passwords, tokens and keys. Without them, a restore asks for each one."),
    )
    passphrase = PasswordField(
        _l("Passphrase"),
        description=_l(
            "Only for the secrets. At least 10 characters. The secrets can't be decrypted without it, and it is not "
            "stored anywhere."
        ),
        render_kw=NEW_PASSWORD_INPUT,
    )
    again = PasswordField(_l("Confirm passphrase"), render_kw=NEW_PASSWORD_INPUT)
    submit = SubmitField(_l("Download backup"))

    @property
    def secrets_passphrase(self) -> str | None:
        """The passphrase; None for a backup without secrets."""
        return (self.passphrase.data or "") if self.secrets.data else None

    def validate_passphrase(self, field: PasswordField) -> None:
        """Require a passphrase of the minimum length with secrets, and none without."""
        if self.secrets.data and len(field.data or "") < MIN_PASSPHRASE_LENGTH:
            raise ValidationError(_l("Use at least 10 characters."))
        if field.data and not self.secrets.data:
            raise ValidationError(_l("Tick the box above, or leave this blank: without secrets nothing is encrypted."))

    def validate_again(self, field: PasswordField) -> None:
        """Require that it equals the passphrase."""
        if self.secrets.data and field.data != self.passphrase.data:
            raise ValidationError(_l("The passphrases don't match."))


class RestoreForm(FlaskForm):  # type: ignore[misc]
    """A backup file, and its passphrase where it contains secrets."""

    file = FileField(
        _l("Backup"),
        [FileRequired(_l("Choose a backup file."))],
        description=_l("A file created by this page or by the command rockonweb backup. At most 10 MB."),
        render_kw={"accept": ".json,application/json"},
    )
    opening = PasswordField(
        _l("Passphrase"),
        description=_l("If the backup contains secrets. If you leave this blank, you are asked for each secret."),
        render_kw={"autocomplete": "off"},
    )
    look = SubmitField(_l("View contents"))


class ExportForm(FlaskForm):  # type: ignore[misc]
    """The form of an export, whether it contains the secrets, and the password that allows it."""

    export_format = RadioField(
        _l("Format"),
        choices=[(ExportFormat.COMPOSE, _l("Docker Compose")), (ExportFormat.QUADLET, _l("Podman (Quadlet)"))],
        default=ExportFormat.COMPOSE,
    )
    secrets = BooleanField(
        _l("Include secrets in plain text"),
        description=_l(
            "Anyone who has the .env file then has the passwords. Without secrets, the file has blanks to fill in."
        ),
    )
    password = PasswordField(
        _l("Your password"),
        description=_l("Only for the secrets: required before they are exported in plain text."),
        render_kw={"autocomplete": "current-password"},
    )
    submit = SubmitField(_l("Download"))
