"""Logs of a rock-on's containers for a page: bounded, secrets masked, without terminal control codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rockonweb.core.errors import EngineError
from rockonweb.core.invisible import strip_terminal_codes
from rockonweb.core.secret import SecretWord, redact_secrets
from rockonweb.host import Engine, get_host
from rockonweb.languages import translate
from rockonweb.models import Installation
from rockonweb.web.partials import fingerprint_of

LINE_CHOICES = (100, 200, 1000, 5000)  # numbers of lines that can be chosen
DEFAULT_LINES = 200
MAX_SEARCHED_LINES = 5000  # the newest lines, which a search reads
MAX_SEARCH_TEXT = 200  # characters
MAX_LOG_BYTES = 1_000_000  # of a log on a page
MAX_FILE_LINES, MAX_FILE_BYTES = 100_000, 20_000_000  # of a downloaded log


@dataclass(frozen=True)
class LogQuery:
    """What to show of the logs. A blank container stands for all; `follow` makes the page poll."""

    container: str = ""
    lines: int = DEFAULT_LINES
    timestamps: bool = False
    follow: bool = False
    search: str = ""

    @classmethod
    def read_args(cls, args: Mapping[str, str], containers: list[str]) -> LogQuery:
        """Return the query of a URL's arguments; unknown values are ignored."""
        lines, container = args.get("lines", ""), args.get("container", "")
        return cls(
            container=container if container in containers else "",
            lines=int(lines) if lines in map(str, LINE_CHOICES) else DEFAULT_LINES,
            timestamps=args.get("timestamps") == "1",
            follow=args.get("follow") == "1",
            search=args.get("q", "").strip()[:MAX_SEARCH_TEXT],
        )

    def url_args(self, **changes: Any) -> dict[str, Any]:
        """Return the URL's arguments for this query with changes, None for defaults."""
        query = replace(self, **changes)
        return {
            "container": query.container or None,
            "lines": query.lines if query.lines != DEFAULT_LINES else None,
            "timestamps": 1 if query.timestamps else None,
            "follow": 1 if query.follow else None,
            "q": query.search or None,
        }


TextFragment = tuple[str, bool]  # a part of a line, and whether it matches the search


@dataclass(frozen=True)
class ContainerLog:
    """The log of one container, or the sentence that says why it can't be read.

    `matches` are the matching lines, split into fragments; None without a search.
    """

    container: str
    text: str = ""
    error: str = ""
    matches: tuple[tuple[TextFragment, ...], ...] | None = None
    searched_lines: int = 0  # read for the search


def read_container_logs(installation: Installation, query: LogQuery | None = None) -> list[ContainerLog]:
    """Return the logs of a rock-on's containers from Docker. Answers that are secrets are masked."""
    query = query or LogQuery()
    names = [container.name for container in installation.containers if query.container in ("", container.name)]
    try:
        with get_host(installation).connect_docker() as engine:
            return [_read_container_log(engine, name, installation.secret_values, query) for name in names]
    except EngineError as error:
        return [ContainerLog(name, error=translate(error.sentence)) for name in names]


def read_full_log(installation: Installation, container: str, *, timestamps: bool) -> str:
    """Return the log of a container as text, secrets masked. Raises EngineError."""
    with get_host(installation).connect_docker() as engine:
        raw = engine.read_logs(container, MAX_FILE_LINES, timestamps=timestamps, most=MAX_FILE_BYTES)
    return redact_secrets(strip_terminal_codes(raw), installation.secret_values)


def logs_fingerprint(logs: list[ContainerLog]) -> str:
    """Return a fingerprint of logs, so that a page that follows them is not sent the same again."""
    return fingerprint_of(*((log.container, log.text, log.error, log.matches) for log in logs))


def search_lines(text: str, terms: str, max_lines: int) -> tuple[tuple[TextFragment, ...], ...]:
    """Return the last `max_lines` lines with all words of `terms`, ignoring case, split into fragments."""
    escaped_terms = sorted({re.escape(term) for term in terms.split()}, key=len, reverse=True)
    patterns = [re.compile(term, re.IGNORECASE) for term in escaped_terms]
    lines = [line for line in text.splitlines() if all(pattern.search(line) for pattern in patterns)]
    splitter = re.compile(f"({'|'.join(escaped_terms)})", re.IGNORECASE)
    return tuple(
        tuple((fragment, bool(index % 2)) for index, fragment in enumerate(splitter.split(line)) if fragment)
        for line in lines[-max_lines:]
    )


def _read_container_log(engine: Engine, name: str, secrets: list[SecretWord], query: LogQuery) -> ContainerLog:
    tail = max(MAX_SEARCHED_LINES, query.lines) if query.search else query.lines
    try:
        text = redact_secrets(
            strip_terminal_codes(engine.read_logs(name, tail, timestamps=query.timestamps, most=MAX_LOG_BYTES)), secrets
        )
    except EngineError as error:
        return ContainerLog(name, error=translate(error.sentence))
    if not query.search:
        return ContainerLog(name, text)
    return ContainerLog(name, text, "", search_lines(text, query.search, query.lines), len(text.splitlines()))
