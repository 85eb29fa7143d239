"""The summary page: what the user reviewed and confirms, and the shares whose owner is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from rockonweb.core.containers.owners import OwnerMismatch
from rockonweb.core.preflight.privileges import Privilege
from rockonweb.work.restore_plan import RestorePlan
from rockonweb.work.review import Review, fingerprint_lines

CONFIRM_FIELD = "confirm"  # the fingerprint of the privileges that the button allows
GIVE_FIELD = "give"  # the checkboxes that change the owner of shares and folders


class SummaryForm(FlaskForm):  # type: ignore[misc]
    """The submit button, and the fingerprint of the `docker run` lines that the page showed."""

    reviewed = HiddenField()

    def matches_review(self, review: Review | RestorePlan) -> bool:
        """Whether it was sent from a page that showed exactly this review.

        A script that sends no fingerprint accepts what is planned now.
        """
        return self.reviewed.data in (None, review.fingerprint)

    def privileges_confirmed(self, privileges: Collection[Privilege]) -> bool:
        """Whether it was sent from a page that showed exactly these privileges on this host.

        A script that sends no fingerprint accepts those of the definition.
        """
        return request.form.get(CONFIRM_FIELD) in (None, privileges_fingerprint(privileges))

    def ownership_changes(self, offers: Iterable[OwnerMismatch]) -> dict[str, tuple[int, int]]:
        """Return the user and group ids to set, by the path of each ticked share or folder."""
        ticked = request.form.getlist(GIVE_FIELD)
        return {offer.place: offer.owner for offer in offers if offer.place in ticked}


def privileges_fingerprint(privileges: Iterable[Privilege]) -> str:
    """Return a fingerprint of privileges."""
    return fingerprint_lines(privilege.sentence for privilege in privileges)[:16]
