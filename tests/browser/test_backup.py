"""Backup and restore in a real browser: a download, an upload, what will be done, and how far it is."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import pytest
from flask import Flask
from playwright.sync_api import Page

from rockonweb.core.formats import backup
from rockonweb.host import engine
from rockonweb.models import Progress, Status
from tests.blueprints.test_backup import SECRET, FakeDocker, end_operations, filled, wipe
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.serving import ServedApp

PASSPHRASE = "a long enough passphrase"


@pytest.fixture
def app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An application with two installed rock-ons and an engine that has nothing."""
    monkeypatch.setattr(engine, "connect_engine", lambda *_: FakeDocker())
    filled("Notes")
    filled("Sleeper", Status.STOPPED)
    return app


def open_backup(page: Page) -> None:
    """Open the page from the account's menu."""
    page.locator(".topbar-menu:visible > summary").first.click()
    page.locator(".topbar-panel:visible a[href='/backup']").click()
    page.wait_for_url("**/backup")


def download(page: Page, folder: Path, *, secrets: bool) -> Path:
    """Press the button and keep the file."""
    if secrets:
        page.check("#secrets")
        page.fill("#passphrase", PASSPHRASE)
        page.fill("#again", PASSPHRASE)
    with page.expect_download() as waiting:
        page.click("#submit")
    with closing_download(waiting.value) as file:
        path = folder / file.suggested_filename
        file.save_as(path)
    return path


def closing_download(file: Any) -> Any:
    """A download that is deleted by the browser in the end."""
    file.close = file.delete
    return closing(file)


def fits(page: Page, width: int, javascript: bool) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if javascript:  # axe is a script too
        assert find_accessibility_violations(page) == []


@pytest.mark.parametrize(
    ("width", "scheme", "javascript"),
    [
        (360, "dark", True),
        pytest.param(360, "dark", False, marks=pytest.mark.slow),
        pytest.param(1280, "light", True, marks=pytest.mark.slow),
        (1280, "light", False),
    ],
)
def test_from_a_download_to_a_restore(
    site: ServedApp,
    tmp_path: Path,
    width: int,
    scheme: Literal["dark", "light"],
    javascript: bool,
) -> None:
    viewport = {"width": width, "height": 900}
    with site.open_page(javascript=javascript, viewport=viewport, color_scheme=scheme) as page:
        heard = collect_console_errors(page)
        open_backup(page)
        fits(page, width, javascript)
        assert float(page.locator(".loud-words").evaluate("e => parseFloat(getComputedStyle(e).fontSize)")) >= 20
        file = download(page, tmp_path, secrets=False)
        assert SECRET not in file.read_text()
        assert [one.name for one in backup.read_backup(file.read_bytes()).rockons] == ["Notes", "Sleeper"]

        wipe()
        page.set_input_files("#file", file)
        page.click("#look")
        page.wait_for_url("**/backup/restore/*")
        fits(page, width, javascript)
        fields = page.locator("input[name^=secret-]")
        assert fields.count() == 2
        fields.first.fill("typed again")
        page.get_by_role("button", name="Restore", exact=True).click()
        page.get_by_text("waiting for its secrets").wait_for()
        page.get_by_text("1 of 2 finished").wait_for()
        fits(page, width, javascript)
        end_operations(Progress.FAILED, "Docker's disk is full.")
        page.get_by_text("Not everything could be restored.").wait_for()
        assert page.get_by_text("Docker's disk is full.").is_visible()
        fits(page, width, javascript)
        page.locator("input[name^=secret-]").fill("typed too")
        page.get_by_role("button", name="Restore the rest").click()
        page.get_by_text("0 of 2 finished").wait_for()
        end_operations()
        page.get_by_text("Done.", exact=True).wait_for()
        assert heard == []


def test_a_backup_with_its_secrets_asks_for_none(site: ServedApp, tmp_path: Path) -> None:
    with site.open_page() as page:
        open_backup(page)
        file = download(page, tmp_path, secrets=True)
        assert SECRET not in file.read_text()
        wipe()
        page.goto("/backup")
        page.set_input_files("#file", file)
        page.fill("#opening", PASSPHRASE)
        page.click("#look")
        page.wait_for_url("**/backup/restore/*")
        assert page.locator("input[type=password]").count() == 0
        assert SECRET not in page.content()
