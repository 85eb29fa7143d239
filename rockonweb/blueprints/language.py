"""English or German: as chosen in this browser, else by its Accept-Language header."""

from __future__ import annotations

from babel import negotiate_locale
from flask import Blueprint, request
from flask.typing import ResponseReturnValue

from rockonweb.core.text import ENGLISH
from rockonweb.languages import LANGUAGES
from rockonweb.web import api_errors
from rockonweb.web.permissions import allow_anonymous
from rockonweb.web.preference_cookies import BrowserChoice

blueprint = Blueprint("language", __name__)
_language_choice = BrowserChoice("language", LANGUAGES)


def select_language() -> str:
    """Return the language of this request, one of `LANGUAGES`; English for the API."""
    if api_errors.is_api_request():
        return ENGLISH
    accepted_languages = [*request.accept_languages.values()]
    return _language_choice.current_choice or negotiate_locale(accepted_languages, [*LANGUAGES], sep="-") or ENGLISH


@blueprint.post("/language/<any(en, de):chosen>")
@allow_anonymous
def choose(chosen: str) -> ResponseReturnValue:
    """Store a choice and redirect to the page it was made on."""
    return _language_choice.save_choice(chosen)
