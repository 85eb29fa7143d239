"""The catalogue and its rock-ons."""

from __future__ import annotations

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from rockonweb.blueprints.rockons import connections, uninstall_preview
from rockonweb.catalog import icons
from rockonweb.config import current_settings
from rockonweb.core.operations.requests import (
    ChangeRequest,
    InstallRequest,
    UninstallRequest,
    UpdateRequest,
    plain_request,
)
from rockonweb.core.plan import plan
from rockonweb.core.text import t
from rockonweb.models import Installation, Kind, Operation, RefreshReport, RockOn, Role, State, db
from rockonweb.web import catalogue_listing, rockon_page
from rockonweb.web.partials import not_modified, partial_wanted
from rockonweb.web.permissions import Pages, requires
from rockonweb.web.responses import lead_to
from rockonweb.work import operations
from rockonweb.work.review import review_or_refuse, submit_review

blueprint = Pages("rockons", __name__, Role.OWNER)
ICON_SECONDS = 30 * 24 * 3600  # pages name a picture with its version
ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # an SVG is a document of a stranger's
HISTORY = 5  # operations on a rock-on's page; all of them stand on a page of their own


@blueprint.get("/rockons")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show the catalogue; a page that polls and has seen everything gets no content."""
    found = catalogue_listing.look(catalogue_listing.Wish.read(request.args), rockon_page.hostname())
    if not partial_wanted():
        return render_template("rockons/index.html", shelf=found, report=RefreshReport.newest(db.session()))
    if not_modified(found.mark):
        return "", 204
    return render_template("rockons/_list.html", shelf=found)


@blueprint.post("/rockons/refresh")
def refresh() -> ResponseReturnValue:
    """Refresh the catalogue, as a job."""
    return lead_to("operations.show", operation_id=operations.begin_refresh(current_user.name))


@blueprint.get("/rockons/report")
@requires(Role.VIEWER)
def report() -> str:
    """Show what the last refresh brought."""
    found = RefreshReport.newest(db.session())
    data = found.data if found else {}
    named = {*data.get("added", ()), *data.get("changed", ())}
    ids = {name: one for name, one in db.session.execute(select(RockOn.name, RockOn.id)) if name in named}
    return render_template("rockons/report.html", report=found, ids=ids)


@blueprint.get("/rockons/<int:rockon_id>")
@requires(Role.VIEWER)
def show(rockon_id: int) -> ResponseReturnValue:
    """Show one rock-on: what it is, what it is connected to, its settings and what was done with it lately."""
    rockon = rockon_page.get(rockon_id)
    return rockon_page.render(rockon, "overview", maps=connections.of(rockon), history=_history(rockon))


@blueprint.get("/rockons/<int:rockon_id>/icon")
@requires(Role.VIEWER)
def icon(rockon_id: int) -> ResponseReturnValue:
    """Send the kept picture of a rock-on, or the tile with its letter."""
    name, url = db.session.execute(select(RockOn.name, RockOn.icon).where(RockOn.id == rockon_id)).one_or_none() or (
        abort(404)
    )
    picture = icons.load(icons.folder(current_settings()), url)
    answer = Response(
        picture.body if picture else render_template("rockons/tile.svg", letter=name[:1].upper()),
        mimetype=picture.kind if picture else "image/svg+xml",
    )
    answer.headers["Content-Security-Policy"] = ICON_POLICY
    answer.cache_control.private = True
    answer.cache_control.max_age = ICON_SECONDS if picture else 60
    answer.add_etag()
    return answer.make_conditional(request)


@blueprint.post("/rockons/<int:rockon_id>/<any(start, stop, restart, update):kind>")
@requires(Role.OPERATOR)
def act(rockon_id: int, kind: str) -> ResponseReturnValue:
    """Start, stop, restart, or bring to the newest images."""
    rockon = rockon_page.get(rockon_id)
    asked = frozenset(request.form.getlist("asked"))
    wanted = UpdateRequest(asked=asked) if Kind(kind) is Kind.UPDATE else plain_request(Kind(kind))
    return lead_to("operations.show", operation_id=operations.begin(rockon, wanted, current_user.name))


@blueprint.get("/rockons/<int:rockon_id>/uninstall")
def confirm_uninstall(rockon_id: int) -> ResponseReturnValue:
    """Say what goes and what stays, and ask."""
    rockon = rockon_page.get(rockon_id)
    if rockon.state not in (State.INSTALLED, State.INSTALL_FAILED):
        return lead_to("rockons.show", rockon_id=rockon.id)
    networks = plan.link_networks(rockon.definition)
    return render_template(
        "rockons/uninstall.html", rockon=rockon, networks=networks, leftovers=uninstall_preview.look(rockon)
    )


@blueprint.post("/rockons/<int:rockon_id>/uninstall")
def uninstall(rockon_id: int) -> ResponseReturnValue:
    """Uninstall, with those of its images that were ticked and that nothing else uses."""
    rockon = rockon_page.get(rockon_id)
    own = uninstall_preview.images(rockon)
    unwanted = tuple(image for image in request.form.getlist("images") if own.get(image))
    operation = operations.begin(rockon, UninstallRequest(unwanted), current_user.name)
    return lead_to("operations.show", operation_id=operation)


@blueprint.post("/rockons/<int:rockon_id>/reinstall")
def reinstall(rockon_id: int) -> ResponseReturnValue:
    """Install again with the answers of last time; of one that is installed, make all containers anew."""
    rockon = rockon_page.get(rockon_id)
    if rockon.installed:
        found = review_or_refuse(rockon, ChangeRequest(rebuild=True))
    elif rockon_page.answered_before(rockon):
        found = review_or_refuse(rockon, InstallRequest(), t("Press Install instead: it asks again."))
    else:
        return lead_to("install.begin", rockon_id=rockon.id)
    return lead_to("operations.show", operation_id=submit_review(found, current_user.name))


def _history(rockon: Installation) -> list[Operation]:
    query = select(Operation).where(Operation.installation_id == rockon.id).order_by(Operation.id.desc())
    return list(db.session.scalars(query.limit(HISTORY)))
