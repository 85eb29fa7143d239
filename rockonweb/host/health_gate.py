"""The health gate: looks at containers that were just started until it is clear whether they hold."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from rockonweb.core.errors import EngineError, Unhealthy
from rockonweb.core.operations.steps import Page
from rockonweb.core.status.health import Limits, Look, judge
from rockonweb.core.text import joined, t
from rockonweb.host.engine import Engine

LOOPBACK = "127.0.0.1"  # where published ports of a host are reached from itself
LOOK_SECONDS = 0.5  # from one look to the next, at most
FIRST_PAUSE = 0.05  # after the first look; each further one is twice as long
PAGE_TIMEOUT = 5  # seconds for the answer of an app's page
LAST_LINES = 30  # of the log of a container that does not hold


@dataclass
class _Watched:
    name: str
    page: Page | None
    looks: list[Look] = field(default_factory=list)


def await_health(engine: Engine, pages: dict[str, Page | None], limits: Limits) -> Iterator[str]:
    """Wait until all containers hold; `pages` has for each the page that must answer, if it has one.

    Yields at each look a sentence on what is awaited. Raises Unhealthy, with the end of its log, for a container that
    does not hold.
    """
    left = [_Watched(name, page) for name, page in pages.items()]
    pause = FIRST_PAUSE
    while left:
        waiting = []
        with ThreadPoolExecutor(max_workers=len(left)) as threads:
            answers = list(threads.map(lambda one: answers_http(one.page) if one.page else None, left))
        for one, answered in zip(left, answers, strict=True):
            one.looks.append(Look(time.monotonic(), engine.container(one.name), answered))
            verdict = judge(one.name, one.looks, limits)
            if verdict.outcome == "unhealthy":
                raise Unhealthy(verdict.why, t("The end of its log stands at the step."), output=_log(engine, one.name))
            if verdict.outcome == "waiting":
                waiting.append((one, verdict.why))
        left = [one for one, _ in waiting]
        if left:
            yield joined(" ", (why for _, why in waiting))
            time.sleep(pause)
            pause = min(pause * 2, LOOK_SECONDS)


def answers_http(page: Page) -> bool:
    """Whether a page of this host gives an HTTP answer, whichever.

    No certificate is checked, no redirect followed. An app that speaks plain HTTP where its definition says https lives
    all the same.
    """
    if not page.https:
        return _answers(http.client.HTTPConnection(LOOPBACK, page.port, timeout=PAGE_TIMEOUT), page.path)
    context = ssl._create_unverified_context()  # noqa: S323 - apps have certificates of their own making
    secure = http.client.HTTPSConnection(LOOPBACK, page.port, timeout=PAGE_TIMEOUT, context=context)
    return _answers(secure, page.path) or answers_http(replace(page, https=False))


def _answers(connection: http.client.HTTPConnection, path: str) -> bool:
    try:
        connection.request("GET", path)
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
