"""Two command lines side by side: cut into options, each marked where it differs from the other side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from rockonweb.core.containers.argv import Argv
from rockonweb.core.secret import format_command, reveal_argv


@dataclass(frozen=True)
class ArgvPiece:
    """An option with its value, or another argument of a command line, secrets masked."""

    text: str
    differs: bool = False


def diff_argv(before: Argv | None, after: Argv | None) -> tuple[list[ArgvPiece], list[ArgvPiece]]:
    """Return the pieces of both command lines; a changed secret is marked although its mask is the same."""
    old, new = _group_options(before or ()), _group_options(after or ())
    if not old or not new:  # nothing to compare with
        return [ArgvPiece(format_command(option)) for option in old], [
            ArgvPiece(format_command(option)) for option in new
        ]
    matcher = SequenceMatcher(
        a=[tuple(reveal_argv(option)) for option in old],
        b=[tuple(reveal_argv(option)) for option in new],
        autojunk=False,
    )
    blocks = matcher.get_matching_blocks()
    unchanged_old = {match.a + index for match in blocks for index in range(match.size)}
    unchanged_new = {match.b + index for match in blocks for index in range(match.size)}
    return (
        [ArgvPiece(format_command(option), index not in unchanged_old) for index, option in enumerate(old)],
        [ArgvPiece(format_command(option), index not in unchanged_new) for index, option in enumerate(new)],
    )


def _group_options(argv: Sequence[str]) -> list[list[str]]:
    """Split before each option; its value, if any, stays with it."""
    options: list[list[str]] = []
    for index, argument in enumerate(argv):
        expects_value = bool(options) and options[-1][0].startswith("-") and len(options[-1]) == 1
        if index and not argument.startswith("-") and (expects_value or argv[index - 1] == "docker"):
            options[-1].append(argument)
        else:
            options.append([argument])
    return options
