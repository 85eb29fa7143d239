"""Fifty people who each ask once a second against one person, and how soon a change in Docker is told.

    python -m bench.people [--rounds 3] [--people 50] [--seconds 10]

As root: it starts a Docker Engine and a whole Rockonweb of its own with an app that runs. In each round one person asks
for a while, then all of them, each once a second and each at a moment of their own: the pages that people look at, and
what open pages ask by themselves, in turn. An error ends the program. Then the app's container is killed and started by
the docker command line; the time goes from the end of the command until the list says so to a page that asks ten times
a second. Open pages ask less often by themselves: every 2 s while something is under way, else every 3 to 10 s.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import requests

from bench.figures import Row, show
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.registry import RegistryServer
from tests.support.stack import Stack
from tests.support.standin import make_image

PATHS = ("/", "/rockons", "/rockons/1", "/rockons/1/head", "/operations", "/banner")
ASK_SECONDS = 0.1
LATEST = 30


@contextlib.contextmanager
def product() -> Iterator[tuple[DockerDaemon, Stack, str]]:
    """Run all parts; gives also a token that may look at pages."""
    with contextlib.ExitStack() as running:
        engine, registry = DockerDaemon(), RegistryServer()
        for part in (engine, registry):
            running.callback(part.close)
            part.start()
        stack = Stack(engine.host, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})
        running.callback(stack.close)
        port = {"label": "Web", "description": "", "host_default": 8080, "protocol": "tcp", "ui": True}
        container = {"image": make_image(engine, registry, "bench/app:1"), "launch_order": 1, "ports": {"8080": port}}
        body = {"description": "", "version": "1", "website": "", "containers": {"bench": container}}
        (stack.local_metastore / "bench.json").write_text(json.dumps({"Bench": body}))
        answers = stack.folder / "answers.json"
        answers.write_text(json.dumps({"ports": {"bench": {"8080": free_port()}}}))
        stack.start()
        for words in (["catalog", "refresh"], ["install", "Bench", "--answers", str(answers), "--wait"]):
            done = stack.run(*words, timeout=120)
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)
        yield engine, stack, stack.run("token", "new", stack.user).stdout.strip()


@contextlib.contextmanager
def visitor(token: str) -> Iterator[requests.Session]:
    """Somebody with connections of their own."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {token}"
        yield session


def ask(session: requests.Session, url: str, **arguments: str) -> requests.Response:
    """Ask for a page, which must be there."""
    answer = session.get(url, params=arguments, headers={"HX-Request": "true"}, timeout=30)
    if answer.status_code not in (200, 204):
        raise RuntimeError(f"{answer.url}: {answer.status_code}")
    return answer


def person(stack: Stack, token: str, until: float, times: list[float], place: int) -> None:
    """Ask once a second."""
    with visitor(token) as session:
        time.sleep(random.random())
        while time.monotonic() < until:
            begun = time.monotonic()
            ask(session, f"{stack.url}{PATHS[place % len(PATHS)]}")
            times.append(time.monotonic() - begun)
            place += 1
            time.sleep(max(0.0, 1 - (time.monotonic() - begun)))


def crowd(stack: Stack, token: str, people: int, seconds: float) -> float:
    """Return the median time of an answer, in milliseconds."""
    times: list[float] = []
    until = time.monotonic() + seconds
    with ThreadPoolExecutor(people) as threads:
        asking = [threads.submit(person, stack, token, until, times, n) for n in range(people)]
    for one in asking:
        one.result()
    return statistics.median(times) * 1000


def told(engine: DockerDaemon, stack: Stack, token: str, word: str, shown: str) -> float:
    """Do something to the container; return the seconds until the list shows it."""
    with visitor(token) as session:
        engine.run_docker(word, "bench")
        begun = time.monotonic()
        while time.monotonic() - begun < LATEST:
            if shown in ask(session, f"{stack.url}/rockons").text:
                return time.monotonic() - begun
            time.sleep(ASK_SECONDS)
    raise SystemExit(f"after {LATEST} s the list does not say {shown}")


def measure(rounds: int, people: int, seconds: float) -> Iterator[Row]:
    """Yield the rows."""
    with product() as (engine, stack, token):
        crowd(stack, token, 1, 5)
        pairs = []
        for _ in range(rounds):
            alone = crowd(stack, token, 1, seconds)
            pairs.append((crowd(stack, token, people, seconds), alone))
        yield Row(f"{people} people who each ask once a second", "one person: median time of an answer", pairs, 5, "ms")
        changes = [
            told(engine, stack, token, word, shown)
            for _ in range(rounds)
            for word, shown in (("kill", "Stopped"), ("start", "Running"))
        ]
        yield Row("a change in Docker, until a page that asks is told", "–", [(one, 1) for one in changes], 1, "s", "s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--people", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=10)
    wanted = parser.parse_args()
    show(measure(wanted.rounds, wanted.people, wanted.seconds))


if __name__ == "__main__":
    main()
