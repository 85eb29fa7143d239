"""The metastores: where the catalogue's definitions come from, in their order."""

from __future__ import annotations

from flask import abort, flash, render_template
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from rockonweb.catalog import sources
from rockonweb.catalog.sources import Source
from rockonweb.config import current_settings
from rockonweb.core.errors import BadInput
from rockonweb.forms.metastore import MetastoreForm
from rockonweb.languages import say
from rockonweb.models import RefreshReport, Role, db
from rockonweb.web.permissions import Pages
from rockonweb.web.refresh_after_change import refresh_soon
from rockonweb.web.responses import lead_to

blueprint = Pages("metastores", __name__, Role.OWNER, url_prefix="/metastores")


@blueprint.get("")
def index() -> str:
    """List the metastores, with a form to add one."""
    return _page(MetastoreForm())


@blueprint.post("")
def add() -> ResponseReturnValue:
    """Add a metastore behind the others."""
    form = MetastoreForm()
    if not form.validate():
        return _page(form), 422
    try:
        sources.add(sources.read_place(form.place.data, current_settings()))
    except BadInput as error:
        form.place.errors = [" ".join(say(part) for part in (error.sentence, error.hint) if part)]
        return _page(form), 422
    refresh_soon(_("The metastore was added."))
    return lead_to("metastores.index")


@blueprint.post("/<int:metastore_id>/<what>")
def change(metastore_id: int, what: str) -> ResponseReturnValue:
    """Move a metastore in the order, or let refreshes use it or leave it out."""
    source = _get(metastore_id)
    if what not in ("up", "down", "enable", "disable"):
        abort(404)
    if what in ("up", "down"):
        sources.move(metastore_id, -1 if what == "up" else 1)
        flash(_("The order was changed; the next refresh of the catalogue follows it."), "success")
        return lead_to("metastores.index")
    sources.enable(metastore_id, what == "enable")
    if what == "enable":
        refresh_soon(_("%(place)s is used again.", place=source.shown))
    else:
        refresh_soon(_("%(place)s is left out.", place=source.shown))
    return lead_to("metastores.index")


@blueprint.get("/<int:metastore_id>/remove")
def confirm_remove(metastore_id: int) -> str:
    """Say which rock-ons leave and which stay, and ask."""
    source = _get(metastore_id)
    leaving, staying = sources.rockons_of(source.origin)
    return render_template("metastores/remove.html", source=source, leaving=leaving, staying=staying)


@blueprint.post("/<int:metastore_id>/remove")
def remove(metastore_id: int) -> ResponseReturnValue:
    """Remove a metastore."""
    source = _get(metastore_id)
    sources.remove(metastore_id)
    refresh_soon(_("%(place)s was removed.", place=source.shown))
    return lead_to("metastores.index")


def _get(metastore_id: int) -> Source:
    found = sources.listed(current_settings())
    return next((source for source in found if source.id == metastore_id), None) or abort(404)


def _page(form: MetastoreForm) -> str:
    report = RefreshReport.newest(db.session())
    # By number and place: a metastore may have the number of one that was removed.
    parts = {(part["origin"], part["place"]): part for part in report.data.get("metastores", ())} if report else {}
    found = sources.listed(current_settings())
    return render_template("metastores/index.html", form=form, sources=found, report=report, parts=parts)
