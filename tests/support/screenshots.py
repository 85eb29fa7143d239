"""The pictures of the docs: the whole product with the example metastore, driven and photographed in Chromium.

Run it with script/screenshots. The apps are stand-ins: small images under the names that the example metastore gives.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Literal

from playwright.sync_api import Browser, Page, expect
from redis import Redis

from rockonweb.core.instance.resources import Sample
from rockonweb.work import metrics

from .browser import chromium, new_page
from .engine import Engine
from .metastore import Content, Metastore
from .process import ROOT
from .registry import Registry
from .stack import Stack
from .standin import make_image

EXAMPLE = ROOT / "docs" / "example-metastore"
PICTURES = ROOT / "docs" / "pictures"
ADDRESS = "https://rockons.example"  # of the example metastore, as its files have it
NAMESPACE = '"example/'  # of the images in it
REGISTRY_PORT = 5000  # it stands in the pictures; most people know it from the docs of Docker's registry
PADDING = 160_000_000  # bytes of the image that is pulled before the camera
LONG = 180_000  # milliseconds, for operations on a busy machine
WIDE, TALL, PHONE = ({"width": width, "height": height} for width, height in ((1280, 860), (1280, 1040), (390, 780)))

Theme = Literal["light", "dark"]
INSTALLED: dict[str, dict[str, str]] = {  # app, and the answers to its variables
    "Photo Shelf": {"DB_PASSWORD": "meadow-kite-forty", "TZ": "Europe/Lisbon"},
    "Recipe Box": {"TZ": "Europe/Lisbon"},
    "File Cabinet": {"ADMIN_NAME": "ada", "ADMIN_PASSWORD": "harbour-lamp-nine"},
    "Uptime Owl": {},
    "Film Night": {},
}
LOG = """\
Photo Shelf 3.2 starts
database: connected to photo-shelf-db
library: /photos has 18204 files in 312 folders
library: 41 are new since yesterday
thumbnails: 41 to make, with 2 at a time
thumbnails: IMG_2041.jpg 320x240 1280x960
thumbnails: IMG_2042.jpg 320x240 1280x960
thumbnails: IMG_2043.jpg has no date, the file's own is taken
thumbnails: IMG_2044.jpg 320x240 1280x960
albums: "Summer by the lake" has 27 more photos
thumbnails: 41 made
faces: 6 people are in the new photos
web: serving on port 8080
web: ada opened "Summer by the lake"
web: a link to "Summer by the lake" was made, good for 30 days
backup: names and albums were written to the database
"""


class House:
    """The product with some apps, and a browser in which its owner is logged in."""

    def __init__(self, engine: Engine, registry: Registry, stack: Stack, store: Metastore, browser: Browser) -> None:
        self.engine, self.registry, self.stack, self.store, self.browser = engine, registry, stack, store, browser
        self.ids: dict[str, int] = {}

    # -- what an owner does ---------------------------------------------------------------------------------------

    def rockonweb(self, *words: str) -> str:
        """Run the command line, which must succeed."""
        done = self.stack.run(*words, timeout=LONG / 1000)
        if done.returncode:
            raise RuntimeError(f"rockonweb {' '.join(words)}:\n{done.stdout}{done.stderr}")
        return done.stdout

    def fill(self) -> None:
        """Fetch the catalogue, and install most of what is on the first page."""
        self.rockonweb("catalog", "refresh")
        for name, variables in INSTALLED.items():
            definition = definition_of(name)
            answers: dict[str, Any] = {"shares": {}, "environment": {}}
            for container, spec in definition["containers"].items():
                shares = {path: share_of(container, path) for path in spec.get("volumes", {})}
                for share in shares.values():
                    self.rockonweb("share", "add", share)
                answers["shares"][container] = shares
                answers["environment"][container] = {key: variables[key] for key in spec.get("environment", {})}
            file = self.stack.folder / "answers.json"
            file.write_text(json.dumps(answers))
            self.rockonweb("install", name, "--answers", str(file), "--wait")
        self.rockonweb("stop", "Film Night", "--wait")

    def learn_ids(self) -> None:
        """Note the numbers of the rock-ons, as the catalogue's links have them."""
        with self.page() as page:
            page.goto(f"{self.stack.url}/rockons?tab=all")
            for link in page.locator('main a[href*="/rockons/"]').all():
                found = re.search(r"/rockons/(\d+)$", link.get_attribute("href") or "")
                if found:
                    self.ids.setdefault(link.inner_text().strip().splitlines()[0], int(found[1]))

    def url(self, name: str, rest: str = "") -> str:
        """The address of an app's page."""
        return f"{self.stack.url}/rockons/{self.ids[name]}{rest}"

    def image(self, name: str, *, revision: int = 1, padding: int = 0, **environment: str) -> None:
        """Put the images of an app into the registry."""
        for spec in definition_of(name)["containers"].values():
            ports = [
                port if own.get("protocol") != "udp" else f"{port}/udp" for port, own in spec.get("ports", {}).items()
            ]
            image = f"{spec['image']}:{spec['tag']}"
            make_image(self.engine, self.registry, image, ports, revision, environment=environment, padding=padding)

    def say(self, container: str, lines: str) -> None:
        """Let a container write lines into its log."""
        self.engine.docker("exec", "-i", container, "sh", "-c", "cat >/proc/1/fd/1", stdin=lines.encode())

    def draw_resources(self, look: Callable[[], None]) -> bool:
        """Put an hour of samples where the watcher keeps them, because a stand-in uses next to nothing, and let
        somebody look; returns False when the watcher has added one of its own before that was done.
        """
        redis = Redis(unix_socket_path=str(self.stack.instance / "redis" / "redis.sock"))
        containers, now = ("photo-shelf-db", "photo-shelf"), time.time()
        redis.delete(*(metrics.HISTORY + name for name in containers))
        for place in range(180):
            swing = 1.3 + math.sin(place / 14) + 0.15 * math.sin(place * 1.7)
            busy = 3.0 if 60 < place < 75 else 1.0
            at = now - 3600 + 20 * (place + 1)
            app = Sample(
                at, 9 * swing * busy, int((210 + 9 * swing) * 1e6), 2 * 10**9, 8e4 * swing, 3e5 * swing, 0.0, 9e4
            )
            database = Sample(
                at, 3 * swing * busy, int(88e6 + place * 5e4), 2 * 10**9, 3e4 * swing, 5e4 * swing, 0.0, 4e4
            )
            metrics.keep(redis, dict(zip(containers, (database, app), strict=True)))
        kept = [redis.lindex(metrics.HISTORY + name, 0) for name in containers]
        look()
        return kept == [redis.lindex(metrics.HISTORY + name, 0) for name in containers]

    # -- the browser ----------------------------------------------------------------------------------------------

    @contextmanager
    def page(self, theme: Theme = "light", size: Mapping[str, int] = WIDE) -> Iterator[Page]:
        """A browser in which the owner is logged in."""
        options: dict[str, Any] = {"viewport": dict(size), "color_scheme": theme, "reduced_motion": "reduce"}
        with new_page(self.browser, **options) as page:
            page.goto(f"{self.stack.url}/login")
            page.get_by_label("Name").fill(self.stack.user)
            page.get_by_label("Password").fill(self.stack.password)
            page.get_by_role("button", name="Log in").click()
            expect(page.locator(".topbar-account, .topbar-burger").first).to_be_attached()
            yield page

    def show(self, picture: str, address: str, theme: Theme = "light", size: Mapping[str, int] = WIDE) -> None:
        """Photograph the page at an address."""
        with self.page(theme, size) as page:
            page.goto(address)
            photograph(page, picture)


