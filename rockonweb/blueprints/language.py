"""English or German: what the browser asks for, or what was chosen in it."""

from __future__ import annotations

from babel import negotiate_locale
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from rockonweb.languages import ENGLISH, LANGUAGES
from rockonweb.web import api_errors
from rockonweb.web.permissions import public
from rockonweb.web.preference_cookies import BrowserChoice

blueprint = Blueprint("language", __name__)
_choice = BrowserChoice("language", LANGUAGES)


def language() -> str:
    """Return the reader's language among the translated ones; scripts read English."""
    if api_errors.asked():
        return ENGLISH
    wished = [*request.accept_languages.values()]
    return _choice.chosen or negotiate_locale(wished, [*LANGUAGES], sep="-") or ENGLISH


@blueprint.post("/language/<any(en, de):chosen>")
@public
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    return _choice.keep(chosen)
