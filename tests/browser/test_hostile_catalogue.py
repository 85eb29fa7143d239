"""Names and texts of a hostile catalogue do nothing on any page."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Dialog, Page
from werkzeug.serving import make_server

from rockonweb import catalog
from tests.support import hostile
from tests.support.app import PASSWORD, add_user, make_app
from tests.support.browser import complaints


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    app: Flask = make_app(tmp_path, ROCKONWEB_REMOTE_METASTORE="")
    hostile.put(app.config["SETTINGS"].local_metastore)
    with app.app_context():
        add_user()
        assert {*catalog.refresh().added} == {*hostile.names()}
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_hostile_catalogue_is_inert_on_every_page(address: str, page: Page) -> None:
    dialogs: list[str] = []
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

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
    links = [page.get_by_role("link", name=name, exact=True).first.get_attribute("href") for name in hostile.names()]
    paths = [f"{link}{rest}" for link in links for rest in ("", "/install/shares")]
    paths += ["/rockons?tab=all", "/rockons/report", "/metastores", "/definitions", "/definitions/new"]
    paths += [f"/definitions/{file}/edit" for file in hostile.FILES] + ["/definitions/hostile.json/remove"]
    for path in paths:
        page.goto(f"{address}{path}")
        page.wait_for_timeout(150)
        assert page.locator("main script, main img[src='x'], main iframe, main style, main svg[onload]").count() == 0, (
            path
        )
        assert page.evaluate("window.hostile") is None, path
        assert hostile.MARK in page.content() or path in ("/metastores", "/definitions/new"), path
    page.goto(f"{address}/definitions/hostile.json/edit")
    page.get_by_role("button", name="Try").click()
    assert page.get_by_text("would ask").first.is_visible()
    print(f"a hostile catalogue: {len(paths) + 1} pages, {len(asked)} requests, {len(dialogs)} scripts that ran")
    assert dialogs == []
    assert heard == []
    assert [url for url in asked if not url.startswith(address)] == []
