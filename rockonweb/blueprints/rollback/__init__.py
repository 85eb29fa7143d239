"""Rolling a rock-on back to its state before a change: review and submit."""

from __future__ import annotations

from collections.abc import Mapping

from flask import render_template, request
from flask.typing import ResponseReturnValue

from rockonweb.blueprints.rollback import points
from rockonweb.core.definition.comparison import compare_definitions
from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions import settings as core_settings
from rockonweb.core.text import t
from rockonweb.forms import summary
from rockonweb.host import get_host
from rockonweb.models import Role, RollbackPoint
from rockonweb.models.repository import load_answers
from rockonweb.web import preflight_review, rockon_page
from rockonweb.web.permissions import RoleBlueprint
from rockonweb.work import operations, rollback
from rockonweb.work.review import Review, review_request

blueprint = RoleBlueprint("rollback", __name__, Role.OWNER, url_prefix="/rockons/<int:rockon_id>/back")
blueprint.add_app_template_global(points.list_rollback_rows, "rollback_points")


@blueprint.get("/<int:point_id>")
def show(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Show what a rollback to a point will do; with `data` in the URL including the data of shares."""
    point = _get_point(rockon_id, point_id)
    data = bool(request.args.get("data")) and bool(point.shares)
    return _render_rollback(point, _review_rollback(point, data=data))


@blueprint.post("/<int:point_id>")
def begin(rockon_id: int, point_id: int) -> ResponseReturnValue:
    """Submit the reviewed rollback."""
    point = _get_point(rockon_id, point_id)
    data, confirmed_steps = (
        bool(request.form.get("data")) and bool(point.shares),
        frozenset(request.form.getlist("asked")),
    )
    reviewed = _review_rollback(point, data=data)
    changed = not summary.SummaryForm().matches_review(reviewed)
    choices = preflight_review.read_unsaved_choices()
    if (confirmed_steps or choices) and not (reviewed.trouble or changed):
        reviewed = _review_rollback(point, data=data, confirmed_steps=confirmed_steps, choices=choices)
    if reviewed.trouble or changed or reviewed.blocking_findings:
        return _render_rollback(point, reviewed, changed=changed), 503 if reviewed.trouble else 409 if changed else 422
    return preflight_review.submit_reviewed(reviewed, lambda error: _render_rollback(point, reviewed, error))


def _get_point(rockon_id: int, point_id: int) -> RollbackPoint:
    """Return a rollback point. Raises Conflict where the rock-on is busy or not installed."""
    installation = rockon_page.rockon_or_404(rockon_id)
    operations.refuse_unchangeable(installation, t("There is nothing to roll back. Install it."))
    return rollback.get_point(installation, point_id)


def _review_rollback(
    point: RollbackPoint,
    *,
    data: bool,
    confirmed_steps: frozenset[str] = frozenset(),
    choices: Mapping[str, str] | None = None,
) -> Review:
    """Return the review of a rollback: its plan and findings on this host now."""
    _, answers = rollback.load_point(point)
    change_request = ChangeRequest(
        answers, point.definition, point=point.id, data=data, asked=confirmed_steps, unsaved=choices or {}
    )
    return review_request(point.installation, change_request)


def _render_rollback(
    point: RollbackPoint, reviewed: Review, error: RockonwebError | None = None, *, changed: bool = False
) -> str:
    change_request = reviewed.request
    assert isinstance(change_request, ChangeRequest)  # noqa: S101 - `_review_rollback` builds one
    installation = point.installation
    definition, answers = rollback.load_point(point)
    has_choices = change_request.asked or change_request.unsaved
    shown_review = _review_rollback(point, data=change_request.data) if has_choices else reviewed
    return render_template(
        "rollback/page.html",
        rockon=installation,
        row=points.build_rollback_row(point),
        trouble=error or reviewed.trouble,
        changed=changed,
        data=change_request.data,
        asked=change_request.asked,
        digest=shown_review.fingerprint,
        definitions=compare_definitions(installation.current_definition, definition),
        answers=core_settings.diff_settings(definition, load_answers(installation), answers),
        shares=points.snapshot_scopes_of(point),
        before=preflight_review.preflight_review(reviewed.plan.findings, [], [], installation),
        kept_in=get_host().snapshots.replaced_path(""),
        **preflight_review.change_context(reviewed, installation),
    )
