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

from .browser import launch_chromium, new_page
from .engine import DockerDaemon
from .metastore import Content, MetastoreServer
from .process import ROOT
from .registry import RegistryServer
from .stack import Stack
from .standin import make_image

EXAMPLE = ROOT / "docs" / "example-metastore"
PICTURES = ROOT / "docs" / "pictures"
ADDRESS = "https://rockons.example"  # of the example metastore, as its files have it
NAMESPACE = '"example/'  # of the images in it
PADDING = 160_000_000  # bytes of the image that is pulled before the camera
LONG_TIMEOUT = 180_000  # milliseconds, for operations on a busy machine
WIDE_WINDOW, TALL_WINDOW, PHONE_WINDOW = (
    {"width": width, "height": height} for width, height in ((1280, 860), (1280, 1040), (390, 780))
)

# Puts other words in the place of some on a page: texts, and what fields hold.
REPLACE_WORDS = """(pairs) => {
    const replaced = (text) => pairs.reduce((words, [old, other]) => words.replaceAll(old, other), text)
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    while (nodes.nextNode()) nodes.currentNode.data = replaced(nodes.currentNode.data)
    for (const field of document.querySelectorAll("input, textarea")) field.value = replaced(field.value)
}"""

Theme = Literal["light", "dark"]
INSTALLED: dict[str, dict[str, str]] = {  # app, and the answers to its variables
    "Photo Shelf": {"DB_PASSWORD": "meadow-kite-forty", "TZ": "Europe/Lisbon"},
    "Recipe Box": {"TZ": "Europe/Lisbon"},
    "File Cabinet": {"ADMIN_NAME": "ada", "ADMIN_PASSWORD": "harbour-lamp-nine"},
    "Uptime Owl": {},
    "Film Night": {},
}
ROCKSTOR = ("Git Shed", "House Music", "Paper Tray")  # what a Rockstor has left running
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


