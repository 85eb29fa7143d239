"""The forms that let people in."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField, SubmitField
from wtforms.validators import DataRequired, EqualTo, InputRequired, Length

from rockonweb.accounts import LONGEST_NAME, LONGEST_PASSWORD, SHORTEST_PASSWORD


class LoginForm(FlaskForm):  # type: ignore[misc]
    """Name and password."""

    name = StringField(
        _l("Name"),
        [DataRequired(_l("Type your name."))],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("Password"), [InputRequired(_l("Type your password."))], render_kw={"autocomplete": "current-password"}
    )
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
        _l("Name"),
        [DataRequired(_l("Choose a name.")), Length(max=LONGEST_NAME)],
        render_kw={"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"},
    )
    password = PasswordField(
        _l("Password"),
        [
            InputRequired(_l("Choose a password.")),
            Length(SHORTEST_PASSWORD, LONGEST_PASSWORD, _l("Use at least %(min)d and at most %(max)d characters.")),
        ],
        description=_l("At least 10 characters."),
        render_kw={"autocomplete": "new-password"},
    )
    again = PasswordField(
        _l("Password again"),
        [
            InputRequired(_l("Type the password a second time.")),
            EqualTo("password", _l("The two passwords differ.")),
        ],
        render_kw={"autocomplete": "new-password"},
    )
    submit = SubmitField(_l("Make the account"))


class AgainForm(FlaskForm):  # type: ignore[misc]
    """The password of the person who is logged in, once more."""

    password = PasswordField(
        _l("Your password"),
        [InputRequired(_l("Type your password."))],
        description=_l("It is asked for again before a secret is shown. That you looked is written down."),
        render_kw={"autocomplete": "current-password"},
    )
