"""The forms that let people in."""

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

    name = StringField(_l("Name"), [DataRequired(_l("Type your name."))], render_kw=USERNAME_INPUT)
    password = current_password(_l("Password"))
    submit = SubmitField(_l("Log in"))


class CodeForm(FlaskForm):  # type: ignore[misc]
    """The second step."""

    code = StringField(
        _l("Code"),
        [InputRequired(_l("Type the code that your device shows.")), Length(max=100)],
        description=_l("Six digits from your app, or one of your recovery codes."),
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )
    submit = SubmitField(_l("Go on"))


class SetupForm(FlaskForm):  # type: ignore[misc]
    """The owner's account, against the one-time code."""

    code = StringField(
        _l("One-time code"),
        [InputRequired(_l("Type the code that the terminal shows."))],
        description=_l("The terminal where Rockonweb was started shows it."),
        render_kw={"autocomplete": "one-time-code", "autocapitalize": "characters", "spellcheck": "false"},
    )
    name = StringField(
        _l("Name"), [DataRequired(_l("Choose a name.")), Length(max=MAX_NAME_LENGTH)], render_kw=USERNAME_INPUT
    )
    password = new_password(_l("Password"))
    again = repeated_password(_l("Password again"))
    submit = SubmitField(_l("Make the account"))


class ReauthenticationForm(FlaskForm):  # type: ignore[misc]
    """The password of the person who is logged in, once more."""

    password = current_password(
        _l("Your password"), _l("It is asked for again before a secret is shown. That you looked is written down.")
    )
