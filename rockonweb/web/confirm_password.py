"""Asking for the password again before a lasting change or before a secret is shown."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.accounts import users
from rockonweb.web import login_throttle


def password_confirmed(field: Any) -> bool:
    """Whether a field holds the current user's password; otherwise an error is set on the field.

    Wrong passwords are counted and written to the audit log. Raises TooManyRequests.
    """
    name = current_user.name
    with login_throttle.admit_attempt(name):
        if users.check_password(current_user, field.data or ""):
            return True
        login_throttle.record_failed_login(name, "password.wrong")
    field.errors = [_("Wrong password.")]
    return False
