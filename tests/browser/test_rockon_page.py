"""The page of one rock-on on a real engine: its switch, its tabs, logs, resources."""

from __future__ import annotations

import math
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from rockonweb.core.instance.resources import Sample
from rockonweb.models import Port, db, transaction
from rockonweb.work import metrics, queue
from tests.browser.conftest import Product
from tests.browser.notes import APP, DATABASE, SECRET, await_done, notes
from tests.support.app import add_rockon, mark_installed
from tests.support.apps import wait_for
from tests.support.browser import collect_console_errors
from tests.support.engine import DockerDaemon
from tests.support.serving import ServedApp

TABS = {"Overview": "", "Logs": "/logs", "Resources": "/resources", "History": "/history", "Definition": "/source"}
BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


def say(engine: DockerDaemon, words: str, container: str = APP) -> None:
    """Let a container write a line into its log."""
    engine.run_docker("exec", container, "sh", "-c", f"echo '{words}' >/proc/1/fd/1")


def sampled() -> None:
    """Put half an hour of samples where the watcher keeps them."""
    redis, now = queue.redis_connection(), time.time()
    for place in range(90):
        at, wave = now - 1800 + 20 * place, 1 + math.sin(place / 7)
        one = Sample(at, 20 * wave, int(60e6 + 20e6 * wave), 2_000_000_000, 9e4 * wave, 3e4 * wave, 0.0, 2e5 * wave)
        metrics.store_samples(redis, {APP: one, DATABASE: one})


def current(page: Page) -> str:
    """The tab that is chosen."""
    return page.locator(".rockon-tabs [aria-current=page]").inner_text()


@BOTH
def test_the_switch_stops_and_starts(product: Product, notes_port: int, engine: DockerDaemon, javascript: bool) -> None:
    with product.open_page(javascript=javascript) as page:
        heard = collect_console_errors(page)
        for before, after in (("true", "exited"), ("false", "running")):
            page.goto("/rockons/1")
            switch = page.get_by_role("button", name="Running")
            expect(switch).to_have_attribute("aria-pressed", before)
            switch.press("Space" if javascript else "Enter")
            await_done(page)
            assert {*engine.run_docker("ps", "--all", "--format", "{{.State}}").split()} == {after}
        page.goto("/rockons/1")
        expect(page.locator(".hero-status")).to_contain_text(re.compile("Running.*since today"))
        expect(page.get_by_role("link", name="Open UI")).to_be_visible()
        assert heard == []


@pytest.fixture
def site(site: ServedApp) -> ServedApp:
    """Family Notes is installed, as the rows say."""
    name, containers, keys = notes(lambda image, **_: image)
    mark_installed(add_rockon(name, containers, **keys))
    return site


@BOTH
def test_tabs_are_pages_and_need_no_mouse(site: ServedApp, javascript: bool) -> None:
    with site.open_page("/rockons/1", javascript=javascript) as page:
        heard = collect_console_errors(page)
        for name, path in [*TABS.items()][1:]:
            link = page.get_by_role("navigation", name="Pages of Family Notes").get_by_role("link", name=name)
            link.focus()
            link.press("Enter")
            expect(page).to_have_url(f"{site.url}/rockons/1{path}")
            expect(page.locator(".rockon-tabs [aria-current=page]")).to_have_text(name)
            expect(page.get_by_role("heading", level=1)).to_have_text("Family Notes")
            if javascript:
                expect(link).to_be_focused()
                expect(page).to_have_title(f"{name} · Family Notes · Rockonweb")
        page.go_back()
        expect(page.locator(".rockon-tabs [aria-current=page]")).to_have_text("History")
        page.reload()
        assert current(page) == "History"
        assert heard == []


def test_a_tab_that_was_swapped_in_acts_at_once(site: ServedApp) -> None:
    """A press right after a swap goes htmx's way: as a plain link it would load the page anew, and lose the focus."""
    with site.open_page("/rockons/1", javascript=True) as page:
        page.evaluate(
            """() => {
                window.sameDocument = true;
                document.addEventListener("htmx:afterSwap", (event) => {
                    if (event.detail.target.id === "rockon-tab" && location.pathname.endsWith("/history")) {
                        setTimeout(() => document.getElementById("tab-definition").click(), 0);
                    }
                });
            }"""
        )
        page.locator("#tab-history").click()
        expect(page.locator(".rockon-tabs [aria-current=page]")).to_have_text("Definition")
        assert page.evaluate("window.sameDocument") is True


