"""Two JSON texts side by side, line by line, without the stretches that are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import starmap, zip_longest

AROUND = 3  # lines that are shown of what is the same, before and after what differs


@dataclass(frozen=True)
class Row:
    """A line of the left and one of the right text; None where one side has none. `left_out` stands for many lines."""

    old: str | None = None
    new: str | None = None
    left_out: int = 0

    @property
    def same(self) -> bool:
        """Whether both sides have this line."""
        return self.old == self.new


def beside(old: str, new: str) -> list[Row]:
    """Return the rows of two canonical JSON texts; none when they say the same."""
    if old == new:
        return []
    return list(_rows(_lines(old), _lines(new)))


def _lines(text: str) -> list[str]:
    return json.dumps(json.loads(text), indent=2, ensure_ascii=False).splitlines()


def _rows(old: list[str], new: list[str]) -> Iterator[Row]:
    for kind, a, b, c, d in SequenceMatcher(a=old, b=new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from _shortened(old[a:b], first=a == 0, last=b == len(old))
            continue
        yield from starmap(Row, zip_longest(old[a:b], new[c:d]))


def _shortened(lines: list[str], *, first: bool, last: bool) -> Iterator[Row]:
    head, tail = 0 if first else AROUND, 0 if last else AROUND
    hidden = len(lines) - head - tail
    if hidden <= 1:
        yield from (Row(line, line) for line in lines)
        return
    yield from (Row(line, line) for line in lines[:head])
    yield Row(left_out=hidden)
    yield from (Row(line, line) for line in lines[len(lines) - tail :])
