"""Ten rock-ons at once against ten command lines, and how long a container is away while it is replaced.

    python -m bench.parallel [--rounds 5] [--apps 10] [--sizes 5 50]

As root: it starts a Docker Engine, an image registry and a whole Rockonweb of its own, with as many workers as there
are apps. In each round, with the images absent: installs that are asked for all at once, then `docker pull` and `docker
run` for each app, all at once; the time goes until the last container runs. Then, for one app: a change of a label,
which makes its container anew, against `docker stop; docker rm; docker run` with the same line; the time goes from
the last answer of the old container to the first of the new one. The health gate waits for nothing.

On a machine with as few cores as two, the first rows are a matter of processor time alone. Per app, in seconds, when
the profile was last looked at, with images of 5 MB: the engine 0.6, two docker processes 0.06 in all; ours 0.08 for the
request that asks, 0.21 for the job's process while the machine is busy, and 0.03 for the watcher. The job's process is
some seventy statements of the ORM, 17 questions to the engine at 1 to 2 ms each, and the memory that a forked process
copies when it first touches it. A ratio of 1.15 would leave ours 0.16 in all, half of what it is: jobs would have to
share a process, and so their end.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import shlex
import sqlite3
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

import requests

from bench.figures import Row, show
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.registry import RegistryServer
from tests.support.stack import Stack
from tests.support.standin import make_image

LOOK_SECONDS = 0.002  # between two requests to the container that is replaced


@dataclass
class App:
    """A rock-on of one container with a page."""

    number: int
    image: str
    port: int = field(default_factory=free_port)
    id: int = 0

    @property
    def name(self) -> str:
        """The container's name."""
        return f"bench-{self.number}"

    @property
    def title(self) -> str:
        """The rock-on's name."""
        return f"Bench{self.number}"

    @property
    def definition(self) -> dict[str, object]:
        """What the catalogue has of it."""
        text = {"label": "Web", "description": "Its page."}
        ports = {"8080": {**text, "host_default": 8080, "protocol": "tcp", "ui": True}}
        container = {"image": self.image, "tag": "", "launch_order": 1, "ports": ports}
        body = {"description": "", "version": "1", "website": "", "containers": {self.name: container}}
        return {self.title: body}


