"""The first page in a real browser."""

import pytest
from flask import Flask
from playwright.sync_api import expect

from rockonweb.models import Kind, Operation, Progress, Status, transaction
from rockonweb.work import heartbeat
from tests.support.app import add_rockon, mark_installed
from tests.support.browser import find_accessibility_violations
from tests.support.serving import ServedApp

UI = {"web": {"ports": {"80": {"label": "Page", "description": "", "host_default": 8080, "ui": True}}}}


def running() -> None:
    """Three apps, one of which is updated."""
    for n, name in enumerate(("Jellyfin", "Nextcloud", "Gitea")):
        rockon = mark_installed(add_rockon(name, UI))
        with transaction() as session:
            rockon.status, rockon.newer_images = Status.STARTED, n == 1
            for container in rockon.containers:
                container.ports[0].host = 8100 + n
            session.add(
                Operation(
                    installation_id=rockon.id, kind=Kind.UPDATE, progress=Progress.RUNNING if n == 2 else Progress.DONE
                )
            )


@pytest.fixture
def app(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Docker and a worker answer."""
    status = heartbeat.EngineStatus(True, "", "29.0.1", "/", "ext4", 40 * 10**9)
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    monkeypatch.setattr(heartbeat, "queue_alive", lambda: True)
    monkeypatch.setattr(heartbeat, "count_workers", lambda: 1)
    return app


def test_without_docker_it_still_says_what_is_installed(site: ServedApp, monkeypatch: pytest.MonkeyPatch) -> None:
    running()
    status = heartbeat.EngineStatus(False, "Check that the Docker service is running.")
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    with site.open_page() as page:
        expect(page.locator(".home-app")).to_have_count(3)
        expect(page.get_by_text("Docker does not answer: the status of apps may be out of date.")).to_be_visible()
        assert find_accessibility_violations(page) == []


@pytest.mark.parametrize("javascript", [True, False], ids=["with JavaScript", "without JavaScript"])
def test_dark_is_chosen_and_stays(site: ServedApp, javascript: bool) -> None:
    with site.open_page("/shares", javascript=javascript, color_scheme="light") as page:
        before = page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor")
        page.locator(".topbar-menu:visible > summary").last.click()
        page.get_by_role("button", name="Dark").click()
        expect(page).to_have_url(f"{site.url}/shares")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.locator("body").evaluate("e => getComputedStyle(e).backgroundColor") != before


def test_it_looks_again_by_itself(site: ServedApp) -> None:
    running()
    with site.open_page() as page:
        expect(page.locator(".home-app").first).to_contain_text("Running")
        with transaction():
            mark_installed(add_rockon("Wiki", UI))
        expect(page.locator(".home-app")).to_have_count(4)