def definition_of(name: str) -> dict[str, Any]:
    """The definition of an app of the example metastore."""
    file = EXAMPLE / f"{name.lower().replace(' ', '-')}.json"
    found: dict[str, Any] = json.loads(file.read_text())[name]
    return found


def share_of(container: str, path: str) -> str:
    """What its owner would call the share of a volume."""
    return f"{container}-{path.rsplit('/', 1)[-1]}" if not container.endswith("-db") else container


def photograph(page: Page, picture: str, *, still: bool = True) -> None:
    """Write what the window shows into a file; `still` when nothing is fetched any more."""
    if still:
        page.wait_for_load_state("networkidle")
        page.mouse.move(0, 0)
    file = PICTURES / f"{picture}.png"
    page.screenshot(path=file, animations="disabled", caret="hide")
    subprocess.run(["pngquant", "--force", "--strip", "--speed=1", "--ext=.png", file], check=True)
    print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB", flush=True)


def metastore(registry: Registry) -> Metastore:
    """The example metastore, with the addresses of this run in its files."""
    files: dict[str, Content] = {}
    for path in EXAMPLE.rglob("*"):
        if path.is_file():
            files[path.relative_to(EXAMPLE).as_posix()] = path.read_text()
    store = Metastore(files)
    for name, text in files.items():
        assert isinstance(text, str)
        store.files[name] = text.replace(ADDRESS, store.url).replace(NAMESPACE, f'"{registry.address}/example/')
    return store


# -- what the pictures show -------------------------------------------------------------------------------------


def wizard(house: House) -> None:
    """Take what is suggested, from the first question to the summary."""
    with house.page() as page:
        page.goto(house.url("Family Notes", "/install"))
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/ports$"))
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/environment$"))
        photograph(page, "wizard")
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/summary$"))
        photograph(page, "summary")
    house.show("phone-wizard", house.url("Family Notes", "/install/shares"), size=PHONE)


