"""A choice of each browser, kept in a cookie of its own.

Not of the account: a telephone in the dark and a desk in the sun are the same person's, and the login page has it too.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from flask import current_app, redirect, request
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import safe_next

YEAR = 365 * 24 * 3600


@dataclass(frozen=True)
class BrowserChoice:
    """What can be chosen, under the name that its cookie has."""

    name: str
    among: Collection[str]

    @property
    def chosen(self) -> str:
        """What this browser has chosen; empty without a choice."""
        kept = request.cookies.get(self._cookie, "")
        return kept if kept in self.among else ""

    def keep(self, chosen: str) -> ResponseReturnValue:
        """Keep a choice, and go back to the page that it was made on."""
        answer = redirect(safe_next(request.form.get("next")), code=303)
        answer.set_cookie(self._cookie, chosen, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
        return answer

    @property
    def _cookie(self) -> str:
        """The cookie's name, with our port: browsers send a host's cookies to all its ports."""
        return f"rockonweb_{current_app.config['SETTINGS'].port}_{self.name}"
