"""The list page: against asking Docker for each app that is installed, and how it grows with the catalogue.

    python -m bench.list [--rounds 25] [--many 10000] [--profile PATH]

As root: it starts a Docker Engine with ten containers of its own. Pages are whole requests in this process, logged in,
through every layer but the socket. `--profile '/rockons?tab=all'` prints where the time goes with many, and ends.
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import pstats
import subprocess
import time
from collections.abc import Callable, Iterator

from bench.figures import Row, show
from bench.instance import instance, page, visitor
from tests.support.engine import DockerDaemon
from tests.support.registry import RegistryServer
from tests.support.standin import make_image

FEW, INSTALLED = 89, 10
LIST = "/rockons?tab=all"
GROWING = {
    "list page with {:,}": LIST,
    "its last page": f"{LIST}&page=9999",
    "a search in it that finds all": f"{LIST}&q=example",
    "a search in it that finds few": f"{LIST}&q=42+example+001",
    "a search in it with a typing mistake": f"{LIST}&q=exmaple",
    "filters in it": f"{LIST}&badge=ui&category=other&state=available",
}

STRICTER = ("a search in it that finds all", "filters in it")


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


@contextlib.contextmanager
def containers() -> Iterator[Callable[[], None]]:
    """Run ten containers; gives what asks for each of them by a process of its own."""
    with contextlib.ExitStack() as running:
        engine, registry = DockerDaemon(), RegistryServer()
        for part in (engine, registry):
            running.callback(part.close)
            part.start()
        image = make_image(engine, registry, "bench/app:1")
        names = [f"example-{number}" for number in range(INSTALLED)]
        for name in names:
            engine.run_docker("run", "-d", "--name", name, image)

        def inspect() -> None:
            for name in names:
                command = ["docker", "inspect", "--format", "{{.State.Status}}", name]
                subprocess.run(command, env=engine.environ, check=True, capture_output=True)

        yield inspect


def against_docker(rounds: int) -> Iterator[Row]:
    """The page against what the original does for it."""
    with instance(FEW, INSTALLED) as app, containers() as inspect:
        client = visitor(app)
        page(client, LIST)
        pairs = [(seconds(lambda: page(client, LIST)), seconds(inspect)) for _ in range(rounds)]
    what = f"list page, {FEW} rock-ons, {INSTALLED} installed"
    against = "ten `docker inspect` processes"
    yield Row(what, against, [(a * 1000, b * 1000) for a, b in pairs], 0.06, "ms")


def growth(many: int, rounds: int) -> Iterator[Row]:
    """The page with many against the page with few."""
    with instance(FEW, INSTALLED) as small, instance(many, INSTALLED) as large:
        few, lots = visitor(small), visitor(large)
        for what, path in GROWING.items():
            page(few, LIST)
            page(lots, path)
            pairs = [(seconds(lambda: page(lots, path)), seconds(lambda: page(few, LIST))) for _ in range(rounds)]  # noqa: B023
            in_ms = [(a * 1000, b * 1000) for a, b in pairs]
            yield Row(what.format(many), f"list page with {FEW}", in_ms, 1.8 if what in STRICTER else 2, "ms")


def profile(path: str, many: int) -> None:
    """Print where the time goes."""
    with instance(many, INSTALLED) as app:
        client = visitor(app)
        page(client, path)
        profiler = cProfile.Profile()
        for _ in range(5):
            profiler.runcall(lambda: page(client, path))
        pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--profile", metavar="PATH")
    wanted = parser.parse_args()
    if wanted.profile:
        profile(wanted.profile, wanted.many)
    else:
        show(against_docker(wanted.rounds))
        show(growth(wanted.many, wanted.rounds))


if __name__ == "__main__":
    main()
