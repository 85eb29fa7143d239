"""Every page in every state, at each width, light and dark: axe, the console, the Nu HTML checker, its width, its calm.

The pages are those of the application's URL map, what each form answers when it is sent empty, and the way in; so a new
page is looked at without being named here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from rockonweb.config import instance_id
from rockonweb.core.argv import INSTANCE_LABEL, ROCKON_LABEL
from rockonweb.models import RockOn, User, db, now, writing
from tests.support import scenes
from tests.support.app import PASSWORD, make_app
from tests.support.browser import complaints, enter, new_page, prepare_axe, run_axe
from tests.support.engine import Engine
from tests.support.nu import html_faults
from tests.support.serving import served

WIDTHS = (320, 360, 768, 1280)
CORNERS = {(360, "dark"), (1280, "light")}
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

# The forms of a page that ask for words, by their place among the forms of its main part.
WRITABLE = """
[...document.querySelectorAll("main form")].map((form, place) => [place, new URL(form.action).pathname, form])
.filter(([place, path, form]) =>
    form.method === "post" && path !== "/logout" && [...form.elements].some((field) => field.matches(
        "textarea, select, input:not([type=hidden], [type=submit], [type=checkbox], [type=radio])"
    ))
).map(([place, path]) => [place, path])
"""
SEND = """
([place, values]) => {
    const form = document.querySelectorAll("main form")[place];
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
TITLES = {"setup": "Welcome to Rockonweb", "second step": "The code, please", "login": "Log in to Rockonweb"}


@dataclass(frozen=True)
class Scene:
    """What the database holds, whether Docker answers, which pages are looked at, and whether in every combination."""

    fill: Callable[[Flask], None]
    up: bool = True
    addresses: Callable[[Flask], list[str]] = field(default=lambda app: scenes.pages_of(app))
    thorough: bool = False


SCENES = {
    "empty": Scene(scenes.empty),
    "household": Scene(scenes.household, thorough=True),
    "long": Scene(scenes.with_long_names, up=False),
    "many": Scene(scenes.many, addresses=lambda _: [*OF_MANY]),
}


def run_containers(engine: Engine, image: str, app: Flask) -> None:
    """Let the containers of the app with most in it run."""
    rockon = db.session.get_one(RockOn, 1)
    labels = {ROCKON_LABEL: rockon.name, INSTANCE_LABEL: instance_id(app.config["SETTINGS"])}
    words = [word for key, value in labels.items() for word in ("--label", f"{key}={value}")]
    for container in rockon.containers:
        engine.docker("run", "-d", "--name", container.name, *words, image)


@dataclass
class Count:
    """What was looked at, and what was found."""

    looks: int = 0
    axe: int = 0
    pages: int = 0
    html: int = 0


@pytest.fixture(scope="module")
def count(tell: Callable[[str], None]) -> Iterator[Count]:
    """Told at the end of the run."""
    count = Count()
    yield count
    widths = ", ".join(map(str, WIDTHS[1:]))
    tell(
        f"axe: {count.axe} findings in {count.looks} looks at {count.pages} pages ({widths} px; light, dark); "
        f"HTML: {count.html} faults on {count.pages} pages."
    )


def look(
    page: Page, name: str, reach: Callable[[], str], count: Count, texts: dict[str, str], *, thorough: bool
) -> Iterator[str]:
    """What is wrong with a page at any width, in either theme; `reach` opens it and returns its HTML, for `texts`.

    It is loaded on the narrowest and on the widest window, for the others it is only drawn anew. Where it is not
    looked at thoroughly, axe sees it narrow and dark, and wide and light.
    """
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if width in (WIDTHS[0], WIDTHS[-1]):
            page.emulate_media(color_scheme="light")
            texts[name] = reach()
            expect(page.locator(".htmx-request")).to_have_count(0)
            moved = page.evaluate("new Promise(done => setTimeout(() => done(window.moved), 50))")
            if sum(one["value"] for one in moved) >= SEEN:
                yield f"{name} {width}: it moves: {moved}"
            prepare_axe(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            yield f"{name} {width}: it is {wide} wide"
        for scheme in ("light", "dark"):
            if width == WIDTHS[0] or not (thorough or (width, scheme) in CORNERS):
                continue
            page.emulate_media(color_scheme=scheme)
            rules = AXE_COLOURS if scheme == "dark" and thorough else ()
            violations = run_axe(page, rules)
            count.looks, count.axe = count.looks + 1, count.axe + len(violations)
            yield from (f"{name} {width} {scheme}: {line}" for line in violations)


@contextmanager
def opened(browser: Browser, app: Flask) -> Iterator[tuple[Page, str]]:
    """A page of Chromium's that notes what moves, and the address of the application."""
    with served(app) as url, new_page(browser, reduced_motion="reduce") as page:
        page.context.add_init_script(MOVED)
        yield page, url


def going(page: Page, url: str) -> Callable[[], str]:
    """Goes to an address."""

    def go() -> str:
        answer = page.goto(url)
        return answer.text() if answer else ""

    return go


def sending(page: Page, url: str, form: int, values: dict[str, str]) -> Callable[[], str]:
    """Goes to an address and sends one of its forms with these values, past what the browser checks."""

    def send() -> str:
        page.goto(url)
        with page.expect_navigation() as navigation:
            page.evaluate(SEND, [form, values])
        return navigation.value.text() if navigation.value else ""

    return send


def check(count: Count, texts: dict[str, str], found: list[str], folder: Path) -> None:
    """Nothing was found, and the HTML checker finds nothing."""
    folder.mkdir()
    faults = html_faults(texts, folder)
    count.pages, count.html = count.pages + len(texts), count.html + len(faults)
    assert found + faults == [], "\n".join(found + faults)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("name", SCENES)
def test_nothing_is_wrong_with_any_page(
    request: pytest.FixtureRequest,
    browser: Browser,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    count: Count,
    name: str,
) -> None:
    scene = SCENES[name]
    host = request.getfixturevalue("engine").host if scene.thorough else f"unix://{tmp_path}/no-docker.sock"
    monkeypatch.setenv("DOCKER_HOST", host)
    app = scenes.inhabited(tmp_path, monkeypatch, scene.fill, up=scene.up)
    with app.app_context():
        if scene.thorough:
            run_containers(request.getfixturevalue("engine"), request.getfixturevalue("standin")("scenes/photos"), app)
        addresses = scene.addresses(app)
    found: list[str] = []
    texts: dict[str, str] = {}
    with opened(browser, app) as (page, url):
        enter(page, url)
        heard = complaints(page)
        for path in addresses:
            found += look(page, path, going(page, url + path), count, texts, thorough=scene.thorough)
            found += [f"{path} console: {line}" for line in heard if path != scenes.NOWHERE]
            heard.clear()
    check(count, texts, found, tmp_path / "html")


@pytest.mark.timeout(1200)
def test_nothing_is_wrong_with_what_a_form_answers_that_is_sent_empty(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    app = scenes.inhabited(tmp_path, monkeypatch, scenes.household)
    with app.app_context():
        addresses = scenes.pages_of(app)
    found: list[str] = []
    texts: dict[str, str] = {}
    seen: set[str] = set()
    with opened(browser, app) as (page, url):
        enter(page, url)
        for path in addresses:
            page.goto(url + path)
            for form, action in page.evaluate(WRITABLE):
                name = f"{action} of {path}"
                if action not in seen and not action.endswith(FILES):
                    seen.add(action)
                    found += look(page, name, sending(page, url + path, form, {}), count, texts, thorough=False)
                    if not page.evaluate(FIRST_WRONG_HAS_FOCUS):
                        found.append(f"{name}: the first that is wrong has not the focus")
    refused = [name for name, text in texts.items() if 'aria-invalid="true"' in text]
    assert len(refused) > 10, refused
    check(count, texts, found, tmp_path / "html")


def test_nothing_is_wrong_with_the_way_in(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: Count
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")
    found: list[str] = []
    texts: dict[str, str] = {}
    (tmp_path / "new").mkdir()
    with opened(browser, make_app(tmp_path / "new")) as (page, url):
        for name, reach in {
            "setup": going(page, f"{url}/setup"),
            "setup, empty": sending(page, f"{url}/setup", 0, {}),
        }.items():
            found += look(page, name, reach, count, texts, thorough=True)
    app = scenes.inhabited(tmp_path, monkeypatch, scenes.empty)
    with app.app_context(), writing() as session:
        owner = session.query(User).one()
        owner.totp_secret, owner.totp_since = pyotp.random_base32(), now()
    entering = {"name": "ada", "password": PASSWORD}
    with opened(browser, app) as (page, url):
        for name, reach in {
            "login": going(page, f"{url}/login"),
            "login, wrong": sending(page, f"{url}/login", 0, {"name": "ada", "password": "wrong"}),
            "second step": sending(page, f"{url}/login", 0, entering),
            "second step, wrong": sending(page, f"{url}/login/code", 0, {"code": "000000"}),
        }.items():
            found += look(page, name, reach, count, texts, thorough=True)
    assert {name: title for name, title in TITLES.items() if title not in texts[name]} == {}
    check(count, texts, found, tmp_path / "html")
