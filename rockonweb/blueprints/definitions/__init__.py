"""The user's own definitions: the files of the local metastore."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select

from rockonweb.blueprints.definitions import preview
from rockonweb.catalog import local
from rockonweb.catalog.metastore import UnusableFile
from rockonweb.config import current_config
from rockonweb.core.definition.parser import DefinitionFault, InvalidDefinition, format_source, parse_definitions
from rockonweb.forms.definition import DefinitionForm
from rockonweb.languages import translate
from rockonweb.models import Installation, RockOn, Role, State, db
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.refresh_after_change import refresh_soon
from rockonweb.web.responses import redirect_to_view

blueprint = RoleBlueprint("definitions", __name__, Role.OWNER, url_prefix="/definitions")


@blueprint.get("")
def index() -> str:
    """List the files of the local metastore, and the catalogue's rock-ons that can be copied."""
    settings = current_config()
    catalogue_rows = db.session.execute(select(RockOn.id, RockOn.name).where(RockOn.in_catalogue))
    rockons = sorted(((row.name, row.id) for row in catalogue_rows), key=lambda entry: entry[0].casefold())
    return render_template(
        "definitions/index.html",
        files=local.list_local_files(settings),
        folder=settings.local_metastore,
        rockons=rockons,
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
        form.text.data = format_source(rockon.source, lambda body: {rockon.name: body}) + "\n"
    else:
        form.text.data = render_template("definitions/example.json") + "\n"
    return _render_editor(form, copied=rockon)


@blueprint.post("/new")
def create() -> ResponseReturnValue:
    """Check, preview or save a new definition."""
    return _handle_submission("")


@blueprint.get("/<file>/edit")
def edit(file: str) -> str:
    """Show the editor with a file and its faults."""
    form = DefinitionForm()
    form.text.data, faults = _read_or_404(file), []
    if form.text.data:
        faults = local.text_faults(current_config(), form.text.data, file)
    return _render_editor(form, file, faults)


@blueprint.post("/<file>/edit")
def change(file: str) -> ResponseReturnValue:
    """Check, preview or save a file."""
    _read_or_404(file)
    return _handle_submission(file)


@blueprint.get("/<file>/remove")
def confirm_remove(file: str) -> str:
    """Show which rock-ons a file's removal removes and which stay, and ask for confirmation."""
    _read_or_404(file)
    definition_file = next(
        (candidate for candidate in local.list_local_files(current_config()) if candidate.name == file), None
    ) or abort(404)
    query = (
        select(RockOn).where(RockOn.name.in_(definition_file.rockons), RockOn.origin == "local").order_by(RockOn.name)
    )
    rockons = list(db.session.scalars(query))
    installed_ids = set(db.session.scalars(select(Installation.entry_id).where(Installation.state != State.AVAILABLE)))
    return render_template(
        "definitions/remove.html",
        file=definition_file,
        leaving=[rockon for rockon in rockons if rockon.id not in installed_ids],
        staying=[rockon for rockon in rockons if rockon.id in installed_ids],
    )


@blueprint.post("/<file>/remove")
def remove(file: str) -> ResponseReturnValue:
    """Remove a file."""
    _read_or_404(file)
    local.remove_local_file(current_config(), file)
    refresh_soon(_("%(file)s was removed.", file=file))
    return redirect_to_view("definitions.index")


def _read_or_404(file: str) -> str:
    """Return the text of a file, blank where it can't be read; 404 where there is none."""
    try:
        text = local.read_local_file(current_config(), file)
    except UnusableFile as error:
        flash(_("%(file)s: %(why)s", file=file, why=translate(error.args[0])), "warning")
        return ""
    return abort(404) if text is None else text


def _handle_submission(file: str) -> ResponseReturnValue:
    form = DefinitionForm()
    if fault := form.load_upload():
        form.file.errors = [translate(fault)]
        return _render_editor(form, file), 422
    text = form.normalized_text
    faults = local.text_faults(current_config(), text, file)
    if faults:
        return _render_editor(form, file, faults), 422
    if form.save.data:
        saved = local.save_definition(current_config(), text, file)
        refresh_soon(_("The definition was saved as %(file)s.", file=saved))
        return redirect_to_view("definitions.index")
    trials = (
        [preview.preview_definition(parsed.definition) for parsed in parse_definitions(text)]
        if form.attempt.data
        else []
    )
    return _render_editor(form, file, checked=True, trials=trials)


def _render_editor(form: DefinitionForm, file: str = "", faults: Sequence[DefinitionFault] = (), **extra: Any) -> str:
    """Show the editor; `extra` is more template context: `copied` (a RockOn), `checked` (bool), `trials` (previews)."""
    names = _defined_rockon_names(form.normalized_text)
    return render_template("definitions/edit.html", form=form, file=file, faults=faults, names=names, **extra)


def _defined_rockon_names(text: str) -> list[str]:
    try:
        return [parsed.definition.name for parsed in parse_definitions(text)]
    except InvalidDefinition:
        return []
