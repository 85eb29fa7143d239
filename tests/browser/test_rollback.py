"""Going back in a browser: a setting is changed, a file is lost, and both come back with one button."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.test_settings import APP, DATABASE, apply, open_settings, save
from tests.browser.test_walk import NAME, NOTES, await_done, log_in, person
from tests.support.apps import page as page_of
from tests.support.browser import accessibility_violations, complaints
from tests.support.claims import free_port
from tests.support.engine import Engine
from tests.support.loop_btrfs import mounted
from tests.support.metastore import Metastore
from tests.support.stack import Stack

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def product(
    engine: Engine,
    standin: Callable[..., str],
    metastore: Callable[..., Metastore],
    stack: Callable[..., Stack],
    tmp_path: Path,
) -> Iterator[tuple[Stack, int]]:
    """The product with an app of two containers that runs, one on a subvolume and one on a plain folder."""
    port = free_port()
    text = NOTES.read_text().replace("IMAGE notes-db", standin("notes-db", ports=()))
    text = text.replace("IMAGE notes", standin("notes", paths=["notes"]))
    store = metastore({"root.json": '{"family notes": "notes.json"}', "notes.json": text})
    made = stack(engine.host, store.url, started=False)
    answers = made.folder / "answers.json"
    answers.write_text(
        json.dumps(
            {
                "shares": {APP: {"/data": "notes"}, DATABASE: {"/var/lib/db": "plain"}},
                "ports": {APP: {"8080": port}},
                "environment": {APP: {"NOTES_TITLE": "Our notes", "NOTES_PASSWORD": "blue horses dream"}},
            }
        )
    )
    with mounted(tmp_path / "image", made.shares):
        made.start()
        (made.shares / "plain").mkdir()
        for words in (
            ["catalog", "refresh"],
            ["share", "add", "notes"],
            ["install", NAME, "--answers", str(answers), "--wait"],
        ):
            done = made.run(*words)
            assert done.returncode == 0, done.stdout + done.stderr
        try:
            yield made, port
        finally:
            made.stop()
            engine.clear()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_setting_and_a_file_come_back(browser: Browser, product: tuple[Stack, int], *, javascript: bool) -> None:
    made, port = product
    (made.shares / "notes" / "precious").write_text("mine")
    with person(browser, javascript=javascript) as page:
        heard = complaints(page)
        log_in(page, made)
        open_settings(page, made, "Environment")
        page.locator(f'[name="environment-{APP}-NOTES_TITLE"]').fill("Their notes")
        save(page)
        expect(page.locator("main")).to_contain_text("The data of notes can come back too")
        apply(page, javascript=javascript)
        assert "NOTES_TITLE=Their notes" in page_of(port)
        (made.shares / "notes" / "precious").unlink()

        page.goto(f"{made.url}/rockons/1")
        assert not javascript or accessibility_violations(page) == []  # axe is a script too
        page.get_by_role("link", name="What comes back").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Go back")
        text = page.locator("main").inner_text()
        assert "Their notes" in text
        assert "Our notes" in text
        assert "plain: stays as it is. There is no snapshot of it from then." in text
        assert "notes: comes back as it was then." in text
        assert not javascript or accessibility_violations(page) == []  # axe is a script too
        page.set_viewport_size({"width": 360, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        if javascript:  # the page before it has the same button, for those who need not look
            page.goto(f"{made.url}/rockons/1")
        page.get_by_role("button", name="Go back with the data").click()
        await_done(page, javascript=javascript)
        assert f"The newer data lies in {made.shares}/.rockonweb/replaced/notes-" in page.locator("main").inner_text()

        assert "NOTES_TITLE=Our notes" in page_of(port)
        assert (made.shares / "notes" / "precious").read_text() == "mine"
        page.goto(f"{made.url}/rockons/1")
        expect(page.locator("main")).to_contain_text("Then somebody went back.")
        assert heard == []
