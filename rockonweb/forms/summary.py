"""The summary page: what a person saw, what they confirm, and what they give away."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from rockonweb.core.containers.owners import OwnerMismatch
from rockonweb.core.preflight.privileges import Privilege
from rockonweb.work.review import Review, fingerprint_lines

CONFIRM_FIELD = "confirm"  # a fingerprint of what the page said that the button allows a definition
GIVE_FIELD = "give"  # the boxes by which shares and folders get another user


class SummaryForm(FlaskForm):  # type: ignore[misc]
    """The button that begins the install, and a fingerprint of the `docker run` lines that the page showed."""

    reviewed = HiddenField()

    def matches_review(self, review: Review) -> bool:
        """Whether it was sent from a page that showed exactly these lines.

        A program that sends no fingerprint saw none and relies on what is assembled now.
        """
        return self.reviewed.data in (None, review.fingerprint)

    def privileges_confirmed(self, privileges: Collection[Privilege]) -> bool:
        """Whether it was sent from a page that said just what the definition may do to this host now.

        A program that sends no fingerprint saw no page and relies on the definition.
        """
        return request.form.get(CONFIRM_FIELD) in (None, privileges_fingerprint(privileges))

    def ownership_changes(self, offers: Iterable[OwnerMismatch]) -> dict[str, tuple[int, int]]:
        """Return user and group of the places whose boxes are ticked."""
        ticked = request.form.getlist(GIVE_FIELD)
        return {offer.place: offer.owner for offer in offers if offer.place in ticked}


def privileges_fingerprint(privileges: Iterable[Privilege]) -> str:
    """Return a fingerprint of powers."""
    return fingerprint_lines(privilege.sentence for privilege in privileges)[:16]
