"""What a person sees and decides before something is begun, and beginning it: findings, powers, shares to give away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.core.containers.owners import Mismatch
from rockonweb.core.errors import Conflict, QueueUnreachable, RockonwebError
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.privileges import Power
from rockonweb.core.questions import settings
from rockonweb.forms import summary
from rockonweb.models import Installation, Status
from rockonweb.web import error_pages
from rockonweb.web.argv_diff import side_by_side
from rockonweb.web.responses import lead_to
from rockonweb.work.collect_facts import other_users
from rockonweb.work.review import Review, submit_review

LEVELS = ("block", "warn")
MANY = 3  # notes that stand open


@dataclass(frozen=True)
class Before:
    """What stands on the page. `serious` findings forbid or warn, the worst first; many `notes` are folded.

    `offers` are shares and folders that can be given to another user and group, `users` the other rock-ons that have
    data in each share.
    """

    serious: list[Finding]
    notes: list[Finding]
    powers: Sequence[Power]
    offers: Sequence[Mismatch]
    users: Mapping[str, Sequence[str]]
    sent: bool  # whether the page answers to the button that begins

    @property
    def mark(self) -> str:
        """The fingerprint of the powers, which goes with the button that allows them."""
        return summary.mark(self.powers)

    @property
    def unconfirmed(self) -> bool:
        """Whether somebody wanted to begin and had seen other powers."""
        return self.sent and not summary.SummaryForm().confirmed(self.powers)

    def ticked(self, offer: Mismatch) -> bool:
        """Whether somebody wanted to give a place away."""
        return offer.place in request.form.getlist(summary.GIVE)

    @property
    def folded(self) -> bool:
        """Whether the notes are too many to stand open."""
        return len(self.notes) > MANY


def before(
    findings: Iterable[Finding],
    powers: Sequence[Power],
    offers: Sequence[Mismatch],
    rockon: Installation,
    *,
    sent: str = "",
) -> Before:
    """Return what a page shows of a plan for a rock-on; `sent` is the button that begins, where there are others."""
    told = [finding for finding in findings if not finding.confirm]
    return Before(
        sorted((one for one in told if one.level in LEVELS), key=lambda one: LEVELS.index(one.level)),
        [one for one in told if one.level == "note"],
        powers,
        offers,
        other_users(rockon) if offers else {},
        request.method == "POST" and (not sent or sent in request.form),
    )


def change_of(found: Review, rockon: Installation) -> dict[str, Any]:
    """Return what a page shows of a change that was reviewed: both command lines of each container, and what stops."""
    change = found.changes
    running = rockon.status is not Status.STOPPED
    return {
        "change": change,
        "sides": {one.container: side_by_side(one.before, one.after) for one in change.containers},
        "downtime": settings.downtime(change.rebuilt, len(change.containers), running=running),
    }


def begin(found: Review, refused: Callable[[RockonwebError], str]) -> ResponseReturnValue:
    """Begin what was reviewed and lead to its page; what stands in the way by now is on the page of `refused`."""
    try:
        operation = submit_review(found, current_user.name)
    except (Conflict, QueueUnreachable) as error:
        return refused(error), error_pages.status_of(error)
    return lead_to("operations.show", operation_id=operation)