class PictureStudio:
    """The product with some apps, and a browser in which its owner is logged in."""

    def __init__(
        self, engine: DockerDaemon, registry: RegistryServer, stack: Stack, store: MetastoreServer, browser: Browser
    ) -> None:
        self.engine, self.registry, self.stack, self.store, self.browser = engine, registry, stack, store, browser
        self.ids: dict[str, int] = {}
        # The addresses of this run, and what stands there on a machine of somebody's own.
        self.words_in_pictures = {
            f"{registry.address}/": "",
            registry.address: "registry.example",
            store.url: ADDRESS,
            str(stack.folder): "/srv",
            f"{engine.folder}/data": "/var/lib/docker",
            stack.url: "http://127.0.0.1:8000",
            "STANDIN_REVISION": "RECIPES_VERSION",  # what differs in the newer image
        }

    # -- what an owner does ---------------------------------------------------------------------------------------

    def run_rockonweb(self, *arguments: str) -> str:
        """Run the command line, which must succeed."""
        completed = self.stack.run(*arguments, timeout=LONG_TIMEOUT / 1000)
        if completed.returncode:
            raise RuntimeError(f"rockonweb {' '.join(arguments)}:\n{completed.stdout}{completed.stderr}")
        return completed.stdout

    def install_apps(self) -> None:
        """Fetch the catalogue, and install most of what is on the first page."""
        self.run_rockonweb("catalog", "refresh")
        for name, variables in INSTALLED.items():
            definition = read_definition(name)
            answers: dict[str, Any] = {"shares": {}, "environment": {}}
            for container, spec in definition["containers"].items():
                shares = {path: share_name(container, path) for path in spec.get("volumes", {})}
                for share in shares.values():
                    self.run_rockonweb("share", "add", share)
                answers["shares"][container] = shares
                answers["environment"][container] = {key: variables[key] for key in spec.get("environment", {})}
            file = self.stack.folder / "answers.json"
            file.write_text(json.dumps(answers))
            self.run_rockonweb("install", name, "--answers", str(file), "--wait")
        self.run_rockonweb("stop", "Film Night", "--wait")

    def read_ids(self) -> None:
        """Note the numbers of the rock-ons, as the catalogue's links have them."""
        with self.open_page() as page:
            page.goto(f"{self.stack.url}/rockons?tab=all")
            for link in page.locator('main a[href*="/rockons/"]').all():
                match = re.search(r"/rockons/(\d+)$", link.get_attribute("href") or "")
                if match:
                    self.ids.setdefault(link.inner_text().strip().splitlines()[0], int(match[1]))

    def app_url(self, name: str, suffix: str = "") -> str:
        """The address of an app's page."""
        return f"{self.stack.url}/rockons/{self.ids[name]}{suffix}"

    def push_images(self, name: str, *, revision: int = 1, padding: int = 0, **environment: str) -> None:
        """Put the images of an app into the registry."""
        for spec in read_definition(name)["containers"].values():
            ports = [
                port if port_spec.get("protocol") != "udp" else f"{port}/udp"
                for port, port_spec in spec.get("ports", {}).items()
            ]
            image = f"{spec['image']}:{spec['tag']}"
            make_image(self.engine, self.registry, image, ports, revision, environment=environment, padding=padding)

    def write_log(self, container: str, lines: str) -> None:
        """Let a container write lines into its log."""
        self.engine.run_docker("exec", "-i", container, "sh", "-c", "cat >/proc/1/fd/1", stdin=lines.encode())

    def draw_resources(self, look: Callable[[], None]) -> bool:
        """Put an hour of samples where the watcher keeps them, because a stand-in uses next to nothing, and let
        somebody look; returns False when the watcher has added one of its own before that was done.
        """
        redis = Redis(unix_socket_path=str(self.stack.instance / "redis" / "redis.sock"))
        containers, now = ("photo-shelf-db", "photo-shelf"), time.time()
        redis.delete(*(metrics.HISTORY_PREFIX + name for name in containers))
        for position in range(180):
            swing = 1.3 + math.sin(position / 14) + 0.15 * math.sin(position * 1.7)
            busy = 3.0 if 60 < position < 75 else 1.0
            at = now - 3600 + 20 * (position + 1)
            app = Sample(
                at, 9 * swing * busy, int((210 + 9 * swing) * 1e6), 2 * 10**9, 8e4 * swing, 3e5 * swing, 0.0, 9e4
            )
            database = Sample(
                at, 3 * swing * busy, int(88e6 + position * 5e4), 2 * 10**9, 3e4 * swing, 5e4 * swing, 0.0, 4e4
            )
            metrics.store_samples(redis, dict(zip(containers, (database, app), strict=True)))
        newest_samples = [redis.lindex(metrics.HISTORY_PREFIX + name, 0) for name in containers]
        look()
        return newest_samples == [redis.lindex(metrics.HISTORY_PREFIX + name, 0) for name in containers]

    # -- the browser ----------------------------------------------------------------------------------------------

    @contextmanager
    def open_page(self, theme: Theme = "light", size: Mapping[str, int] = WIDE_WINDOW) -> Iterator[Page]:
        """A browser in which the owner is logged in."""
        options: dict[str, Any] = {"viewport": dict(size), "color_scheme": theme, "reduced_motion": "reduce"}
        with new_page(self.browser, **options) as page:
            page.goto(f"{self.stack.url}/login")
            page.get_by_label("Name").fill(self.stack.user)
            page.get_by_label("Password").fill(self.stack.password)
            page.get_by_role("button", name="Log in").click()
            expect(page.locator(".topbar-account, .topbar-burger").first).to_be_attached()
            yield page

    def photograph_address(
        self, picture: str, address: str, theme: Theme = "light", size: Mapping[str, int] = WIDE_WINDOW
    ) -> None:
        """Photograph the page at an address."""
        with self.open_page(theme, size) as page:
            page.goto(address)
            self.photograph_page(page, picture)

    def photograph_page(self, page: Page, picture: str, *, still: bool = True) -> None:
        """Write what the window shows into a file; `still` when nothing is fetched any more."""
        if still:
            page.wait_for_load_state("networkidle")
            page.mouse.move(0, 0)
        file = PICTURES / f"{picture}.png"
        page.evaluate(REPLACE_WORDS, [*self.words_in_pictures.items()])
        page.screenshot(path=file, animations="disabled", caret="hide")
        subprocess.run(["pngquant", "--force", "--strip", "--speed=1", "--ext=.png", file], check=True)
        print(f"{file.relative_to(ROOT)}: {file.stat().st_size // 1000} kB", flush=True)


def read_definition(name: str) -> dict[str, Any]:
    """The definition of an app of the example metastore."""
    file = EXAMPLE / f"{name.lower().replace(' ', '-')}.json"
    body: dict[str, Any] = json.loads(file.read_text())[name]
    return body


