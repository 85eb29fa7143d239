"""A newer image in a browser: looked for, got, read about and taken, on a real engine with a real registry."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.test_walk import LONG, await_done, log_in, person
from tests.support.apps import page as page_of
from tests.support.browser import accessibility_violations, complaints
from tests.support.claims import free_port
from tests.support.engine import Engine
from tests.support.metastore import Metastore
from tests.support.stack import Stack

APP = "board"
IMAGE = "browser/board:1"


@pytest.fixture
def product(
    engine: Engine, standin: Callable[..., str], metastore: Callable[..., Metastore], stack: Callable[..., Stack]
) -> Iterator[tuple[Stack, int]]:
    """The product with an app that runs, and the port that it runs on."""
    port = free_port()
    web = {"label": "Web", "description": "The page.", "host_default": port, "protocol": "tcp", "ui": True}
    container = {"image": standin(IMAGE, revision="1"), "tag": "", "launch_order": 1, "ports": {"8080": web}}
    body = {"description": "A board.", "version": "1", "website": "", "containers": {APP: container}}
    store = metastore({"root.json": '{"Board": "board.json"}', "board.json": json.dumps({"Board": body})})
    made = stack(engine.host, store.url)
    answers = made.folder / "answers.json"
    answers.write_text(json.dumps({"ports": {APP: {"8080": port}}}))
    for words in (["catalog", "refresh"], ["install", "Board", "--answers", str(answers), "--wait"]):
        done = made.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    yield made, port
    engine.clear()


def await_visible(page: Page, what: Locator, *, javascript: bool) -> None:
    """Wait until a page has come to show something; without JavaScript a person looks again."""
    if not javascript:
        for _ in range(LONG // 500):
            if what.is_visible():
                break
            page.wait_for_timeout(500)
            page.reload()
    expect(what).to_be_visible(timeout=LONG)


def seen_wrong(page: Page, *, javascript: bool) -> list[str]:
    """What axe finds wrong; it never comes to an end on a page without JavaScript."""
    return accessibility_violations(page) if javascript else []


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_newer_image_is_looked_for_got_and_taken(
    browser: Browser,
    engine: Engine,
    product: tuple[Stack, int],
    standin: Callable[..., str],
    javascript: bool,
) -> None:
    made, port = product
    standin(IMAGE, (8080, 9090), revision="2", environment={"BOARD_PASSWORD": "hush-hush"})
    running = engine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", APP)
    with person(browser, javascript=javascript) as page:
        heard = complaints(page)
        log_in(page, made)
        page.goto(f"{made.url}/rockons/1")
        page.get_by_role("button", name="Look for updates").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Updates of Board")
        get = page.get_by_role("button", name="Get it")
        await_visible(page, get, javascript=javascript)
        violations = seen_wrong(page, javascript=javascript)

        get.click()
        await_done(page, javascript=javascript)
        page.goto(f"{made.url}/rockons/1/updates")
        expect(page.get_by_text("What is different in it")).to_be_visible()
        text = page.locator("main").inner_text()
        assert "9090/tcp" in text
        assert "BOARD_PASSWORD=********" in text
        assert "hush-hush" not in page.content()
        assert engine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", APP) == running
        violations += seen_wrong(page, javascript=javascript)

        page.goto(f"{made.url}/rockons?tab=installed&update=1")
        expect(page.get_by_role("article")).to_contain_text("Update")
        page.goto(f"{made.url}/updates")
        page.get_by_role("button", name="Update all").click()
        expect(page.get_by_text("1 update was begun.")).to_be_visible()
        page.get_by_role("link", name=re.compile("Update: Board")).first.click()
        await_done(page, javascript=javascript)
        assert "revision 2" in page_of(port)
        page.goto(f"{made.url}/updates")
        await_visible(page, page.get_by_text("Newest"), javascript=javascript)
        violations += seen_wrong(page, javascript=javascript)
        page.goto(f"{made.url}/images")
        expect(page.get_by_text("used by the rock-on Board")).to_be_visible()
        violations += seen_wrong(page, javascript=javascript)
        assert (violations, heard) == ([], [])
