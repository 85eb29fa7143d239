"""The catalogue and its rock-ons."""

from __future__ import annotations

from flask import Response, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import select

from rockonweb.blueprints.rockons import connections, uninstall_preview
from rockonweb.catalog import icons
from rockonweb.config import current_config
from rockonweb.core.operations.requests import (
    ChangeRequest,
    InstallRequest,
    UninstallRequest,
    blank_request,
)
from rockonweb.core.text import t
from rockonweb.models import Installation, Kind, Operation, RefreshReport, RockOn, Role, State, concerns_rockon, db
from rockonweb.web import catalogue_listing, drafts, preflight_review, rockon_page
from rockonweb.web.partials import not_modified, wants_partial
from rockonweb.web.permissions import RoleBlueprint, require_role
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import kept_containers, known_shares, operations, refresh_schedule
from rockonweb.work.dependents import dependent_warnings
from rockonweb.work.review import review_request
from rockonweb.work.submission import has_changed_since, refuse_blocked, review_or_refuse, submit_review
from rockonweb.work.unreadable_rockons import refuse_unreadable
from rockonweb.work.watched import list_watched

blueprint = RoleBlueprint("rockons", __name__, Role.OWNER)
ICON_SECONDS = 30 * 24 * 3600  # the URLs of icons contain their version
ICON_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox"  # a third party's SVG may contain scripts
MAX_DAYS = 3650  # after which old containers are removed
RECENT_OPERATIONS = 5  # on a rock-on's page; the history has them all


@blueprint.get("/rockons")
@require_role(Role.VIEWER)
def index() -> ResponseReturnValue:
    """Show the catalogue; a polling page that is up to date gets 204."""
    listing = catalogue_listing.list_catalogue(
        catalogue_listing.CatalogueQuery.parse_args(request.args), rockon_page.request_hostname()
    )
    if not wants_partial():
        report = RefreshReport.load_latest(db.session())
        failed = refresh_schedule.last_failed_refresh(report)
        return render_template(
            "rockons/index.html",
            shelf=listing,
            report=report,
            failed=failed,
            retried=failed is not None and refresh_schedule.refresh_hours() > 0,
            watched=list_watched() if listing.query.tab == "installed" else [],
            hostname=rockon_page.request_hostname(),
        )
    if not_modified(listing.listing_fingerprint):
        return "", 204
    return render_template("rockons/_list.html", shelf=listing)


@blueprint.post("/rockons/refresh")
def refresh() -> ResponseReturnValue:
    """Submit a refresh of the catalogue."""
    return redirect_to_view("operations.show", operation_id=operations.submit_refresh(current_user.name))


@blueprint.get("/rockons/report")
@require_role(Role.VIEWER)
def report() -> str:
    """Show the report of the last refresh."""
    newest = RefreshReport.load_latest(db.session())
    data = newest.report_data if newest else {}
    changed_names = {*data.get("added", ()), *data.get("changed", ())}
    ids = {
        name: rockon_id
        for name, rockon_id in db.session.execute(select(RockOn.name, RockOn.id))
        if name in changed_names
    }
    return render_template("rockons/report.html", report=newest, ids=ids)


@blueprint.get("/rockons/<int:rockon_id>")
@require_role(Role.VIEWER)
def show(rockon_id: int) -> ResponseReturnValue:
    """Show a rock-on: its description, connections, settings and recent operations."""
    installation = rockon_page.rockon_or_404(rockon_id)
    return rockon_page.render_tab(
        installation,
        "overview",
        maps=connections.list_connections(installation),
        boot=known_shares.boot_sentences(installation.id),
        history=_recent_operations(installation),
    )


