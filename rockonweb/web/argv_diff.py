"""Two command lines side by side: in pieces, each marked where it differs from the other line's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rockonweb.core.containers.argv import Argv
from rockonweb.core.secret import render, reveal


@dataclass(frozen=True)
class Piece:
    """An option with its value, or another word of a command line, secrets masked."""

    text: str
    differs: bool = False


def side_by_side(before: Argv | None, after: Argv | None) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces of both lines; a secret that differs is marked although its mask is the same."""
    old, new = _pieces(before or ()), _pieces(after or ())
    if not old or not new:  # nothing to compare with
        return [Piece(render(one)) for one in old], [Piece(render(one)) for one in new]
    matcher = SequenceMatcher(
        a=[tuple(reveal(one)) for one in old], b=[tuple(reveal(one)) for one in new], autojunk=False
    )
    blocks = matcher.get_matching_blocks()
    kept_old = {match.a + place for match in blocks for place in range(match.size)}
    kept_new = {match.b + place for match in blocks for place in range(match.size)}
    return (
        [Piece(render(one), place not in kept_old) for place, one in enumerate(old)],
        [Piece(render(one), place not in kept_new) for place, one in enumerate(new)],
    )


def _pieces(argv: Sequence[str]) -> list[list[str]]:
    """Cut before each option: its value, where it has one, stays with it."""
    found: list[list[str]] = []
    for place, word in enumerate(argv):
        begins_with_option = bool(found) and found[-1][0].startswith("-") and len(found[-1]) == 1
        if place and not word.startswith("-") and (begins_with_option or argv[place - 1] == "docker"):
            found[-1].append(word)
        else:
            found.append([word])
    return found
