"""Two JSON texts side by side, line by line; long unchanged parts are left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import starmap, zip_longest

from rockonweb.core.definition.parser import format_source

CONTEXT_LINES = 3  # unchanged lines shown before and after each difference


@dataclass(frozen=True)
class JsonDiffRow:
    """A line of the old and of the new text, None where one has none; or the number of lines that are `left_out`."""

    old: str | None = None
    new: str | None = None
    left_out: int = 0

    @property
    def is_unchanged(self) -> bool:
        """Whether both sides have this line."""
        return self.old == self.new


def diff_json(old: str, new: str) -> list[JsonDiffRow]:
    """Return the rows for two canonical JSON texts; none when they are equal."""
    if old == new:
        return []
    return list(_diff_rows(_pretty_lines(old), _pretty_lines(new)))


def _pretty_lines(text: str) -> list[str]:
    return format_source(text).splitlines()


def _diff_rows(old: list[str], new: list[str]) -> Iterator[JsonDiffRow]:
    for tag, old_start, old_end, new_start, new_end in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield from _elide_lines(old[old_start:old_end], at_start=old_start == 0, at_end=old_end == len(old))
            continue
        yield from starmap(JsonDiffRow, zip_longest(old[old_start:old_end], new[new_start:new_end]))


def _elide_lines(lines: list[str], *, at_start: bool, at_end: bool) -> Iterator[JsonDiffRow]:
    head, tail = 0 if at_start else CONTEXT_LINES, 0 if at_end else CONTEXT_LINES
    hidden = len(lines) - head - tail
    if hidden <= 1:
        yield from (JsonDiffRow(line, line) for line in lines)
        return
    yield from (JsonDiffRow(line, line) for line in lines[:head])
    yield JsonDiffRow(left_out=hidden)
    yield from (JsonDiffRow(line, line) for line in lines[len(lines) - tail :])
