"""Operations: list, progress, log, cancel and retry."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from flask import Blueprint, abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload

from rockonweb.blueprints.operations import plain_text
from rockonweb.blueprints.operations import progress as running_now
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Installation,
    Kind,
    Operation,
    Progress,
    Role,
    concerns_rockon,
    db,
    repository,
)
from rockonweb.web import ui_link
from rockonweb.web.partials import render_page
from rockonweb.web.permissions import LOGS_ROLE, require_role, user_has_role
from rockonweb.web.responses import redirect_to_view, send_download
from rockonweb.web.rockon_page import request_hostname
from rockonweb.work import operations

blueprint = Blueprint("operations", __name__)
PAGE_SIZE = 50
OUTCOMES = {
    "running": ACTIVE_PROGRESS,
    "done": (Progress.DONE,),
    "failed": (Progress.FAILED, Progress.INTERRUPTED),
    "cancelled": (Progress.CANCELLED,),
}
OPERATION_PATH = re.compile(r"/operations/([0-9]{1,9})")
OPERATOR_KINDS = (Kind.START, Kind.STOP, Kind.RESTART, Kind.UPDATE, Kind.REHEARSE)


@blueprint.get("/operations")
@require_role(Role.VIEWER)
def index() -> ResponseReturnValue:
    """List operations, the active ones first, then the newest; filtered by rock-on, outcome and kind of the URL."""
    rockon_id = request.args.get("rockon", 0, type=int)
    installation = repository.find_installation(rockon_id) if 0 < rockon_id < 2**31 else None
    outcome, kind = request.args.get("outcome", ""), request.args.get("kind", "")
    kind = kind if kind in [*Kind] else ""
    outcome = outcome if outcome in OUTCOMES else ""
    conditions = [concerns_rockon(installation.id)] if installation else []
    conditions += [Operation.progress.in_(OUTCOMES[outcome])] if outcome else []
    conditions += [Operation.kind == Kind(kind)] if kind else []
    pages = max(1, -(-(db.session.scalar(select(func.count(Operation.id)).where(*conditions)) or 0) // PAGE_SIZE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    # Active ones come first, so that a long one does not move to a later page.
    query = (
        select(Operation)
        .where(*conditions)
        .order_by(Operation.progress.in_(ACTIVE_PROGRESS).desc(), Operation.id.desc())
    )
    without_reviewed = defer(Operation.reviewed)
    page_operations = db.session.scalars(
        query.options(without_reviewed, joinedload(Operation.installation).load_only(Installation.name))
        .offset((page - 1) * PAGE_SIZE)
        .limit(PAGE_SIZE)
    ).all()
    filters = {"rockon": installation.id if installation else None, "outcome": outcome or None, "kind": kind or None}
    context = {"operations": page_operations, "page": page, "pages": pages, "rockon": installation, "here": filters}
    return render_page(
        "operations/index.html", "operations/_list.html", outcomes=[None, *OUTCOMES], kinds=[None, *Kind], **context
    )


@blueprint.get("/operations/<int:operation_id>")
@require_role(Role.VIEWER)
def show(operation_id: int) -> ResponseReturnValue:
    """Show an operation; while it is active, its page polls this.

    In the URL, `told` is the key of the page's last announcement.
    """
    operation = db.get_or_404(Operation, operation_id)
    rockons = [operation.installation] if operation.installation else []
    link = next(iter(ui_link.ui_links_by_id(rockons, request_hostname()).values()), None)
    percent = running_now.measure_operation(operation)
    context = {"operation": operation, "link": link, "allowed": _may_control(operation), "percent": percent}
    news = running_now.build_announcement(operation, percent)
    return render_page("operations/show.html", "operations/_polled.html", **context, news=news)


@blueprint.get("/operations/<int:operation_id>/log")
@require_role(Role.VIEWER)
def log(operation_id: int) -> ResponseReturnValue:
    """Send an operation's log as plain text, inline or, with `download` in the URL, as an attachment."""
    operation = db.get_or_404(Operation, operation_id)
    disposition = "attachment" if "download" in request.args else "inline"
    return send_download(
        plain_text.format_operation_log(operation, app_output=user_has_role(LOGS_ROLE)),
        "text/plain",
        f"{disposition}; filename=operation-{operation_id}.txt",
    )


@blueprint.get("/operations/<int:operation_id>/line")
@require_role(Role.VIEWER)
def line(operation_id: int) -> ResponseReturnValue:
    """Show an operation's progress in one line, for its card."""
    progress_line = running_now.load_progress_line(operation_id) or abort(404)
    return render_template("operations/_line.html", line=progress_line)


@blueprint.get("/operations/running")
@require_role(Role.VIEWER)
def running() -> ResponseReturnValue:
    """Show the number of active operations in the top bar, and notify of those that ended since the last poll."""
    watch = [int(value) for value in request.args.get("watch", "").split(",")[:100] if value.isdecimal()]
    last = request.args.get("last", type=int)
    valid = last is not None and 0 <= last < 2**31
    bar = running_now.build_top_bar(
        last if valid else None,
        [operation_id for operation_id in watch if operation_id < 2**31],
        _current_page_operation(),
    )
    return render_template("operations/_running_alone.html", bar=bar)


@blueprint.post("/operations/<int:operation_id>/cancel")
@require_role(Role.OPERATOR)
def cancel(operation_id: int) -> ResponseReturnValue:
    """Cancel an operation, which rolls back what it did."""
    _get_controllable(operation_id)
    operations.cancel_operation(operation_id)
    return redirect_to_view("operations.show", operation_id=operation_id)


@blueprint.post("/operations/<int:operation_id>/retry")
@require_role(Role.OPERATOR)
def retry(operation_id: int) -> ResponseReturnValue:
    """Submit a failed operation again."""
    _get_controllable(operation_id)
    new_operation_id = operations.retry_operation(operation_id, current_user.name)
    return redirect_to_view("operations.show", operation_id=new_operation_id)


def _current_page_operation() -> int | None:
    """Return the id of the operation whose page sent this request: that page shows its end itself."""
    match = OPERATION_PATH.fullmatch(urlsplit(request.headers.get("HX-Current-URL", "")).path)
    return int(match[1]) if match else None


def _may_control(operation: Operation) -> bool:
    """Whether the current user may cancel and retry it: whoever may submit it may."""
    return user_has_role(Role.OPERATOR if operation.kind in OPERATOR_KINDS else Role.OWNER)


def _get_controllable(operation_id: int) -> Operation:
    operation = db.get_or_404(Operation, operation_id)
    if not _may_control(operation):
        abort(403)
    return operation
