"""What a whole Rockonweb takes while nothing happens, and how soon it is there again.

    python -m bench.idle [--rounds 5] [--settle 8]

As root: it starts a Docker Engine of its own. In each round, one after another: `rockonweb up` with three workers, on
an instance that was started before, until it says that it is ready; after `--settle` seconds the memory of all its
processes, the queue server among them. Against it a server of Flask's own that answers one line: two of them and
another queue server for the memory, the seconds from the start of one until its first answer for the time. Memory is
the proportional set size: a page that several processes share counts once.

Four processes of Python run: `up`, the web server, one worker, the watcher. The program with all that it imports takes
about 85 MiB, nearly twice both bare servers, and is shared; each process copies 13 to 25 MiB of it by counting
references, and what all of them have copied is left to the first one alone. Freezing the garbage collector before the
fork changed nothing of that. Rehearsing an operation once before the fork, and not in each worker, took 55 MiB off;
workers that run only while there are jobs, a web server without a master and no Alembic at rest another 40.
"""

from __future__ import annotations

import argparse
import contextlib
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
from tests.support.stack import Stack

BARE = """\
import sys
from flask import Flask
app = Flask(__name__)
app.get("/")(lambda: "A line.")
app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
"""
WORKERS = 3  # as many as without a setting
MIB = 2**20


def memory(pids: list[int]) -> float:
    """Return the proportional set size of processes, in MiB."""
    return sum(psutil.Process(pid).memory_full_info().pss for pid in pids) / MIB


@contextlib.contextmanager
def bare() -> Iterator[tuple[int, float]]:
    """Run a bare server; gives its process id, and the seconds until it answered."""
    port = free_port()
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
                    assert requests.get(f"http://127.0.0.1:{port}/", timeout=5).ok
                    break
                time.sleep(0.01)
            yield process.pid, time.monotonic() - begun
        finally:
            process.terminate()
            process.wait()


def measure(rounds: int, settle: float) -> list[Row]:
    """Return both rows."""
    memories, starts = [], []
    with contextlib.ExitStack() as running:
        engine = DockerDaemon()
        running.callback(engine.close)
        engine.start()
        stack = Stack(engine.host, workers=WORKERS)
        running.callback(stack.close)
        stack.start()
        before = psutil.Process(os.getpid()).children(recursive=True)
        for _ in range(rounds):
            stack.stop()
            begun = time.monotonic()
            stack.start()
            ready = time.monotonic() - begun
            time.sleep(settle)
            ours = memory([process.pid for process in stack.list_processes()])
            queue = QueueServer()
            with contextlib.closing(queue), bare() as (first, seconds), bare() as (second, _):
                queue.start()
                known = {process.pid for process in (*before, *stack.list_processes())} | {first, second}
                children = psutil.Process(os.getpid()).children(recursive=True)
                servers = [one.pid for one in children if one.pid not in known and "valkey-server" in one.name()]
                assert len(servers) == 1, servers
                theirs = memory([first, second, *servers])
            memories.append((ours, theirs))
            starts.append((ready, seconds))
    return [
        Row(
            "memory of all that `up` runs, idle", "two bare Flask processes and the queue server", memories, 2.5, "MiB"
        ),
        Row("`rockonweb up` to ready, second start", "a bare server with Flask imported, to ready", starts, 6),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--settle", type=float, default=8, help="seconds before the memory is looked at")
    wanted = parser.parse_args()
    show(measure(wanted.rounds, wanted.settle))


if __name__ == "__main__":
    main()
