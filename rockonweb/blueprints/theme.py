"""Light, dark, or as the system says."""

from __future__ import annotations

import enum

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.web.browser_choice import BrowserChoice
from rockonweb.web.permission import public

blueprint = Blueprint("theme", __name__)


class Theme(enum.StrEnum):
    """How pages look."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_choice = BrowserChoice("theme", [*Theme])


def theme() -> Theme:
    """Return what this browser has chosen."""
    return Theme(_choice.chosen or Theme.SYSTEM)


@blueprint.post("/theme/<any(system, light, dark):chosen>")
@public
def choose(chosen: str) -> ResponseReturnValue:
    """Keep a choice, and go back to the page that it was made on."""
    return _choice.keep(chosen)
