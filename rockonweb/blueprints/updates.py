"""Newer images of one or all installed rock-ons; the pages show what the last check stored."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from rockonweb.config import current_config
from rockonweb.core.errors import Conflict, RockonwebError
from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.core.status.updates import format_time_of_day
from rockonweb.core.text import t
from rockonweb.forms.summary import SummaryForm
from rockonweb.forms.updates import AutoUpdateForm
from rockonweb.models import Installation, Role, State, transaction
from rockonweb.models.image import rockon_images
from rockonweb.web import catalogue_listing, preflight_review, rockon_page
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import require_role, role_allows
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import operations, registry_logins, rehearsal, updates
from rockonweb.work.review import Review, review_request
from rockonweb.work.unreadable_rockons import refuse_unreadable

blueprint = Blueprint("updates", __name__)


@blueprint.get("/updates")
@require_role(Role.VIEWER)
def index() -> str:
    """List installed rock-ons with known newer images; the page polls the list while a check runs."""
    installed = updates.installed_images()
    return render_page(
        "updates/index.html",
        "updates/_list.html",
        found=installed,
        looking=updates.is_checking() or any(updates.is_checking(entry.installation.id) for entry in installed),
        active=catalogue_listing.active_operations(),
        hours=current_config().update_hours,
        refused=registry_logins.refused_registries(),
    )


@blueprint.post("/updates/look")
@require_role(Role.OPERATOR)
def look() -> ResponseReturnValue:
    """Submit a check for newer images of all installed rock-ons."""
    updates.submit_check()
    return redirect_to_view("updates.index")


@blueprint.post("/updates")
@require_role(Role.OPERATOR)
def take_all() -> ResponseReturnValue:
    """Submit an update for each rock-on that has a newer image."""
    begun, busy, undecided = updates.submit_updates(current_user.name)
    if busy:
        flash(
            _("Not updated because they are busy with other operations: %(names)s.", names=", ".join(busy)), "warning"
        )
    if undecided:
        flash(
            _(
                "Not updated because their own page has something to decide first: %(names)s.",
                names=", ".join(undecided),
            ),
            "warning",
        )
    if not begun:
        return redirect_to_view("updates.index")
    flash(ngettext("%(num)s update was started.", "%(num)s updates were started.", len(begun)), "success")
    return redirect_to_view("operations.index")


@blueprint.get("/rockons/<int:rockon_id>/updates")
@require_role(Role.VIEWER)
def show(rockon_id: int) -> str:
    """Show each container's image next to the newest; the page polls this while a check runs."""
    installation = rockon_page.installed_or_404(rockon_id)
    start, until = format_time_of_day(installation.auto_from), format_time_of_day(installation.auto_until)
    return _render_updates(
        installation,
        AutoUpdateForm(
            data={
                "enabled": installation.auto_update,
                "rehearse": installation.auto_rehearse,
                "start": start,
                "until": until,
            }
        ),
    )


@blueprint.get("/rockons/<int:rockon_id>/updates/review")
@require_role(Role.OPERATOR)
def review(rockon_id: int) -> str:
    """Show what an update would do, as far as it is known before the images are pulled."""
    installation = _get_updatable(rockon_id)
    return _render_review(installation, review_request(installation, UpdateRequest()))


@blueprint.post("/rockons/<int:rockon_id>/updates/review")
@require_role(Role.OPERATOR)
def take(rockon_id: int) -> ResponseReturnValue:
    """Submit an update with what becomes of files that are in no share; show what it would do where that forbids it."""
    installation = _get_updatable(rockon_id)
    choices = preflight_review.read_unsaved_choices()
    if choices and not role_allows(current_user, Role.OWNER):
        abort(403)
    update_request = UpdateRequest(asked=frozenset(request.form.getlist("asked")), unsaved=choices)
    refuse_unreadable(installation, update_request)
    reviewed = review_request(installation, update_request)
    if reviewed.trouble or reviewed.blocking_findings:
        return _render_review(installation, reviewed), 503 if reviewed.trouble else 422
    operation = operations.submit_operation(installation, update_request, current_user.name)
    return redirect_to_view("operations.show", operation_id=operation)


@blueprint.post("/rockons/<int:rockon_id>/updates/rehearse")
@require_role(Role.OPERATOR)
def rehearse(rockon_id: int) -> ResponseReturnValue:
    """Submit the rehearsal of an update; with `copy` in the form, shares that can't be cloned are copied."""
    installation = _get_updatable(rockon_id)
    operation = rehearsal.rehearse_update(installation, current_user.name, copy="copy" in request.form)
    return redirect_to_view("operations.show", operation_id=operation)


