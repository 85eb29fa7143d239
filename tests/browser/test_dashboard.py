"""The first page and the look of all pages in a real browser: at each width, light and dark."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from rockonweb.models import Kind, Operation, Progress, Status, db, writing
from rockonweb.work import heartbeat
from tests.support.app import PASSWORD, add_user, install, make_app, shelve
from tests.support.browser import accessibility_violations, complaints, new_page

UI = {"web": {"ports": {"80": {"label": "Page", "description": "", "host_default": 8080, "ui": True}}}}
LONG = "Extraordinarily-long-name-of-an-application-that-nobody-would-ever-give (with words)"
WIDTHS = (320, 360, 768, 1280)
PAGES = (
    *(
        "/",
        "/rockons?tab=all",
        "/rockons/1",
        "/operations",
        "/operations/1",
        "/updates",
        "/rockons/1/updates",
        "/shares",
    ),
    *("/networks", "/docker", "/images", "/backup", "/people", "/audit", "/account", "/notices", "/api", "/doctor"),
    *("/metastores", "/definitions", "/rockons/1/settings", "/rockons/report"),
)


def empty() -> None:
    """Nothing is installed."""


def running() -> None:
    """Three apps, one of which is updated."""
    for n, name in enumerate(("Jellyfin", "Nextcloud", "Gitea")):
        rockon = install(shelve(name, UI))
        with writing() as session:
            rockon.status, rockon.newer_images = Status.STARTED, n == 1
            for container in rockon.containers:
                container.ports[0].host = 8100 + n
            session.add(
                Operation(rockon_id=rockon.id, kind=Kind.UPDATE, progress=Progress.RUNNING if n == 2 else Progress.DONE)
            )


def failed() -> None:
    """One app ended, an update of another failed."""
    running()
    rockon = install(shelve(LONG, UI))
    with writing() as session:
        rockon.status, rockon.exit_code, rockon.status_error = Status.EXITED, 137, "the container web has ended"
        operation = Operation(rockon_id=1, kind=Kind.UPDATE, progress=Progress.RUNNING, user="ada")
        operation.end(Progress.FAILED, "The image box.example/jellyfin:" + "9" * 60 + " does not exist.", "Try later.")
        session.add(operation)


def many() -> None:
    """Sixty apps."""
    for n in range(60):
        install(shelve(LONG if n == 7 else f"App {n}", UI))


STATES = (empty, running, failed, many)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    status = heartbeat.EngineStatus(True, "", "29.0.1", "/", "ext4", 40 * 10**9)
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: True)
    monkeypatch.setattr(heartbeat, "workers", lambda: 1)
    app = make_app(tmp_path)
    with app.app_context():
        add_user()
        yield app


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Page]:
    with new_page(browser) as page:
        enter(page, address)
        yield page


def enter(page: Page, address: str) -> None:
    page.goto(f"{address}/login")
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#home")).to_be_visible()


def sideways(page: Page) -> int:
    """By how many pixels a page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found


@pytest.mark.parametrize("state", STATES)
def test_the_first_page_is_clean_at_each_width_in_both_themes(
    app: Flask, visit: Page, address: str, state, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    state()
    db.session.rollback()
    heard = complaints(visit)
    for theme in ("light", "dark"):
        visit.emulate_media(color_scheme=theme)
        for width in WIDTHS:
            visit.set_viewport_size({"width": width, "height": 900})
            visit.goto(f"{address}/")
            visit.screenshot(path=tmp_path / f"{state.__name__}-{theme}-{width}.png", full_page=True)
            assert sideways(visit) <= 0, (theme, width)
            assert accessibility_violations(visit) == [], (theme, width)
    assert heard == []


def test_without_docker_it_still_says_what_is_installed(
    app: Flask, visit: Page, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running()
    status = heartbeat.EngineStatus(False, "Check that the Docker service is running.")
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    visit.goto(f"{address}/")
    expect(visit.locator(".home-app")).to_have_count(3)
    expect(visit.get_by_text("Docker does not answer: what you see of apps may be out of date.")).to_be_visible()
    assert accessibility_violations(visit) == []


def test_no_page_is_wider_than_a_small_telephone(app: Flask, visit: Page, address: str) -> None:
    failed()
    visit.set_viewport_size({"width": 320, "height": 700})
    wide = {}
    for path in PAGES:
        answer = visit.goto(f"{address}{path}")
        assert answer, path
        assert answer.status in (200, 503), path
        if sideways(visit) > 0:
            wide[path] = sideways(visit)
    assert wide == {}


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_dark_is_chosen_and_stays(browser: Browser, address: str, javascript: bool) -> None:
    with new_page(browser, javascript=javascript, color_scheme="light") as page:
        enter(page, address)
        page.goto(f"{address}/shares")
        before = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        page.locator(".topbar-menu:visible > summary").last.click()
        page.get_by_role("button", name="Dark").click()
        expect(page).to_have_url(f"{address}/shares")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") != before


def test_it_looks_again_by_itself(app: Flask, visit: Page, address: str) -> None:
    running()
    visit.goto(f"{address}/")
    expect(visit.locator(".home-app").first).to_contain_text("Running")
    with writing():
        install(shelve("Wiki", UI))
    expect(visit.locator(".home-app")).to_have_count(4)
