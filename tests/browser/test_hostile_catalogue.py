"""Names and texts of a hostile catalogue do nothing on any page."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page
from werkzeug.serving import make_server

from rockonweb import catalog
from tests.support.app import PASSWORD, add_user, make_app
from tests.support.browser import complaints

EVIL = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{7*7}}"
BODY = {
    "description": f"<p>{EVIL}</p><svg onload=alert(3)>",
    "version": EVIL,
    "website": "javascript:alert(4)",
    "more_info": f"<a href='javascript:alert(5)'>x</a>{EVIL}",
    "containers": {"web": {"image": "x", "launch_order": 1, "volumes": {"/a": {"label": EVIL, "description": EVIL}}}},
}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    app: Flask = make_app(tmp_path, ROCKONWEB_REMOTE_METASTORE="")
    folder: Path = app.config["SETTINGS"].local_metastore
    folder.mkdir()
    (folder / "evil.json").write_text(json.dumps({EVIL: BODY}))
    (folder / "faulty.json").write_text(json.dumps({"A": {EVIL: 1, "containers": {EVIL: {EVIL: EVIL}}}}))
    with app.app_context():
        add_user()
        assert EVIL in catalog.refresh().added
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_hostile_catalogue_is_inert_on_every_page(address: str, page: Page) -> None:
    dialogs: list[str] = []

    def hear(dialog: Dialog) -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", hear)
    heard = complaints(page)
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.goto(f"{address}/rockons?tab=all")
    link = page.get_by_role("link", name=EVIL, exact=True).get_attribute("href")
    pages = ("/rockons/report", f"{link}", f"{link}/install/shares", "/metastores", "/definitions", "/definitions/new")
    for path in (
        *pages,
        "/definitions/evil.json/edit",
        "/definitions/faulty.json/edit",
        "/definitions/evil.json/remove",
    ):
        page.goto(f"{address}{path}")
        page.wait_for_timeout(150)
        assert page.locator("main script, main img[src='x']").count() == 0, path
    page.goto(f"{address}/definitions/evil.json/edit")
    page.get_by_role("button", name="Try").click()
    assert page.get_by_text("would ask").first.is_visible()
    assert dialogs == []
    assert heard == []
