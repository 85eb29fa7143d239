"""What runs, waits and ran."""

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
from rockonweb.models import ACTIVE, Installation, Kind, Operation, Progress, Role, db, repository
from rockonweb.web import ui_link
from rockonweb.web.partials import render
from rockonweb.web.permissions import may, requires
from rockonweb.web.responses import file, lead_to
from rockonweb.web.rockon_page import hostname
from rockonweb.work import operations

blueprint = Blueprint("operations", __name__)
PAGE = 50
OUTCOMES = {
    "running": ACTIVE,
    "done": (Progress.DONE,),
    "failed": (Progress.FAILED, Progress.INTERRUPTED),
    "cancelled": (Progress.CANCELLED,),
}
OWN_PAGE = re.compile(r"/operations/([0-9]{1,9})")
OPERATOR_KINDS = (Kind.START, Kind.STOP, Kind.RESTART, Kind.UPDATE)


@blueprint.get("/operations")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """List what runs and waits, and what ran, newest first; some of them where the address says so."""
    asked = request.args.get("rockon", 0, type=int)
    rockon = repository.find_installation(asked) if 0 < asked < 2**31 else None
    outcome, kind = request.args.get("outcome", ""), request.args.get("kind", "")
    kind = kind if kind in [*Kind] else ""
    outcome = outcome if outcome in OUTCOMES else ""
    chosen = [Operation.installation_id == rockon.id] if rockon else []
    chosen += [Operation.progress.in_(OUTCOMES[outcome])] if outcome else []
    chosen += [Operation.kind == Kind(kind)] if kind else []
    pages = max(1, -(-(db.session.scalar(select(func.count(Operation.id)).where(*chosen)) or 0) // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    # What waits and runs comes first, on the first page, however long it takes.
    query = select(Operation).where(*chosen).order_by(Operation.progress.in_(ACTIVE).desc(), Operation.id.desc())
    brief = defer(Operation.reviewed)
    found = db.session.scalars(
        query.options(brief, joinedload(Operation.installation).load_only(Installation.name))
        .offset((page - 1) * PAGE)
        .limit(PAGE)
    ).all()
    here = {"rockon": rockon.id if rockon else None, "outcome": outcome or None, "kind": kind or None}
    context = {"operations": found, "page": page, "pages": pages, "rockon": rockon, "here": here}
    return render(
        "operations/index.html", "operations/_list.html", outcomes=[None, *OUTCOMES], kinds=[None, *Kind], **context
    )


@blueprint.get("/operations/<int:operation_id>")
@requires(Role.VIEWER)
def show(operation_id: int) -> ResponseReturnValue:
    """Show an operation; while it waits or runs, its page asks for this again and again.

    `shown` is the percentage that the page shows, `told` what it has told people who don't see the bar.
    """
    operation = db.get_or_404(Operation, operation_id)
    rockons = [operation.installation] if operation.installation else []
    link = next(iter(ui_link.links(rockons, hostname()).values()), None)
    found = running_now.estimate_of(operation, least=_shown())
    context = {"operation": operation, "link": link, "allowed": _allowed(operation), "line": found}
    news = running_now.news_of(operation, found.percent)
    return render("operations/show.html", "operations/_polled.html", **context, news=news)


@blueprint.get("/operations/<int:operation_id>/log")
@requires(Role.VIEWER)
def log(operation_id: int) -> ResponseReturnValue:
    """Give all that is known of an operation as plain text, to read or, with `download`, as a file."""
    operation = db.get_or_404(Operation, operation_id)
    way = "attachment" if "download" in request.args else "inline"
    return file(plain_text.text_of(operation), "text/plain", f"{way}; filename=operation-{operation_id}.txt")


@blueprint.get("/operations/<int:operation_id>/line")
@requires(Role.VIEWER)
def line(operation_id: int) -> ResponseReturnValue:
    """Show in one line how far an operation is, for its card."""
    found = running_now.line_of(operation_id, _shown()) or abort(404)
    return render_template("operations/_line.html", line=found)


@blueprint.get("/operations/running")
@requires(Role.VIEWER)
def running() -> ResponseReturnValue:
    """Show how many operations run, for the top bar, and tell of those that have ended since a page was loaded."""
    watch = [int(word) for word in request.args.get("watch", "").split(",")[:100] if word.isdecimal()]
    last = request.args.get("last", type=int)
    known = last is not None and 0 <= last < 2**31
    bar = running_now.top_bar(last if known else None, [one for one in watch if one < 2**31], _own_page())
    return render_template("operations/_running_alone.html", bar=bar)


@blueprint.post("/operations/<int:operation_id>/cancel")
@requires(Role.OPERATOR)
def cancel(operation_id: int) -> ResponseReturnValue:
    """Ask an operation to stop and take back what it did."""
    _get_allowed(operation_id)
    operations.cancel(operation_id)
    return lead_to("operations.show", operation_id=operation_id)


@blueprint.post("/operations/<int:operation_id>/retry")
@requires(Role.OPERATOR)
def retry(operation_id: int) -> ResponseReturnValue:
    """Begin again what failed."""
    _get_allowed(operation_id)
    again = operations.retry(operation_id, current_user.name)
    return lead_to("operations.show", operation_id=again)


def _shown() -> int | None:
    """Return the percentage that the page which asks shows already."""
    return request.args.get("shown", type=int)


def _own_page() -> int | None:
    """Return the operation on whose page the asking top bar stands: that one tells its end itself."""
    found = OWN_PAGE.fullmatch(urlsplit(request.headers.get("HX-Current-URL", "")).path)
    return int(found[1]) if found else None


def _allowed(operation: Operation) -> bool:
    """Whether the person may cancel and repeat it: whoever may begin it may."""
    return may(Role.OPERATOR if operation.kind in OPERATOR_KINDS else Role.OWNER)


def _get_allowed(operation_id: int) -> Operation:
    operation = db.get_or_404(Operation, operation_id)
    if not _allowed(operation):
        abort(403)
    return operation
