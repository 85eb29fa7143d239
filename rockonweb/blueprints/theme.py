"""Light, dark, or as the system says."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import allow_anonymous
from rockonweb.web.preference_cookies import BrowserChoice

blueprint = Blueprint("theme", __name__)
_theme_choice = BrowserChoice("theme", ("system", "light", "dark"))


def current_theme() -> str:
    """Return what this browser has chosen."""
    return _theme_choice.current_choice or "system"


@blueprint.post("/theme/<any(system, light, dark):chosen>")
@allow_anonymous
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    return _theme_choice.save_choice(chosen)
