"""The theme: light, dark, or that of the system."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import allow_anonymous
from rockonweb.web.preference_cookies import BrowserChoice

blueprint = Blueprint("theme", __name__)
_theme_choice = BrowserChoice("theme", ("system", "light", "dark"))


def current_theme() -> str:
    """Return the theme chosen in this browser, `system` by default."""
    return _theme_choice.current_choice or "system"


@blueprint.post("/theme/<any(system, light, dark):chosen>")
@allow_anonymous
def choose(chosen: str) -> ResponseReturnValue:
    """Store a choice and redirect to the page it was made on."""
    return _theme_choice.save_choice(chosen)
