"""How long Docker's answers are waited for: long in a job, briefly by pages and commands, which somebody waits for.

What changes something is waited for as in a job.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from flask import has_request_context, request

JOB_SECONDS = 60  # for one answer
PAGE_SECONDS = 2.5  # for all answers of a page together; for one of them where a page does something
_ENVIRON_KEY = "rockonweb.docker_patience"
READ_METHODS = ("GET", "HEAD")


@dataclass
class ReadPatience:
    """Seconds for one answer, and those that are left for all of them."""

    seconds: float
    left: float = math.inf

    def next_timeout(self, *, stream: bool) -> float:
        """Return the timeout of the next request. Raises requests.Timeout where no time is left.

        It counts for the headers of a stream, and again for each part of its body.
        """
        if self.left <= 0:
            from requests import Timeout  # with the SDK, which commands that ask no engine do without

            raise Timeout("Docker has not answered before")
        seconds = min(self.seconds, self.left)
        return seconds / 2 if stream else seconds


_command_patience: ContextVar[ReadPatience | None] = ContextVar("command_patience", default=None)


@contextmanager
def brief_reads() -> Iterator[None]:
    """Let what runs meanwhile, a command, wait for each answer as briefly as a page, and not again after a failure."""
    token = _command_patience.set(ReadPatience(PAGE_SECONDS))
    try:
        yield
    finally:
        _command_patience.reset(token)


def current_patience() -> ReadPatience | None:
    """Return the patience of the web request that is being answered, or of `brief_reads`; None in a job."""
    if not has_request_context():
        return _command_patience.get()
    total = PAGE_SECONDS if request.method in READ_METHODS else math.inf
    patience: ReadPatience = request.environ.setdefault(_ENVIRON_KEY, ReadPatience(PAGE_SECONDS, total))
    return patience
