"""Further pages of a rock-on: the head alone, logs, resources, history, definition."""

from __future__ import annotations

import time

from flask import Blueprint, abort, flash, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import func, select
from sqlalchemy.orm import defer
from werkzeug.exceptions import NotFound

from rockonweb.blueprints.rockon import container_logs, resource_charts
from rockonweb.core.definition.parser import format_source
from rockonweb.core.invisible import escape_invisible
from rockonweb.forms.watching import WatchForm
from rockonweb.models import ACTIVE_PROGRESS, Episode, Installation, Operation, Role, concerns_rockon, db
from rockonweb.web import rockon_page
from rockonweb.web.partials import not_modified, wants_partial
from rockonweb.web.permissions import LOGS_ROLE, require_role
from rockonweb.web.responses import file_stem, redirect_to_view, send_download
from rockonweb.work import metrics
from rockonweb.work.episodes import set_watching

blueprint = Blueprint("rockon", __name__, url_prefix="/rockons/<int:rockon_id>")
HISTORY_PAGE_SIZE = 25  # operations
MAX_EPISODES = 25  # the newest, on the first page


@blueprint.get("/head")
@require_role(Role.VIEWER)
def head(rockon_id: int) -> ResponseReturnValue:
    """Return the head of a rock-on's pages, which they poll; 204 where it is unchanged."""
    context = rockon_page.head_context(rockon_page.rockon_or_404(rockon_id))
    return ("", 204) if not_modified(context["head_mark"]) else render_template("rockons/_head.html", **context)


@blueprint.get("/logs")
@require_role(LOGS_ROLE)
def logs(rockon_id: int) -> ResponseReturnValue:
    """Show the newest log lines of its containers; a page that follows them gets 204 where nothing is new."""
    installation = rockon_page.rockon_or_404(rockon_id)
    log_query = _read_log_query(installation)
    container_tails = container_logs.read_container_logs(installation, log_query)
    mark = container_logs.logs_fingerprint(container_tails)
    if not_modified(mark):
        return "", 204
    context = {"logs": container_tails, "wish": log_query, "mark": mark, "numbers": container_logs.LINE_CHOICES}
    if wants_partial() and "seen" in request.args:
        return render_template("rockons/_log_lines.html", rockon=installation, **context)
    return rockon_page.render_tab(installation, rockon_page.LOGS, **context)


@blueprint.get("/logs/<container>")
@require_role(LOGS_ROLE)
def log_file(rockon_id: int, container: str) -> ResponseReturnValue:
    """Send the log of one container as a text file."""
    installation = rockon_page.rockon_or_404(rockon_id)
    if container not in [member.name for member in installation.containers]:
        raise NotFound
    text = container_logs.read_full_log(installation, container, timestamps=_read_log_query(installation).timestamps)
    return send_download(text, "text/plain", f"attachment; filename={container}.log.txt")


@blueprint.get("/resources")
@require_role(Role.VIEWER)
def resources(rockon_id: int) -> ResponseReturnValue:
    """Show what its containers used over the last hour; with `charts` in the URL the charts alone, for polling."""
    installation = rockon_page.rockon_or_404(rockon_id)
    samples_by_container = metrics.sample_history(container.name for container in installation.containers)
    now = time.time()
    charts = (
        None
        if samples_by_container is None
        else [
            resource_charts.build_container_charts(name, container_samples, now)
            for name, container_samples in samples_by_container.items()
        ]
    )
    if wants_partial() and "charts" in request.args:
        return render_template("rockons/_charts.html", rockon=installation, usage=charts)
    return rockon_page.render_tab(installation, rockon_page.RESOURCES, usage=charts)


@blueprint.get("/history")
@require_role(Role.VIEWER)
def history(rockon_id: int) -> ResponseReturnValue:
    """Show all its operations, active ones first, then the newest."""
    installation = rockon_page.rockon_or_404(rockon_id)
    total = db.session.scalar(select(func.count(Operation.id)).where(concerns_rockon(installation.id))) or 0
    pages = max(1, -(-total // HISTORY_PAGE_SIZE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    query = select(Operation).where(concerns_rockon(installation.id))
    query = query.options(defer(Operation.reviewed)).order_by(
        Operation.progress.in_(ACTIVE_PROGRESS).desc(), Operation.id.desc()
    )
    operations = db.session.scalars(query.offset((page - 1) * HISTORY_PAGE_SIZE).limit(HISTORY_PAGE_SIZE)).all()
    outages = select(Episode).where(Episode.installation_id == installation.id).order_by(Episode.id.desc())
    return rockon_page.render_tab(
        installation,
        rockon_page.HISTORY,
        operations=operations,
        page=page,
        pages=pages,
        number=total,
        episodes=db.session.scalars(outages.limit(MAX_EPISODES)).all() if page == 1 else [],
        watch_form=WatchForm(data={"mend": installation.mend, "ask_page": installation.ask_page}),
    )


@blueprint.post("/watch")
@require_role(Role.OWNER)
def watch(rockon_id: int) -> ResponseReturnValue:
    """Store how an app is watched."""
    form = WatchForm()
    if not form.validate():
        abort(422)
    set_watching(rockon_page.installed_or_404(rockon_id).id, mend=form.mend.data, ask_page=form.ask_page.data)
    flash(_("Saved."), "success")
    return redirect_to_view("rockon.history", rockon_id=rockon_id)


@blueprint.get("/source")
@require_role(Role.VIEWER)
def definition(rockon_id: int) -> ResponseReturnValue:
    """Show the definition it was installed from, or where it is not installed that of the catalogue."""
    installation = rockon_page.rockon_or_404(rockon_id)
    return rockon_page.render_tab(
        installation, rockon_page.DEFINITION, source=escape_invisible(_definition_source(installation))
    )


@blueprint.get("/source.json")
@require_role(Role.VIEWER)
def definition_file(rockon_id: int) -> ResponseReturnValue:
    """Send the definition as a JSON file in the format of metastores."""
    installation = rockon_page.rockon_or_404(rockon_id)
    return send_download(
        _definition_source(installation),
        "application/json",
        f"attachment; filename={file_stem(installation.name)}.json",
    )


def _read_log_query(installation: Installation) -> container_logs.LogQuery:
    return container_logs.LogQuery.read_args(request.args, [container.name for container in installation.containers])


def _definition_source(installation: Installation) -> str:
    source = installation.current_source
    return format_source(source, lambda body: {installation.name: body}, indent=4) + "\n"
