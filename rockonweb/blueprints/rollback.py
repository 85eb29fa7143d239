"""Going back to what a rock-on was before a change: look at what will happen, and do it."""

from __future__ import annotations

from collections.abc import Collection

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.config import Settings, instance_id
from rockonweb.core import settings as core_settings
from rockonweb.core.change import Change
from rockonweb.core.comparison import compare
from rockonweb.core.errors import Conflict, EngineError, QueueUnreachable, RockonwebError
from rockonweb.core.text import t
from rockonweb.forms import summary
from rockonweb.host import engine, snapshots
from rockonweb.models import RockOn, Role, RollbackPoint, Status, db
from rockonweb.rows import answers_of
from rockonweb.web import difference, go_back
from rockonweb.web.permission import requires
from rockonweb.work import changes, operations, rollback

blueprint = Blueprint("rollback", __name__, url_prefix="/rockons/<int:rockon_id>/back")
blueprint.add_app_template_global(go_back.rows, "rollback_points")


@blueprint.get("/<int:point_id>")
@requires(Role.OWNER)
def show(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Show what going back to a point will do, with the data or without."""
    point = _point(rockon_id, point_id)
    data = bool(request.args.get("data")) and bool(point.shares)
    return _page(point, *_planned(point, data=data), data=data)


@blueprint.post("/<int:point_id>")
@requires(Role.OWNER)
def begin(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Go back."""
    point = _point(rockon_id, point_id)
    data, asked = bool(request.form.get("data")) and bool(point.shares), request.form.getlist("asked")
    change, trouble = _planned(point, data=data)
    changed = not summary.SummaryForm().saw(change.reviewed)
    if asked and not (trouble or changed):
        change, trouble = _planned(point, data=data, asked=asked)
    if trouble or changed or change.plan.blocked:
        status = 503 if trouble else 409 if changed else 422
        return _page(point, change, trouble, data=data, asked=asked, changed=changed), status
    _, answers = rollback.made_from(point)
    try:
        operation = operations.begin_change(
            point.rockon,
            answers,
            current_user.name,
            reviewed=change.reviewed,
            source=point.definition,
            point=point.id,
            data=data,
            asked=asked,
        )
    except (Conflict, QueueUnreachable) as error:
        return _page(point, change, error, data=data, asked=asked), 409 if isinstance(error, Conflict) else 503
    return redirect(url_for("operations.show", operation_id=operation), code=303)


def _point(rockon_id: int, point_id: int) -> RollbackPoint:
    """Return a point that one can go back to now. Raises Conflict where the rock-on is busy or not installed."""
    rockon = db.get_or_404(RockOn, rockon_id)
    operations.refuse_unchangeable(rockon, t("There is nothing to go back from. Install it."))
    return rollback.point_of(rockon, point_id)


def _settings() -> Settings:
    found: Settings = current_app.config["SETTINGS"]
    return found


def _planned(point: RollbackPoint, *, data: bool, asked: Collection[str] = ()) -> tuple[Change, RockonwebError | None]:
    """Return what would be done today, and why Docker could not be asked, if it could not."""
    _, answers = rollback.made_from(point)

    def plan(docker: engine.Engine | None) -> Change:
        return changes.planned(
            point.rockon, answers, docker, source=point.definition, point=point, data=data, asked=asked
        )

    try:
        docker = engine.connect(instance_id(_settings()))
        try:
            return plan(docker), None
        finally:
            docker.close()
    except EngineError as error:
        return plan(None), error


def _page(
    point: RollbackPoint,
    change: Change,
    trouble: RockonwebError | None,
    *,
    data: bool,
    asked: Collection[str] = (),
    changed: bool = False,
) -> str:
    rockon = point.rockon
    definition, answers = rollback.made_from(point)
    seen = change if not asked else _planned(point, data=data)[0]
    return render_template(
        "rollback/page.html",
        rockon=rockon,
        row=go_back.row(point),
        change=change,
        trouble=trouble,
        changed=changed,
        data=data,
        asked=asked,
        digest=summary.digest(seen.reviewed),
        definitions=compare(rockon.definition, definition),
        answers=core_settings.differences(definition, answers_of(rockon), answers),
        shares=go_back.shares(point, _settings()),
        kept_in=snapshots.replaced(_settings(), ""),
        sides={one.container: difference.side_by_side(one.before, one.after) for one in change.containers},
        downtime=core_settings.downtime(
            change.rebuilt, len(change.containers), running=rockon.status is not Status.STOPPED
        ),
    )
