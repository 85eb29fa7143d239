"""The forms of login and setup."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, SubmitField
from wtforms.validators import DataRequired, InputRequired, Length

from rockonweb.accounts.users import MAX_NAME_LENGTH
from rockonweb.forms import NO_AUTOFILL
from rockonweb.forms.account import current_password, new_password, repeated_password

USERNAME_INPUT = {**NO_AUTOFILL, "autocomplete": "username"}


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField(_l("Name"), [DataRequired(_l("Enter your name."))], render_kw=USERNAME_INPUT)
    password = current_password(_l("Password"))
    submit = SubmitField(_l("Log in"))


class CodeForm(FlaskForm):  # type: ignore[misc]
    """The code of the second factor."""

    code = StringField(
        _l("Code"),
        [InputRequired(_l("Enter the code shown on your device.")), Length(max=100)],
        description=_l("Six digits from your app, or one of your recovery codes."),
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )
    submit = SubmitField(_l("Continue"))


class SetupForm(FlaskForm):  # type: ignore[misc]
    """The first owner's account, and the one-time code that allows creating it."""

    code = StringField(
        _l("One-time code"),
        [InputRequired(_l("Enter the code shown in the terminal."))],
        description=_l("It is shown in the terminal where Rockonweb was started."),
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )
    name = StringField(
        _l("Name"), [DataRequired(_l("Choose a name.")), Length(max=MAX_NAME_LENGTH)], render_kw=USERNAME_INPUT
    )
    password = new_password(_l("Password"))
    again = repeated_password(_l("Confirm password"))
    submit = SubmitField(_l("Create account"))


class ReauthenticationForm(FlaskForm):  # type: ignore[misc]
    """The current user's password again."""

    password = current_password(
        _l("Your password"), _l("Required before a secret is shown. Viewing a secret is recorded in the audit log.")
    )
