"""Light, dark, or as the system says."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.web.permissions import public
from rockonweb.web.preference_cookies import BrowserChoice

blueprint = Blueprint("theme", __name__)
_choice = BrowserChoice("theme", ("system", "light", "dark"))


def theme() -> str:
    """Return what this browser has chosen."""
    return _choice.chosen or "system"


@blueprint.post("/theme/<any(system, light, dark):chosen>")
@public
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    return _choice.keep(chosen)
