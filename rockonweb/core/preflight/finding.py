"""Something found before acting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["block", "warn", "note"]


@dataclass(frozen=True)
class Finding:
    """Something found before acting. `block` forbids, `warn` and `note` inform; what `confirm` says, a person confirms.

    `sentence` has the thing and the reason, `hint` the mend.
    """

    level: Level
    sentence: str
    hint: str = ""
    confirm: bool = False

    def __str__(self) -> str:
        return " ".join(part for part in (self.sentence, self.hint) if part)
