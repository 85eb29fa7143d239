"""A newer image in a browser: looked for, got, read about and taken, on a real engine with a real registry."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.notes import LONG, await_done
from tests.support.apps import fetch_app_page as page_of
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon

APP = "board"
IMAGE = "browser/board:1"


@pytest.fixture
def port(product: Product, standin: Callable[..., str]) -> int:
    """An app with one image runs; returns the port that it runs on."""
    port = free_port()
    web = {"label": "Web", "description": "The page.", "host_default": port, "protocol": "tcp", "ui": True}
    container = {"image": standin(IMAGE, revision="1"), "tag": "", "ports": {"8080": web}}
    product.install("Board", {APP: container}, ports={APP: {"8080": port}})
    return port


def seen_wrong(page: Page, *, javascript: bool) -> list[str]:
    """What axe finds wrong; it never comes to an end on a page without JavaScript."""
    return find_accessibility_violations(page) if javascript else []


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_newer_image_is_looked_for_got_and_taken(
    product: Product, port: int, engine: DockerDaemon, standin: Callable[..., str], javascript: bool
) -> None:
    standin(IMAGE, (8080, 9090), revision="2", environment={"BOARD_PASSWORD": "hush-hush"})
    running = engine.run_docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", APP)
    with product.open_page("/rockons/1", javascript=javascript) as page:
        heard = collect_console_errors(page)
        page.get_by_role("button", name="Check for updates").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Updates for Board")
        get = page.get_by_role("button", name="Pull images")
        expect(get).to_be_visible(timeout=LONG)
        violations = seen_wrong(page, javascript=javascript)

        get.click()
        await_done(page)
        page.goto("/rockons/1/updates")
        expect(page.get_by_text("What changed in it")).to_be_visible()
        text = page.locator("main").inner_text()
        assert "9090/tcp" in text
        assert "BOARD_PASSWORD=********" in text
        assert "hush-hush" not in page.content()
        assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", APP) == running
        violations += seen_wrong(page, javascript=javascript)

        page.goto("/rockons?tab=installed&update=1")
        expect(page.get_by_role("article")).to_contain_text("Update")
        page.goto("/updates")
        page.get_by_role("button", name="Update all").click()
        expect(page.get_by_text("1 update was started.")).to_be_visible()
        page.get_by_role("link", name=re.compile("Update: Board")).first.click()
        await_done(page)
        assert "revision 2" in page_of(port)
        page.goto("/updates")
        expect(page.get_by_text("Newest")).to_be_visible()
        violations += seen_wrong(page, javascript=javascript)
        page.goto("/images")
        expect(page.get_by_text("used by the rock-on Board")).to_be_visible()
        violations += seen_wrong(page, javascript=javascript)
        assert (violations, heard) == ([], [])
