"""What a user reviews before an operation is submitted (findings, privileges, owners of shares), and submitting it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from posixpath import basename
from typing import Any

from flask import request
from flask.typing import ResponseReturnValue
from flask_login import current_user

from rockonweb.core.containers.layer import describe_left_aside
from rockonweb.core.containers.owners import OwnerMismatch
from rockonweb.core.errors import Conflict, QueueUnreachable, RockonwebError
from rockonweb.core.facts import UnsavedFolder
from rockonweb.core.plan.change import describe_downtime
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.privileges import Privilege
from rockonweb.core.preflight.unsaved_files import can_be_saved
from rockonweb.forms import summary
from rockonweb.models import Installation, Status
from rockonweb.models.repository import load_answers
from rockonweb.web import error_pages
from rockonweb.web.argv_diff import diff_argv
from rockonweb.web.responses import redirect_to_view
from rockonweb.work.collect_facts import other_users
from rockonweb.work.review import Review
from rockonweb.work.submission import submit_review

SERIOUS_LEVELS = ("block", "warn")
MAX_OPEN_NOTES = 1  # more notes are folded
SAVE_PREFIX, LOSE_FIELD = "save-", "lose"  # of the fields that decide about files which are in no share


@dataclass(frozen=True)
class UnsavedOffer:
    """A folder in a container with files that are in no share; `place` is what its field shows, `lose` its checkbox.

    With `can_be_saved`, a share can take its place.
    """

    folder: UnsavedFolder
    can_be_saved: bool
    place: str
    lose: bool

    left_aside = staticmethod(describe_left_aside)


@dataclass(frozen=True)
class PreflightReview:
    """What the page shows. `serious` findings block or warn, the worst first; many `notes` are folded.

    `ownership_offers` are shares and folders whose owner can be changed, `share_users` the other rock-ons that have
    data in each share. `unsaved` are the folders of containers about which the user has to decide.
    """

    serious: list[Finding]
    notes: list[Finding]
    privileges: Sequence[Privilege]
    ownership_offers: Sequence[OwnerMismatch]
    share_users: Mapping[str, Sequence[str]]
    submitted: bool  # whether this request is a press of the submit button
    unsaved: Sequence[UnsavedOffer] = ()

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the privileges, sent by the button that allows them."""
        return summary.privileges_fingerprint(self.privileges)

    @property
    def is_unconfirmed(self) -> bool:
        """Whether the form was submitted with the fingerprint of other privileges than these."""
        return self.submitted and not summary.SummaryForm().privileges_confirmed(self.privileges)

    def is_ticked(self, offer: OwnerMismatch) -> bool:
        """Whether the change of owner was ticked for this share or folder."""
        return offer.place in request.form.getlist(summary.GIVE_FIELD)

    def is_decided_below(self, finding: Finding) -> bool:
        """Whether a finding only waits for what the form of this page asks: what becomes of files in no share."""
        return finding.level == "block" and any(
            offer.folder == finding.unsaved
            and offer.can_be_saved
            and not request.form.get(SAVE_PREFIX + offer.folder.key)
            for offer in self.unsaved
        )

    @property
    def is_blocked(self) -> bool:
        """Whether a finding forbids it that the form of this page does not decide."""
        return any(finding.level == "block" and not finding.unsaved for finding in self.serious)

    @property
    def has_folded_notes(self) -> bool:
        """Whether there are too many notes to show them unfolded."""
        return len(self.notes) > MAX_OPEN_NOTES


def preflight_review(
    findings: Iterable[Finding],
    privileges: Sequence[Privilege],
    ownership_offers: Sequence[OwnerMismatch],
    installation: Installation,
    *,
    submit_button: str = "",
) -> PreflightReview:
    """Return what a page shows of a plan for a rock-on; `submit_button` names the button that submits, where the form
    has others.
    """
    shown_findings = [finding for finding in findings if not finding.confirm]
    unsaved = [finding.unsaved for finding in shown_findings if finding.unsaved]
    return PreflightReview(
        sorted(
            (shown_finding for shown_finding in shown_findings if shown_finding.level in SERIOUS_LEVELS),
            key=lambda shown_finding: SERIOUS_LEVELS.index(shown_finding.level),
        ),
        [shown_finding for shown_finding in shown_findings if shown_finding.level == "note"],
        privileges,
        ownership_offers,
        other_users(installation) if ownership_offers else {},
        request.method == "POST" and (not submit_button or submit_button in request.form),
        [_offer_share(folder, installation) for folder in dict.fromkeys(unsaved)],
    )


def _offer_share(folder: UnsavedFolder, installation: Installation) -> UnsavedOffer:
    share = next(iter(load_answers(installation).used_shares()), "")
    suggestion = f"{share}/{basename(folder.folder)}" if share else ""
    return UnsavedOffer(
        folder,
        can_be_saved(installation.current_definition, folder),
        request.form.get(SAVE_PREFIX + folder.key, suggestion),
        folder.key in request.form.getlist(LOSE_FIELD),
    )


def read_unsaved_choices() -> dict[str, str]:
    """Return what the form says of folders that are in no share, as a request has it: the share path, blank for those
    that may be lost.
    """
    fields = {name.removeprefix(SAVE_PREFIX): value.strip() for name, value in request.form.items()
              if name.startswith(SAVE_PREFIX)}  # fmt: skip
    choices = {key: share_path for key, share_path in fields.items() if share_path}
    return {**choices, **dict.fromkeys(request.form.getlist(LOSE_FIELD), "")}


def change_context(review: Review, installation: Installation) -> dict[str, Any]:
    """Return the template context of a reviewed change: both command lines of each container, and the downtime."""
    change = review.planned_change
    running = installation.status is not Status.STOPPED
    return {
        "change": change,
        "sides": {
            command_change.container: diff_argv(command_change.before, command_change.after)
            for command_change in change.containers
        },
        "downtime": describe_downtime(change.recreated, len(change.containers), running=running),
    }


def submit_reviewed(review: Review, render_refusal: Callable[[RockonwebError], str]) -> ResponseReturnValue:
    """Submit what was reviewed and redirect to the operation; `render_refusal` renders the page for an error."""
    try:
        operation = submit_review(review, current_user.name)
    except (Conflict, QueueUnreachable) as error:
        return render_refusal(error), error_pages.http_status_of(error)
    return redirect_to_view("operations.show", operation_id=operation)
