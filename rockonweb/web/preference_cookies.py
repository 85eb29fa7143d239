"""A preference of each browser, stored in a cookie of its own.

Not per account: one user may want the dark theme on the phone and the light one on the desk, and login pages use it.
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
    """A preference: its name and the values that can be chosen."""

    name: str
    choices: Collection[str]

    @property
    def current_choice(self) -> str:
        """The value this browser has chosen; blank without a choice."""
        value = request.cookies.get(self._cookie_name, "")
        return value if value in self.choices else ""

    def save_choice(self, value: str) -> ResponseReturnValue:
        """Store a choice in the cookie and redirect to the page it was made on."""
        response = redirect(safe_next(request.form.get("next")), code=303)
        response.set_cookie(
            self._cookie_name, value, max_age=COOKIE_SECONDS, httponly=True, samesite="Lax", secure=request.is_secure
        )
        return response

    @property
    def _cookie_name(self) -> str:
        """The cookie's name, with Rockonweb's port: browsers send a host's cookies to all its ports."""
        return f"rockonweb_{current_app.config['SETTINGS'].port}_{self.name}"
