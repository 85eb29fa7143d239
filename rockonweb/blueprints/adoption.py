"""The containers of this host that Rockonweb did not create: adopted as apps, or only watched."""

from __future__ import annotations

from flask import Response, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.core.errors import EngineError
from rockonweb.models import Role
from rockonweb.web.permissions import RoleBlueprint, require_role
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import adoption, watched

blueprint = RoleBlueprint("adoption", __name__, Role.OWNER, url_prefix="/import/containers")
LOG_LINES = 1000


@blueprint.get("")
def index() -> str:
    """List the containers by app."""
    try:
        groups, error = adoption.list_unmanaged(), None
    except EngineError as problem:
        groups, error = [], problem
    names = {status.name for status in watched.list_watched()}
    return render_template("adoption/index.html", groups=groups, watched=names, error=error)


@blueprint.post("/watch")
def watch() -> ResponseReturnValue:
    """Watch containers from now on."""
    for name in (names := request.form.getlist("name")):
        watched.watch_container(name)
    flash(_("Watched: %(names)s.", names=", ".join(names)), "success")
    return redirect_to_view("adoption.index")


@blueprint.post("/unwatch")
def unwatch() -> ResponseReturnValue:
    """Watch containers no longer."""
    for name in request.form.getlist("name"):
        watched.stop_watching(name)
    return redirect_to_view("rockons.index", tab="installed")


@blueprint.get("/<container>/log")
@require_role(Role.OPERATOR)
def show_log(container: str) -> Response:
    """Show the end of the log of a watched container."""
    return Response(watched.read_watched_log(container, LOG_LINES), mimetype="text/plain")
