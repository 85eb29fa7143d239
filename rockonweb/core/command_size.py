"""How long a command may be: Linux limits each argument and variable of a program, and all of them together.

Both limits count twice: for the docker client, and for the container's own program, which gets the variables.
"""

from __future__ import annotations

from collections.abc import Iterable

from rockonweb.core.text import t

MAX_WORD_BYTES = 32 * 4096 - 1  # of one argument, or of a variable as NAME=VALUE (MAX_ARG_STRLEN without its NUL)
WORD_OVERHEAD = 9  # bytes of each word beyond its text: a NUL and a pointer
USUAL_COMMAND_LIMIT = 2**21  # bytes of all words: a quarter of the usual limit of the stack


def word_bytes(word: str) -> int:
    """Return how many bytes a word has as an argument."""
    return len(word.encode("utf-8", "surrogatepass"))


def command_bytes(words: Iterable[str]) -> int:
    """Return how many bytes all words of a command take together."""
    return sum(word_bytes(word) + WORD_OVERHEAD for word in words)


def word_size_fault(word: str) -> str:
    """Return a sentence on a word that is too long, blank when it is not."""
    size = word_bytes(word)
    if size <= MAX_WORD_BYTES:
        return ""
    return t("This is too long: it has %(size)s bytes, and Linux allows %(limit)s.", size=size, limit=MAX_WORD_BYTES)
