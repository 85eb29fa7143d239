"""The first page: the home screen of the house."""

from __future__ import annotations

from flask import Blueprint
from flask.typing import ResponseReturnValue

from rockonweb.blueprints.dashboard import overview
from rockonweb.models import Role
from rockonweb.web import rockon_page
from rockonweb.web.partials import not_modified, render
from rockonweb.web.permissions import requires

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show what is installed and how it is; a page that polls and has seen everything gets no content."""
    found = overview.look(rockon_page.hostname())
    return ("", 204) if not_modified(found.mark) else render("dashboard/index.html", "dashboard/_home.html", home=found)
