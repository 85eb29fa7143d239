"""Going back to what a rock-on was before a change: look at what will happen, and do it."""

from __future__ import annotations

from flask import render_template, request
from flask.typing import ResponseReturnValue

from rockonweb.blueprints.rollback import points
from rockonweb.core.definition.comparison import compare
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions import settings as core_settings
from rockonweb.core.text import t
from rockonweb.forms import summary
from rockonweb.host import host_of
from rockonweb.models import Role, RollbackPoint
from rockonweb.models.repository import answers_of
from rockonweb.web import preflight_review, rockon_page
from rockonweb.web.permissions import Pages
from rockonweb.work import operations, rollback
from rockonweb.work.review import Review, review_request

blueprint = Pages("rollback", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/back")
blueprint.add_app_template_global(points.rows, "rollback_points")


@blueprint.get("/<int:point_id>")
def show(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Show what going back to a point will do, with the data or without."""
    point = _point(rockon_id, point_id)
    data = bool(request.args.get("data")) and bool(point.shares)
    return _page(point, _review(point, data=data))


@blueprint.post("/<int:point_id>")
def begin(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Go back."""
    point = _point(rockon_id, point_id)
    data, asked = bool(request.form.get("data")) and bool(point.shares), frozenset(request.form.getlist("asked"))
    found = _review(point, data=data)
    changed = not summary.SummaryForm().saw(found)
    if asked and not (found.trouble or changed):
        found = _review(point, data=data, asked=asked)
    if found.trouble or changed or found.blocked:
        return _page(point, found, changed=changed), 503 if found.trouble else 409 if changed else 422
    return preflight_review.begin(found, lambda trouble: _page(point, found, trouble))


def _point(rockon_id: int, point_id: int) -> RollbackPoint:
    """Return a point that one can go back to now. Raises Conflict where the rock-on is busy or not installed."""
    rockon = rockon_page.get(rockon_id)
    operations.refuse_unchangeable(rockon, t("There is nothing to go back from. Install it."))
    return rollback.point_of(rockon, point_id)


def _review(point: RollbackPoint, *, data: bool, asked: frozenset[str] = frozenset()) -> Review:
    """Return what going back would do today."""
    _, answers = rollback.made_from(point)
    request = ChangeRequest(answers, point.definition, point=point.id, data=data, asked=asked)
    return review_request(point.installation, request)


def _page(point: RollbackPoint, found: Review, trouble: RockonwebError | None = None, *, changed: bool = False) -> str:
    wanted = found.request
    assert isinstance(wanted, ChangeRequest)  # noqa: S101 - it was made of one
    rockon = point.installation
    definition, answers = rollback.made_from(point)
    seen = found if not wanted.asked else _review(point, data=wanted.data)
    return render_template(
        "rollback/page.html",
        rockon=rockon,
        row=points.row(point),
        trouble=trouble or found.trouble,
        changed=changed,
        data=wanted.data,
        asked=wanted.asked,
        digest=seen.fingerprint,
        definitions=compare(rockon.definition, definition),
        answers=core_settings.differences(definition, answers_of(rockon), answers),
        shares=points.shares(point),
        kept_in=host_of().snapshots.replaced(""),
        **preflight_review.change_of(found, rockon),
    )
