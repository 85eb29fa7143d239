"""The first page: the home screen of the house."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from rockonweb.models import Role
from rockonweb.web import home, rockon_page
from rockonweb.web.partials import partial_wanted
from rockonweb.web.permission import requires

blueprint = Blueprint("dashboard", __name__)


@blueprint.get("/")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show what is installed and how it is; a page that polls and has seen everything gets no content."""
    found = home.look(rockon_page.hostname())
    if not partial_wanted():
        return render_template("dashboard/index.html", home=found)
    if request.args.get("seen") == found.mark:
        return "", 204
    return render_template("dashboard/_home.html", home=found)
