"""Invisible characters that affect a terminal, the lines of a log or the direction of writing.

Line ends and tabs are not among them.
"""

from __future__ import annotations

import re
from typing import Any, TextIO

# Control characters of ASCII and Latin-1, Unicode's line separators, and controls of the direction of writing.
INVISIBLE_CHARACTERS = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]"
)

# Colours and cursor movements of terminals, and control characters other than tab and newline.
_TERMINAL_CODES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


def strip_terminal_codes(text: str) -> str:
    """Return a log without terminal codes and invisible characters."""
    return INVISIBLE_CHARACTERS.sub("", _TERMINAL_CODES.sub("", text.replace("\r\n", "\n")))


def escape_invisible(text: str) -> str:
    r"""Return text of unknown origin for a terminal or a log, invisible characters escaped: `\x1b`, `\u202e`."""
    return INVISIBLE_CHARACTERS.sub(lambda character: character[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    r"""Return text as one line: line ends and tabs are escaped too."""
    return escape_invisible(re.sub(r"[\t\n\r]", lambda character: character[0].encode("unicode_escape").decode(), text))


class EscapingStream:
    """A stream to a terminal or a log that escapes invisible characters; all else is delegated to the stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write a text, invisible characters escaped."""
        return self._stream.write(escape_invisible(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
