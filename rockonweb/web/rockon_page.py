"""What all pages of one rock-on share: its head, and the tabs below it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import abort, render_template, request
from sqlalchemy import select

from rockonweb.catalog import icons, successors
from rockonweb.core.questions import migrate_answers
from rockonweb.models import Installation, Kind, Operation, Progress, Role, State, Status, db, repository
from rockonweb.models.repository import find_installation
from rockonweb.web import catalogue_listing, ui_link
from rockonweb.web.partials import mark_of, partial_wanted
from rockonweb.web.permissions import may

OVERVIEW, LOGS, RESOURCES, HISTORY, DEFINITION = "overview", "logs", "resources", "history", "definition"
# What may have brought a rock-on to how it is.
CAUSES = {
    Status.STARTED: (Kind.INSTALL, Kind.START, Kind.RESTART, Kind.CHANGE, Kind.UPDATE),
    Status.STOPPED: (Kind.STOP,),
}


def get(rockon_id: int) -> Installation:
    """Return a rock-on with what its pages show; one that does not exist is not found."""
    return find_installation(rockon_id) or abort(404)


def get_installed(rockon_id: int) -> Installation:
    """Return a rock-on as `get`; what is not installed is not found either."""
    rockon = get(rockon_id)
    return rockon if rockon.installed else abort(404)


def hostname() -> str:
    """Return what the reader calls this host."""
    return urlsplit(f"//{request.host}").hostname or "localhost"


def head(rockon: Installation) -> dict[str, Any]:
    """Return what the head of a rock-on's pages shows."""
    last = _last(rockon)
    shown = {
        "rockon": rockon,
        "link": ui_link.links([rockon], hostname()).get(rockon.id),
        "operation": catalogue_listing.active_operations([rockon.id]).get(rockon.id),
        "icon": icons.version_of(rockon),
        "succession": successors.to_tell(rockon),
        "predecessors": successors.succeeded_by(rockon),
        "again": rockon.state is State.AVAILABLE and answered_before(rockon),
        "since": _since(rockon, last),
        "failed": last if last and last.progress in (Progress.FAILED, Progress.INTERRUPTED) else None,
    }
    return {**shown, "head_mark": _mark(shown)}


def _mark(shown: dict[str, Any]) -> str:
    """Return a fingerprint of what can change in a head."""
    rockon, failed = shown["rockon"], shown["failed"]
    own = (
        rockon.name, rockon.entry.summary, rockon.entry.version, rockon.entry.website, rockon.entry.in_catalogue,
        rockon.newer_definition,
        rockon.state, rockon.status, rockon.exit_code, rockon.status_error, rockon.error, rockon.update_known,
    )  # fmt: skip
    candidates = [one.name for one in shown["succession"].candidates]
    others = [(one.id, one.name) for one in shown["predecessors"]]
    plain = [shown[key] for key in ("link", "operation", "icon", "again", "since")]
    return mark_of(own, candidates, others, plain, failed and failed.id)


def tabs(rockon: Installation) -> list[str]:
    """Return the tabs that a rock-on has for the person who looks."""
    found = [OVERVIEW]
    if rockon.installed:
        found += [LOGS] if may(Role.OPERATOR) else []
        found += [RESOURCES]
    return [*found, HISTORY, DEFINITION]


def render(rockon: Installation, tab: str, **context: Any) -> str:
    """Render a tab of a rock-on with the page around it, or the tab alone where htmx swaps it."""
    here = {"tab": tab, "tabs": tabs(rockon), **context}
    if partial_wanted():
        return render_template("rockons/_tab.html", rockon=rockon, swapped=True, **here)
    return render_template("rockons/show.html", **head(rockon), **here)


def answered_before(rockon: Installation) -> bool:
    """Whether it was installed once, and nothing is asked that was not answered then."""
    installs = select(Operation.id).where(
        Operation.installation_id == rockon.id, Operation.kind == Kind.INSTALL, Operation.progress == Progress.DONE
    )
    if db.session.scalar(installs.limit(1)) is None:
        return False
    return not migrate_answers.carry(rockon.definition, repository.answers_of(rockon), rockon.definition).asks


def _last(rockon: Installation) -> Operation | None:
    """Return the operation that ended last."""
    query = select(Operation).where(Operation.installation_id == rockon.id, Operation.finished.is_not(None))
    return db.session.scalar(query.order_by(Operation.id.desc()).limit(1))


def _since(rockon: Installation, last: Operation | None) -> datetime | None:
    """Return since when a rock-on is as it is, where the operation that ended last has brought it there."""
    if last is None or rockon.state is not State.INSTALLED or last.progress is not Progress.DONE:
        return None
    return last.finished if last.kind in CAUSES.get(rockon.status, ()) else None
