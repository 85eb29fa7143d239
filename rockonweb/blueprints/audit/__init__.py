"""Who did what, when, and from where; for owners."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from sqlalchemy import ColumnElement, func, or_, select

from rockonweb.accounts.audit import KEPT
from rockonweb.blueprints.audit import audit_hook
from rockonweb.models import AuditLine, Role, db
from rockonweb.web.permissions import requires

blueprint = Blueprint("audit", __name__)
PAGE = 100
MOST = 200  # letters of a filter


@blueprint.get("/audit")
@requires(Role.OWNER)
def index() -> str:
    """List what was done, newest first; by one person or with a text where the address says so."""
    who, text = (request.args.get(key, "").replace("\0", "").strip()[:MOST] for key in ("who", "q"))
    chosen = _chosen(who, text)
    number = db.session.scalar(select(func.count()).select_from(AuditLine).where(*chosen)) or 0
    pages = max(1, -(-number // PAGE))
    page = min(max(1, request.args.get("page", 1, type=int)), pages)
    newest = select(AuditLine).where(*chosen).order_by(AuditLine.id.desc())
    return render_template(
        "audit/index.html",
        lines=[*db.session.scalars(newest.offset((page - 1) * PAGE).limit(PAGE))],
        everybody=[*db.session.scalars(select(AuditLine.who).distinct().order_by(AuditLine.who).limit(500))],
        who=who,
        text=text,
        number=number,
        page=page,
        pages=pages,
        kept=KEPT,
        words=audit_hook.words,
    )


def _chosen(who: str, text: str) -> list[ColumnElement[bool]]:
    """Return the conditions of a filter; the text may also stand in the words that the page shows."""
    found: list[ColumnElement[bool]] = [AuditLine.who == who] if who else []
    if text:
        meant = [action for action in audit_hook.WORDS if text.casefold() in audit_hook.words(action).casefold()]
        parts = (AuditLine.action, AuditLine.about, AuditLine.who, AuditLine.address)
        found.append(or_(AuditLine.action.in_(meant), *(part.icontains(text, autoescape=True) for part in parts)))
    return found