@BOTH
def test_logs_are_followed_searched_and_taken_along(
    product: Product, notes_port: int, engine: DockerDaemon, javascript: bool, tmp_path: Path
) -> None:
    with product.open_page("/rockons/1/logs", javascript=javascript) as page:
        heard = collect_console_errors(page)
        box = page.get_by_role("region", name=f"Log of {APP}", exact=True)
        expect(box).to_be_visible()
        expect(page.get_by_role("region", name=f"Log of {DATABASE}")).to_be_visible()
        page.get_by_role("link", name="Follow").click()
        expect(page).to_have_url(re.compile("follow=1"))
        say(engine, f"a heron landed, {SECRET}")
        line, again = page.get_by_text("a heron landed"), page.get_by_role("link", name="Reload")
        if not javascript:
            wait_for(lambda: line.is_visible() or again.click())
        expect(line).to_be_visible()
        page.get_by_role("link", name="Pause").click()
        expect(page.get_by_role("link", name="Follow")).to_be_visible()
        say(engine, "a stork came")
        page.wait_for_timeout(2500)
        assert page.get_by_text("a stork came").count() == 0

        page.get_by_label("Search the log").fill("STORK")
        page.get_by_label("Search the log").press("Enter")
        expect(box.locator("mark")).to_have_text("stork")
        expect(page.get_by_text(re.compile("1 matching line in the last"))).to_be_visible()
        expect(page.get_by_text("No line contains “STORK”.")).to_be_visible()
        page.get_by_label("Search the log").fill("")
        page.get_by_label("Search the log").press("Enter")
        expect(box.locator("mark")).to_have_count(0)
        page.get_by_label("Show timestamps").check()
        if not javascript:
            page.get_by_role("button", name="Show").click()
        expect(box).to_contain_text(re.compile(r"\dZ a stork came"))
        page.get_by_label("Container").select_option(APP)
        if not javascript:
            page.get_by_role("button", name="Show").click()
        expect(page.get_by_role("region", name=f"Log of {DATABASE}")).to_have_count(0)
        with page.expect_download() as download:
            page.get_by_role("link", name="Download").click()
        download.value.save_as(tmp_path / "log.txt")
        text = (tmp_path / "log.txt").read_text()
        assert download.value.suggested_filename == f"{APP}.log.txt"
        assert re.search(r"Z a heron landed, \*{8}\n", text)
        assert SECRET not in text + page.content()

        engine.run_docker("stop", APP)
        page.goto(f"/rockons/1/logs?container={APP}")
        expect(box).to_contain_text("asked to stop")
        assert heard == []


@BOTH
def test_resources_are_drawn_and_told(site: ServedApp, javascript: bool) -> None:
    with site.open_page(javascript=javascript) as page:
        heard = collect_console_errors(page)
        if javascript:
            page.clock.install()
        page.goto("/rockons/1/resources")
        drawing = page.get_by_role("img", name=re.compile(rf"^Memory.*, {APP} now"))
        expect(page.get_by_text("Nothing was measured in the last hour.").first).to_be_visible()
        sampled()
        if javascript:
            page.clock.run_for(4000)
        else:
            page.reload()
        expect(drawing).to_be_visible()
        assert re.match(r"M-?[\d.e-]+ -?[\d.e-]+ L", drawing.locator(".chart-line").get_attribute("d") or "")
        assert re.match(r"now .* average .* peak ", drawing.locator("desc").text_content() or "")
        page.reload()
        page.get_by_text(f"{APP} as a table").click()
        expect(page.get_by_role("table").first).to_contain_text(re.compile(r"\d+:\d\d"))
        assert heard == []


BROKEN_WORDS = """root => {
    const texts = document.createTreeWalker(root, NodeFilter.SHOW_TEXT), range = document.createRange(), broken = [];
    while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[\\p{L}]+/gu)) {
        range.setStart(texts.currentNode, word.index);
        range.setEnd(texts.currentNode, word.index + word[0].length);
        if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) broken.push(word[0]);
    }
    return broken;
}"""


def test_no_word_of_the_connections_is_broken_on_a_phone(site: ServedApp) -> None:
    with transaction():
        for port in db.session.scalars(select(Port)):
            port.host = None
    with site.open_page("/rockons/1", locale="de-DE", viewport={"width": 360, "height": 800}) as page:
        connections = page.locator("[aria-labelledby=mapping]")
        expect(connections).to_contain_text("nicht veröffentlicht")
        assert connections.evaluate(BROKEN_WORDS) == []