@dataclass
class Bench:
    """The parts, and what is asked of them."""

    engine: DockerDaemon
    stack: Stack
    apps: list[App]
    asked: int = 0  # changes so far

    def post(self, path: str, body: object = None) -> None:
        """Ask the API for something, which it must accept."""
        answer = requests.post(
            f"{self.stack.url}/api/rockons{path}",
            data=None if body is None else json.dumps(body),
            auth=(self.stack.user, self.stack.password),
            headers={"Content-Type": "application/json"},
            timeout=300,
        )
        assert answer.status_code == 200, answer.text

    def rows(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Ask the database file."""
        with contextlib.closing(sqlite3.connect(self.stack.instance / "rockonweb.db", timeout=60)) as file:
            return file.execute(query, values).fetchall()

    def await_ends(self) -> None:
        """Wait until every operation has ended; all must have worked."""
        while self.rows("SELECT 1 FROM operation WHERE progress IN ('QUEUED', 'RUNNING')"):
            time.sleep(0.2)
        failed = self.rows("SELECT error FROM operation WHERE progress != 'DONE'")
        assert not failed, failed

    def all_at_once(self, act: Callable[[App], object]) -> None:
        """Do something with each app, all at the same time."""
        with ThreadPoolExecutor(len(self.apps)) as threads:
            list(threads.map(act, self.apps))

    def last_start(self) -> float:
        """The moment at which Docker started the last of the containers."""
        names = [app.name for app in self.apps]
        told = self.engine.run_docker("inspect", "--type", "container", "--format", "{{.State.StartedAt}}", *names)
        return max(datetime.fromisoformat(line).timestamp() for line in told.splitlines())

    def forget(self) -> None:
        """Leave neither containers nor images."""
        if containers := self.engine.run_docker("ps", "-aq").split():
            self.engine.run_docker("rm", "-fv", *containers)
        for app in self.apps:
            if self.engine.run_docker("images", "-q", app.image):
                self.engine.run_docker("rmi", "-f", app.image)

    def line(self, app: App) -> list[str]:
        """The `docker run` line that Rockonweb shows for an app."""
        query = "SELECT reviewed FROM operation WHERE installation_id = ? AND kind = 'INSTALL' ORDER BY id DESC LIMIT 1"
        return shlex.split(json.loads(str(self.rows(query, app.id)[0][0]))[0])

    def run(self, *commands: list[str]) -> None:
        """Run command lines one after another, as a person would type them."""
        for command in commands:
            subprocess.run(command, env=self.engine.environ, check=True, capture_output=True)

    # -- what is measured -----------------------------------------------------------------------------------------

    def installs(self) -> tuple[float, list[list[str]]]:
        """Seconds for all installs by Rockonweb, and the lines that they ran."""
        self.forget()
        begun = time.time()
        self.all_at_once(lambda app: self.post(f"/{app.id}/install", {"ports": {str(app.port): 8080}}))
        self.await_ends()
        return self.last_start() - begun, [self.line(app) for app in self.apps]

    def uninstall(self) -> None:
        """Remove all apps again."""
        self.all_at_once(lambda app: self.post(f"/{app.id}/uninstall"))
        self.await_ends()

    def command_lines(self, lines: list[list[str]]) -> float:
        """Seconds for all of them by the docker command line."""
        self.forget()
        begun = time.time()
        self.all_at_once(lambda app: self.run(["docker", "pull", app.image], lines[app.number]))
        return self.last_start() - begun

    def change(self) -> None:
        """Give the first app's container another label, for which it is made anew."""
        self.asked += 1
        self.post(f"/{self.apps[0].id}/update", {"labels": {f"bench.n{self.asked}=x": self.apps[0].name}})
        self.await_ends()

    def replaced_by_hand(self, line: list[str]) -> None:
        """Make the first app's container anew by the docker command line."""
        name = self.apps[0].name
        self.run(["docker", "stop", name], ["docker", "rm", name], line)

    def downtime(self, replace: Callable[[], None]) -> float:
        """Seconds without an answer while the first app's container is replaced."""
        answers: list[float] = []
        over = threading.Event()

        def look() -> None:
            while not over.is_set():
                with contextlib.suppress(requests.RequestException):
                    if requests.get(f"http://127.0.0.1:{self.apps[0].port}/", timeout=2).ok:
                        answers.append(time.monotonic())
                time.sleep(LOOK_SECONDS)

        looker = threading.Thread(target=look)
        looker.start()
        time.sleep(0.3)
        begun = time.monotonic()
        replace()
        time.sleep(1)
        over.set()
        looker.join()
        return max(after - before for before, after in itertools.pairwise(answers) if after > begun)


@contextlib.contextmanager
def parts(apps: int, size: int) -> Iterator[Bench]:
    """Start the engine, a registry with the images, and the product with its definitions."""
    with contextlib.ExitStack() as running:
        engine, registry = DockerDaemon(), RegistryServer()
        for part in (engine, registry):
            running.callback(part.close)
            part.start()
        found = [App(n, make_image(engine, registry, f"bench/app{n}:1", padding=size * 1_000_000)) for n in range(apps)]
        stack = Stack(engine.host, workers=apps, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})
        running.callback(stack.close)
        for app in found:
            (stack.local_metastore / f"{app.name}.json").write_text(json.dumps(app.definition))
        stack.start()
        stack.run("catalog", "refresh")
        bench = Bench(engine, stack, found)
        for app in found:
            app.id = int(str(bench.rows("SELECT id FROM rockon WHERE name = ?", app.title)[0][0]))
        yield bench


def measure(rounds: int, apps: int, sizes: list[int]) -> Iterator[Row]:
    """Yield a row for each size, and that of the downtime."""
    away: list[tuple[float, float]] = []
    for size in sizes:
        at_once: list[tuple[float, float]] = []
        with parts(apps, size) as bench:
            for number in range(rounds + 1):
                ours, lines = bench.installs()
                gap = bench.downtime(bench.change)
                bench.uninstall()
                theirs = bench.command_lines(lines)
                by_hand = bench.downtime(lambda line=lines[0]: bench.replaced_by_hand(line))  # type: ignore[misc]
                if number:  # the first one is not counted
                    at_once.append((ours, theirs))
                    away.append((gap, by_hand))
        yield Row(f"{apps} rock-ons of {size} MB at once", f"{apps} command lines at the same width", at_once, 1.15)
    yield Row("downtime of a container that is replaced", "docker stop, docker rm, docker run", away, 1.3)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--apps", type=int, default=10)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5, 50], help="of an image, in MB that do not compress")
    wanted = parser.parse_args()
    show(measure(wanted.rounds, wanted.apps, wanted.sizes))


if __name__ == "__main__":
    main()
