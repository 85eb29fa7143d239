"""A person's whole way: from the login to the running app's own page, and back to uninstalled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.notes import LONG, SECRET, await_done, text
from tests.support.browser import collect_console_errors, new_page
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.metastore import MetastoreServer
from tests.support.stack import Stack


@pytest.fixture(scope="module")
def running(engine: DockerDaemon, standin: Callable[..., str]) -> Iterator[Stack]:
    """The product as a person starts it, with a metastore that offers an app of two containers for each walk."""
    notes, files = text(standin), {"root.json": '{"family": "family.json", "village": "village.json"}'}
    for who in ("family", "village"):
        own = notes.replace("family", who).replace("Family", who.title())
        files[f"{who}.json"] = own.replace("8090,", f"{free_port()},")
    with (
        closing(MetastoreServer(files)) as store,
        closing(Stack(engine.host, store.url)) as running,
    ):
        running.start()
        yield running
    engine.remove_everything()


def log_in(page: Page, running: Stack) -> None:
    page.goto(f"{running.url}/rockons")
    expect(page).to_have_url(re.compile(r"/login"))
    page.get_by_label("Name").fill(running.user)
    page.get_by_label("Password").fill(running.password)
    page.get_by_role("button", name="Log in").click()
    expect(page).not_to_have_url(re.compile(r"/login"))


def refresh(page: Page) -> None:
    page.get_by_role("button", name=re.compile("Refresh")).first.click()
    await_done(page)
    page.locator("main").get_by_role("link", name="Catalogue", exact=True).last.click()
    expect(page).to_have_url(re.compile(r"/rockons$"))


def fill_wizard(page: Page, app: str) -> None:
    """Answer the wizard's questions, mostly by taking what is suggested."""
    expect(page.get_by_role("heading", level=1)).to_have_text("Shares")
    assert page.locator(f'[name="shares-{app}-/data"]').input_value() == app
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ports")
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Environment")
    page.get_by_role("button", name="Next").click()
    faulty = page.locator(f'[name="environment-{app}-NOTES_TITLE"]')
    expect(faulty).to_have_attribute("aria-invalid", "true")
    expect(faulty).to_be_focused()
    faulty.fill("Our notes")
    page.locator(f'[name="environment-{app}-NOTES_PASSWORD"]').fill(SECRET)
    page.get_by_role("button", name="Back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ports")
    page.get_by_role("button", name="Next").click()
    assert page.locator(f'[name="environment-{app}-NOTES_TITLE"]').input_value() == "Our notes"
    page.get_by_role("button", name="Next").click()


@pytest.mark.parametrize(
    ("who", "javascript"), [("family", True), ("village", False)], ids=["with JavaScript", "without JavaScript"]
)
def test_from_the_login_to_the_running_app_and_back_to_uninstalled(
    browser: Browser, engine: DockerDaemon, running: Stack, who: str, javascript: bool
) -> None:
    app, shares = f"{who}-notes", {path.name for path in running.shares.iterdir()}
    with new_page(browser, javascript=javascript) as page:
        heard = collect_console_errors(page)
        log_in(page, running)
        refresh(page)

        page.goto(f"{running.url}/rockons?tab=all&q=notebook {who}")
        page.get_by_role("link", name=re.compile(r"^Install\b")).first.click()
        fill_wizard(page, app)

        expect(page.get_by_role("heading", level=1)).to_have_text("Summary")
        page.get_by_text("The exact commands").click()
        body = page.locator("main").inner_text()
        assert f"docker run -d --restart=unless-stopped --name {app} " in body
        assert "NOTES_TITLE=Our notes" in body.replace("'", "")
        assert "NOTES_PASSWORD=********" in body
        assert SECRET not in page.content()
        page.get_by_role("button", name="Install", exact=True).click()
        await_done(page)
        assert SECRET not in page.content()

        link = page.get_by_role("link", name=re.compile("Open UI"))
        with page.expect_popup() as popup:
            link.click()
        expect(popup.value.locator("body")).to_contain_text("NOTES_TITLE=Our notes")
        assert popup.value.url.endswith("/notes") or popup.value.url.endswith("/notes/")
        popup.value.close()
        assert sorted(engine.run_docker("ps", "--format", "{{.Names}}").split()) == [app, f"{app}-db"]

        page.get_by_role("link", name=f"Open the page of {who.title()} Notes").click()
        if javascript:
            expect(page.get_by_role("status").first).to_contain_text("Running")
        here = page.url
        switch = page.get_by_role("button", name="Running")
        again = page.get_by_role("button", name="Restart", exact=True)
        for button, state in ((switch, "exited"), (switch, "running"), (again, "running")):
            button.click()
            await_done(page)
            states = engine.run_docker("ps", "--all", "--format", "{{.State}}").split()
            assert states == [state, state]
            page.goto(here)

        page.get_by_role("link", name="Uninstall").click()
        expect(page.locator("main")).to_contain_text("What is kept")
        page.get_by_role("button", name="Uninstall").click()
        await_done(page)
        assert engine.run_docker("ps", "--all", "--quiet") == ""
        assert f"{app}-net" not in engine.run_docker("network", "ls", "--format", "{{.Name}}")
        assert {path.name for path in running.shares.iterdir()} - shares == {app, f"{app}-db"}
        assert heard == [] or all("422" in line for line in heard)


def test_the_jobs_dashboard_shows_both_queues(browser: Browser, running: Stack) -> None:
    with new_page(browser) as page:
        heard = collect_console_errors(page)
        log_in(page, running)
        refresh(page)
        page.goto(f"{running.url}/jobs")
        for name in ("rockonweb ", "rockonweb-quick "):
            expect(page.get_by_role("row", name=re.compile(f"^{name}"))).to_be_visible(timeout=LONG)
        assert heard == []
