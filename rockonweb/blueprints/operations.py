"""What runs, waits and ran."""

from __future__ import annotations

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload, lazyload

from rockonweb.blueprints.rockons import hostname
from rockonweb.models import ACTIVE, Kind, Operation, RockOn, Role, db
from rockonweb.web import running as running_now
from rockonweb.web import ui_link
from rockonweb.web.partials import render
from rockonweb.web.permission import may, requires
from rockonweb.work import operations

blueprint = Blueprint("operations", __name__)
PAGE = 50
OPERATOR_KINDS = (Kind.START, Kind.STOP, Kind.RESTART, Kind.UPDATE)


@blueprint.get("/operations")
@requires(Role.VIEWER)
def index() -> ResponseReturnValue:
    """List what runs and waits, and what ran, newest first; of one rock-on where the address says so."""
    asked = request.args.get("rockon", 0, type=int)
    rockon = db.session.get(RockOn, asked) if 0 < asked < 2**31 else None
    chosen = Operation.rockon_id == rockon.id if rockon else Operation.id > 0
    pages = max(1, -(-(db.session.scalar(select(func.count()).where(chosen)) or 0) // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    # What waits and runs comes first, on the first page, however long it takes.
    query = select(Operation).where(chosen).order_by(Operation.progress.in_(ACTIVE).desc(), Operation.id.desc())
    brief = (lazyload(Operation.steps), defer(Operation.reviewed), defer(Operation.parameters))
    found = db.session.scalars(
        query.options(*brief, joinedload(Operation.rockon).load_only(RockOn.name)).offset((page - 1) * PAGE).limit(PAGE)
    ).all()
    context = {"operations": found, "page": page, "pages": pages, "rockon": rockon}
    return render("operations/index.html", "operations/_list.html", **context)


@blueprint.get("/operations/<int:operation_id>")
@requires(Role.VIEWER)
def show(operation_id: int) -> ResponseReturnValue:
    """Show an operation; while it waits or runs, its page asks for this again and again."""
    operation = db.session.get(Operation, operation_id) or abort(404)
    rockons = [operation.rockon] if operation.rockon else []
    link = next(iter(ui_link.links(rockons, hostname()).values()), None)
    context = {"operation": operation, "link": link, "allowed": _allowed(operation)}
    return render("operations/show.html", "operations/_polled.html", **context)


@blueprint.get("/operations/<int:operation_id>/line")
@requires(Role.VIEWER)
def line(operation_id: int) -> ResponseReturnValue:
    """Show in one line how far an operation is, for its card."""
    return render_template("operations/_line.html", line=running_now.line_of(operation_id) or abort(404))


@blueprint.get("/operations/running")
@requires(Role.VIEWER)
def running() -> ResponseReturnValue:
    """Show how many operations run, for the top bar."""
    return render_template("operations/_running_alone.html")


@blueprint.post("/operations/<int:operation_id>/cancel")
@requires(Role.OPERATOR)
def cancel(operation_id: int) -> ResponseReturnValue:
    """Ask an operation to stop and take back what it did."""
    _get_allowed(operation_id)
    operations.cancel(operation_id)
    return redirect(url_for("operations.show", operation_id=operation_id), code=303)


@blueprint.post("/operations/<int:operation_id>/retry")
@requires(Role.OPERATOR)
def retry(operation_id: int) -> ResponseReturnValue:
    """Begin again what failed."""
    _get_allowed(operation_id)
    again = operations.retry(operation_id, current_user.name)
    return redirect(url_for("operations.show", operation_id=again), code=303)


def _allowed(operation: Operation) -> bool:
    """Whether the person may cancel and repeat it: whoever may begin it may."""
    return may(Role.OPERATOR if operation.kind in OPERATOR_KINDS else Role.OWNER)


def _get_allowed(operation_id: int) -> Operation:
    operation = db.session.get(Operation, operation_id) or abort(404)
    if not _allowed(operation):
        abort(403)
    return operation
