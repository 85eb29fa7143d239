"""Something found before acting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from rockonweb.core.text import join_texts

FindingLevel = Literal["block", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """Something found before acting. `block` forbids, `warn` and `note` inform; what `confirm` says, a person confirms.

    `sentence` has the thing and the reason, `hint` the mend.
    """

    level: FindingLevel
    sentence: str
    hint: str = ""
    confirm: bool = False

    @property
    def full_message(self) -> str:
        """All of it, as a sentence that can still be shown in the reader's language."""
        return join_texts(" ", (self.sentence, self.hint))

    def __str__(self) -> str:
        return str(self.full_message)
