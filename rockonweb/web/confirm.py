"""The password again, before something that lasts or that shows a secret."""

from __future__ import annotations

from flask_login import current_user

from rockonweb import accounts
from rockonweb.web import attempts


def password_is_right(password: str) -> bool:
    """Whether it is the password of the person who is logged in; wrong ones are counted and written down.

    Raises TooManyRequests.
    """
    name = current_user.name
    attempts.check(name)
    if accounts.password_is_right(current_user, password):
        return True
    attempts.failed(name, "password.wrong")
    return False