@blueprint.get("/rockons/<int:rockon_id>/updates/data")
@require_role(Role.OWNER)
def show_move(rockon_id: int) -> str:
    """Show what an update would do that takes the data of databases along to another major version."""
    return _render_move(_get_movable(rockon_id))


@blueprint.post("/rockons/<int:rockon_id>/updates/data")
@require_role(Role.OWNER)
def move(rockon_id: int) -> ResponseReturnValue:
    """Submit the reviewed update with the data."""
    reviewed = _get_movable(rockon_id)
    if not SummaryForm().matches_review(reviewed) or reviewed.blocking_findings:
        return _render_move(reviewed, changed=not reviewed.blocking_findings), 409
    return preflight_review.submit_reviewed(reviewed, lambda error: _render_move(reviewed, error))


@blueprint.post("/rockons/<int:rockon_id>/updates/look")
@require_role(Role.OPERATOR)
def look_at(rockon_id: int) -> ResponseReturnValue:
    """Submit a check for newer images of one rock-on."""
    updates.submit_check(_get_updatable(rockon_id).id)
    return redirect_to_view("updates.show", rockon_id=rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/updates/get")
@require_role(Role.OPERATOR)
def get(rockon_id: int) -> ResponseReturnValue:
    """Submit an update that only pulls the newest images and leaves containers unchanged."""
    operation = operations.submit_operation(_get_updatable(rockon_id), UpdateRequest(only_pull=True), current_user.name)
    return redirect_to_view("operations.show", operation_id=operation)


@blueprint.post("/rockons/<int:rockon_id>/updates/automatic")
@require_role(Role.OWNER)
def automatic(rockon_id: int) -> ResponseReturnValue:
    """Store whether it is updated automatically, and in which time window."""
    installation, form = _get_updatable(rockon_id), AutoUpdateForm()
    if not form.validate():
        return _render_updates(installation, form), 422
    with transaction() as session:
        row = session.get_one(Installation, rockon_id)
        row.auto_update, row.auto_rehearse = form.enabled.data, form.rehearse.data
        row.auto_from, row.auto_until = form.minutes_window
    flash(_("Saved."), "success")
    return redirect_to_view("updates.show", rockon_id=rockon_id)


def _render_review(installation: Installation, reviewed: Review) -> str:
    return render_template(
        "updates/review.html",
        rockon=installation,
        trouble=reviewed.trouble,
        before=preflight_review.preflight_review(reviewed.plan.findings, [], [], installation),
        **_rehearsal_context(installation),
        **preflight_review.change_context(reviewed, installation),
    )


def _render_updates(installation: Installation, form: AutoUpdateForm) -> str:
    return render_page(
        "updates/show.html",
        "updates/_images.html",
        rockon=installation,
        images=rockon_images(installation.id),
        looking=updates.is_checking(installation.id) or updates.is_checking(),
        operation=catalogue_listing.active_operations().get(installation.id),
        form=form,
        last=updates.last_automatic(installation.id),
        tried=updates.was_tried(installation),
        hours=current_config().update_hours,
        **_rehearsal_context(installation),
    )


def _rehearsal_context(installation: Installation) -> dict[str, Any]:
    """Return the last rehearsal, why none is possible, and whether one is where shares are copied."""
    obstacles = rehearsal.find_obstacles(installation)
    return {
        "rehearsed": rehearsal.last_rehearsal(installation),
        "obstacles": obstacles,
        "by_copy": bool(obstacles) and not rehearsal.find_obstacles(installation, may_copy=True),
    }


def _get_movable(rockon_id: int) -> Review:
    """Return the review of an update that takes data along. Raises Conflict where there is none, or the app is busy."""
    installation = _get_updatable(rockon_id)
    operations.refuse_unchangeable(installation, t("Installing it uses the newest images."))
    return review_request(installation, ChangeRequest(move_data=True))


def _render_move(reviewed: Review, error: RockonwebError | None = None, *, changed: bool = False) -> str:
    return render_template(
        "updates/move.html",
        rockon=reviewed.rockon,
        trouble=error or reviewed.trouble,
        changed=changed,
        digest=reviewed.fingerprint,
        before=preflight_review.preflight_review(reviewed.plan.findings, [], [], reviewed.rockon),
        **preflight_review.change_context(reviewed, reviewed.rockon),
    )


def _get_updatable(rockon_id: int) -> Installation:
    """Return a rock-on that is installed, perhaps being updated. Raises Conflict where it is not."""
    installation = rockon_page.rockon_or_404(rockon_id)
    if installation.state not in (State.INSTALLED, State.PENDING_UPDATE):
        raise Conflict(
            t("%(name)s is not installed.", name=installation.name), t("Installing it uses the newest images.")
        )
    return installation
