"""What a whole Rockonweb takes while nothing happens, and how soon it is there again.

    python -m bench.idle [--rounds 5] [--settle 8] [--apps 20] [--minutes 2]

As root: it starts a Docker Engine of its own. In each round, one after another: `rockonweb up` with three workers, on
an instance that was started before, until it says that it is ready; after `--settle` seconds the memory of all its
processes, the queue server among them. Against it a server of Flask's own that answers one line: two of them and
another queue server for the memory, the seconds from the start of one until its first answer for the time. Memory is
the proportional set size: a page that several processes share counts once. At the end so many apps are installed and
run, and for some minutes nobody looks: the processor time of all processes of `up` in that time, without Docker's own.

Two processes of Python run at rest: `up`, and the web server with the watcher as a thread; workers are forked from `up`
while there are jobs. bench/README.md has the account.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import requests

from bench.figures import Row, show
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.queue_server import QueueServer
from tests.support.registry import RegistryServer
from tests.support.stack import Stack
from tests.support.standin import make_image

BARE = """\
import sys
from flask import Flask
app = Flask(__name__)
app.get("/")(lambda: "A line.")
app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
"""
WORKERS = 3  # as many as without a setting
APPS_SETTLE_SECONDS = 20  # after the last install: what it sets off has ended
MIB = 2**20


def memory(pids: list[int]) -> float:
    """Return the proportional set size of processes, in MiB."""
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / MIB


@contextlib.contextmanager
def bare() -> Iterator[tuple[int, float, str]]:
    """Run a bare server; gives its process id, the seconds until it answered, and its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/"
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "bare.py"
        program.write_text(BARE)
        process = subprocess.Popen(
            [sys.executable, str(program), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            while True:
                with contextlib.suppress(requests.ConnectionError):
                    assert requests.get(url, timeout=5).ok
                    break
                time.sleep(0.01)
            yield process.pid, time.monotonic() - begun, url
        finally:
            process.terminate()
            process.wait()


def measure_bare(requests_each: int = 1) -> tuple[float, float]:
    """Return the memory of two bare servers after some requests and of a queue server, and the seconds of a start."""
    parent = psutil.Process(os.getpid())
    with contextlib.closing(QueueServer()) as queue, bare() as (first, seconds, url), bare() as (second, _, other_url):
        for address in (url, other_url):
            for _ in range(requests_each):
                assert requests.get(address, timeout=5).ok
        before = set(parent.children())
        queue.start()
        servers = [child.pid for child in parent.children() if child not in before]
        assert len(servers) == 1, servers
        return memory([first, second, *servers]), seconds


@contextlib.contextmanager
def product(metastore: str = "") -> Iterator[tuple[DockerDaemon, Stack]]:
    """Run an engine and a whole Rockonweb on it."""
    with contextlib.ExitStack() as running:
        engine = DockerDaemon()
        running.callback(engine.close)
        engine.start()
        stack = Stack(engine.host, metastore, workers=WORKERS)
        running.callback(stack.close)
        stack.start()
        yield engine, stack


def memory_of(stack: Stack) -> float:
    """Return the memory of all that `up` runs, in MiB."""
    return memory([process.pid for process in stack.list_processes()])


def processor_time(stack: Stack) -> float:
    """Return the processor time that all that `up` runs has taken, also what has ended, in seconds."""
    return sum(sum(process.cpu_times()[:4]) for process in stack.list_processes())


def run_apps(engine: DockerDaemon, stack: Stack, count: int) -> None:
    """Install rock-ons of one container, and wait until all run."""
    names = [f"bench-{number}" for number in range(count)]
    with contextlib.closing(RegistryServer()) as registry:
        registry.start()
        image = make_image(engine, registry, "bench/app:1")
        for name in names:
            body = {"description": "", "version": "1", "website": ""}
            body["containers"] = {name: {"image": image, "launch_order": 1}}
            (stack.local_metastore / f"{name}.json").write_text(json.dumps({name: body}))
        for words in (["catalog", "refresh"], *(["install", name, "--answers", "-", "--wait"] for name in names)):
            done = stack.run(*words, stdin="{}", timeout=120)
            if done.returncode:
                raise SystemExit(done.stdout + done.stderr)


def measure(rounds: int, settle: float, apps: int, minutes: float) -> Iterator[Row]:
    """Yield the rows."""
    memories, starts = [], []
    with product() as (engine, stack):
        for _ in range(rounds):
            stack.stop()
            begun = time.monotonic()
            stack.start()
            ready = time.monotonic() - begun
            time.sleep(settle)
            theirs, seconds = measure_bare()
            memories.append((memory_of(stack), theirs))
            starts.append((ready, seconds))
        yield Row(
            "memory of all that `up` runs, idle", "two bare Flask processes and the queue server", memories, 2.5, "MiB"
        )
        yield Row("`rockonweb up` to ready, second start", "a bare server with Flask imported, to ready", starts, 5)
        run_apps(engine, stack, apps)
        time.sleep(APPS_SETTLE_SECONDS)
        begun, taken = time.monotonic(), processor_time(stack)
        time.sleep(minutes * 60)
        percent = (processor_time(stack) - taken) / (time.monotonic() - begun) * 100
        what = f"processor time of all that `up` runs, {apps} apps, nobody looking, {minutes:g} minutes"
        yield Row(what, "one core", [(percent, 100)], 1, "%", "%")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settle", type=float, default=8, help="seconds before the memory is looked at")
    parser.add_argument("--apps", type=int, default=20)
    parser.add_argument("--minutes", type=float, default=2, help="in which nobody looks")
    wanted = parser.parse_args()
    show(measure(wanted.rounds, wanted.settle, wanted.apps, wanted.minutes))


if __name__ == "__main__":
    main()
