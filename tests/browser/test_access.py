"""By keyboard, without motion and without JavaScript: what holds on every page, on some of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from rockonweb.models import Installation, Operation, Progress, Status, User, db, transaction
from tests.support import scenes
from tests.support.app import PASSWORD, add_rockon, mark_installed
from tests.support.serving import ServedApp

MOVING = """
[...document.querySelectorAll("*")].filter((one) => {
    const style = getComputedStyle(one);
    return style.animationName !== "none" || parseFloat(style.transitionDuration) > 0;
}).map((one) => one.className)
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """A household with apps in every state."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    app = scenes.make_filled_app(tmp_path, monkeypatch, scenes.fill_household)
    with app.app_context():
        yield app


def focused(page: Page) -> str:
    """The id or the address of what has the focus."""
    return str(page.evaluate("document.activeElement.id || document.activeElement.href || ''"))


def test_a_person_logs_in_by_keyboard_and_the_first_tab_skips_to_the_content(site: ServedApp, page: Page) -> None:
    page.goto(f"{site.url}/login")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("ada")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site.url}/")
    for path in ("/", "/rockons?tab=all", "/rockons/1", "/operations/1", "/account"):
        page.goto(site.url + path)
        page.keyboard.press("Tab")
        link = page.get_by_role("link", name="Skip to content")
        expect(link).to_be_focused()
        expect(link).to_be_in_viewport()
        page.keyboard.press("Enter")
        assert focused(page) == "main", path
        page.keyboard.press("Tab")
        assert page.evaluate("document.getElementById('main').contains(document.activeElement)"), path


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_nothing_moves_for_those_who_want_no_motion(
    site: ServedApp, motion: Literal["reduce", "no-preference"]
) -> None:
    with site.open_page(reduced_motion=motion) as page:
        moving = []
        for path in ("/", "/rockons?tab=all", "/rockons/1", "/rockons/1/logs?follow=1", "/operations/6"):
            page.goto(path)
            moving += page.evaluate(MOVING)
        assert bool(moving) is (motion == "no-preference")


def test_the_focus_stays_where_it_is_when_a_page_looks_again(site: ServedApp) -> None:
    with site.open_page("/rockons?tab=all") as page:
        cards = page.locator(".app")
        count = cards.count()
        page.locator("#rockon-1-name").focus()
        with transaction():
            mark_installed(add_rockon("Another"), Status.STARTED)
        expect(cards).to_have_count(count + 1, timeout=15_000)
        assert focused(page) == "rockon-1-name"
        page.goto("/rockons/1")
        switch = page.get_by_role("button", name="Running")
        switch.focus()
        with transaction() as session:
            session.get_one(Installation, 1).status = Status.STOPPED
        expect(switch).to_have_attribute("aria-pressed", "false", timeout=15_000)
        expect(switch).to_be_focused()


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_bar_fits_into_any_window(site: ServedApp, language: str) -> None:
    with site.open_page("/shares", locale=language) as page:
        with transaction() as session:
            session.query(User).filter_by(name="ada").one().name = "ada-with-a-name-as-long-as-many"
        page.reload()
        expect(page.locator("#running")).to_contain_text("%")
        for width in range(320, 1500, 30):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_without_javascript_the_catalogue_is_put_in_another_order(site: ServedApp) -> None:
    with site.open_page("/rockons?tab=all", javascript=False) as page:
        names = page.locator(".app-name").all_inner_texts()
        page.get_by_role("navigation", name="Sort by").get_by_role("link", name="State").click()
        expect(page).to_have_url(re.compile("order=state"))
        others = page.locator(".app-name").all_inner_texts()
        assert (sorted(others), others == names) == (sorted(names), False)


def test_without_javascript_an_operation_is_followed(site: ServedApp) -> None:
    running = db.session.query(Operation).filter_by(progress=Progress.RUNNING).one().id
    db.session.rollback()
    with site.open_page(f"/operations/{running}", javascript=False) as page:
        with transaction() as session:
            session.get_one(Operation, running).mark_finished(Progress.DONE)
        expect(page.get_by_text("Done.", exact=True)).to_be_visible(timeout=10_000)
        expect(page.locator("noscript meta")).to_have_count(0)  # it does not go on asking