def share_name(container: str, path: str) -> str:
    """What its owner would call the share of a volume."""
    return f"{container}-{path.rsplit('/', 1)[-1]}" if not container.endswith("-db") else container


def example_metastore(registry: RegistryServer) -> MetastoreServer:
    """The example metastore, with the addresses of this run in its files."""
    files: dict[str, Content] = {}
    for path in EXAMPLE.rglob("*"):
        if path.is_file():
            files[path.relative_to(EXAMPLE).as_posix()] = path.read_text()
    store = MetastoreServer(files)
    for name, text in files.items():
        assert isinstance(text, str)
        store.files[name] = text.replace(ADDRESS, store.url).replace(NAMESPACE, f'"{registry.address}/example/')
    return store


# -- what the pictures show -------------------------------------------------------------------------------------


def picture_wizard(house: PictureStudio) -> None:
    """Take what is suggested, from the first question to the summary."""
    with house.open_page() as page:
        page.goto(house.app_url("Family Notes", "/install"))
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/ports$"))
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/environment$"))
        house.photograph_page(page, "wizard")
        page.get_by_role("button", name="Next").click()
        page.wait_for_url(re.compile("/summary$"))
        page.wait_for_function("() => scrollY === 0")
        house.photograph_page(page, "summary")
    house.photograph_address("phone-wizard", house.app_url("Family Notes", "/install/shares"), size=PHONE_WINDOW)


def picture_operation(house: PictureStudio) -> None:
    """Begin the install, and look while its image comes."""
    with house.open_page() as page:
        page.goto(house.app_url("Family Notes", "/install/summary"))
        page.get_by_role("button", name="Install", exact=True).click()
        page.wait_for_url(re.compile(r"/operations/\d+$"))
        page.wait_for_function(
            "() => document.querySelector('.layers')",  # downloading or extracting: on a fast machine it is short
            polling=50,
            timeout=LONG_TIMEOUT,
        )
        page.mouse.move(0, 0)
        house.photograph_page(page, "operation", still=False)
        expect(page.get_by_text("Done.", exact=True)).to_be_visible(timeout=LONG_TIMEOUT)


def picture_settings(house: PictureStudio) -> None:
    """Change a port and a variable, and look at the review; a change before it is there to go back from."""
    with house.open_page() as page:
        for title, picture in (("Our family's notes", ""), ("The Hill House book", "settings")):
            page.goto(house.app_url("Family Notes", "/settings/environment"))
            page.locator('[name="environment-family-notes-NOTES_TITLE"]').fill(title)
            page.get_by_role("button", name="Save").click()
            page.wait_for_url(re.compile("/settings/review$"))
            if picture:
                house.photograph_page(page, picture)
            else:
                page.get_by_role("button", name="Apply").click()
                expect(page.get_by_text("Done.", exact=True)).to_be_visible(timeout=LONG_TIMEOUT)
        page.goto(house.app_url("Family Notes"))
        page.get_by_role("link", name=re.compile("^What will be restored")).first.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Roll back: Family Notes")
        house.photograph_page(page, "rollback")


def picture_updates(house: PictureStudio) -> None:
    """Put newer images into the registry, look for them, and get one to see what is different in it."""
    house.push_images("Recipe Box", revision=2, RECIPES_LANGUAGE="en", RECIPES_UNITS="metric")
    house.push_images("Uptime Owl", revision=2)
    house.run_rockonweb("catalog", "refresh")
    with house.open_page() as page:
        for name in ("Recipe Box", "Uptime Owl"):
            page.goto(house.app_url(name, "/updates"))
            page.get_by_role("button", name=re.compile("^Check for updates")).first.click()
            expect(page.get_by_role("button", name="Pull images")).to_be_visible(timeout=LONG_TIMEOUT)
        page.goto(house.app_url("Recipe Box", "/updates"))
        page.get_by_role("button", name="Pull images").click()
        expect(page.get_by_text("Done.", exact=True)).to_be_visible(timeout=LONG_TIMEOUT)
        page.goto(f"{house.stack.url}/updates")
        house.photograph_page(page, "updates")
        page.goto(house.app_url("Recipe Box", "/updates"))
        house.photograph_page(page, "update")


