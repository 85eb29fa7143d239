"""Going back in a browser: a setting is changed, a file is lost, and both come back with one button."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Product
from tests.browser.notes import APP, DATABASE, SECRET, await_done, notes
from tests.browser.test_settings import apply, open_settings, save
from tests.support.apps import fetch_app_page as page_of
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.loop_btrfs import mounted_btrfs

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def notes_port(product: Product, engine: DockerDaemon, standin: Callable[..., str], tmp_path: Path) -> Iterator[int]:
    """Family Notes runs, one container on a subvolume and one on a plain folder; yields its port."""
    port = free_port()
    root = product.instance.settings.shares_root
    with mounted_btrfs(tmp_path / "image", root):
        (root / "plain").mkdir()
        product.install(
            *notes(standin),
            shares={APP: {"/data": "notes"}, DATABASE: {"/var/lib/db": "plain"}},
            ports={APP: {"8080": port}},
            environment={APP: {"NOTES_TITLE": "Our notes", "NOTES_PASSWORD": SECRET}},
        )
        yield port
        engine.remove_everything()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_setting_and_a_file_come_back(product: Product, notes_port: int, *, javascript: bool) -> None:
    root = product.instance.settings.shares_root
    (root / "notes" / "precious").write_text("mine")
    with product.open_page(javascript=javascript) as page:
        heard = collect_console_errors(page)
        open_settings(page, "Environment")
        page.locator(f'[name="environment-{APP}-NOTES_TITLE"]').fill("Their notes")
        save(page)
        expect(page.locator("main")).to_contain_text("The data of notes can be restored too")
        apply(page)
        assert "NOTES_TITLE=Their notes" in page_of(notes_port)
        (root / "notes" / "precious").unlink()

        page.goto("/rockons/1")
        assert not javascript or find_accessibility_violations(page) == []  # axe is a script too
        page.get_by_role("link", name="What will be restored").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Roll back")
        text = page.locator("main").inner_text()
        assert "Their notes" in text
        assert "Our notes" in text
        assert "plain: stays unchanged. There is no snapshot of it from that time." in text
        assert "notes: is restored to its state at that time." in text
        assert not javascript or find_accessibility_violations(page) == []  # axe is a script too
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        if javascript:  # the page before it has the same button, for those who need not look
            page.goto("/rockons/1")
        page.get_by_role("button", name="Roll back with data").click()
        await_done(page)
        assert f"The newer data is in {root}/.rockonweb/replaced/notes-" in page.locator("main").inner_text()

        assert "NOTES_TITLE=Our notes" in page_of(notes_port)
        assert (root / "notes" / "precious").read_text() == "mine"
        page.goto("/rockons/1")
        expect(page.locator("main")).to_contain_text("Then it was rolled back.")
        assert heard == []
