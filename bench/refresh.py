"""How long a refresh of the catalogue takes, against fetching the same files one after another.

    python -m bench.refresh [--files 89] [--delay 0.02] [--rounds 9] [--many 10000] [--few 100]

A metastore of generated definitions runs in a process of its own on loopback and waits before each answer. In each
round, in this process: plain `requests.get` calls one after another; a refresh into an empty database (cold); and a
refresh when nothing has changed. Then, without waiting: what a definition costs in a cold refresh of many, against
one of few.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator

import requests

from bench.definitions import metastore
from bench.figures import Row, show
from rockonweb import catalog, config, create_app
from rockonweb.catalog.report import CatalogueReport
from rockonweb.models import Base, db


def seconds(work: Callable[[], object]) -> float:
    """How long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def one_after_another(url: str, names: list[str]) -> None:
    """The plain way: a request each."""
    for name in ["root.json", *names]:
        requests.get(f"{url}/{name}", timeout=10).raise_for_status()


def refreshes(url: str, number: int) -> tuple[float, float]:
    """Times of a refresh into an empty database, and of one more."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load_config({"ROCKONWEB_INSTANCE": folder, "ROCKONWEB_REMOTE_METASTORE": url}))
        with app.app_context():
            Base.metadata.create_all(db.engine)
            reports: list[CatalogueReport] = []
            cold = seconds(lambda: reports.append(catalog.refresh_catalogue()))
            unchanged = seconds(lambda: reports.append(catalog.refresh_catalogue()))
            outcome = [(len(report.added), report.unchanged, len(report.faulty)) for report in reports]
            if outcome != [(number, 0, 0), (0, number, 0)]:
                raise SystemExit(f"The refresh did not do its work: {outcome}")
            db.engine.dispose()
    return cold, unchanged


def plainly(files: int, delay: float, rounds: int) -> Iterator[Row]:
    """A refresh against fetching."""
    cold, unchanged = [], []
    with metastore(files, delay) as (url, names):
        refreshes(url, files)  # what is imported and compiled once is not counted
        for _ in range(rounds):
            plain = seconds(lambda: one_after_another(url, names))
            first, second = refreshes(url, files)
            cold.append((first, plain))
            unchanged.append((second, plain))
    what = f"refresh, {files} files, {delay * 1000:.0f} ms per answer"
    yield Row(f"{what}, cold, running process", "fetching them one after another", cold, 0.30)
    yield Row(f"{what}, nothing changed", "fetching them one after another", unchanged, 0.08)


def growth(many: int, few: int, rounds: int) -> Iterator[Row]:
    """A definition among many against one among few."""
    pairs = []
    with metastore(many) as (large, _), metastore(few) as (small, _):
        for _ in range(rounds):
            of_few = [refreshes(small, few)[0] for _ in range(5)]
            of_many = refreshes(large, many)[0]
            of_few += [refreshes(small, few)[0] for _ in range(5)]  # half before, half after: others use the machine
            pairs.append((of_many / many * 1000, statistics.median(of_few) / few * 1000))
    yield Row(f"refresh of {many:,} definitions, per definition", f"of {few}, per definition", pairs, 1.2, "ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=89)
    parser.add_argument("--delay", type=float, default=0.02, help="seconds before each answer")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--many", type=int, default=10_000)
    parser.add_argument("--few", type=int, default=100)
    wanted = parser.parse_args()
    show(plainly(wanted.files, wanted.delay, wanted.rounds))
    show(growth(wanted.many, wanted.few, max(1, wanted.rounds // 3)))


if __name__ == "__main__":
    main()
