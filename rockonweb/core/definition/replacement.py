"""Which rock-on of the catalogue an installed one that left it has become: names change, containers keep theirs."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Candidate:
    """A rock-on of the catalogue that is not installed, with the names of its containers."""

    id: int
    name: str
    containers: frozenset[str]


@dataclass(frozen=True)
class Succession:
    """The rock-ons that may be the same app under another name, the likeliest first."""

    candidates: tuple[Candidate, ...] = ()

    @property
    def successor(self) -> Candidate | None:
        """The one that is it; None where there is none, or where only a person can tell which."""
        return self.candidates[0] if len(self.candidates) == 1 else None

    @property
    def ambiguous(self) -> bool:
        """Whether a person must choose."""
        return len(self.candidates) > 1

    def chosen(self, rockon_id: int | None) -> Candidate | None:
        """Return the one that a person chose, or the only one."""
        return next((one for one in self.candidates if one.id == rockon_id), None) if rockon_id else self.successor


def find(containers: Collection[str], offered: Iterable[Candidate]) -> Succession:
    """Return what succeeds a rock-on with these containers.

    That is one with exactly these; where there is none, one that has all of them and more. One that lacks a container
    is another app.
    """
    had = frozenset(containers)
    fitting = [one for one in offered if had and had <= one.containers]
    same = [one for one in fitting if one.containers == had]
    return Succession(tuple(sorted(same or fitting, key=lambda one: (len(one.containers), one.name.casefold()))))
