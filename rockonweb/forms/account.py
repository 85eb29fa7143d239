"""The forms of the user's own account and of other users' accounts."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, PasswordField, SelectChoice, SelectField, StringField, SubmitField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from rockonweb.accounts.users import MAX_NAME_LENGTH, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from rockonweb.forms import PlainField
from rockonweb.models import Role
from rockonweb.models.token import LABEL_LENGTH

ROLE_LABELS = {
    Role.VIEWER: _l("Viewer: view only"),
    Role.OPERATOR: _l("Operator: view, start, stop, restart and update"),
    Role.OWNER: _l("Owner: everything"),
}
TOKEN_LIFETIMES = {"30": _l("30 days"), "90": _l("90 days"), "365": _l("1 year"), "": _l("until revoked")}


def new_password(label: str) -> PasswordField:
    """Return the field of a new password."""
    return PasswordField(
        label,
        [
            InputRequired(_l("Choose a password.")),
            Length(
                MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH, _l("Use at least %(min)d and at most %(max)d characters.")
            ),
        ],
        description=_l("At least 10 characters."),
        render_kw={"autocomplete": "new-password"},
    )


def repeated_password(label: str) -> PasswordField:
    """Return the field that repeats a new password."""
    different = EqualTo("password", _l("The passwords don't match."))
    return PasswordField(
        label,
        [InputRequired(_l("Enter the password again.")), different],
        render_kw={"autocomplete": "new-password"},
    )


def kept_tokens() -> BooleanField:
    """Return the field that keeps the API tokens valid when the password changes."""
    return BooleanField(
        _l("Keep the API tokens valid"),
        description=_l("Otherwise they are revoked: scripts that use them need new ones."),
    )


def current_password(label: str, description: str = "") -> PasswordField:
    """Return the field of the current password."""
    return PasswordField(
        label,
        [InputRequired(_l("Enter your password."))],
        description=description,
        render_kw={"autocomplete": "current-password"},
    )


def _role_choices(highest: Role = Role.OWNER) -> list[SelectChoice]:
    return [SelectChoice(str(role), label) for role, label in ROLE_LABELS.items() if highest.includes(role)]


class CurrentPasswordForm(FlaskForm):  # type: ignore[misc]
    """The current password, to confirm a change."""

    present = current_password(_l("Current password"))


class ChangePasswordForm(CurrentPasswordForm):
    """A new password of the user's own."""

    password = new_password(_l("New password"))
    again = repeated_password(_l("Confirm new password"))
    keep_tokens = kept_tokens()
    submit = SubmitField(_l("Change password"))


class EnableSecondStepForm(FlaskForm):  # type: ignore[misc]
    """The first code, which proves that the device has the TOTP key."""

    code = StringField(
        _l("Code"),
        [InputRequired(_l("Enter the code shown on your device.")), Length(max=100)],
        description=_l("The six digits currently shown in the app."),
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )
    submit = SubmitField(_l("Turn on two-factor authentication"))


class TokenForm(CurrentPasswordForm):
    """A new API token."""

    label = PlainField(_l("Purpose"), [Length(max=LABEL_LENGTH)], render_kw={"maxlength": LABEL_LENGTH})
    role = SelectField(_l("Permissions"))
    days = SelectField(
        _l("Validity"), choices=[SelectChoice(value, words) for value, words in TOKEN_LIFETIMES.items()], default="90"
    )
    submit = SubmitField(_l("Create token"))

    def limit_roles(self, highest: Role) -> None:
        """Offer the roles up to the account's own."""
        self.role.choices = _role_choices(highest)


class RoleForm(FlaskForm):  # type: ignore[misc]
    """The role of a user."""

    role = SelectField(_l("Role"), choices=_role_choices())
    submit = SubmitField(_l("Change role"))


class ResetPasswordForm(FlaskForm):  # type: ignore[misc]
    """A new password for another user."""

    password = new_password(_l("New password"))
    keep_tokens = kept_tokens()
    submit = SubmitField(_l("Set password"))


class NewUserForm(FlaskForm):  # type: ignore[misc]
    """A new account."""

    name = PlainField(_l("Name"), [DataRequired(_l("Choose a name.")), Length(max=MAX_NAME_LENGTH)])
    role = SelectField(_l("Role"), choices=_role_choices())
    password = new_password(_l("Password"))
    submit = SubmitField(_l("Create account"))