def picture_failure(house: PictureStudio) -> None:
    """Install an app that does not hold."""
    with house.open_page() as page:
        page.goto(house.app_url("Block World", "/install"))
        while not page.url.endswith("/summary"):
            previous_url = page.url
            for blank in page.locator("#wizard input[type=text]").all():
                if not blank.input_value():
                    blank.fill("Meadow")
            page.get_by_role("button", name="Next").click()
            expect(page).not_to_have_url(previous_url)
        page.get_by_role("button", name="Install", exact=True).click()
        expect(page.locator("#operation .notice-danger")).to_be_visible(timeout=LONG_TIMEOUT)
        house.photograph_page(page, "failure")


def picture_pages(house: PictureStudio) -> None:
    """Photograph what needs no more than to be opened."""
    shelf = house.app_url("Photo Shelf")
    house.write_log("photo-shelf", LOG)
    home = house.stack.url
    house.photograph_address("home", home)
    house.photograph_address("home-dark", home, "dark")
    house.photograph_address("phone-home", home, size=PHONE_WINDOW)
    house.photograph_address("app", shelf)
    house.photograph_address("app-dark", shelf, "dark")
    house.photograph_address("phone-app", shelf, size=PHONE_WINDOW)
    house.photograph_address("logs", f"{shelf}/logs?container=photo-shelf&q=thumbnails", size=TALL_WINDOW)
    while not house.draw_resources(
        lambda: house.photograph_address("resources", f"{shelf}/resources", size=TALL_WINDOW)
    ):
        print("Again: the watcher looked meanwhile")


def picture_rockstor(house: PictureStudio) -> None:
    """Photograph the rock-ons of a Rockstor that run here."""
    for name in ROCKSTOR:
        house.push_images(name)
        for container, spec in read_definition(name)["containers"].items():
            options = ["--restart=unless-stopped", "--volume=/etc/localtime:/etc/localtime:ro"]
            for path in spec.get("volumes", {}):
                house.run_rockonweb("share", "add", share_name(container, path))
                options.append(f"--volume={house.stack.shares / share_name(container, path)}:{path}")
            options += [f"--publish={port['host_default']}:{number}/{port.get('protocol', 'tcp')}"
                        for number, port in spec.get("ports", {}).items()]  # fmt: skip
            options += [f"--env={key}=Europe/Lisbon" for key in spec.get("environment", {})]
            options += ["--user=0"] if "uid" in spec else []
            image = f"{house.registry.address}/{spec['image']}:{spec['tag']}"
            house.engine.run_docker("run", "--detach", "--name", container, *options, image)
    house.photograph_address("rockstor", f"{house.stack.url}/import/rockstor", size=TALL_WINDOW)


def picture_catalogue(house: PictureStudio) -> None:
    """Photograph what a new instance offers: the starter catalogue, with apps that people know."""
    catalogue = f"{house.stack.url}/rockons?tab=all"
    house.photograph_address("catalogue", catalogue)
    house.photograph_address("catalogue-dark", catalogue, "dark")
    house.photograph_address("phone-catalogue", catalogue, size=PHONE_WINDOW)


def main() -> None:
    """Take all pictures."""
    PICTURES.mkdir(exist_ok=True)
    with ExitStack() as stack_of_parts:
        engine = DockerDaemon()
        stack_of_parts.callback(engine.close)
        engine.start()
        registry = RegistryServer()
        stack_of_parts.callback(registry.close)
        registry.start()
        store = example_metastore(registry)
        stack_of_parts.callback(store.close)
        browser = stack_of_parts.enter_context(launch_chromium())
        new_house, house = (
            PictureStudio(engine, registry, Stack(engine.host, metastore), store, browser)
            for metastore in ("", store.url)
        )
        for studio in (new_house, house):
            stack_of_parts.callback(studio.stack.close)
        new_house.stack.start()
        picture_catalogue(new_house)
        new_house.stack.stop()
        house.stack.start()
        for name in INSTALLED:
            house.push_images(name)
        house.push_images("Family Notes", padding=PADDING)
        house.push_images("Block World", STANDIN_EXIT="3")
        house.install_apps()
        house.read_ids()
        picture_wizard(house)
        picture_operation(house)
        picture_settings(house)
        picture_updates(house)
        picture_pages(house)
        picture_rockstor(house)
        picture_failure(house)  # last: the other pictures show a house where all is well


if __name__ == "__main__":
    main()
