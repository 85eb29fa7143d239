"""Which rock-on of the catalogue replaces an installed one that left it: names change, those of containers do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class ReplacementCandidate:
    """A rock-on of the catalogue that is not installed, with the names of its containers."""

    id: int
    name: str
    containers: frozenset[str]


@dataclass(frozen=True)
class Replacements:
    """The rock-ons that may be the same app under another name, the likeliest first."""

    candidates: tuple[ReplacementCandidate, ...] = ()

    @property
    def replacement(self) -> ReplacementCandidate | None:
        """The only candidate; None where there is none, or where the user must choose."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether the user must choose."""
        return len(self.candidates) > 1

    def choose_candidate(self, rockon_id: int | None) -> ReplacementCandidate | None:
        """Return the candidate that the user chose by its id, or the only one."""
        return (
            next((candidate for candidate in self.candidates if candidate.id == rockon_id), None)
            if rockon_id
            else self.replacement
        )


def match_replacements(containers: Collection[str], candidates: Iterable[ReplacementCandidate]) -> Replacements:
    """Return what may replace a rock-on with these containers.

    Candidates with exactly these; where there is none, those that have all of them and more. One that lacks a container
    is another app.
    """
    names = frozenset(containers)
    supersets = [candidate for candidate in candidates if names and names <= candidate.containers]
    exact = [candidate for candidate in supersets if candidate.containers == names]
    return Replacements(
        tuple(sorted(exact or supersets, key=lambda candidate: (len(candidate.containers), candidate.name.casefold())))
    )
