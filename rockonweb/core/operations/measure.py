"""How far an operation is, by what is known: steps that have ended, and received bytes of those to receive. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_ACTIVE_PERCENT = 99  # only an end is all


@dataclass(frozen=True)
class StepMeasure:
    """A step: whether it has ended, and the bytes of a pull, of which `total` is 0 until all are known."""

    has_ended: bool = False
    current: int = 0
    total: int = 0

    @property
    def fraction(self) -> float:
        """The known part of it that is done, 0 to 1."""
        return 1.0 if self.has_ended else min(self.current / self.total, 1.0) if self.total else 0.0


def measure_percent(steps: Sequence[StepMeasure], *, is_planned: bool = True) -> int | None:
    """Return the percentage of an active operation's steps that is done; None where nothing is known.

    Nothing is known of one without steps, before the first has ended or received anything, and while it is not
    `is_planned`: the number of its steps is not known yet.
    """
    done = sum(step.fraction for step in steps)
    return min(int(100 * done / len(steps)), MAX_ACTIVE_PERCENT) if is_planned and done else None
