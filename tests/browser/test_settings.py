"""Settings of a running app, changed in a browser: looked at, reviewed, applied, on a real engine."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Product
from tests.browser.notes import APP, DATABASE, SECRET, await_done
from tests.support.apps import fetch_app_page as page_of
from tests.support.apps import nothing_answers
from tests.support.browser import collect_console_errors
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon


def ids(engine: DockerDaemon) -> dict[str, str]:
    """The ids of all containers by name."""
    lines = engine.run_docker("ps", "--all", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return dict(line.split() for line in lines)


def open_settings(page: Page, tab: str) -> None:
    page.goto("/rockons/1/settings")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name=tab).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(tab)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Review")
    expect(page).to_have_url(re.compile("/settings/review$"))


def apply(page: Page) -> None:
    page.get_by_role("button", name="Apply").click()
    await_done(page)


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_port_a_variable_and_a_label_are_changed_and_a_network_is_joined(
    product: Product, notes_port: int, engine: DockerDaemon, javascript: bool
) -> None:
    old_port, new_port = notes_port, free_port()
    before = ids(engine)
    with product.open_page(javascript=javascript) as page:
        heard = collect_console_errors(page)
        open_settings(page, "Ports")
        page.locator(f'[name="ports-{APP}-8080"]').fill(str(new_port))
        save(page)
        open_settings(page, "Environment")
        page.locator(f'[name="environment-{APP}-NOTES_TITLE"]').fill("Their notes")
        page.get_by_label("Container").select_option(APP)
        page.get_by_label("Variable", exact=True).fill("LOG_LEVEL")
        page.get_by_label("Value", exact=True).fill("debug")
        save(page)
        open_settings(page, "Labels")
        page.get_by_label("Container").select_option(APP)
        page.get_by_label("Label", exact=True).fill("proxy enable=true")
        page.get_by_role("button", name="Save").click()
        expect(page.locator(".field-errors")).to_contain_text("without spaces in the key")
        page.get_by_label("Label", exact=True).fill("proxy.enable=true")
        save(page)

        assert page_of(old_port)  # nothing happened yet
        assert ids(engine) == before
        page.get_by_text("The exact commands").click()
        text = page.locator("main").inner_text()
        assert f"-p {old_port}:8080/tcp" in text
        assert f"-p {new_port}:8080/tcp" in text
        assert "1 of 2 containers are replaced; the others keep running." in text
        assert SECRET not in page.content()
        assert page.locator("ins", has_text="--label proxy.enable=true").count() == 1
        assert page.locator("del", has_text=f"-p {old_port}:8080/tcp").count() == 1
        apply(page)

        after = ids(engine)
        assert after[DATABASE] == before[DATABASE]
        assert after[APP] != before[APP]
        assert after.keys() == before.keys()
        told = page_of(new_port)
        assert "NOTES_TITLE=Their notes" in told
        assert "LOG_LEVEL=debug" in told
        assert f"NOTES_PASSWORD={SECRET}" in told
        assert nothing_answers(old_port)
        assert engine.run_docker("inspect", "-f", '{{index .Config.Labels "proxy.enable"}}', APP).strip() == "true"
        page.goto("/rockons/1")
        assert "Unapplied changes" not in page.content()
        expect(page.get_by_role("link", name=re.compile("Open UI"))).to_have_attribute(
            "href", re.compile(f":{new_port}/")
        )

        open_settings(page, "Networks")
        page.get_by_label("Container").select_option(DATABASE)
        page.get_by_label("Network name").fill("attic")
        save(page)
        assert "Nothing is recreated: the app keeps running the whole time." in page.locator("main").inner_text()
        apply(page)
        assert ids(engine) == after
        assert "attic" in engine.run_docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", DATABASE)

        open_settings(page, "Networks")
        page.locator(f'[name="networks-{DATABASE}-attic"]').uncheck()
        save(page)
        apply(page)
        assert ids(engine) == after
        assert "attic" not in engine.run_docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", DATABASE)

        open_settings(page, "Labels")
        page.get_by_role("button", name="Remove proxy.enable=true").click()
        expect(page.locator(f'[name="labels-{APP}-1"]')).to_have_count(0)
        save(page)
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_text("Your changes were discarded.")).to_be_visible()
        assert ids(engine) == after
        assert all("422" in line for line in heard)
