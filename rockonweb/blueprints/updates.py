"""Newer images, of one rock-on and of all that are installed; the pages show what a look wrote down before."""

from __future__ import annotations

from flask import Blueprint, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_login import current_user

from rockonweb.config import current_settings
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.core.status.updates import clock
from rockonweb.core.text import t
from rockonweb.forms.updates import AutomaticForm
from rockonweb.models import Installation, Role, State, writing
from rockonweb.web import catalogue_listing, preflight_review, rockon_page
from rockonweb.web.partials import render
from rockonweb.web.permissions import requires
from rockonweb.web.responses import lead_to
from rockonweb.work import operations, updates
from rockonweb.work.review import review_request

blueprint = Blueprint("updates", __name__)


@blueprint.get("/updates")
@requires(Role.VIEWER)
def index() -> str:
    """List what is installed, with what is known of newer images; htmx asks for the list alone while a look runs."""
    found = updates.overview()
    return render(
        "updates/index.html",
        "updates/_list.html",
        found=found,
        looking=updates.looking() or any(updates.looking(one.installation.id) for one in found),
        active=catalogue_listing.active_operations([one.installation.id for one in found]),
        hours=current_settings().update_hours,
    )


@blueprint.post("/updates/look")
@requires(Role.OPERATOR)
def look() -> ResponseReturnValue:
    """Look for newer images of all that is installed, as a job."""
    updates.begin_look()
    return lead_to("updates.index")


@blueprint.post("/updates")
@requires(Role.OPERATOR)
def take_all() -> ResponseReturnValue:
    """Update all rock-ons that have a newer image, each by an operation of its own."""
    begun, busy = updates.begin_all(current_user.name)
    if busy:
        flash(_("Busy with something else, so left for later: %(names)s.", names=", ".join(busy)), "warning")
    if not begun:
        return lead_to("updates.index")
    flash(ngettext("%(num)s update was begun.", "%(num)s updates were begun.", len(begun)), "success")
    return lead_to("operations.index")


@blueprint.get("/rockons/<int:rockon_id>/updates")
@requires(Role.VIEWER)
def show(rockon_id: int) -> str:
    """Show each container's image beside the newest; htmx asks for that alone while a look runs."""
    rockon = rockon_page.get_installed(rockon_id)
    start, until = clock(rockon.auto_from), clock(rockon.auto_until)
    return _page(rockon, AutomaticForm(data={"enabled": rockon.auto_update, "start": start, "until": until}))


@blueprint.get("/rockons/<int:rockon_id>/updates/review")
@requires(Role.OPERATOR)
def review(rockon_id: int) -> str:
    """Show what an update would do, as far as it is known before the images are got."""
    rockon = _installed(rockon_id)
    found = review_request(rockon, UpdateRequest())
    return render_template(
        "updates/review.html",
        rockon=rockon,
        trouble=found.trouble,
        before=preflight_review.before(found.changes.plan.findings, [], [], rockon),
        **preflight_review.change_of(found, rockon),
    )


@blueprint.post("/rockons/<int:rockon_id>/updates/look")
@requires(Role.OPERATOR)
def look_at(rockon_id: int) -> ResponseReturnValue:
    """Look for newer images of one rock-on, as a job."""
    updates.begin_look(_installed(rockon_id).id)
    return lead_to("updates.show", rockon_id=rockon_id)


@blueprint.post("/rockons/<int:rockon_id>/updates/get")
@requires(Role.OPERATOR)
def get(rockon_id: int) -> ResponseReturnValue:
    """Only pull the newest images: nothing that runs is touched."""
    operation = operations.begin(_installed(rockon_id), UpdateRequest(only_pull=True), current_user.name)
    return lead_to("operations.show", operation_id=operation)


@blueprint.post("/rockons/<int:rockon_id>/updates/automatic")
@requires(Role.OWNER)
def automatic(rockon_id: int) -> ResponseReturnValue:
    """Store whether and when it may be updated by itself."""
    rockon, form = _installed(rockon_id), AutomaticForm()
    if not form.validate():
        return _page(rockon, form), 422
    with writing() as session:
        row = session.get_one(Installation, rockon_id)
        row.auto_update = form.enabled.data
        row.auto_from, row.auto_until = form.window
    flash(_("Saved."), "success")
    return lead_to("updates.show", rockon_id=rockon_id)


def _page(rockon: Installation, form: AutomaticForm) -> str:
    return render(
        "updates/show.html",
        "updates/_images.html",
        rockon=rockon,
        images=updates.images_of(rockon.id),
        looking=updates.looking(rockon.id) or updates.looking(),
        operation=catalogue_listing.active_operations([rockon.id]).get(rockon.id),
        form=form,
        last=updates.last_automatic(rockon.id),
        tried=updates.was_tried(rockon),
        hours=current_settings().update_hours,
    )


def _installed(rockon_id: int) -> Installation:
    """Return a rock-on that is installed. Raises Conflict where it is not, or not yet."""
    rockon = rockon_page.get(rockon_id)
    if rockon.state not in (State.INSTALLED, State.PENDING_UPDATE):
        raise Conflict(t("%(name)s is not installed.", name=rockon.name), t("An install takes the newest images."))
    return rockon
