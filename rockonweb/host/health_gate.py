"""The health check after a start: polls containers until each is healthy, or one is not."""

from __future__ import annotations

import http.client
import ssl
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial

from rockonweb.core.errors import EngineError, Unhealthy
from rockonweb.core.operations.steps import UiPage
from rockonweb.core.status.health import ContainerObservation, HealthLimits, judge_health
from rockonweb.core.text import AppOutput, join_texts, t
from rockonweb.host.engine import Engine
from rockonweb.remote.http_client import LimitedResponse, limit_exchange

LOOPBACK = "127.0.0.1"  # where the host reaches its own published ports
MAX_PAUSE = 0.5  # seconds between two polls, at most
FIRST_PAUSE = 0.05  # seconds after the first poll; doubled after each further one
PAGE_TIMEOUT = 5  # seconds for the whole status line and headers of an app's page
LOG_LINES = 30  # of the log of an unhealthy container


@dataclass(frozen=True)
class HealthProgress:
    """A poll of containers that are not all healthy yet: a sentence on what is awaited, and whether a page answers."""

    awaited: str
    page_answers: bool


@dataclass
class _WatchedContainer:
    name: str
    page: UiPage | None
    observations: list[ContainerObservation] = field(default_factory=list)


def await_health(
    engine: Engine, pages: dict[str, UiPage | None], limits: HealthLimits, network: str = ""
) -> Iterator[HealthProgress]:
    """Wait until all containers are healthy. `pages` is by container name: the page that must answer, None for no page;
    with a `network`, at the container's address there.

    Yields after each poll. Raises Unhealthy, with the end of its log, for an unhealthy container.
    """
    pending = [_WatchedContainer(name, page) for name, page in pages.items()]
    pause = FIRST_PAUSE
    while pending:
        waiting = []
        places = [
            (watched.page, engine.container_address(network, watched.name) if network else LOOPBACK)
            for watched in pending
        ]
        answers = engine.waiter.call(partial(_request_pages, places))
        for watched, answered in zip(pending, answers, strict=True):
            watched.observations.append(
                ContainerObservation(time.monotonic(), engine.inspect_container(watched.name), answered)
            )
            verdict = judge_health(watched.name, watched.observations, limits)
            if verdict.outcome == "unhealthy":
                raise Unhealthy(
                    verdict.reason,
                    t("The end of its log is shown at the step."),
                    output=_log_tail(engine, watched.name),
                )
            if verdict.outcome == "waiting":
                waiting.append((watched, verdict.reason))
        pending = [watched for watched, _ in waiting]
        if pending:
            yield HealthProgress(join_texts(" ", (why for _, why in waiting)), True in answers)
            time.sleep(pause)
            pause = min(pause * 2, MAX_PAUSE)


def _request_pages(places: list[tuple[UiPage | None, str]]) -> list[bool | None]:
    """Return which pages answer at their addresses, of which one may be blank; None where there is no page."""
    with ThreadPoolExecutor(max_workers=len(places)) as pool:
        return list(pool.map(lambda place: bool(place[1]) and answers_http(*place) if place[0] else None, places))


def answers_http(page: UiPage, address: str = LOOPBACK) -> bool:
    """Whether a page gives any HTTP response, whatever its status.

    Certificates are not checked, redirects not followed. Plain HTTP where the definition says https counts too.
    """
    if not page.https:
        return _has_response(http.client.HTTPConnection(address, page.port, timeout=PAGE_TIMEOUT), page.path)
    context = ssl._create_unverified_context()  # noqa: S323 - apps have self-signed certificates
    secure = http.client.HTTPSConnection(address, page.port, timeout=PAGE_TIMEOUT, context=context)
    return _has_response(secure, page.path) or answers_http(replace(page, https=False), address)


def _has_response(connection: http.client.HTTPConnection, path: str) -> bool:
    connection.response_class = LimitedResponse
    try:
        with limit_exchange(time.monotonic() + PAGE_TIMEOUT):
            connection.request("GET", path)
            connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True


def _log_tail(engine: Engine, name: str) -> str:
    try:
        return AppOutput(engine.read_logs(name, LOG_LINES))
    except EngineError as error:
        return error.output
