"""How long a backup of an app's data takes, against restic alone.

    python -m bench.data_backup [--rounds 5] [--files 10000] [--megabytes 1000]

As root: it starts a Docker Engine, an image registry and a queue of its own. In each round, into two new repositories
on the same disk: the operation that backs up an app's share, from its first step to its last, which stops the app and
starts it again; and `restic backup` of the same share. The share has many small files, then few large ones.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.figures import Row, show
from rockonweb.core.operations.requests import BackupDataRequest
from rockonweb.models import Installation, db
from rockonweb.work import data_repositories, operations
from rockonweb.work.data_repositories import RepositorySettings
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.queue_server import QueueServer
from tests.support.registry import RegistryServer
from tests.support.standin import make_image

SMALL_BYTES = 4_000  # of each of many files
LARGE_BYTES = 50_000_000


def fill(folder: Path, count: int, size: int) -> None:
    """Write files that no compression makes smaller, a hundred to a folder."""
    for number in range(count):
        path = folder / f"{number // 100}" / f"{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(size))


def by_operation(instance: Instance, app: Installation, repository: Path) -> float:
    """Back the app up into a new repository; return the seconds of the operation."""
    row, _ = data_repositories.add_repository(RepositorySettings(repository.name, str(repository)))
    operation_id = operations.submit_operation(app, BackupDataRequest(row.id), "bench")
    start = time.perf_counter()
    instance.run_successfully(operation_id)
    return time.perf_counter() - start


def by_restic(share: Path, repository: Path) -> float:
    """Back the share up into a new repository; return the seconds of restic."""
    environ = {**os.environ, "RESTIC_PASSWORD": "bench", "RESTIC_REPOSITORY": str(repository)}
    environ["RESTIC_CACHE_DIR"] = str(repository.with_name("cache"))
    subprocess.run(["restic", "init"], env=environ, check=True, capture_output=True)
    start = time.perf_counter()
    subprocess.run(["restic", "backup", share], env=environ, check=True, capture_output=True)
    return time.perf_counter() - start


def measure(instance: Instance, image: str, rounds: int, count: int, size: int, what: str) -> Iterator[Row]:
    """Yield the row of one kind of share."""
    name = f"bench-{count}"
    volumes = {"/data": {"label": "Data", "description": "Where it keeps things."}}
    app = instance.add_rockon(name, {name: {"image": image, "tag": "", "volumes": volumes}})
    instance.install_rockon(app, shares={name: {"/data": name}})
    share = instance.settings.shares_root / name
    fill(share, count, size)
    pairs = []
    for number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            ours = by_operation(instance, app, Path(folder) / f"{name}-{number}")
            pairs.append((ours, by_restic(share, Path(folder) / "alone")))
            db.session.rollback()
    shutil.rmtree(share)
    yield Row(f"backup of {what}", "restic backup", pairs[1:], 1.15)  # the first one fills the caches


def rows(rounds: int, files: int, megabytes: int) -> Iterator[Row]:
    """Start the parts and measure."""
    with ExitStack() as parts:
        engine, registry, queue = DockerDaemon(), RegistryServer(), QueueServer()
        for part in (engine, registry, queue):
            parts.callback(part.close)
            part.start()
        folder = Path(parts.enter_context(tempfile.TemporaryDirectory()))
        os.environ.update({name: engine.environ[name] for name in ("DOCKER_HOST", "DOCKER_CONFIG")})
        image = make_image(engine, registry, "bench/app:1")
        instance = Instance(folder, queue.url)
        with instance.app.app_context():
            yield from measure(instance, image, rounds, files, SMALL_BYTES, f"{files:,} files of 4 kB")
            large = megabytes * 1_000_000 // LARGE_BYTES
            yield from measure(instance, image, rounds, large, LARGE_BYTES, f"{megabytes} MB in files of 50 MB")
        engine.remove_everything()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--megabytes", type=int, default=1000)
    wanted = parser.parse_args()
    show(rows(wanted.rounds, wanted.files, wanted.megabytes))


if __name__ == "__main__":
    main()
