"""Notification targets: addresses, events, and the result of the last delivery."""

from __future__ import annotations

import json

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from sqlalchemy import func, select

from rockonweb.accounts import audit
from rockonweb.core.instance import notifications as core
from rockonweb.core.instance.notifications import NoticeChannel
from rockonweb.forms.notices import EVENT_LABELS, TARGET_FORMS, EventsForm
from rockonweb.forms.watching import MaintenanceForm
from rockonweb.models import NoticeMessage, NoticeTarget, Role, db, maintenance_until, transaction
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import notification_queue
from rockonweb.work.maintenance import set_maintenance

blueprint = RoleBlueprint("notices", __name__, Role.OWNER, url_prefix="/notices")
MAX_TARGETS = 20
WAY_LABELS = {
    NoticeChannel.HOOK: _l("Webhook"),
    NoticeChannel.MAIL: _l("E-mail"),
    NoticeChannel.APPRISE: _l("Apprise"),
}


@blueprint.get("")
def index() -> str:
    """List the targets; the page polls while something is being sent."""
    counted = select(NoticeMessage.target_id, func.count()).group_by(NoticeMessage.target_id)
    waiting = {target: count for target, count in db.session.execute(counted)}  # noqa: C416 - rows are no pairs
    targets = db.session.scalars(select(NoticeTarget).order_by(NoticeTarget.id)).all()
    context = {
        "targets": targets,
        "waiting": waiting,
        "shown": _masked_address,
        "ways": WAY_LABELS,
        "words": EVENT_LABELS,
        "most": MAX_TARGETS,
        "until": maintenance_until(),
        "maintenance_form": MaintenanceForm(),
    }
    return render_page("notices/index.html", "notices/_list.html", **context)


@blueprint.post("/maintenance")
def maintain() -> ResponseReturnValue:
    """Begin maintenance, or end it."""
    form = MaintenanceForm()
    if "end" not in request.form and not form.validate():
        abort(422)
    set_maintenance(0 if "end" in request.form else int(form.minutes.data), current_user.name)
    return redirect_to_view("notices.index")


@blueprint.get("/new/<way>")
def new(way: str) -> str:
    """Show the form of a new target."""
    return _render_new_target(_way_or_404(way), TARGET_FORMS[_way_or_404(way)]())


@blueprint.post("/new/<way>")
def add(way: str) -> ResponseReturnValue:
    """Add a target."""
    kind = _way_or_404(way)
    form = TARGET_FORMS[kind]()
    if not form.validate():
        return _render_new_target(kind, form), 422
    with transaction() as session:
        if (session.scalar(select(func.count(NoticeTarget.id))) or 0) >= MAX_TARGETS:
            abort(409)
        options = {"events": " ".join(form.ticked_events), "language": form.language.data}
        session.add(NoticeTarget(way=kind.value, address=json.dumps(form.address_parts), **options))
        audit.record("notices.add", core.mask_target(kind, form.address_parts))
    flash(_("Added. Send a test to check that notifications arrive."), "success")
    return redirect_to_view("notices.index")


@blueprint.get("/<int:target_id>")
def edit(target_id: int) -> str:
    """Show the events that a target is notified of."""
    target = db.get_or_404(NoticeTarget, target_id)
    events = target.events.split()
    return _render_target(
        target, EventsForm(data={event: event in events for event in EVENT_LABELS} | {"language": target.language})
    )


@blueprint.post("/<int:target_id>")
def change(target_id: int) -> ResponseReturnValue:
    """Change the events that a target is notified of."""
    target = db.get_or_404(NoticeTarget, target_id)
    form = EventsForm()
    if not form.validate():
        return _render_target(target, form), 422
    with transaction() as session:
        row = session.get_one(NoticeTarget, target_id)
        row.events, row.language = " ".join(form.ticked_events), form.language.data
        audit.record("notices.change", _masked_address(row))
    flash(_("Your changes were saved."), "success")
    return redirect_to_view("notices.index")


@blueprint.post("/<int:target_id>/test")
def test(target_id: int) -> ResponseReturnValue:
    """Send a test message to a target; the list shows the result."""
    db.get_or_404(NoticeTarget, target_id)
    notification_queue.submit_test(target_id)
    return redirect_to_view("notices.index")


@blueprint.post("/<int:target_id>/remove")
def remove(target_id: int) -> ResponseReturnValue:
    """Remove a target and its unsent messages."""
    db.get_or_404(NoticeTarget, target_id)
    with transaction() as session:
        row = session.get_one(NoticeTarget, target_id)
        audit.record("notices.remove", _masked_address(row))
        session.delete(row)
    flash(_("Removed."), "success")
    return redirect_to_view("notices.index")


def _way_or_404(value: str) -> NoticeChannel:
    return NoticeChannel(value) if value in [*NoticeChannel] else abort(404)


def _render_new_target(way: NoticeChannel, form: EventsForm) -> str:
    return render_template("notices/new.html", form=form, way=way, name=WAY_LABELS[way])


def _render_target(target: NoticeTarget, form: EventsForm) -> str:
    name = WAY_LABELS.get(NoticeChannel(target.way)) if target.channel else target.way
    return render_template("notices/edit.html", form=form, target=target, shown=_masked_address(target), name=name)


def _masked_address(target: NoticeTarget) -> str:
    if target.channel is None:
        return str(_("Its address can't be read in the database: remove it and add it again."))
    return core.mask_target(target.channel, target.address_parts)
