"""An operation in a browser, on a real engine with a slow registry: its bar, its log, the news of its end."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from rockonweb.models import Installation, Kind, Operation, OperationStep, Progress, State, transaction, utc_now
from tests.browser.conftest import Product
from tests.browser.notes import LONG
from tests.docker.test_progress import slow_line
from tests.support.app import add_rockon, mark_installed
from tests.support.apps import wait_for
from tests.support.browser import collect_console_errors, find_accessibility_violations
from tests.support.claims import free_port
from tests.support.receivers import WebhookReceiver, webhook_receiver
from tests.support.registry import RegistryServer
from tests.support.serving import ServedApp

APP = "slowly"
SIZE = 6_000_000
BOTH = pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])


@pytest.fixture
def slowly(product: Product, standin: Callable[..., str], registry: RegistryServer) -> Iterator[None]:
    """An app whose image takes some seconds to come."""
    name = standin(f"browser/{APP}:1", padding=SIZE).removeprefix(f"{registry.address}/")
    port = {"label": "Web", "description": "", "host_default": free_port(), "protocol": "tcp", "ui": True}
    with slow_line(registry, 1_500_000) as address:
        product.instance.add_rockon("Slowly", {APP: {"image": f"{address}/{name}", "tag": "", "ports": {"8080": port}}})
        yield


@pytest.fixture
def nowhere(product: Product, registry: RegistryServer) -> None:
    """An app whose image is nowhere, which nobody asks before the install."""
    product.app.config["SETTINGS"] = replace(product.instance.settings, registry_seconds=0)
    product.instance.add_rockon("Nowhere", {"nowhere": {"image": f"{registry.address}/no/such:1", "tag": ""}})


def begin(page: Page, name: str) -> None:
    """Begin an install by its wizard, up to the operation's page."""
    page.goto(f"/rockons?tab=all&q={name}")
    page.get_by_role("link", name=re.compile(r"^Install\b")).first.click()
    for _ in range(3):
        submit = page.get_by_role("button", name="Install", exact=True)
        page.wait_for_load_state()
        if submit.count():
            break
        heading = page.get_by_role("heading", level=1).inner_text()
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", level=1)).not_to_have_text(heading)
    page.get_by_role("button", name="Install", exact=True).click()
    page.wait_for_url(re.compile(r"/operations/\d+"))


