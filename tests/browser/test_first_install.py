"""From a fresh start to the first app, as somebody who wants to type nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import Product
from tests.browser.notes import LONG
from tests.support.browser import collect_console_errors
from tests.support.claims import free_port

MOST_CLICKS = 8


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_a_first_install_needs_few_clicks_and_no_typing(
    product: Product, standin: Callable[..., str], javascript: bool
) -> None:
    volumes = {f"/{name}": {"label": name.title(), "description": "Kept here."} for name in ("config", "photos")}
    asked = {"PUID": {"label": "User", "description": "Its number."}, "TZ": {"label": "Zone", "description": "Time."}}
    port = {"label": "Page", "description": "Opens in a browser.", "host_default": free_port(), "ui": True}
    container = {
        "image": standin("album", paths=["album"]),
        "tag": "",
        "ports": {"8080": port | {"protocol": "tcp"}},
        "volumes": volumes,
        "environment": asked,
    }
    product.instance.add_rockon("Album", {"album": container})
    with product.open_page(javascript=javascript) as page:
        heard = collect_console_errors(page)
        clicks = 0

        def click(what: Locator) -> None:
            nonlocal clicks
            what.click()
            clicks += 1

        to_catalogue = page.get_by_role("main").get_by_role("link", name="catalogue")
        if to_catalogue.count():
            click(to_catalogue.first)
        click(page.get_by_role("article", name="Album").get_by_role("link", name="Install"))
        for heading in ("Shares", "Ports", "Environment"):
            expect(page.get_by_role("heading", level=1)).to_have_text(heading)
            click(page.get_by_role("button", name="Next"))
        expect(page.get_by_role("heading", level=1)).to_have_text("Summary")
        click(page.get_by_role("button", name="Install", exact=True))
        opens = page.get_by_role("link", name="Open UI")
        if javascript:
            expect(opens).to_be_visible(timeout=LONG)
        else:  # the page asks again by itself every few seconds
            page.wait_for_selector("#open", timeout=LONG)
        with page.context.expect_page() as opened:
            click(opens)
        expect(opened.value.locator("body")).to_contain_text("album")
        print(f"a first install took {clicks} clicks and no typing")
        assert clicks <= MOST_CLICKS
        assert heard == []
