"""The forms of one's own account, and of those of others."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SelectChoice, SelectField, StringField, SubmitField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from rockonweb.accounts.users import MAX_NAME_LENGTH, MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from rockonweb.forms import PlainField
from rockonweb.models import Role
from rockonweb.models.token import LABEL_LENGTH

ROLE_LABELS = {
    Role.VIEWER: _l("Viewer: sees"),
    Role.OPERATOR: _l("Operator: sees, starts, stops, restarts and updates"),
    Role.OWNER: _l("Owner: everything"),
}
TOKEN_LIFETIMES = {"30": _l("30 days"), "90": _l("90 days"), "365": _l("1 year"), "": _l("until it is revoked")}


def new_password(label: str) -> PasswordField:
    """Return the field of a password that is chosen."""
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
    """Return the field in which a password that is chosen stands a second time."""
    different = EqualTo("password", _l("The two passwords differ."))
    return PasswordField(
        label,
        [InputRequired(_l("Type the password a second time.")), different],
        render_kw={"autocomplete": "new-password"},
    )


def current_password(label: str, description: str = "") -> PasswordField:
    """Return the field of a password that a person has."""
    return PasswordField(
        label,
        [InputRequired(_l("Type your password."))],
        description=description,
        render_kw={"autocomplete": "current-password"},
    )


def _role_choices(highest: Role = Role.OWNER) -> list[SelectChoice]:
    return [SelectChoice(str(role), label) for role, label in ROLE_LABELS.items() if highest.includes(role)]


class CurrentPasswordForm(FlaskForm):  # type: ignore[misc]
    """The password again."""

    present = current_password(_l("Your present password"))


class ChangePasswordForm(CurrentPasswordForm):
    """Another password of one's own."""

    password = new_password(_l("New password"))
    again = repeated_password(_l("New password again"))
    submit = SubmitField(_l("Change the password"))


class EnableSecondStepForm(FlaskForm):  # type: ignore[misc]
    """A code that shows that the device has the key."""

    code = StringField(
        _l("Code"),
        [InputRequired(_l("Type the code that your device shows.")), Length(max=100)],
        description=_l("The six digits that the app shows now."),
        render_kw={"autocomplete": "one-time-code", "inputmode": "numeric"},
    )
    submit = SubmitField(_l("Turn the second step on"))


class TokenForm(CurrentPasswordForm):
    """A new token."""

    label = PlainField(_l("What it is for"), [Length(max=LABEL_LENGTH)], render_kw={"maxlength": LABEL_LENGTH})
    role = SelectField(_l("It may do"))
    days = SelectField(
        _l("It lasts"), choices=[SelectChoice(value, words) for value, words in TOKEN_LIFETIMES.items()], default="90"
    )
    submit = SubmitField(_l("Make the token"))

    def limit_roles(self, highest: Role) -> None:
        """Offer the roles up to that of the account."""
        self.role.choices = _role_choices(highest)


class RoleForm(FlaskForm):  # type: ignore[misc]
    """What a person may do."""

    role = SelectField(_l("Role"), choices=_role_choices())
    submit = SubmitField(_l("Change the role"))


class ResetPasswordForm(FlaskForm):  # type: ignore[misc]
    """A password for somebody else."""

    password = new_password(_l("New password"))
    submit = SubmitField(_l("Set the password"))


class NewUserForm(FlaskForm):  # type: ignore[misc]
    """A new account."""

    name = PlainField(_l("Name"), [DataRequired(_l("Choose a name.")), Length(max=MAX_NAME_LENGTH)])
    role = SelectField(_l("Role"), choices=_role_choices())
    password = new_password(_l("Password"))
    submit = SubmitField(_l("Make the account"))
