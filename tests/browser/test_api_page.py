"""The page that documents the API, in a real browser; and the API from a script on a page of ours."""

from __future__ import annotations

from typing import Any

from tests.support.app import add_rockon, mark_installed
from tests.support.serving import ServedApp

CALL = """async ([path, method]) => {
    const answer = await fetch(path, {method: method, redirect: "manual"});
    return [answer.status, (await answer.json()).detail || ""];
}"""


def test_a_session_reads_and_a_bare_post_changes_nothing(site: ServedApp) -> None:
    mark_installed(add_rockon("Notes"))
    with site.open_page() as page:
        page.locator(".topbar-menu:visible > summary").first.click()
        page.locator(".topbar-panel:visible a[href='/api']").click()
        page.wait_for_url("**/api")
        read: list[Any] = page.evaluate(CALL, ["/api/rockons", "GET"])
        post: list[Any] = page.evaluate(CALL, ["/api/rockons/1/stop", "POST"])
    assert read == [200, ""]
    assert post[0] == 400
    assert "X-CSRFToken" in post[1]