def operation(house: House) -> None:
    """Begin the install, and look while its image comes."""
    with house.page() as page:
        page.goto(house.url("Family Notes", "/install/summary"))
        page.get_by_role("button", name="Submit").click()
        page.wait_for_url(re.compile(r"/operations/\d+$"))
        page.wait_for_function(
            "() => { const bar = document.querySelector('.layers progress'); return bar && bar.position > 0.3 }",
            polling=50,
            timeout=LONG,
        )
        page.mouse.move(0, 0)
        photograph(page, "operation", still=False)
        expect(page.get_by_text("All is done.")).to_be_visible(timeout=LONG)


def settings(house: House) -> None:
    """Change a port and a variable, and look at the review; a change before it is there to go back from."""
    with house.page() as page:
        for title, picture in (("Our family's notes", ""), ("The Hill House book", "settings")):
            page.goto(house.url("Family Notes", "/settings/environment"))
            page.locator('[name="environment-family-notes-NOTES_TITLE"]').fill(title)
            page.get_by_role("button", name="Save").click()
            page.wait_for_url(re.compile("/settings/review$"))
            if picture:
                photograph(page, picture)
            else:
                page.get_by_role("button", name="Apply").click()
                expect(page.get_by_text("All is done.")).to_be_visible(timeout=LONG)
        page.goto(house.url("Family Notes"))
        page.get_by_role("link", name=re.compile("^What comes back")).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Go back: Family Notes")
        photograph(page, "rollback")


def updates(house: House) -> None:
    """Put newer images into the registry, look for them, and get one to see what is different in it."""
    house.image("Recipe Box", revision=2, RECIPES_LANGUAGE="en", RECIPES_UNITS="metric")
    house.image("Uptime Owl", revision=2)
    house.rockonweb("catalog", "refresh")
    with house.page() as page:
        for name in ("Recipe Box", "Uptime Owl"):
            page.goto(house.url(name, "/updates"))
            page.get_by_role("button", name=re.compile("^Look")).first.click()
            expect(page.get_by_role("button", name="Get it")).to_be_visible(timeout=LONG)
        page.goto(house.url("Recipe Box", "/updates"))
        page.get_by_role("button", name="Get it").click()
        expect(page.get_by_text("All is done.")).to_be_visible(timeout=LONG)
        page.goto(f"{house.stack.url}/updates")
        photograph(page, "updates")
        page.goto(house.url("Recipe Box", "/updates"))
        photograph(page, "update")


def failure(house: House) -> None:
    """Install an app that does not hold."""
    with house.page() as page:
        page.goto(house.url("Block World", "/install"))
        while not page.url.endswith("/summary"):
            here = page.url
            for blank in page.locator("#wizard input[type=text]").all():
                if not blank.input_value():
                    blank.fill("Meadow")
            page.get_by_role("button", name="Next").click()
            expect(page).not_to_have_url(here)
        page.get_by_role("button", name="Submit").click()
        expect(page.locator("#operation .notice-danger")).to_be_visible(timeout=LONG)
        photograph(page, "failure")


def rest(house: House) -> None:
    """Photograph what needs no more than to be opened."""
    shelf = house.url("Photo Shelf")
    house.say("photo-shelf", LOG)
    home, catalogue = house.stack.url, f"{house.stack.url}/rockons?tab=all"
    house.show("home", home)
    house.show("home-dark", home, "dark")
    house.show("phone-home", home, size=PHONE)
    house.show("catalogue", catalogue)
    house.show("catalogue-dark", catalogue, "dark")
    house.show("phone-catalogue", catalogue, size=PHONE)
    house.show("app", shelf)
    house.show("app-dark", shelf, "dark")
    house.show("phone-app", shelf, size=PHONE)
    house.show("logs", f"{shelf}/logs?container=photo-shelf&q=thumbnails", size=TALL)
    while not house.draw_resources(lambda: house.show("resources", f"{shelf}/resources", size=TALL)):
        print("Again: the watcher looked meanwhile")


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as parts:
        engine = Engine()
        parts.callback(engine.close)
        engine.start()
        registry = Registry(REGISTRY_PORT)
        parts.callback(registry.close)
        registry.start()
        store = metastore(registry)
        parts.callback(store.close)
        stack = Stack(engine.host, store.url)
        parts.callback(stack.close)
        stack.start()
        house = House(engine, registry, stack, store, parts.enter_context(chromium()))
        for name in INSTALLED:
            house.image(name)
        house.image("Family Notes", padding=PADDING)
        house.image("Block World", STANDIN_EXIT="3")
        house.fill()
        house.learn_ids()
        wizard(house)
        operation(house)
        settings(house)
        failure(house)
        updates(house)
        rest(house)


if __name__ == "__main__":
    main()
