"""Which rock-on of the catalogue an installed one that left it has become: names change, containers keep theirs."""

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
        """The one that is it; None where there is none, or where only a person can tell which."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def is_ambiguous(self) -> bool:
        """Whether a person must choose."""
        return len(self.candidates) > 1

    def choose_candidate(self, rockon_id: int | None) -> ReplacementCandidate | None:
        """Return the one that a person chose, or the only one."""
        return (
            next((candidate for candidate in self.candidates if candidate.id == rockon_id), None)
            if rockon_id
            else self.replacement
        )


def match_replacements(containers: Collection[str], candidates: Iterable[ReplacementCandidate]) -> Replacements:
    """Return what succeeds a rock-on with these containers.

    That is one with exactly these; where there is none, one that has all of them and more. One that lacks a container
    is another app.
    """
    names = frozenset(containers)
    supersets = [candidate for candidate in candidates if names and names <= candidate.containers]
    exact = [candidate for candidate in supersets if candidate.containers == names]
    return Replacements(
        tuple(sorted(exact or supersets, key=lambda candidate: (len(candidate.containers), candidate.name.casefold())))
    )
