"""The summary page: what a person saw, what they confirm, and what they give away."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from rockonweb.core.containers.owners import Mismatch
from rockonweb.core.preflight.privileges import Power
from rockonweb.work.review import Review, fingerprint

CONFIRM = "confirm"  # a fingerprint of what the page said that the button allows a definition
GIVE = "give"  # the boxes by which shares and folders get another user


class SummaryForm(FlaskForm):  # type: ignore[misc]
    """The button that begins the install, and a fingerprint of the `docker run` lines that the page showed."""

    reviewed = HiddenField()

    def saw(self, review: Review) -> bool:
        """Whether it was sent from a page that showed exactly these lines.

        A program that sends no fingerprint saw none and relies on what is assembled now.
        """
        return self.reviewed.data in (None, review.fingerprint)

    def confirmed(self, powers: Collection[Power]) -> bool:
        """Whether it was sent from a page that said just what the definition may do to this host now.

        A program that sends no fingerprint saw no page and relies on the definition.
        """
        return request.form.get(CONFIRM) in (None, mark(powers))

    def given(self, offers: Iterable[Mismatch]) -> dict[str, tuple[int, int]]:
        """Return user and group of the places whose boxes are ticked."""
        ticked = request.form.getlist(GIVE)
        return {one.place: one.owner for one in offers if one.place in ticked}


def mark(powers: Iterable[Power]) -> str:
    """Return a fingerprint of powers."""
    return fingerprint(power.sentence for power in powers)[:16]
