"""The further pages of one rock-on: its head alone, logs, resources, history, definition."""

from __future__ import annotations

import json
import time

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import func, select
from sqlalchemy.orm import defer
from werkzeug.exceptions import NotFound

from rockonweb.blueprints.rockon import container_logs, resource_charts
from rockonweb.core.invisible import seen
from rockonweb.models import ACTIVE, Installation, Operation, Role, db
from rockonweb.web import rockon_page
from rockonweb.web.partials import not_modified, partial_wanted
from rockonweb.web.permissions import requires
from rockonweb.web.responses import file, stem
from rockonweb.work import metrics

blueprint = Blueprint("rockon", __name__, url_prefix="/rockons/<int:rockon_id>")
PAGE = 25  # operations on a page of the history


@blueprint.get("/head")
@requires(Role.VIEWER)
def head(rockon_id: int) -> ResponseReturnValue:
    """Show the head of a rock-on's pages, for a page to keep it true; one that has seen it gets no content."""
    found = rockon_page.head(rockon_page.get(rockon_id))
    return ("", 204) if not_modified(found["head_mark"]) else render_template("rockons/_head.html", **found)


@blueprint.get("/logs")
@requires(Role.OPERATOR)
def logs(rockon_id: int) -> ResponseReturnValue:
    """Show what its containers wrote last; a page that follows them and has seen all gets no content."""
    rockon = rockon_page.get(rockon_id)
    wish = _wish(rockon)
    found = container_logs.of_containers(rockon, wish)
    mark = container_logs.mark(found)
    if not_modified(mark):
        return "", 204
    context = {"logs": found, "wish": wish, "mark": mark, "numbers": container_logs.NUMBERS}
    if partial_wanted() and "seen" in request.args:
        return render_template("rockons/_log_lines.html", rockon=rockon, **context)
    return rockon_page.render(rockon, rockon_page.LOGS, **context)


@blueprint.get("/logs/<container>")
@requires(Role.OPERATOR)
def log_file(rockon_id: int, container: str) -> ResponseReturnValue:
    """Give the log of one container as a text file."""
    rockon = rockon_page.get(rockon_id)
    if container not in [one.name for one in rockon.containers]:
        raise NotFound
    text = container_logs.as_file(rockon, container, timestamps=_wish(rockon).timestamps)
    return file(text, "text/plain", f"attachment; filename={container}.log.txt")


@blueprint.get("/resources")
@requires(Role.VIEWER)
def resources(rockon_id: int) -> ResponseReturnValue:
    """Show what its containers used over the last hour; with `charts` the drawings alone, to keep them true."""
    rockon = rockon_page.get(rockon_id)
    found = metrics.of(container.name for container in rockon.containers)
    now = time.time()
    charts = None if found is None else [resource_charts.of(name, of, now) for name, of in found.items()]
    if partial_wanted() and "charts" in request.args:
        return render_template("rockons/_charts.html", rockon=rockon, usage=charts)
    return rockon_page.render(rockon, rockon_page.RESOURCES, usage=charts)


@blueprint.get("/history")
@requires(Role.VIEWER)
def history(rockon_id: int) -> ResponseReturnValue:
    """Show every operation of it, newest first."""
    rockon = rockon_page.get(rockon_id)
    number = db.session.scalar(select(func.count(Operation.id)).where(Operation.installation_id == rockon.id)) or 0
    pages = max(1, -(-number // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    query = select(Operation).where(Operation.installation_id == rockon.id)
    query = query.options(defer(Operation.reviewed)).order_by(
        Operation.progress.in_(ACTIVE).desc(), Operation.id.desc()
    )
    found = db.session.scalars(query.offset((page - 1) * PAGE).limit(PAGE)).all()
    return rockon_page.render(rockon, rockon_page.HISTORY, operations=found, page=page, pages=pages, number=number)


@blueprint.get("/source")
@requires(Role.VIEWER)
def definition(rockon_id: int) -> ResponseReturnValue:
    """Show the definition that it was installed from; of one that is not installed the catalogue's."""
    rockon = rockon_page.get(rockon_id)
    return rockon_page.render(rockon, rockon_page.DEFINITION, source=seen(_source(rockon)))


@blueprint.get("/source.json")
@requires(Role.VIEWER)
def definition_file(rockon_id: int) -> ResponseReturnValue:
    """Give the definition as a file that a metastore can hold."""
    rockon = rockon_page.get(rockon_id)
    return file(_source(rockon), "application/json", f"attachment; filename={stem(rockon.name)}.json")


def _wish(rockon: Installation) -> container_logs.Wish:
    return container_logs.Wish.read(request.args, [container.name for container in rockon.containers])


def _source(rockon: Installation) -> str:
    body = json.loads(rockon.installed_source or rockon.entry.source)
    return json.dumps({rockon.name: body}, indent=4, ensure_ascii=False) + "\n"
