"""Signs that nobody sees and that do something all the same: to a terminal, to a log's lines, to the order of writing.

Line ends and tabs are none of them.
"""

from __future__ import annotations

import re
from typing import Any, TextIO

# Control characters of ASCII and of Latin 1, the line ends of Unicode, and what turns the direction of writing.
INVISIBLE_CHARACTERS = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)


def escape_invisible(text: str) -> str:
    r"""Return text of unknown origin for a terminal or a log, such signs spelled out: `\x1b`, `\u202e`."""
    return INVISIBLE_CHARACTERS.sub(lambda character: character[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    r"""Return text as one line: line ends and tabs are spelled out too."""
    return escape_invisible(re.sub(r"[\t\n\r]", lambda character: character[0].encode("unicode_escape").decode(), text))


class EscapingStream:
    """A stream to a terminal or a log that shows such signs instead of sending them; anything else is the stream's."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, such signs spelled out."""
        return self._stream.write(escape_invisible(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