def test_the_bar_moves_and_never_back_and_the_title_tells_the_end(product: Product, slowly: None) -> None:
    with product.open_page() as page:
        heard = collect_console_errors(page)
        begin(page, "Slowly")
        seen: list[int] = []
        titles: set[str] = set()
        for _ in range(LONG // 150):
            if page.get_by_text("Done.", exact=True).count():
                break
            bars = "bars => bars.map(bar => Number(bar.getAttribute('value')))"  # at once: the last one goes any moment
            seen += page.locator("#operation > .panel > progress").evaluate_all(bars)
            titles.add(page.title())
            page.wait_for_timeout(150)
        expect(page).to_have_title("✓ Slowly was installed · Rockonweb")
        assert seen == sorted(seen)
        assert len(set(seen)) >= 3, seen
        assert any(re.fullmatch(r"Install: Slowly · \d+ % · Rockonweb", title) for title in titles), titles
        expect(page.locator("#told")).to_have_text("Slowly was installed")
        folds = page.locator(".step-fold")
        assert folds.count() == page.locator(".step").count()
        assert page.locator(".step-fold[open]").count() == 0
        assert page.locator(".toast-line").count() == 0  # its own page has told it
        assert find_accessibility_violations(page) == []
        assert heard == []


@pytest.fixture
def updating(app: Flask) -> int:
    """An update under way, as the rows say: one step is done, one runs, one waits; returns its id."""
    rockon = mark_installed(add_rockon("Slowly"), state=State.PENDING_UPDATE)
    progress = (Progress.DONE, Progress.RUNNING, Progress.QUEUED)
    operation = Operation(
        installation_id=rockon.id, kind=Kind.UPDATE, progress=Progress.RUNNING, user="ada", started=utc_now()
    )
    operation.steps = [
        OperationStep(position=place, title=f"step {place}", why="it has to be", progress=one)
        for place, one in enumerate(progress)
    ]
    with transaction() as session:
        session.add(operation)
    return operation.id


def go_on(operation_id: int) -> bool:
    """Let the step that runs be done, and the next one run; the last one ends the operation. Returns whether it has."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        over, *waiting = [step for step in operation.steps if step.progress is not Progress.DONE]
        over.progress = Progress.DONE
        if waiting:
            waiting[0].progress = Progress.RUNNING
            return False
        operation.mark_finished(Progress.DONE)
        session.get_one(Installation, operation.installation_id).state = State.INSTALLED
        return True


def test_what_a_person_opened_stays_open_while_the_rest_goes_on(site: ServedApp, updating: int) -> None:
    with site.open_page(f"/operations/{updating}") as page:
        folds, opened = page.locator(".step-fold"), page.locator(".step-fold[open]")
        expect(page.locator(".step-is-running")).to_have_count(1)
        page.locator(".step-fold > summary").first.click()
        expect(opened).to_have_count(1)
        assert not go_on(updating)
        expect(folds).to_have_count(2)
        expect(opened.locator(".break")).to_have_text(["step 0"])
        assert go_on(updating)
        expect(page.get_by_text("Done.", exact=True)).to_be_visible()
        expect(folds).to_have_count(3)
        expect(opened.locator(".break")).to_have_text(["step 0"])


def test_a_page_elsewhere_is_told_of_the_end_and_can_put_the_notice_away(site: ServedApp, updating: int) -> None:
    with site.open_page() as page:
        heard = collect_console_errors(page)
        page.clock.install()
        page.goto("/shares")
        own = page.title()
        expect(page.locator("#running")).to_contain_text("1 running")
        while not go_on(updating):
            pass
        page.clock.run_for(3000)
        toast = page.locator(".toast-line")
        expect(toast).to_contain_text("Slowly was updated")
        expect(page).to_have_title(f"✓ Slowly was updated · {own}")
        assert page.locator("#toasts[role=status][aria-live=polite]").count() == 1
        assert find_accessibility_violations(page) == []
        page.get_by_role("button", name="Dismiss: Slowly was updated").press("Enter")
        expect(toast).to_have_count(0)
        expect(page).to_have_title(own)
        page.goto(f"/operations/{updating}")
        page.get_by_role("link", name="Open the page of Slowly").click()
        page.goto("/shares")
        with page.expect_response(lambda answer: "/operations/running" in answer.url):
            page.clock.run_for(31_000)
        expect(page.locator(".htmx-request")).to_have_count(0)
        assert toast.count() == 0  # an old end is no news
        assert heard == []


@BOTH
def test_a_failure_stands_open_and_its_log_can_be_taken_along(
    product: Product, nowhere: None, javascript: bool
) -> None:
    with product.open_page(javascript=javascript) as page:
        begin(page, "Nowhere")
        expect(page.get_by_role("alert")).to_be_visible(timeout=LONG)
        expect(page).to_have_title("✗ Nowhere could not be installed · Rockonweb")
        expect(page.locator(".step-fold[open]")).to_have_count(1)
        assert "Pull" in page.locator(".step-fold[open] .break").inner_text()
        with page.expect_download() as download:
            page.locator("#log-file").click()
        text = download.value.path().read_text()
        assert "[Failed] pull" in text
        copy = page.locator("#log-copy")
        if javascript:
            page.context.grant_permissions(["clipboard-read", "clipboard-write"])
            copy.click()
            expect(copy).to_have_text("Copied")
            assert page.evaluate("navigator.clipboard.readText()") == text
        else:
            expect(copy).to_be_hidden()
        page.goto("/operations?outcome=failed")
        expect(page.locator(".line-title")).to_have_text("Install: Nowhere")
        page.get_by_role("link", name="Done", exact=True).click()
        expect(page.get_by_text("No operations match these filters.")).to_be_visible()


def test_a_hook_hears_of_what_failed(product: Product, nowhere: None) -> None:
    with webhook_receiver("/t0ken-of-mine") as seen, product.open_page() as page:
        add_hook(page, seen)
        page.get_by_role("button", name="Send a test").click()
        expect(page.get_by_text("Last message sent:")).to_be_visible(timeout=LONG)
        assert "t0ken" not in page.content()
        begin(page, "Nowhere")
        expect(page.get_by_role("alert")).to_be_visible(timeout=LONG)
        wait_for(lambda: len(seen.got) > 1, LONG / 1000)
    assert [body["title"] for _, body in seen.got] == [
        "Test notification from Rockonweb",
        "Nowhere could not be installed",
    ]


def add_hook(page: Page, seen: WebhookReceiver) -> None:
    page.goto("/notices")
    page.get_by_role("link", name="Webhook").click()
    page.get_by_label("Address").fill(seen.url)
    page.get_by_role("button", name="Add webhook").click()
    page.wait_for_url("**/notices")
