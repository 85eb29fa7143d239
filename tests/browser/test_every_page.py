"""Every page in every state, at each width, light and dark: axe, the console, the Nu HTML checker, its width, its calm.

The pages are those of the application's URL map, what each form answers when it is sent empty, and the way in; so a new
page is looked at without being named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from rockonweb.config import instance_id
from rockonweb.core.containers.argv import INSTANCE_LABEL, ROCKON_LABEL
from rockonweb.models import User, repository, transaction, utc_now
from tests.support import scenes
from tests.support.app import PASSWORD, make_app
from tests.support.browser import collect_console_errors, log_in_by_form, new_page, prepare_axe, run_axe
from tests.support.engine import DockerDaemon
from tests.support.nu import find_html_faults
from tests.support.serving import serve_app

WIDTHS = (320, 360, 768, 1280)
Theme = Literal["light", "dark"]
THEMES: tuple[Theme, ...] = ("light", "dark")
VIEWS = [(width, theme) for width in WIDTHS for theme in THEMES]
AXE_COLOURS = ("color-contrast", "link-in-text-block")  # the rules of axe that a theme can break
SEEN = 0.1  # of the window times the way, as Chromium counts; below that, Web Vitals call a page calm
OF_MANY = (
    "/",
    "/rockons?tab=all",
    "/rockons?tab=installed&q=app",
    "/operations",
    "/updates",
    "/audit",
    "/rockons/report",
)
MOVED = """
window.moved = [];
new PerformanceObserver((list) => {
    for (const one of list.getEntries()) {
        if (!one.hadRecentInput) {
            const moved = one.sources.map(({node}) => node && (node.id || node.className));
            window.moved.push({value: one.value, what: moved.join(", ")});
        }
    }
}).observe({type: "layout-shift", buffered: true});
"""

# Where the forms of a page are sent that ask for words.
WRITABLE = """
[...document.querySelectorAll("main form")].filter((form) =>
    form.method === "post" && new URL(form.action).pathname !== "/logout" && [...form.elements].some((field) =>
        field.matches("textarea, select, input:not([type=hidden], [type=submit], [type=checkbox], [type=radio])")
    )
).map((form) => new URL(form.action).pathname)
"""
SEND = """
([action, values]) => {
    const form = [...document.querySelectorAll("main form")].find((form) => new URL(form.action).pathname === action);
    for (const field of form.elements) {
        if (field.matches("textarea, input:not([type=hidden], [type=submit], [type=checkbox], [type=radio])")) {
            field.value = values[field.name] || "";
        }
    }
    const button = form.querySelector("[type=submit][name]");
    if (button) {
        const {name, value} = button;
        form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
    }
    HTMLFormElement.prototype.submit.call(form);
}
"""
FIRST_WRONG_HAS_FOCUS = """
(() => {
    const wrong = [...document.querySelectorAll("[aria-invalid=true]")].find((field) => field.checkVisibility());
    return !wrong || document.activeElement === wrong;
})()
"""
FILES = ("/backup", "/export")  # how addresses end that send a file
TITLES = {"setup": "Welcome to Rockonweb", "second step": "Enter your code", "login": "Log in to Rockonweb"}


@dataclass(frozen=True)
class Scene:
    """What the database holds, whether Docker answers, which pages are looked at, and how well.

    Thoroughly, in every window; or, where only names are longer, without axe unless all is looked at.
    """

    fill: Callable[[Flask], None]
    up: bool = True
    addresses: Callable[[Flask], list[str]] = field(default=lambda app: scenes.list_pages(app))
    thorough: bool = False
    only_longer: bool = False


SCENES = {
    "empty": Scene(scenes.fill_nothing),
    "household": Scene(scenes.fill_household, thorough=True),
    "long": Scene(scenes.fill_long_names, up=False, only_longer=True),
    "many": Scene(scenes.fill_many, addresses=lambda _: [*OF_MANY]),
}


def run_containers(engine: DockerDaemon, image: str, app: Flask) -> None:
    """Let the containers of the app with most in it run."""
    rockon = repository.find_installation(1)
    assert rockon
    labels = {ROCKON_LABEL: rockon.name, INSTANCE_LABEL: instance_id(app.config["SETTINGS"])}
    words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    for container in rockon.containers:
        engine.run_docker("run", "-d", "--name", container.name, *words, image)


@dataclass
class Outcome:
    """What was looked at, and what was found."""

    every: bool  # in every window, or each page in one of them, in turn
    looks: int = 0
    axe: int = 0
    html: int = 0
    texts: dict[str, str] = field(default_factory=dict)  # by page
    forms: dict[str, str] = field(default_factory=dict)  # where forms are sent, and a page with such a form
    found: list[str] = field(default_factory=list)

    def windows(self, thorough: bool, axe: bool) -> list[tuple[int, bool, tuple[Theme, ...]]]:
        """Widths, in this order; whether a page is loaded there, and in which themes axe looks at it.

        Not loaded, it is only drawn anew. Where it is not looked at thoroughly, axe sees it narrow and dark, and wide
        and light.
        """
        if not self.every:
            width, theme = VIEWS[len(self.texts) % len(VIEWS)]
            return [(width, True, (theme,) if axe else ()), *((other, False, ()) for other in WIDTHS if other != width)]
        ends = (WIDTHS[0], WIDTHS[-1])
        corners: dict[int, tuple[Theme, ...]] = {360: ("dark",), 1280: ("light",)}
        themes = dict.fromkeys(WIDTHS[1:], THEMES) if thorough else corners
        return [(width, width in ends, themes.get(width, ())) for width in WIDTHS]

    def check(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Nothing was found, and the HTML checker finds nothing."""
        faults = find_html_faults(self.texts, folder)
        widths = ", ".join(map(str, WIDTHS))
        tell(
            f"{len(self.texts)} pages, {'each in every window' if self.every else 'each in one window'}: "
            f"axe: {self.axe} findings in {self.looks} looks ({widths} px; light, dark); HTML: {len(faults)} faults."
        )
        assert self.found + faults == [], "\n".join(self.found + faults)


