"""The summary page: what a person saw, what they confirm, and what they give away."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from rockonweb.core.owners import Mismatch
from rockonweb.core.preflight.powers import Power

CONFIRM = "confirm"  # the box that confirms what a definition may do to this host
GIVE = "give"  # the boxes by which shares and folders get another user


class SummaryForm(FlaskForm):  # type: ignore[misc]
    """The button that begins the install, and a fingerprint of the `docker run` lines that the page showed."""

    reviewed = HiddenField()

    def saw(self, lines: Iterable[str]) -> bool:
        """Whether it was sent from a page that showed exactly these lines.

        A program that sends no fingerprint saw none and relies on what is assembled now.
        """
        return self.reviewed.data in (None, digest(lines))

    def confirmed(self, powers: Collection[Power]) -> bool:
        """Whether the box is ticked for what the page says now; there is none where nothing is to be confirmed."""
        return not powers or request.form.get(CONFIRM) in ("y", mark(powers))

    def given(self, offers: Iterable[Mismatch]) -> dict[str, tuple[int, int]]:
        """Return user and group of the places whose boxes are ticked."""
        ticked = request.form.getlist(GIVE)
        return {one.place: one.owner for one in offers if one.place in ticked}


def mark(powers: Iterable[Power]) -> str:
    """Return the value of the box that confirms these powers and no others."""
    return digest(power.sentence for power in powers)[:16]


def digest(lines: Iterable[str]) -> str:
    """Return a fingerprint of command lines."""
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()
