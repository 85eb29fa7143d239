"""A page of apps follows what changes while somebody looks at it, and rests while nobody does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from rockonweb.blueprints.dashboard import overview
from rockonweb.core.instance.attention import Capacity
from rockonweb.models import Installation, Status, transaction
from tests.support import scenes
from tests.support.serving import ServedApp

PARTS = {"/": "#home", "/rockons?tab=installed": "#shelf", "/rockons/1": "#rockon-head"}
SHOW = """(hidden) => {
    Object.defineProperty(document, "hidden", {get: () => hidden, configurable: true});
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A household with apps in every state."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    monkeypatch.setattr(overview, "_memory_capacity", Capacity)  # that of this machine may change meanwhile
    app = scenes.make_filled_app(tmp_path, monkeypatch, scenes.fill_household)
    with app.app_context():
        yield app


def polls(page: Page) -> list[str]:
    """The addresses, as they come, that a page asks for what it shows of apps."""
    heard: list[str] = []
    page.on("request", lambda request: heard.append(request.url) if "seen=" in request.url else None)
    return heard


@pytest.mark.parametrize("path", PARTS)
def test_a_page_asks_while_it_is_seen_and_at_once_when_it_is_seen_again(site: ServedApp, path: str) -> None:
    with site.open_page() as page:
        page.clock.install()
        page.goto(path)
        heard, part = polls(page), page.locator(PARTS[path])
        expect(part).to_contain_text("Running")
        with page.expect_response(lambda answer: "seen=" in answer.url) as answer:
            page.clock.run_for(1000)
        assert answer.value.status == 204

        page.evaluate(SHOW, True)
        expect(page.locator(".htmx-request")).to_have_count(0)  # one that was under way
        heard.clear()
        with transaction() as session:
            session.get_one(Installation, 1).status = Status.STOPPED
        for _ in range(3):
            page.clock.run_for(1000)
            page.evaluate("fetch('/healthz').then((answer) => answer.text())")  # what was asked before has been heard
        assert heard == []

        with page.expect_response(lambda answer: "seen=" in answer.url) as answer:
            page.evaluate(SHOW, False)
        assert answer.value.status == 200
