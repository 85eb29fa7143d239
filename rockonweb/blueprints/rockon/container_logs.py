"""What a rock-on's containers wrote, fit for a page: bounded, without secrets and without a terminal's signs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.errors import EngineError
from rockonweb.core.invisible import UNSEEN
from rockonweb.core.secret import SecretWord, redact
from rockonweb.host import Engine, host_of
from rockonweb.languages import say
from rockonweb.models import Installation
from rockonweb.web.partials import mark_of

NUMBERS = (100, 200, 1000, 5000)  # of lines that a person may choose
TAIL = 200
SEARCHED = 5000  # lines that are looked through for words
MAX_SEARCH = 200  # characters
MOST = 1_000_000  # bytes of a log on a page
IN_FILE, MOST_IN_FILE = 100_000, 20_000_000  # lines and bytes of a file
# Colours and cursor movements of terminals, and control characters other than tab and newline.
_TERMINAL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]|[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Wish:
    """What a person wants to see. A blank container stands for all; `follow` looks again and again."""

    container: str = ""
    lines: int = TAIL
    timestamps: bool = False
    follow: bool = False
    search: str = ""

    @classmethod
    def read(cls, given: Mapping[str, str], containers: list[str]) -> Wish:
        """Return what an address says. What it does not know is left out."""
        lines, container = given.get("lines", ""), given.get("container", "")
        return cls(
            container=container if container in containers else "",
            lines=int(lines) if lines in map(str, NUMBERS) else TAIL,
            timestamps=given.get("timestamps") == "1",
            follow=given.get("follow") == "1",
            search=given.get("q", "").strip()[:MAX_SEARCH],
        )

    def arguments(self, **changes: Any) -> dict[str, Any]:
        """Return an address's arguments for this wish with changes, without those that say nothing."""
        other = replace(self, **changes)
        return {
            "container": other.container or None,
            "lines": other.lines if other.lines != TAIL else None,
            "timestamps": 1 if other.timestamps else None,
            "follow": 1 if other.follow else None,
            "q": other.search or None,
        }


Piece = tuple[str, bool]  # a part of a line, and whether it is what was searched for


@dataclass(frozen=True)
class ContainerLog:
    """The log of one container, or the sentence that says why it can't be had.

    `found` are the lines with what was searched for, in pieces; None where nothing was searched for.
    """

    container: str
    text: str = ""
    error: str = ""
    found: tuple[tuple[Piece, ...], ...] | None = None
    looked_through: int = 0  # lines


def of_containers(rockon: Installation, wish: Wish | None = None) -> list[ContainerLog]:
    """Ask Docker for the logs of a rock-on's containers. Secrets that were given as answers are masked."""
    wish = wish or Wish()
    names = [one.name for one in rockon.containers if wish.container in ("", one.name)]
    try:
        with host_of(rockon).connect() as docker:
            return [_log(docker, name, rockon.secrets, wish) for name in names]
    except EngineError as error:
        return [ContainerLog(name, error=say(error.sentence)) for name in names]


def as_file(rockon: Installation, container: str, *, timestamps: bool) -> str:
    """Return the log of a container as a text, masked like on the page. Raises EngineError."""
    with host_of(rockon).connect() as docker:
        raw = docker.logs(container, IN_FILE, timestamps=timestamps, most=MOST_IN_FILE)
    return redact(readable(raw), rockon.secrets)


def mark(logs: list[ContainerLog]) -> str:
    """Return a word that changes with what logs say: a page that follows them need not get the same again."""
    return mark_of(*((one.container, one.text, one.error, one.found) for one in logs))


def readable(text: str) -> str:
    """Return a log without what only a terminal understands."""
    return UNSEEN.sub("", _TERMINAL.sub("", text.replace("\r\n", "\n")))


def search(text: str, words: str, most: int) -> tuple[tuple[Piece, ...], ...]:
    """Return the last lines, at most so many, that have all these words somewhere, whatever their case; in pieces."""
    wanted = sorted({re.escape(word) for word in words.split()}, key=len, reverse=True)
    each = [re.compile(word, re.IGNORECASE) for word in wanted]
    lines = [line for line in text.splitlines() if all(one.search(line) for one in each)]
    splitter = re.compile(f"({'|'.join(wanted)})", re.IGNORECASE)
    return tuple(
        tuple((piece, bool(place % 2)) for place, piece in enumerate(splitter.split(line)) if piece)
        for line in lines[-most:]
    )


def _log(docker: Engine, name: str, secrets: list[SecretWord], wish: Wish) -> ContainerLog:
    tail = max(SEARCHED, wish.lines) if wish.search else wish.lines
    try:
        text = redact(readable(docker.logs(name, tail, timestamps=wish.timestamps, most=MOST)), secrets)
    except EngineError as error:
        return ContainerLog(name, error=say(error.sentence))
    if not wish.search:
        return ContainerLog(name, text)
    return ContainerLog(name, text, "", search(text, wish.search, wish.lines), len(text.splitlines()))
