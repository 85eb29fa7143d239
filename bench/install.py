"""How long an install takes from Submit until its last container runs, against the docker command line.

    python -m bench.install [--pairs 7] [--size 20]

As root: it starts a Docker Engine, an image registry and a whole Rockonweb of its own. In each pair, the images absent
in both: a person's POST of the wizard's Submit, then the same containers by the docker command line, one command after
another: `docker pull` for each image, `docker network create` for each network, then for each container the very
`docker run` line that the operation shows and its `docker network connect`s. One rock-on has one container, the other
five that are linked. An end is the moment that Docker itself notes as the last container's start; the health gate waits
for nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shlex
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape

from bench.figures import Row, show
from tests.support.engine import DockerDaemon
from tests.support.person import Form, Person, parse_forms
from tests.support.registry import RegistryServer
from tests.support.stack import Stack
from tests.support.standin import make_image

ONE, FIVE = "Bench one", "Bench five"
LINKED = ("db", "cache", "worker", "api", "web")


@dataclass
class App:
    """A rock-on: its name, the body of its definition, and its images in launch order."""

    name: str
    body: dict[str, object]
    images: list[str]


def one(image: str) -> App:
    """A rock-on with a page, a share and a variable."""
    container = {
        "image": image,
        "tag": "",
        "launch_order": 1,
        "ports": {"8080": {"label": "Web", "description": "Its page.", "host_default": 18080, "ui": True}},
        "volumes": {"/data": {"label": "Data", "description": "Where it keeps things."}},
        "environment": {"COLOUR": {"label": "Colour", "description": "Any."}},
    }
    body = {"description": "", "version": "1", "website": "", "containers": {"bench-app": container}}
    return App(ONE, body, [image])


def five(images: list[str]) -> App:
    """A rock-on of five containers, of which the last is linked to all others, each by a network of its own."""
    containers: dict[str, dict[str, object]] = {
        f"bench-{name}": {"image": image, "tag": "", "launch_order": place}
        for place, (name, image) in enumerate(zip(LINKED, images, strict=True), 1)
    }
    text = {"label": "Web", "description": "Its page."}
    containers["bench-web"]["ports"] = {"8080": {**text, "host_default": 18090, "ui": True}}
    links = [{"name": f"bench-{name}-link", "source_container": f"bench-{name}"} for name in LINKED[:-1]]
    body = {"description": "", "version": "1", "website": "", "containers": containers}
    return App(FIVE, {**body, "container_links": {"bench-web": links}}, images)


@dataclass
class Bench:
    """The parts, and what is asked of them."""

    engine: DockerDaemon
    stack: Stack
    person: Person

    def forget(self, app: App) -> None:
        """Leave neither containers nor networks nor images."""
        self.engine.remove_everything()
        self.engine.run_docker("rmi", "-f", *app.images)

    def last_start(self) -> float:
        """The moment at which Docker started the last container."""
        names = self.engine.run_docker("ps", "-aq").split()
        told = self.engine.run_docker("inspect", "--type", "container", "--format", "{{.State.StartedAt}}", *names)
        return max(datetime.fromisoformat(line).timestamp() for line in told.splitlines())

    def rockon_id(self, app: App) -> int:
        """The number of the rock-on in addresses."""
        page = self.person.get(f"/rockons?tab=all&q={app.name}").text
        return int(page.split('id="rockon-')[1].split('"')[0].split("-")[0])

    def submitted(self, app: App) -> tuple[float, list[list[str]]]:
        """Seconds from Submit until all runs, and the lines that were run."""
        session = self.person.session
        page = self.person.get(f"/rockons/{self.rockon_id(app)}/install")
        while "Submit" not in (form := wizard_form(page.text)).buttons:
            for field in form.fields.values():
                if field.kind != "hidden" and not field.value:
                    field.value = "blue"
            page = session.post(page.url, form.form_data(Next="Next"), timeout=60)
        begun = time.time()
        operation = session.post(page.url, form.form_data(Submit="Submit"), timeout=60)
        while 'hx-trigger="every 1s"' in (html := session.get(operation.url, timeout=60).text):
            time.sleep(1)  # as its page in a browser does
        shown = [unescape(part.split("</pre>")[0]) for part in html.split('<pre class="output command">')[1:]]
        return self.last_start() - begun, [shlex.split(line) for text in shown for line in text.splitlines()]

    def by_hand(self, app: App, lines: list[list[str]], networks: dict[str, list[str]]) -> float:
        """Seconds until all runs by the commands that a person would type."""
        begun = time.time()
        for image in app.images:
            self.run("docker", "pull", image)
        for network in networks:
            self.run("docker", "network", "create", network)
        for line in lines:
            self.run(*line)
            name = line[line.index("--name") + 1]
            for network, members in networks.items():
                if name in members:
                    self.run("docker", "network", "connect", network, name)
        return self.last_start() - begun

    def run(self, *command: str) -> None:
        """Run a command line."""
        subprocess.run(command, env=self.engine.environ, check=True, capture_output=True)

    def networks(self, app: App) -> dict[str, list[str]]:
        """The networks that link the containers of what is installed, and who is on each."""
        names = self.engine.run_docker("network", "ls", "--format", "{{.Name}}", "--filter", "type=custom").split()
        found = {}
        for name in names:
            told = json.loads(self.engine.run_docker("network", "inspect", name))[0]["Containers"]
            found[name] = [member["Name"] for member in told.values()]
        return found

    def uninstall(self, app: App) -> None:
        """Uninstall, so that the next pair begins as this one did."""
        number = self.rockon_id(app)
        self.person.await_end(self.person.press_button(f"/rockons/{number}/uninstall", f"/rockons/{number}/uninstall"))

    def pairs(self, app: App, rounds: int) -> list[tuple[float, float]]:
        """Return ours and theirs of each round, the first one not counted."""
        found = []
        for _ in range(rounds + 1):
            self.forget(app)
            ours, lines = self.submitted(app)
            networks = self.networks(app)
            assert len(lines) == len(app.images), lines
            self.uninstall(app)
            self.forget(app)
            found.append((ours, self.by_hand(app, lines, networks)))
        self.forget(app)
        return found[1:]


def wizard_form(html: str) -> Form:
    """The form of a page of the wizard."""
    return next(form for form in parse_forms(html) if {"Next", "Submit"} & form.buttons.keys())


@contextlib.contextmanager
def parts(size: int) -> Iterator[tuple[Bench, list[App]]]:
    """Start the engine, a registry with the images, and the product with the definitions."""
    with contextlib.ExitStack() as running:
        engine, registry = DockerDaemon(), RegistryServer()
        for part in (engine, registry):
            running.callback(part.close)
            part.start()
        apps = [
            one(make_image(engine, registry, "bench/app:1", padding=size * 1_000_000)),
            five([make_image(engine, registry, f"bench/{name}:1", padding=size * 200_000) for name in LINKED]),
        ]
        stack = Stack(engine.host, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})  # without the gate
        running.callback(stack.close)
        for number, app in enumerate(apps):
            (stack.local_metastore / f"bench-{number}.json").write_text(json.dumps({app.name: app.body}))
        stack.start()
        stack.run("catalog", "refresh")
        stack.run("share", "add", "bench-data")
        yield Bench(engine, stack, Person(stack.url, stack.user, stack.password)), apps


def measure(rounds: int, size: int) -> list[Row]:
    """Return both rows."""
    with parts(size) as (bench, (single, linked)):
        return [
            Row(
                f"Submit to running, one container of {size} MB",
                "docker pull and docker run",
                bench.pairs(single, rounds),
                1.12,
            ),
            Row(
                "Submit to running, five containers with links",
                "docker pull, network create, run and network connect, one after another",
                bench.pairs(linked, rounds),
                0.7,
            ),
        ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--size", type=int, default=20, help="of the images together, in MB that do not compress")
    wanted = parser.parse_args()
    show(measure(wanted.pairs, wanted.size))


if __name__ == "__main__":
    main()
