"""Light, dark, or as the system says: a choice of each browser, kept in a cookie of its own.

Not of the account: a telephone in the dark and a desk in the sun are the same person's, and the login page has it too.
"""

from __future__ import annotations

import enum

from flask import Blueprint, current_app, redirect, request
from flask.typing import ResponseReturnValue

from rockonweb.web.permission import public, safe_next

blueprint = Blueprint("theme", __name__)
YEAR = 365 * 24 * 3600


class Theme(enum.StrEnum):
    """How pages look."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


def theme() -> Theme:
    """Return what this browser has chosen."""
    chosen = request.cookies.get(_cookie(), "")
    return Theme(chosen) if chosen in {*Theme} else Theme.SYSTEM


@blueprint.post("/theme/<any(system, light, dark):chosen>")
@public
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    answer = redirect(safe_next(request.form.get("next")), code=303)
    answer.set_cookie(_cookie(), chosen, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def _cookie() -> str:
    """Return the cookie's name: browsers send a host's cookies to all its ports."""
    return f"rockonweb_{current_app.config['SETTINGS'].port}_theme"
