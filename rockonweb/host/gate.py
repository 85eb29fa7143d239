"""The health gate: looks at containers that were just started until it is clear whether they hold."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from rockonweb.core.errors import EngineError
from rockonweb.core.health import Limits, Look, judge
from rockonweb.core.steps import Page
from rockonweb.core.text import t
from rockonweb.host.engine import Engine

LOOK_SECONDS = 0.5  # from one look to the next
PAGE_TIMEOUT = 5  # seconds for the answer of an app's page
LAST_LINES = 30  # of the log of a container that does not hold


@dataclass
class _Watched:
    name: str
    page: Page | None
    looks: list[Look] = field(default_factory=list)


def await_health(
    engine: Engine, pages: dict[str, Page | None], limits: Limits, checkpoint: Callable[[str], None]
) -> None:
    """Wait until all containers hold; `pages` has for each the page that must answer, if it has one.

    `checkpoint` is called at each look with a sentence on what is awaited; what it raises ends the wait. Raises
    EngineError, with the end of its log, for a container that does not hold.
    """
    left = [_Watched(name, page) for name, page in pages.items()]
    while left:
        waiting = []
        with ThreadPoolExecutor(max_workers=len(left)) as threads:
            answers = list(threads.map(lambda one: answers_http(one.page) if one.page else None, left))
        for one, answered in zip(left, answers, strict=True):
            one.looks.append(Look(time.monotonic(), engine.container(one.name), answered))
            verdict = judge(one.name, one.looks, limits)
            if verdict.outcome == "unhealthy":
                raise EngineError(verdict.why, t("The end of its log is below."), output=_log(engine, one.name))
            if verdict.outcome == "waiting":
                waiting.append((one, str(verdict.why)))
        left = [one for one, _ in waiting]
        if left:
            checkpoint(" ".join(why for _, why in waiting))
            time.sleep(LOOK_SECONDS)


def answers_http(page: Page) -> bool:
    """Whether a page on this host gives an HTTP answer, whichever: no certificate is checked, no redirect followed."""
    connection: http.client.HTTPConnection
    if page.https:
        context = ssl._create_unverified_context()  # noqa: S323 - apps have certificates of their own making
        connection = http.client.HTTPSConnection("127.0.0.1", page.port, timeout=PAGE_TIMEOUT, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=PAGE_TIMEOUT)
    try:
        connection.request("GET", page.path)
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _log(engine: Engine, name: str) -> str:
    try:
        return engine.logs(name, LAST_LINES)
    except EngineError as error:
        return error.output
