"""The page that documents the API, in a real browser; and the API from a script on a page of ours."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.app import PASSWORD, add_user, install, make_app, shelve
from tests.support.serving import served

CALL = """async ([path, method]) => {
    const answer = await fetch(path, {method: method, redirect: "manual"});
    return [answer.status, (await answer.json()).detail || ""];
}"""


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The address of an application with an installed rock-on."""
    app = make_app(tmp_path)
    with app.app_context():
        add_user()
        install(shelve("Notes"))
    with served(app) as address:
        yield address


def open_guide(page: Page, url: str) -> None:
    """Log in, and open the page from the account's menu."""
    page.goto(f"{url}/login")
    page.fill("[name=name]", "ada")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{url}/")
    page.locator(".topbar-menu:visible > summary").first.click()
    page.locator(".topbar-panel:visible a[href='/api']").click()
    page.wait_for_url("**/api")


def test_a_session_reads_and_a_bare_post_changes_nothing(page: Page, url: str) -> None:
    open_guide(page, url)
    read: list[Any] = page.evaluate(CALL, ["/api/rockons", "GET"])
    post: list[Any] = page.evaluate(CALL, ["/api/rockons/1/stop", "POST"])
    assert read == [200, ""]
    assert post[0] == 400
    assert "X-CSRFToken" in post[1]
