"""The password again, before something that lasts or that shows a secret."""

from __future__ import annotations

from typing import Any

from flask_babel import gettext as _
from flask_login import current_user

from rockonweb.accounts import users
from rockonweb.web import login_throttle


def password_confirmed(field: Any) -> bool:
    """Whether a field holds the password of the person who is logged in; otherwise it says so.

    Wrong ones are counted and written down. Raises TooManyRequests.
    """
    name = current_user.name
    login_throttle.check_login_throttle(name)
    if users.check_password(current_user, field.data or ""):
        return True
    login_throttle.record_failed_login(name, "password.wrong")
    field.errors = [_("This is not your password.")]
    return False
