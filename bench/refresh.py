"""How long a refresh of the catalogue takes, against fetching the same files one after another.

    python bench/refresh.py [--files 89] [--delay 0.02] [--rounds 5]

A metastore of generated definitions runs in a process of its own on loopback and waits before each answer. In each
round, in this process: plain `requests.get` calls one after another; a refresh into an empty database (cold); and a
refresh when nothing has changed. The table has medians, and the median of the rounds' ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from rockonweb import catalog, config, create_app
from rockonweb.models import Base, db
from tests.support.metastore import Metastore

WORDS = [
    "keeps",
    "your",
    "files",
    "photos",
    "music",
    "and",
    "notes",
    "at",
    "home",
    "for",
    "everybody",
    "with",
    "a",
    "page",
]


def definition(number: int) -> dict[str, Any]:
    """A rock-on of about the size of a published one, with one container and several questions."""
    dice = random.Random(number)

    def words(count: int) -> str:
        return " ".join(dice.choices(WORDS, k=count))

    def questions(keys: list[str], **more: Any) -> dict[str, Any]:
        return {key: {"label": words(2), "description": words(12), **more} for key in keys}

    ports = questions([str(8000 + number), str(9000 + number % 7)], protocol="tcp")
    for place, port in enumerate(ports.values()):
        port.update(host_default=8080 + number % 15 + place, ui=place == 0)
    return {
        f"Example {number:05}": {
            "description": f"<p>{words(30)}</p>",
            "more_info": f"<h4>{words(3)}</h4><p>{words(60)}</p>",
            "website": "https://example.org",
            "version": "1.0",
            "ui": {"slug": ""},
            "volume_add_support": True,
            "containers": {
                f"example-{number}": {
                    "image": f"example/app-{number}",
                    "launch_order": 1,
                    "ports": ports,
                    "volumes": questions(["/config", "/data"]),
                    "environment": questions(["PUID", "PGID", "PASSWORD"]),
                    "opts": [["--cap-add", "NET_ADMIN"], ["-e", "TZ=UTC"]],
                }
            },
        }
    }


def serve(files: dict[str, Any], delay: float, pipe: Connection) -> None:
    """Serve until the other side hangs up."""
    metastore = Metastore(files, delay)
    pipe.send(metastore.url)
    with contextlib.suppress(EOFError):
        pipe.recv()


@contextlib.contextmanager
def metastore(count: int, delay: float) -> Iterator[tuple[str, list[str]]]:
    """Run a metastore of `count` files in a process; gives its address and the names of its files."""
    names = [f"example-{number:05}.json" for number in range(count)]
    files: dict[str, Any] = {"root.json": {name.removesuffix(".json"): name for name in names}}
    files |= {name: definition(number) for number, name in enumerate(names)}
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=serve, args=(files, delay, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours.recv(), names
    finally:
        ours.close()
        process.join(5)


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_after_another(url: str, names: list[str]) -> None:
    """The plain way: a request each."""
    for name in ["root.json", *names]:
        requests.get(f"{url}/{name}", timeout=10).raise_for_status()


def a_round(url: str, names: list[str]) -> tuple[float, float, float]:
    """Times of: one after another, cold, unchanged."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.read({"ROCKONWEB_INSTANCE": folder, "ROCKONWEB_REMOTE_METASTORE": url}))
        with app.app_context():
            Base.metadata.create_all(db.engine)
            plain = seconds(lambda: one_after_another(url, names))
            reports = []
            cold = seconds(lambda: reports.append(catalog.refresh()))
            unchanged = seconds(lambda: reports.append(catalog.refresh()))
            outcome = [(len(report.added), report.unchanged, len(report.faulty)) for report in reports]
            if outcome != [(len(names), 0, 0), (0, len(names), 0)]:
                raise SystemExit(f"The refresh did not do its work: {outcome}")
            db.engine.dispose()
    return plain, cold, unchanged


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=89)
    parser.add_argument("--delay", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    with metastore(wanted.files, wanted.delay) as (url, names):
        a_round(url, names)  # what is imported and compiled once is not counted
        rounds = [a_round(url, names) for _ in range(wanted.rounds)]
    plain, cold, unchanged = (statistics.median(times) for times in zip(*rounds, strict=True))
    print(f"{wanted.files} files, {wanted.delay * 1000:.0f} ms before each answer, median of {wanted.rounds} rounds")
    print(f"one after another  {plain:7.3f} s")
    for name, time_taken, place in (("cold", cold, 1), ("unchanged", unchanged, 2)):
        ratio = statistics.median(times[place] / times[0] for times in rounds)
        print(f"refresh, {name:9} {time_taken:7.3f} s  ratio {ratio:.3f}")


if __name__ == "__main__":
    main()
