"""A choice of each browser, kept in a cookie of its own.

Not of the account: a telephone in the dark and a desk in the sun are the same person's, and the login page has it too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import current_app, redirect, request
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import safe_next

COOKIE_SECONDS = 365 * 24 * 3600


@dataclass(frozen=True)
class BrowserChoice:
    """What can be chosen, under the name that its cookie has."""

    name: str
    choices: Collection[str]

    @property
    def current_choice(self) -> str:
        """What this browser has chosen; empty without a choice."""
        value = request.cookies.get(self._cookie_name, "")
        return value if value in self.choices else ""

    def save_choice(self, value: str) -> ResponseReturnValue:
        """Keep a choice, and go back to the page that it was made on."""
        response = redirect(safe_next(request.form.get("next")), code=303)
        response.set_cookie(
            self._cookie_name, value, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
        )
        return response

    @property
    def _cookie_name(self) -> str:
        """The cookie's name, with our port: browsers send a host's cookies to all its ports."""
        return f"rockonweb_{current_app.config['SETTINGS'].port}_{self.name}"
