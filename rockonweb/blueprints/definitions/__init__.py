"""The definitions of one's own: the files of the local metastore."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from rockonweb.blueprints.definitions import preview
from rockonweb.catalog import local
from rockonweb.catalog.metastore import Unusable
from rockonweb.config import current_settings
from rockonweb.core.definition.definition import DefinitionFaults, Fault, parse
from rockonweb.forms.definition import DefinitionForm
from rockonweb.languages import say
from rockonweb.models import Installation, RockOn, Role, State, db
from rockonweb.web.permissions import Pages
from rockonweb.web.refresh_after_change import refresh_soon
from rockonweb.web.responses import lead_to

blueprint = Pages("definitions", __name__, Role.OWNER, url_prefix="/definitions")


@blueprint.get("")
def index() -> str:
    """List the files of the local metastore, and offer what the catalogue has as a starting point."""
    settings = current_settings()
    offered = db.session.execute(select(RockOn.id, RockOn.name).where(RockOn.in_catalogue))
    rockons = sorted(((row.name, row.id) for row in offered), key=lambda one: one[0].casefold())
    return render_template(
        "definitions/index.html", files=local.listing(settings), folder=settings.local_metastore, rockons=rockons
    )


@blueprint.get("/new")
def new() -> str:
    """Show the editor, with an example or a copy of a rock-on of the catalogue."""
    form = DefinitionForm()
    copied = request.args.get("from", type=int)
    rockon = db.session.get(RockOn, copied) if copied else None
    if copied and rockon is None:
        abort(404)
    if rockon:
        form.text.data = json.dumps({rockon.name: json.loads(rockon.source)}, indent=2, ensure_ascii=False) + "\n"
    else:
        form.text.data = render_template("definitions/example.json") + "\n"
    return _editor(form, copied=rockon)


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Check, try or save a new definition."""
    return _submitted("")


@blueprint.get("/<file>/edit")
def edit(file: str) -> str:
    """Show the editor with a file and everything that is wrong with it."""
    form = DefinitionForm()
    form.text.data, faults = _text_of(file), []
    if form.text.data:
        faults = local.faults(current_settings(), form.text.data, file)
    return _editor(form, file, faults)


@blueprint.post("/<file>/edit")
def change(file: str) -> ResponseReturnValue:
    """Check, try or save a file."""
    _text_of(file)
    return _submitted(file)


@blueprint.get("/<file>/remove")
def confirm_remove(file: str) -> str:
    """Say what goes and what stays, and ask."""
    _text_of(file)
    found = next((one for one in local.listing(current_settings()) if one.name == file), None) or abort(404)
    query = select(RockOn).where(RockOn.name.in_(found.rockons), RockOn.origin == "local").order_by(RockOn.name)
    rockons = list(db.session.scalars(query))
    used = set(db.session.scalars(select(Installation.entry_id).where(Installation.state != State.AVAILABLE)))
    return render_template(
        "definitions/remove.html",
        file=found,
        leaving=[rockon for rockon in rockons if rockon.id not in used],
        staying=[rockon for rockon in rockons if rockon.id in used],
    )


@blueprint.post("/<file>/remove")
def remove(file: str) -> ResponseReturnValue:
    """Remove a file."""
    _text_of(file)
    local.remove(current_settings(), file)
    refresh_soon(_("%(file)s was removed.", file=file))
    return lead_to("definitions.index")


def _text_of(file: str) -> str:
    """Return the text of a file, blank where it can't be read; 404 where there is none."""
    try:
        text = local.read(current_settings(), file)
    except Unusable as error:
        flash(_("%(file)s: %(why)s", file=file, why=say(error.args[0])), "warning")
        return ""
    return abort(404) if text is None else text


def _submitted(file: str) -> ResponseReturnValue:
    form = DefinitionForm()
    if fault := form.take_file():
        form.file.errors = [say(fault)]
        return _editor(form, file), 422
    text = form.content
    faults = local.faults(current_settings(), text, file)
    if faults:
        return _editor(form, file, faults), 422
    if form.save.data:
        saved = local.save(current_settings(), text, file)
        refresh_soon(_("The definition is saved as %(file)s.", file=saved))
        return lead_to("definitions.index")
    trials = [preview.run(one.definition) for one in parse(text)] if form.attempt.data else []
    return _editor(form, file, checked=True, trials=trials)


def _editor(form: DefinitionForm, file: str = "", faults: Sequence[Fault] = (), **shown: Any) -> str:
    """Show the editor; `shown` is what else its page has: what was `copied`, that it was `checked`, the `trials`."""
    names = _names(form.content)
    return render_template("definitions/edit.html", form=form, file=file, faults=faults, names=names, **shown)


def _names(text: str) -> list[str]:
    try:
        return [one.definition.name for one in parse(text)]
    except DefinitionFaults:
        return []
