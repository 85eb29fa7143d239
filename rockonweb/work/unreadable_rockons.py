"""Finds what of an installed rock-on can't be read in the database, and refuses what needs it."""

from __future__ import annotations

from rockonweb.core.errors import Conflict, UnreadableDefinition
from rockonweb.core.operations.lifecycle import Kind
from rockonweb.core.operations.requests import ChangeRequest, Request
from rockonweb.core.text import t
from rockonweb.models import Installation

NEEDS_READABLE = (Kind.CHANGE, Kind.UPDATE, Kind.ACTION)


def refuse_unreadable(installation: Installation, request: Request) -> None:
    """Raise Conflict where an installed rock-on's definition or answers can't be read, and the request needs them.

    A start, a stop and an uninstall only need its containers; a change to another definition does not need this one,
    and a rollback has answers of its own.
    """
    if (
        request.kind in NEEDS_READABLE
        and installation.is_installed
        and (error := find_unreadable(installation, request))
    ):
        raise error


def find_unreadable(installation: Installation, request: Request) -> Conflict | None:
    """Return what a request needs of an installed rock-on and can't be read; None where there is nothing."""
    change = request if isinstance(request, ChangeRequest) else ChangeRequest()
    if installation.unreadable_answers and change.point is None:
        return Conflict(
            t(
                "Answers of %(name)s can't be read in the database: %(keys)s.",
                name=installation.name,
                keys=", ".join(installation.unreadable_answers),
            ),
            t("Uninstall it and install it again with new answers: its shares are kept."),
        )
    if (why := installation.current_definition.unreadable) and not change.source:
        return UnreadableDefinition(installation.name, why)
    return None
