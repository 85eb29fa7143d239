"""The metastores: the sources of the catalogue's definitions, in order of precedence."""

from __future__ import annotations

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.catalog import sources
from rockonweb.catalog.sources import Source
from rockonweb.config import current_config
from rockonweb.core.errors import BadInput
from rockonweb.forms.metastore import MetastoreForm, RefreshScheduleForm
from rockonweb.languages import translate
from rockonweb.models import RefreshReport, Role, db
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.web.refresh_after_change import refresh_soon
from rockonweb.web.responses import redirect_to_view
from rockonweb.work import refresh_schedule

blueprint = RoleBlueprint("metastores", __name__, Role.OWNER, url_prefix="/metastores")


@blueprint.get("")
def index() -> str:
    """List the metastores, with a form to add one."""
    return _render_metastores(MetastoreForm())


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add a metastore after the others."""
    form = MetastoreForm()
    if not form.validate():
        return _render_metastores(form), 422
    try:
        sources.add_metastore(sources.parse_place(form.place.data, current_config()))
    except BadInput as error:
        form.place.errors = [" ".join(translate(sentence) for sentence in (error.sentence, error.hint) if sentence)]
        return _render_metastores(form), 422
    refresh_soon(_("The metastore was added."))
    return redirect_to_view("metastores.index")


@blueprint.post("/schedule")
def schedule() -> ResponseReturnValue:
    """Store how often the catalogue is refreshed by itself."""
    form = RefreshScheduleForm()
    if not form.validate():
        return _render_metastores(MetastoreForm(formdata=None), form), 422
    refresh_schedule.set_refresh_hours(form.hours.data)
    flash(_("Saved."), "success")
    return redirect_to_view("metastores.index")


@blueprint.post("/<int:metastore_id>/<what>")
def change(metastore_id: int, what: str) -> ResponseReturnValue:
    """Move a metastore up or down, or enable or disable it; `what` is one of these words."""
    source = _get_source(metastore_id)
    if what not in ("up", "down", "enable", "disable"):
        abort(404)
    if what in ("up", "down"):
        sources.move_metastore(metastore_id, -1 if what == "up" else 1)
        flash(_("The order was changed. It applies from the next refresh of the catalogue."), "success")
        return redirect_to_view("metastores.index")
    sources.enable_metastore(metastore_id, what == "enable")
    if what == "enable":
        refresh_soon(_("%(place)s is used again.", place=source.shown))
    else:
        refresh_soon(_("%(place)s is left out.", place=source.shown))
    return redirect_to_view("metastores.index")


@blueprint.get("/<int:metastore_id>/remove")
def confirm_remove(metastore_id: int) -> str:
    """Show which rock-ons will be removed and which stay, and ask for confirmation."""
    source = _get_source(metastore_id)
    leaving, staying = sources.metastore_rockons(source.origin)
    return render_template("metastores/remove.html", source=source, leaving=leaving, staying=staying)


@blueprint.post("/<int:metastore_id>/remove")
def remove(metastore_id: int) -> ResponseReturnValue:
    """Remove a metastore."""
    source = _get_source(metastore_id)
    sources.remove_metastore(metastore_id)
    refresh_soon(_("%(place)s was removed.", place=source.shown))
    return redirect_to_view("metastores.index")


def _get_source(metastore_id: int) -> Source:
    listed_sources = sources.list_sources(current_config())
    return next((source for source in listed_sources if source.id == metastore_id), None) or abort(404)


def _render_metastores(form: MetastoreForm, schedule_form: RefreshScheduleForm | None = None) -> str:
    report = RefreshReport.load_latest(db.session())
    # By id and location: a metastore may have the id of one that was removed.
    report_parts = (
        {(entry["origin"], entry["place"]): entry for entry in report.report_data.get("metastores", ())}
        if report
        else {}
    )
    listed_sources = sources.list_sources(current_config())
    return render_template(
        "metastores/index.html",
        form=form,
        schedule=schedule_form or RefreshScheduleForm(formdata=None, hours=refresh_schedule.refresh_hours()),
        sources=listed_sources,
        report=report,
        parts=report_parts,
    )
