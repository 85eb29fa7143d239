"""The dashboard, the first page after login."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.blueprints.dashboard import overview
from rockonweb.models import Role
from rockonweb.web import rockon_page
from rockonweb.web.partials import not_modified, render_page
from rockonweb.web.permissions import require_role

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
@require_role(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show installed apps and their states; a polling page that is up to date gets 204."""
    home_screen = overview.build_home_page(rockon_page.request_hostname())
    return (
        ("", 204)
        if not_modified(home_screen.home_fingerprint)
        else render_page("dashboard/index.html", "dashboard/_home.html", home=home_screen)
    )
