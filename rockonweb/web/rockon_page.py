"""What all pages of a rock-on share: the head and the tabs below it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from flask import abort, render_template, request
from sqlalchemy import Select, select

from rockonweb.catalog import icons, replacements
from rockonweb.core.instance.attention import describe_down
from rockonweb.core.operations.lifecycle import CLOSED_ROOM_KINDS
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.questions import migrate_answers
from rockonweb.models import Container, Episode, Installation, Kind, Operation, Progress, State, Status, db, repository
from rockonweb.models.repository import find_installation
from rockonweb.web import catalogue_listing, ui_link
from rockonweb.web.labels import down_reason, status_age
from rockonweb.web.partials import fingerprint_of, wants_partial
from rockonweb.web.permissions import LOGS_ROLE, user_has_role
from rockonweb.work import known_shares
from rockonweb.work.submission import was_installed_before
from rockonweb.work.unreadable_rockons import find_unreadable

OVERVIEW, LOGS, RESOURCES, HISTORY, DEFINITION = "overview", "logs", "resources", "history", "definition"
# The kinds of operations that may have led to a status.
CAUSING_KINDS = {
    Status.STARTED: (Kind.INSTALL, Kind.START, Kind.RESTART, Kind.CHANGE, Kind.UPDATE),
    Status.STOPPED: (Kind.STOP,),
}


def rockon_or_404(rockon_id: int) -> Installation:
    """Return a rock-on with what its pages show; 404 where it does not exist."""
    return find_installation(rockon_id) or abort(404)


def installed_or_404(rockon_id: int) -> Installation:
    """Return a rock-on as `rockon_or_404` does; 404 also where it is not installed."""
    installation = rockon_or_404(rockon_id)
    return installation if installation.is_installed else abort(404)


def request_hostname() -> str:
    """Return the host name of this request, without the port."""
    return urlsplit(f"//{request.host}").hostname or "localhost"


def head_context(installation: Installation) -> dict[str, Any]:
    """Return the template context of the head of a rock-on's pages."""
    last = _last_ended_operation(installation)
    context = {
        "rockon": installation,
        "link": ui_link.ui_links_by_id([installation] if installation.is_installed else [], request_hostname()).get(
            installation.id
        ),
        "operation": catalogue_listing.active_operations().get(installation.id),
        "icon": icons.app_icon_version(installation),
        "succession": replacements.replacements_to_offer(installation),
        "predecessors": replacements.replaceable_apps(installation),
        "renamed": db.session.execute(_renamed_containers(installation)).all() if installation.is_installed else [],
        "again": installation.state is State.AVAILABLE and was_answered_before(installation),
        "absent": known_shares.absent_share_findings(installation),
        "since": _state_since(installation, last),
        "unreadable": find_unreadable(installation, ChangeRequest()) if installation.is_installed else None,
        "episode": db.session.scalar(
            select(Episode).where(Episode.installation_id == installation.id, Episode.ended.is_(None))
        ),
        "down_sentence": describe_down(installation.name, down_reason(installation)) if installation.is_down else "",
        "failed": last if last and last.progress in (Progress.FAILED, Progress.INTERRUPTED) else None,
    }
    return {**context, "head_mark": _head_fingerprint(context)}


def _renamed_containers(installation: Installation) -> Select[str, str]:
    """Return the query for the containers that were renamed manually: their own name and the present one."""
    return (
        select(Container.name, Container.docker_name)
        .where(Container.installation_id == installation.id, Container.docker_name != "")
        .order_by(Container.position)
    )


def _head_fingerprint(context: dict[str, Any]) -> str:
    """Return a fingerprint of what can change in the head."""
    rockon, failed, episode = context["rockon"], context["failed"], context["episode"]
    rockon_values = (
        rockon.name, rockon.entry.summary, rockon.entry.version, rockon.entry.website, rockon.entry.in_catalogue,
        rockon.has_newer_definition,
        rockon.state, rockon.status, rockon.problem, rockon.exit_code, rockon.status_error, rockon.error,
        rockon.has_newer_image,
    )  # fmt: skip
    candidates = [rockon_item.name for rockon_item in context["succession"].candidates]
    predecessors = [(rockon_item.id, rockon_item.name) for rockon_item in context["predecessors"]]
    plain_values = [context[key] for key in ("link", "operation", "icon", "again", "since", "renamed", "absent")]
    unreadable = context["unreadable"] and str(context["unreadable"])
    return fingerprint_of(
        rockon_values,
        candidates,
        predecessors,
        plain_values,
        failed and failed.id,
        unreadable,
        status_age(),
        episode and (episode.id, episode.gave_up),
    )


def available_tabs(installation: Installation) -> list[str]:
    """Return the tabs that the current user may see of a rock-on."""
    tab_names = [OVERVIEW]
    if installation.is_installed:
        tab_names += [LOGS] if user_has_role(LOGS_ROLE) else []
        tab_names += [RESOURCES]
    return [*tab_names, HISTORY, DEFINITION]


def render_tab(installation: Installation, tab: str, **context: Any) -> str:
    """Render a tab of a rock-on within the page, or the tab alone for htmx."""
    tab_context = {"tab": tab, "tabs": available_tabs(installation), **context}
    if wants_partial():
        return render_template("rockons/_tab.html", rockon=installation, swapped=True, **tab_context)
    return render_template("rockons/show.html", **head_context(installation), **tab_context)


def was_answered_before(installation: Installation) -> bool:
    """Whether it was installed before, and all questions have answers from then."""
    if not was_installed_before(installation):
        return False
    return not migrate_answers.migrate_answers(
        installation.current_definition, repository.load_answers(installation), installation.current_definition
    ).new_questions


def _last_ended_operation(installation: Installation) -> Operation | None:
    """Return the operation that ended last; a rehearsal does nothing to the rock-on."""
    query = select(Operation).where(
        Operation.installation_id == installation.id,
        Operation.finished.is_not(None),
        Operation.kind.not_in(CLOSED_ROOM_KINDS),
    )
    return db.session.scalar(query.order_by(Operation.id.desc()).limit(1))


def _state_since(installation: Installation, last: Operation | None) -> datetime | None:
    """Return since when a rock-on has its status, where the operation that ended last led to it; else None."""
    if last is None or installation.state is not State.INSTALLED or last.progress is not Progress.DONE:
        return None
    return last.finished if last.kind in CAUSING_KINDS.get(installation.status, ()) else None
