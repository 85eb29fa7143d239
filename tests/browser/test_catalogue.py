"""The catalogue in a real browser: the search narrows as one types, filters combine and stay, no stranger is asked."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from playwright.sync_api import Page, Route, expect

from rockonweb.catalog import icons
from tests.support.app import add_rockon, mark_installed
from tests.support.browser import collect_console_errors
from tests.support.metastore import MetastoreServer
from tests.support.serving import ServedApp

SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="http://stranger.invalid/x.png"/></svg>'
UI = {"ports": {"80": {"label": "Page", "description": "", "host_default": 8080, "ui": True}}}
SOCKET = {"opts": [["-v", "/var/run/docker.sock:/var/run/docker.sock"]]}


@pytest.fixture
def store(metastore: Callable[..., MetastoreServer]) -> MetastoreServer:
    return metastore({"a.svg": SVG})


@pytest.fixture
def app(app: Flask, store: MetastoreServer) -> Flask:
    """A small catalogue, with definitions that name pictures of strangers."""
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], remote_metastore=store.url)
    stranger = '<p>Music <img src="http://stranger.invalid/y.png">for all</p>'
    add_rockon("Jellyfin", {"web": UI}, description=stranger, icon=f"{store.url}/a.svg", more_info=stranger)
    add_rockon("Plex", {"web": UI}, description="Films", icon="http://stranger.invalid/z.png")
    add_rockon("Navidrome", {"web": {}}, description="Songs")
    add_rockon("Jukebox", {"web": {"image": "box.example/songs/juke"}, "db": {}}, description="Plays")
    add_rockon("Watchtower", {"web": SOCKET}, description="Keeps you up to date")
    mark_installed(add_rockon("Gitea", {"web": UI}, description="Code"))
    icons.refresh_icons()
    return app


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def javascript(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def visit(site: ServedApp, javascript: bool) -> Iterator[Page]:
    """The whole catalogue, and a person in front of it."""
    with site.open_page("/rockons", javascript=javascript) as page:
        page.get_by_role("link", name=re.compile("^All")).click()
        expect(page.locator(".app")).to_have_count(6)
        yield page


def names(page: Page) -> list[str]:
    return page.locator(".app-name").all_inner_texts()


def wanted(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_the_search_narrows_as_one_types(visit: Page) -> None:
    heard = collect_console_errors(visit)
    field = visit.get_by_role("searchbox")
    field.press_sequentially("song")
    expect(visit.locator(".app")).to_have_count(2)
    assert names(visit) == ["Jukebox", "Navidrome"]  # one has it in its image
    field.press_sequentially("s box")
    expect(visit.locator(".app")).to_have_count(1)
    expect(field).to_be_focused()
    assert wanted(visit) == {"q": ["songs box"], "tab": ["all"]}
    visit.reload()
    assert names(visit) == ["Jukebox"]
    expect(field).to_have_value("songs box")
    field.fill("nothing of the kind")
    expect(visit.get_by_text("No rock-on matches “nothing of the kind”.")).to_be_visible()
    assert heard == []


def test_filters_combine_and_stay(visit: Page, javascript: bool) -> None:
    heard = collect_console_errors(visit)
    filters = visit.get_by_role("navigation", name="Filters")
    filters.get_by_role("link", name="Media").click()
    expect(visit.locator(".app")).to_have_count(3)
    filters.get_by_role("link", name="Web page").click()
    expect(visit.locator(".app")).to_have_count(2)
    field = visit.get_by_role("searchbox")
    field.fill("music")
    if not javascript:
        visit.get_by_role("button", name="Search", exact=True).click()
    expect(visit.locator(".app")).to_have_count(1)
    assert wanted(visit) == {"q": ["music"], "category": ["media"], "badge": ["ui"], "tab": ["all"]}
    visit.reload()
    assert names(visit) == ["Jellyfin"]
    expect(filters.locator("[aria-current]")).to_have_count(2)
    filters.get_by_role("link", name="Media").click()  # a second time takes it back
    expect(filters.locator("[aria-current]")).to_have_count(1)
    assert wanted(visit) == {"q": ["music"], "badge": ["ui"], "tab": ["all"]}
    visit.go_back()
    expect(filters.locator("[aria-current]")).to_have_count(2)
    visit.get_by_role("link", name="Show all", exact=True).click()
    expect(visit.locator(".app")).to_have_count(6)
    expect(field).to_have_value("")
    filters.get_by_role("link", name="Running").click()
    expect(visit.locator(".app")).to_have_count(1)
    assert names(visit) == ["Gitea"]
    assert heard == []


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_the_keyboard_reaches_a_filter_and_stays_there(visit: Page) -> None:
    visit.get_by_role("button", name="Search", exact=True).focus()
    for _ in range(6):  # over the two tabs and the three orders
        visit.keyboard.press("Tab")
    chip = visit.locator(".chip").first
    expect(chip).to_be_focused()
    visit.keyboard.press("Enter")
    expect(chip).to_have_attribute("aria-current", "true")
    expect(chip).to_be_focused()


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_no_request_leaves_for_a_stranger(visit: Page, site: ServedApp) -> None:
    asked: list[str] = []

    def record(route: Route) -> None:
        asked.append(route.request.url)
        route.continue_()

    visit.context.route("**/*", record)  # what the policy of a page blocks does not come here: it never leaves
    visit.reload()
    picture = visit.locator("img.tile-picture")
    expect(picture).to_have_count(1)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
    expect(visit.locator("svg.tile-known")).to_have_count(4)
    assert visit.locator("svg.tile-known use").first.evaluate("use => use.getBoundingClientRect().width") > 0
    for name in ("Jellyfin", "Plex"):
        visit.goto(f"{site.url}/rockons?tab=all")
        visit.get_by_role("link", name=name, exact=True).click()
        expect(visit.get_by_role("heading", level=1)).to_have_text(name)
        assert visit.locator(".html img").count() == 0
    visit.goto(f"{site.url}/rockons/1/icon")
    assert len(asked) > 8
    assert [url for url in asked if not url.startswith((f"{site.url}/", "data:"))] == []


@pytest.mark.parametrize("javascript", [True], indirect=True)
def test_the_keyboard_goes_to_the_search_and_from_card_to_card(visit: Page) -> None:
    visit.get_by_role("heading", name="Catalogue").click()
    visit.keyboard.press("/")
    expect(visit.get_by_role("searchbox")).to_be_focused()
    visit.keyboard.press("ArrowDown")
    names = visit.locator(".app-name a").all_inner_texts()
    expect(visit.get_by_role("link", name=names[0], exact=True)).to_be_focused()
    visit.keyboard.press("ArrowRight")
    expect(visit.get_by_role("link", name=names[1], exact=True)).to_be_focused()
    visit.keyboard.press("Enter")
    expect(visit.get_by_role("heading", level=1)).to_have_text(names[1])


def test_a_typing_mistake_finds_what_was_meant(visit: Page) -> None:
    visit.get_by_role("searchbox").fill("navidorme")
    visit.get_by_role("button", name="Search").click()
    expect(visit.get_by_text("No results for “navidorme”. Showing results for “navidrome”:")).to_be_visible()
    expect(visit.locator(".app-name")).to_have_text(["Navidrome"])
