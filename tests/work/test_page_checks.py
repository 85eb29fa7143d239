"""The pages of running apps are asked now and then, and one that has stopped answering is noted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask

from rockonweb.models import Installation, Kind, Operation, Progress, Status, db, transaction
from rockonweb.work import page_checks
from rockonweb.work.page_checks import PageChecker
from tests.support.app import add_rockon, mark_installed
from tests.support.apps import wait_for
from tests.support.samples import port_question


@pytest.fixture(autouse=True)
def _at_once(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_checks, "ASK_SECONDS", 0)
    monkeypatch.setattr(page_checks, "CONFIRM_SECONDS", 0.1)


class Page:
    """An app's page on loopback; it can stop and serve again."""

    def __init__(self) -> None:
        self.asked = 0
        self.port = 0
        self.serve()

    def serve(self) -> None:
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked += 1
                self.send_error(404)  # any answer is one

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def page() -> Iterator[Page]:
    made = Page()
    yield made
    made.stop()


def add_app(port: int, **columns: object) -> Installation:
    questions = {"80": port_question(8080, ui=True)}
    installation = mark_installed(add_rockon("Notes", {"notes": {"ports": questions}}), **columns)  # type: ignore[arg-type]
    with transaction():
        installation.containers[0].ports[0].host = port
    return installation


def follow(checker: PageChecker, done: Callable[[], bool]) -> set[str]:
    """Go round until something is true; returns the apps that changed."""
    changed: set[str] = set()

    def look() -> bool:
        changed.update(checker.check_pages())
        db.session.rollback()
        return done()

    wait_for(look, 20)
    return changed


def test_a_page_that_stops_and_answers_again_is_noted(page: Page) -> None:
    app, checker = add_app(page.port), PageChecker()
    assert follow(checker, lambda: app.page_answers is True) == {"Notes"}
    page.stop()
    assert follow(checker, lambda: app.page_answers is False) == {"Notes"}
    page.serve()
    assert follow(checker, lambda: app.page_answers is True) == {"Notes"}


def test_a_page_that_never_answered_may_be_none(page: Page) -> None:
    app, checker = add_app(page.port), PageChecker()
    page.stop()
    for _ in range(3):
        assert checker.check_pages() == set()
        if checker._thread:
            checker._thread.join()
    assert app.page_answers is None
    page.serve()


@pytest.mark.parametrize("why", ["stopped", "turned off", "busy", "just started"])
def test_it_is_not_asked(page: Page, why: str) -> None:
    app, checker = add_app(page.port), PageChecker()
    with transaction() as session:
        if why == "stopped":
            app.status = Status.STOPPED
        if why == "turned off":
            app.ask_page = False
        if why == "busy":
            session.add(Operation(kind=Kind.UPDATE, installation_id=app.id, progress=Progress.RUNNING))
    for _ in range(1 if why == "just started" else 3):
        checker.check_pages()
    if checker._thread:
        checker._thread.join()
    assert page.asked == 0
