"""The audit log: who did what, when, and from which address; for owners."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy import ColumnElement, func, or_, select

from rockonweb.accounts.audit import MAX_ENTRIES
from rockonweb.blueprints.audit import audit_hook
from rockonweb.models import AuditEntry, Role, db
from rockonweb.web.permissions import require_role

blueprint = Blueprint("audit", __name__)
PAGE_SIZE = 100
MAX_FILTER_LENGTH = 200  # characters


@blueprint.get("/audit")
@require_role(Role.OWNER)
def index() -> str:
    """List audit entries, newest first, filtered by user (`who`) and text (`q`) of the URL."""
    who, text = (request.args.get(key, "").replace("\0", "").strip()[:MAX_FILTER_LENGTH] for key in ("who", "q"))
    conditions = _filter_conditions(who, text)
    total = db.session.scalar(select(func.count()).select_from(AuditEntry).where(*conditions)) or 0
    pages = max(1, -(-total // PAGE_SIZE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    newest = select(AuditEntry).where(*conditions).order_by(AuditEntry.id.desc())
    return render_template(
        "audit/index.html",
        lines=[*db.session.scalars(newest.offset((page - 1) * PAGE_SIZE).limit(PAGE_SIZE))],
        everybody=[*db.session.scalars(select(AuditEntry.who).distinct().order_by(AuditEntry.who).limit(500))],
        who=who,
        text=text,
        number=total,
        page=page,
        pages=pages,
        kept=MAX_ENTRIES,
        words=audit_hook.describe_action,
    )


def _filter_conditions(who: str, text: str) -> list[ColumnElement[bool]]:
    """Return the SQL conditions of a filter; the text also matches the translated labels of actions."""
    conditions: list[ColumnElement[bool]] = [AuditEntry.who == who] if who else []
    if text:
        matching_actions = [
            action
            for action in audit_hook.ACTION_LABELS
            if text.casefold() in audit_hook.describe_action(action).casefold()
        ]
        columns = (AuditEntry.action, AuditEntry.about, AuditEntry.who, AuditEntry.address)
        conditions.append(
            or_(
                AuditEntry.action.in_(matching_actions),
                *(column.icontains(text, autoescape=True) for column in columns),
            )
        )
    return conditions
