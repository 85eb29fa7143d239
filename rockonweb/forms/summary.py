"""The summary page: nothing is asked, but it remembers which command lines the person saw."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from flask_wtf import FlaskForm
from wtforms import HiddenField


class SummaryForm(FlaskForm):  # type: ignore[misc]
    """The button that begins the install, and a fingerprint of the `docker run` lines that the page showed."""

    reviewed = HiddenField()

    def saw(self, lines: Iterable[str]) -> bool:
        """Whether it was sent from a page that showed exactly these lines.

        A program that sends no fingerprint saw none and relies on what is assembled now.
        """
        return self.reviewed.data in (None, digest(lines))


def digest(lines: Iterable[str]) -> str:
    """Return a fingerprint of command lines."""
    return hashlib.sha256(json.dumps(list(lines)).encode()).hexdigest()
