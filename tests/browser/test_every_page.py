"""Every page in every state, at each width, light and dark: axe, the console, the Nu HTML checker, its width, its calm.

The pages are those of the application's URL map, so that a new one is looked at without being named here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.routing import Rule
from werkzeug.serving import make_server

from rockonweb.config import instance_id
from rockonweb.core.argv import INSTANCE_LABEL, ROCKON_LABEL
from rockonweb.host import snapshots
from rockonweb.models import Network, Operation, RockOn, db
from rockonweb.work import heartbeat
from rockonweb.work.heartbeat import EngineStatus
from tests.support import scenes
from tests.support.app import PASSWORD, Visitor, add_user, make_app
from tests.support.browser import complaints, new_page, prepare_axe, run_axe
from tests.support.engine import Engine
from tests.support.filled import PAGES, address
from tests.support.nu import html_faults

WIDTHS = (320, 360, 768, 1280)
CORNERS = {(360, "dark"), (1280, "light")}
AXE_COLOURS = ("color-contrast", "link-in-text-block")  # the rules of axe that a theme can break
NOWHERE = "/no/such/page"
SEEN = 0.1  # of the window times the way, as Chromium counts; below that, Web Vitals call a page calm
NOT_OURS = ("rq_dashboard.", "static")
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


@dataclass(frozen=True)
class Scene:
    """What the database holds, whether Docker answers, which pages are looked at, and whether in every combination."""

    fill: Callable[[Flask], None]
    up: bool = True
    addresses: Callable[[Flask], list[str]] = field(default=lambda app: pages_of(app))
    thorough: bool = False


def pages_of(app: Flask) -> list[str]:
    """The addresses of all pages: of each route the first that answers with a page, and more of apps and operations."""
    client = app.test_client()
    assert isinstance(client, Visitor)
    client.log_in("ada")

    def is_page(path: str) -> bool:
        answer = client.get(path)
        return answer.status_code == 200 and answer.mimetype == "text/html" and "<html" in answer.text

    found = [f"/rockons/{one.id}" for one in db.session.query(RockOn.id)]
    found += [f"/operations/{one.id}" for one in db.session.query(Operation.id)]
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and not rule.alias and not rule.endpoint.startswith(NOT_OURS):
            for page in PAGES if "<page>" in rule.rule else ("1",):
                found += [path for path in candidates(app, rule, page) if is_page(path)][:1]
    return [*dict.fromkeys([*found, NOWHERE])]


def candidates(app: Flask, rule: Rule, page: str) -> list[str]:
    """The addresses that a route may have, with the ids and names of what is there."""
    names = [*snapshots.set_aside(app.config["SETTINGS"]), *(one.name for one in db.session.query(Network))]
    if "<name>" in rule.rule:
        return [rule.rule.replace("<name>", name) for name in names]
    numbers = range(1, db.session.query(RockOn).count() + 2) if "<int" in rule.rule else (1,)
    return [address(rule, str(number), page) for number in numbers]


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


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Its address while it is served."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


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


def look(page: Page, url: str, count: Count, texts: dict[str, str], *, thorough: bool) -> Iterator[str]:
    """What is wrong with a page at any width, in either theme; `texts` receives its HTML.

    It is loaded on the narrowest and on the widest window, for the others it is only drawn anew. Where it is not
    looked at thoroughly, axe sees it narrow and dark, and wide and light.
    """
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        if width in (WIDTHS[0], WIDTHS[-1]):
            page.emulate_media(color_scheme="light")
            answer = page.goto(url)
            texts[url] = answer.text() if answer else ""
            expect(page.locator(".htmx-request")).to_have_count(0)
            moved = page.evaluate("new Promise(done => setTimeout(() => done(window.moved), 50))")
            if sum(one["value"] for one in moved) >= SEEN:
                yield f"{width}: it moves: {moved}"
            prepare_axe(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            yield f"{width}: it is {wide} wide"
        for scheme in ("light", "dark"):
            if width == WIDTHS[0] or not (thorough or (width, scheme) in CORNERS):
                continue
            page.emulate_media(color_scheme=scheme)
            rules = AXE_COLOURS if scheme == "dark" and thorough else ()
            violations = run_axe(page, rules)
            count.looks, count.axe = count.looks + 1, count.axe + len(violations)
            yield from (f"{width} {scheme}: {line}" for line in violations)


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
    status = EngineStatus(scene.up, "" if scene.up else "Check that the Docker service is running.", "29.0.1")
    monkeypatch.setattr(heartbeat, "engine_status", lambda: status)
    monkeypatch.setattr(heartbeat, "workers", lambda: int(scene.up))
    app = make_app(tmp_path)
    with app.app_context():
        add_user()
        scene.fill(app)
        db.session.rollback()
        if scene.thorough:
            run_containers(request.getfixturevalue("engine"), request.getfixturevalue("standin")("scenes/photos"), app)
        addresses = scene.addresses(app)
    found: list[str] = []
    texts: dict[str, str] = {}
    with served(app) as url, new_page(browser, reduced_motion="reduce") as page:
        page.context.add_init_script(MOVED)
        page.goto(f"{url}/login")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url(f"{url}/")
        heard = complaints(page)
        for path in addresses:
            found += [f"{path} {line}" for line in look(page, url + path, count, texts, thorough=scene.thorough)]
            found += [f"{path} console: {line}" for line in heard if path != NOWHERE]
            heard.clear()
    (tmp_path / "html").mkdir()
    faults = html_faults(texts, tmp_path / "html")
    count.pages, count.html = count.pages + len(texts), count.html + len(faults)
    assert found + faults == [], "\n".join(found + faults)
