"""Where notices go, what they are about, and how the last one fared."""

from __future__ import annotations

import json

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import func, select

from rockonweb.accounts import audit
from rockonweb.core.instance import notices as core
from rockonweb.core.instance.notices import Way
from rockonweb.forms.notices import EVENTS, FORMS, EventsForm
from rockonweb.models import NoticeMessage, NoticeTarget, Role, db, writing
from rockonweb.web.partials import render
from rockonweb.web.permissions import Pages
from rockonweb.web.responses import lead_to
from rockonweb.work import notices

blueprint = Pages("notices", __name__, Role.OWNER, url_prefix="/notices")
MOST = 20  # targets
WAYS = {Way.HOOK: _l("Web hook"), Way.MAIL: _l("E-mail"), Way.APPRISE: _l("Apprise")}


@blueprint.get("")
def index() -> str:
    """List the targets; while something is being sent the page looks again."""
    counted = select(NoticeMessage.target_id, func.count()).group_by(NoticeMessage.target_id)
    waiting = {target: number for target, number in db.session.execute(counted)}  # noqa: C416 - rows are no pairs
    targets = db.session.scalars(select(NoticeTarget).order_by(NoticeTarget.id)).all()
    context = {"targets": targets, "waiting": waiting, "shown": _shown, "ways": WAYS, "words": EVENTS, "most": MOST}
    return render("notices/index.html", "notices/_list.html", **context)


@blueprint.get("/new/<way>")
def new(way: str) -> str:
    """Show the form of a new target."""
    return _form(_way(way), FORMS[_way(way)]())


@blueprint.post("/new/<way>")
def add(way: str) -> ResponseReturnValue:
    """Add a target."""
    kind = _way(way)
    form = FORMS[kind]()
    if not form.validate():
        return _form(kind, form), 422
    with writing() as session:
        if (session.scalar(select(func.count(NoticeTarget.id))) or 0) >= MOST:
            abort(409)
        chosen = {"events": " ".join(form.events), "language": form.language.data}
        session.add(NoticeTarget(way=kind.value, address=json.dumps(form.parts), **chosen))
        audit.record("notices.added", core.shown(kind, form.parts))
    flash(_("It was added. Send a test to see whether notices arrive."), "success")
    return lead_to("notices.index")


@blueprint.get("/<int:target_id>")
def edit(target_id: int) -> str:
    """Show what a target is told of."""
    target = db.get_or_404(NoticeTarget, target_id)
    told = target.events.split()
    return _edit(target, EventsForm(data={event: event in told for event in EVENTS} | {"language": target.language}))


@blueprint.post("/<int:target_id>")
def change(target_id: int) -> ResponseReturnValue:
    """Change what a target is told of."""
    target = db.get_or_404(NoticeTarget, target_id)
    form = EventsForm()
    if not form.validate():
        return _edit(target, form), 422
    with writing() as session:
        found = session.get_one(NoticeTarget, target_id)
        found.events, found.language = " ".join(form.events), form.language.data
        audit.record("notices.changed", _shown(found))
    flash(_("It was changed."), "success")
    return lead_to("notices.index")


@blueprint.post("/<int:target_id>/test")
def test(target_id: int) -> ResponseReturnValue:
    """Send a message to try a target; the page tells how it fared."""
    db.get_or_404(NoticeTarget, target_id)
    notices.begin_test(target_id)
    return lead_to("notices.index")


@blueprint.post("/<int:target_id>/remove")
def remove(target_id: int) -> ResponseReturnValue:
    """Remove a target, and what waits to be sent to it."""
    db.get_or_404(NoticeTarget, target_id)
    with writing() as session:
        found = session.get_one(NoticeTarget, target_id)
        audit.record("notices.removed", _shown(found))
        session.delete(found)
    flash(_("It was removed."), "success")
    return lead_to("notices.index")


def _way(word: str) -> Way:
    return Way(word) if word in [*Way] else abort(404)


def _form(way: Way, form: EventsForm) -> str:
    return render_template("notices/new.html", form=form, way=way, name=WAYS[way])


def _edit(target: NoticeTarget, form: EventsForm) -> str:
    name = WAYS[Way(target.way)]
    return render_template("notices/edit.html", form=form, target=target, shown=_shown(target), name=name)


def _shown(target: NoticeTarget) -> str:
    return core.shown(Way(target.way), target.parts)
