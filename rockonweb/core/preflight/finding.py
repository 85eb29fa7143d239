"""A finding of the preflight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rockonweb.core.facts import UnsavedFolder
from rockonweb.core.text import join_texts

FindingLevel = Literal["block", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """A finding of the preflight. `block` forbids, `warn` and `note` inform; with `confirm`, the user must confirm it.

    `sentence` says what and why, `hint` how to fix it. `unsaved` is what it is about where the user can decide what
    becomes of files. An automatic update is not done where a finding is `by_hand`.
    """

    level: FindingLevel
    sentence: str
    hint: str = ""
    confirm: bool = False
    unsaved: UnsavedFolder | None = None
    by_hand: bool = False

    @property
    def full_message(self) -> str:
        """Sentence and hint as one text that stays translatable."""
        return join_texts(" ", (self.sentence, self.hint))

    def __str__(self) -> str:
        return str(self.full_message)
