"""A person's whole way: from the login to the running app's own page, and back to uninstalled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.support.browser import complaints, new_page
from tests.support.claims import free_port
from tests.support.engine import Engine
from tests.support.metastore import Metastore
from tests.support.stack import Stack

SECRET = "blue horses dream"
NAME = "Family Notes"
LONG = 60_000  # milliseconds, for operations on a busy machine
NOTES = Path(__file__).with_name("notes.json")


@pytest.fixture
def product(
    engine: Engine,
    standin: Callable[..., str],
    metastore: Callable[..., Metastore],
    stack: Callable[..., Stack],
) -> Iterator[Stack]:
    """The product with a metastore that offers one app of two containers, and nothing fetched yet."""
    text = NOTES.read_text()
    text = text.replace("IMAGE notes-db", standin("notes-db", ports=()))
    text = text.replace("IMAGE notes", standin("notes", paths=["notes"])).replace("8090,", f"{free_port()},")
    store = metastore({"root.json": '{"family notes": "notes.json"}', "notes.json": text})
    yield stack(engine.host, store.url)
    engine.clear()


@contextmanager
def person(browser: Browser, *, javascript: bool) -> Iterator[Page]:
    """A browser with a person in front of it. Without JavaScript they look again until something has changed."""
    with new_page(browser, javascript=javascript) as page:
        yield page


def log_in(page: Page, product: Stack) -> None:
    page.goto(f"{product.url}/rockons")
    expect(page).to_have_url(re.compile(r"/login"))
    page.get_by_label("Name").fill(product.user)
    page.get_by_label("Password").fill(product.password)
    page.get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile(r"/login"))


def await_done(page: Page, *, javascript: bool) -> None:
    """Wait on an operation's page for its end."""
    expect(page).to_have_url(re.compile(r"/operations/\d+"))
    done = page.get_by_text("All is done.")
    if javascript:
        expect(done).to_be_visible(timeout=LONG)
        return
    for _ in range(LONG // 500):
        if done.is_visible() or page.get_by_role("alert").count():
            break
        page.wait_for_timeout(500)
        page.reload()
    expect(done).to_be_visible()


def refresh(page: Page, *, javascript: bool) -> None:
    page.get_by_role("button", name=re.compile("Refresh")).first.click()
    await_done(page, javascript=javascript)


def fill_wizard(page: Page) -> None:
    """Answer the wizard's questions, mostly by taking what is suggested."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Shares")
    assert page.locator('[name="shares-family-notes-/data"]').input_value() == "family-notes"
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ports")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environment")
    page.get_by_role("button", name="Next").click()
    faulty = page.locator('[name="environment-family-notes-NOTES_TITLE"]')
    expect(faulty).to_have_attribute("aria-invalid", "true")
    faulty.fill("Our notes")
    page.locator('[name="environment-family-notes-NOTES_PASSWORD"]').fill(SECRET)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ports")
    page.get_by_role("button", name="Next").click()
    assert page.locator('[name="environment-family-notes-NOTES_TITLE"]').input_value() == "Our notes"
    page.get_by_role("button", name="Next").click()


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_from_the_login_to_the_running_app_and_back_to_uninstalled(
    browser: Browser, engine: Engine, product: Stack, javascript: bool
) -> None:
    with person(browser, javascript=javascript) as page:
        heard = complaints(page)
        log_in(page, product)
        refresh(page, javascript=javascript)

        page.goto(f"{product.url}/rockons?tab=all&q=notebook")
        page.get_by_role("link", name=re.compile(r"^Install\b")).first.click()
        fill_wizard(page)

        expect(page.get_by_role("heading", level=1)).to_have_text("Summary")
        body = page.locator("main").inner_text()
        assert "docker run -d --restart=unless-stopped --name family-notes " in body
        assert "NOTES_TITLE=Our notes" in body.replace("'", "")
        assert "NOTES_PASSWORD=********" in body
        assert SECRET not in page.content()
        page.get_by_role("button", name="Submit").click()
        await_done(page, javascript=javascript)
        assert SECRET not in page.content()

        link = page.get_by_role("link", name=re.compile("Open UI"))
        with page.expect_popup() as popup:
            link.click()
        expect(popup.value.locator("body")).to_contain_text("NOTES_TITLE=Our notes")
        assert popup.value.url.endswith("/notes") or popup.value.url.endswith("/notes/")
        popup.value.close()
        running = engine.docker("ps", "--format", "{{.Names}}").split()
        assert sorted(running) == ["family-notes", "family-notes-db"]

        page.get_by_role("link", name=f"To {NAME}").click()
        if javascript:
            expect(page.get_by_role("status").first).to_contain_text("Running")
        here = page.url
        switch, again = page.get_by_role("button", name="Runs"), page.get_by_role("button", name="Restart", exact=True)
        for button, state in ((switch, "exited"), (switch, "running"), (again, "running")):
            button.click()
            await_done(page, javascript=javascript)
            states = engine.docker("ps", "--all", "--format", "{{.State}}").split()
            assert states == [state, state]
            page.goto(here)

        page.get_by_role("link", name="Uninstall").click()
        expect(page.locator("main")).to_contain_text("What stays")
        page.get_by_role("button", name="Uninstall").click()
        await_done(page, javascript=javascript)
        assert engine.docker("ps", "--all", "--quiet") == ""
        assert "family-notes-net" not in engine.docker("network", "ls", "--format", "{{.Name}}")
        assert sorted(path.name for path in product.shares.iterdir()) == ["family-notes", "family-notes-db"]
        assert heard == [] or all("422" in line for line in heard)


def test_the_jobs_dashboard_shows_the_queue(browser: Browser, product: Stack) -> None:
    with person(browser, javascript=True) as page:
        heard = complaints(page)
        log_in(page, product)
        refresh(page, javascript=True)
        page.goto(f"{product.url}/jobs")
        expect(page.get_by_role("row", name=re.compile("rockonweb"))).to_be_visible(timeout=LONG)
        assert heard == []
