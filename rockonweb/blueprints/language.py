"""English or German: what the browser asks for, or a choice of each browser, kept in a cookie of its own."""

from __future__ import annotations

from babel import negotiate_locale
from flask import Blueprint, current_app, redirect, request
from flask.typing import ResponseReturnValue

from rockonweb.web import api_faults
from rockonweb.web.permission import public, safe_next

blueprint = Blueprint("language", __name__)
ENGLISH = "en"
LANGUAGES = {ENGLISH: "English", "de": "Deutsch"}  # each in its own words
YEAR = 365 * 24 * 3600


def language() -> str:
    """Return the reader's language among the translated ones; scripts read English."""
    if api_faults.asked():
        return ENGLISH
    chosen = request.cookies.get(_cookie(), "")
    if chosen in LANGUAGES:
        return chosen
    return negotiate_locale([*request.accept_languages.values()], [*LANGUAGES], sep="-") or ENGLISH


@blueprint.post("/language/<any(en, de):chosen>")
@public
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    answer = redirect(safe_next(request.form.get("next")), code=303)
    answer.set_cookie(_cookie(), chosen, max_age=YEAR, httponly=True, samesite="Lax", secure=request.is_secure)
    return answer


def _cookie() -> str:
    """Return the cookie's name: browsers send a host's cookies to all its ports."""
    return f"rockonweb_{current_app.config['SETTINGS'].port}_language"
