"""The form of a login for an image registry; its values are checked where they are stored."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, SubmitField

from rockonweb.forms import NO_AUTOFILL, PlainField


class RegistryLoginForm(FlaskForm):  # type: ignore[misc]
    """A registry, a user name, and a password or token."""

    host = PlainField(
        _l("Registry"),
        description=_l("Its host, such as ghcr.io or registry.example.org:5000; docker.io is Docker Hub."),
    )
    user = PlainField(_l("User name"))
    password = PasswordField(
        _l("Password or token"),
        description=_l("A token that may only read is best."),
        render_kw={**NO_AUTOFILL, "autocomplete": "new-password"},
    )
    submit = SubmitField(_l("Save and test"))