@blueprint.get("/rockons/<int:rockon_id>/icon")
@require_role(Role.VIEWER)
def icon(rockon_id: int) -> ResponseReturnValue:
    """Send the stored icon of a rock-on, or a tile with its first letter."""
    name, url = db.session.execute(select(RockOn.name, RockOn.icon).where(RockOn.id == rockon_id)).one_or_none() or (
        abort(404)
    )
    picture = icons.load_icon(icons.icons_folder(current_config()), url)
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
@require_role(Role.OPERATOR)
def act(rockon_id: int, kind: str) -> ResponseReturnValue:
    """Submit a start, stop, restart or update."""
    installation = rockon_page.rockon_or_404(rockon_id)
    operation = operations.submit_operation(installation, blank_request(Kind(kind)), current_user.name)
    return redirect_to_view("operations.show", operation_id=operation)


@blueprint.get("/rockons/<int:rockon_id>/uninstall")
def confirm_uninstall(rockon_id: int) -> ResponseReturnValue:
    """Show what an uninstall removes and what stays, and ask for confirmation."""
    installation = rockon_page.rockon_or_404(rockon_id)
    if installation.state not in (State.INSTALLED, State.INSTALL_FAILED):
        return redirect_to_view("rockons.show", rockon_id=installation.id)
    return render_template(
        "rockons/uninstall.html",
        rockon=installation,
        leftovers=(leftovers := uninstall_preview.preview_uninstall(installation)),
        warnings=(*dependent_warnings(installation), *leftovers.unsaved),
    )


@blueprint.post("/rockons/<int:rockon_id>/uninstall")
def uninstall(rockon_id: int) -> ResponseReturnValue:
    """Submit an uninstall that also removes the ticked images, unless another rock-on uses them."""
    installation = rockon_page.rockon_or_404(rockon_id)
    own_images = uninstall_preview.find_exclusive_images(installation)
    selected_images = tuple(image for image in request.form.getlist("images") if own_images.get(image))
    operation = operations.submit_operation(installation, UninstallRequest(selected_images), current_user.name)
    return redirect_to_view("operations.show", operation_id=operation)


@blueprint.post("/rockons/<int:rockon_id>/old/<any(remove, later, back):what>")
def settle_old(rockon_id: int, what: str) -> ResponseReturnValue:
    """Remove the containers whose place an app has taken, now or later, or go back to them."""
    installation = rockon_page.rockon_or_404(rockon_id)
    days = request.form.get("days", kept_containers.LATER_DAYS, type=int)
    operation = kept_containers.settle(installation, what, current_user.name, min(max(days, 0), MAX_DAYS))
    if operation:
        return redirect_to_view("operations.show", operation_id=operation)
    return redirect_to_view("rockons.show", rockon_id=rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/reinstall")
def reinstall(rockon_id: int) -> ResponseReturnValue:
    """Install again with the previous answers; where it is installed, recreate all its containers.

    Another definition than that of the last install is shown first: on the summary of the wizard.
    """
    installation = rockon_page.rockon_or_404(rockon_id)
    if installation.is_installed:
        refuse_unreadable(installation, ChangeRequest())
        rebuild_request = ChangeRequest(rebuild=True, unsaved=preflight_review.read_unsaved_choices())
        reviewed = review_request(installation, rebuild_request)
        before = preflight_review.preflight_review(reviewed.plan.findings, [], [], installation)
        if before.unsaved and reviewed.blocking_findings and not reviewed.trouble:
            return render_template("rockons/reinstall.html", rockon=installation, before=before), 422
        if reviewed.trouble:
            raise reviewed.trouble
        refuse_blocked(reviewed)
    elif rockon_page.was_answered_before(installation):
        if has_changed_since(installation):
            drafts.draft_last_answers(installation, current_user.id)
            return redirect_to_view("install.review", rockon_id=installation.id)
        reviewed = review_or_refuse(
            installation, InstallRequest(), t("Use Install instead: it asks the questions again.")
        )
    else:
        return redirect_to_view("install.begin", rockon_id=installation.id)
    return redirect_to_view("operations.show", operation_id=submit_review(reviewed, current_user.name))


def _recent_operations(installation: Installation) -> list[Operation]:
    query = select(Operation).where(concerns_rockon(installation.id)).order_by(Operation.id.desc())
    return list(db.session.scalars(query.limit(RECENT_OPERATIONS)))