def look(
    page: Page, name: str, reach: Callable[[], str], outcome: Outcome, *, thorough: bool = False, axe: bool = True
) -> None:
    """Find what is wrong with a page; `reach` opens it and returns its HTML."""
    for width, loaded, themes in outcome.windows(thorough, axe):
        page.set_viewport_size({"width": width, "height": 900})
        if loaded:
            page.emulate_media(color_scheme="light")
            outcome.texts[name] = reach()
            expect(page.locator(".htmx-request")).to_have_count(0)
            moved = page.evaluate("new Promise(done => setTimeout(() => done(window.moved), 50))")
            if sum(one["value"] for one in moved) >= SEEN:
                outcome.found.append(f"{name} {width}: it moves: {moved}")
            if themes or outcome.every:
                prepare_axe(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            outcome.found.append(f"{name} {width}: it is {wide} wide: {page.evaluate(WIDEST)}")
        for theme in themes:
            page.emulate_media(color_scheme=theme)
            violations = run_axe(page, AXE_COLOURS if theme == "dark" and len(themes) > 1 else ())
            outcome.looks, outcome.axe = outcome.looks + 1, outcome.axe + len(violations)
            outcome.found += (f"{name} {width} {theme}: {line}" for line in violations)


# The innermost elements that reach beyond the window, by tag, class and text.
WIDEST = """() => [...document.querySelectorAll("body *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
    .filter((e, _, all) => !all.some(o => o !== e && e.contains(o)))
    .slice(0, 3).map(e => `${e.tagName}.${e.className.baseVal ?? e.className} ${e.textContent.trim().slice(0, 40)}`)"""


@contextmanager
def opened(browser: Browser, app: Flask) -> Iterator[tuple[Page, str]]:
    """A page of Chromium's that notes what moves, and the address of the application."""
    with serve_app(app) as url, new_page(browser, reduced_motion="reduce") as page:
        page.context.add_init_script(MOVED)
        yield page, url


def going(page: Page, url: str) -> Callable[[], str]:
    """Goes to an address."""

    def go() -> str:
        answer = page.goto(url)
        return answer.text() if answer else ""

    return go


def sending(page: Page, url: str, action: str, values: dict[str, str]) -> Callable[[], str]:
    """Goes to an address and sends its form for `action` with these values, past what the browser checks."""

    def send() -> str:
        page.goto(url)
        with page.expect_navigation() as navigation:
            page.evaluate(SEND, [action, values])
        return navigation.value.text() if navigation.value else ""

    return send


def look_at_scene(
    name: str, request: pytest.FixtureRequest, folder: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome
) -> None:
    """Every page of a scene."""
    scene = SCENES[name]
    host = request.getfixturevalue("engine").host if scene.thorough else f"unix://{folder}/no-docker.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    app = scenes.make_filled_app(folder, monkeypatch, scene.fill, running=scene.up)
    with app.app_context():
        if scene.thorough:
            run_containers(request.getfixturevalue("engine"), request.getfixturevalue("standin")("scenes/photos"), app)
        addresses = scene.addresses(app)
    with opened(request.getfixturevalue("browser"), app) as (page, url):
        log_in_by_form(page, url)
        heard = collect_console_errors(page)
        for path in addresses:
            reach = going(page, url + path)
            look(page, f"{name}: {path}", reach, outcome, thorough=scene.thorough, axe=not scene.only_longer)
            outcome.found += [f"{name}: {path} console: {line}" for line in heard if path != scenes.MISSING_PAGE]
            heard.clear()
            if scene.thorough:
                outcome.forms = dict.fromkeys(page.evaluate(WRITABLE), path) | outcome.forms


def look_at_forms(browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    """What each form of the thorough scene answers that is sent empty."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/no-docker.sock")
    app = scenes.make_filled_app(folder, monkeypatch, scenes.fill_household)
    refused = []
    with opened(browser, app) as (page, url):
        log_in_by_form(page, url)
        for action, path in outcome.forms.items():
            if not action.endswith(FILES):
                name = f"{action} of {path}"
                look(page, name, sending(page, url + path, action, {}), outcome)
                refused += [name] if 'aria-invalid="true"' in outcome.texts[name] else []
                if not page.evaluate(FIRST_WRONG_HAS_FOCUS):
                    outcome.found.append(f"{name}: the first that is wrong has not the focus")
    assert len(refused) > 10, refused


def look_at_the_way_in(browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch, outcome: Outcome) -> None:
    """What somebody sees who is not logged in."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{folder}/no-docker.sock")
    with opened(browser, make_app(made(folder / "new"))) as (page, url):
        look(page, "setup", going(page, f"{url}/setup"), outcome, thorough=True)
        look(page, "setup, empty", sending(page, f"{url}/setup", "/setup", {}), outcome, thorough=True)
    app = scenes.make_filled_app(folder, monkeypatch, scenes.fill_nothing)
    with app.app_context(), transaction() as session:
        owner = session.query(User).one()
        owner.totp_secret, owner.totp_since = pyotp.random_base32(), utc_now()
    entering = {"name": "ada", "password": PASSWORD}
    with opened(browser, app) as (page, url):
        for name, reach in {
            "login": going(page, f"{url}/login"),
            "login, wrong": sending(page, f"{url}/login", "/login", {"name": "ada", "password": "wrong"}),
            "second step": sending(page, f"{url}/login", "/login", entering),
            "second step, wrong": sending(page, f"{url}/login/code", "/login/code", {"code": "000000"}),
        }.items():
            look(page, name, reach, outcome, thorough=True)
    assert {name: title for name, title in TITLES.items() if title not in outcome.texts[name]} == {}


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["in turn", "in every window"]
)
def test_nothing_is_wrong_with_any_page(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tell: Callable[[str], None],
    every: bool,
) -> None:
    outcome = Outcome(every)
    for name in SCENES:
        look_at_scene(name, request, made(tmp_path / name), monkeypatch, outcome)
    look_at_forms(browser, made(tmp_path / "forms"), monkeypatch, outcome)
    look_at_the_way_in(browser, made(tmp_path / "way in"), monkeypatch, outcome)
    outcome.check(made(tmp_path / "html"), tell)


def made(folder: Path) -> Path:
    """A folder that is new."""
    folder.mkdir()
    return folder
