"""The whole product, started as a person starts it: `rockonweb up`."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil

from .claims import free_port
from .process import find_processes

_READY_LINE = re.compile(r"Rockonweb is ready: (http\S+)")
_PROGRAM = Path(sys.executable).with_name("rockonweb")
LINGER_SECONDS = 10.0  # seconds that processes may take to end after `up`
# What the person who runs the tests may have set for a Rockonweb of their own.
_OWN_VARIABLES = ("ROCKONWEB_", "DOCKER_", "FLASK_", "DATABASE_URL", "REDIS_URL")


class Stack:
    """One `rockonweb up` with an instance, shares and account of its own, which stay until `close()`."""

    user = "owner"
    password = "a long enough password"

    def __init__(
        self,
        docker_host: str = "",
        metastore: str = "",
        *,
        redis_url: str = "",
        workers: int = 2,
        account: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Prepare it; `start()` starts it.

        An empty `docker_host` or `metastore` stands for one that does not answer. An empty `redis_url` makes
        the product start its embedded server. Without `account`, the page has to ask for one. `environment`
        adds variables, and overrides those that this makes.
        """
        self.folder = Path(tempfile.mkdtemp(prefix="rwt-stack-"))
        self.instance = self.folder / "instance"
        self.shares = self.folder / "shares"
        self.local_metastore = self.folder / "local"
        for folder in (self.instance, self.shares, self.local_metastore):
            folder.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._mark = f"ROCKONWEB_TEST_STACK={uuid.uuid4()}"
        self._process: subprocess.Popen[str] | None = None
        self._lines: list[str] = []
        self._reader: threading.Thread | None = None
        nowhere = f"127.0.0.1:{free_port()}"
        key, _, value = self._mark.partition("=")
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(_OWN_VARIABLES)} | {
            key: value,
            "ROCKONWEB_INSTANCE": str(self.instance),
            "ROCKONWEB_BIND": f"127.0.0.1:{self.port}",
            "ROCKONWEB_SHARES_ROOT": str(self.shares),
            "ROCKONWEB_REMOTE_METASTORE": metastore or f"http://{nowhere}",
            "ROCKONWEB_LOCAL_METASTORE": str(self.local_metastore),
            "ROCKONWEB_WORKERS": str(workers),
            "ROCKONWEB_SYSTEM_PACKAGES": "no",
            "ROCKONWEB_HEALTH_SECONDS": "1",
            "ROCKONWEB_HEALTH_TIMEOUT": "20",
            "DOCKER_HOST": docker_host or f"tcp://{nowhere}",
            "DOCKER_CONFIG": str(self.folder / "docker"),
            "DATABASE_URL": "",  # blank and not absent, or those of a .env in the checkout would count
            "REDIS_URL": redis_url,
            "PYTHONUNBUFFERED": "1",
        }
        if account:
            self.environ |= {"ROCKONWEB_ADMIN_USER": self.user, "ROCKONWEB_ADMIN_PASSWORD": self.password}
        self.environ |= environment or {}

    @property
    def output(self) -> str:
        """What `up` has printed since the last `start()`."""
        return "".join(self._lines)

    @property
    def pid(self) -> int:
        """The process id of `rockonweb up`."""
        assert self._process is not None, "the stack was not started"
        return self._process.pid

    def start(self, timeout: float = 180) -> str:
        """Start it and wait until it says that it is ready; returns the address it names."""
        assert self._process is None, "the stack runs already"
        self._lines = []
        self._process = subprocess.Popen(
            [str(_PROGRAM), "up"],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_output, args=(self._process,), daemon=True)
        self._reader.start()
        deadline = time.monotonic() + timeout
        while not (ready := _READY_LINE.search(self.output)):
            ended = self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                outcome = f"ended with status {self._process.returncode}" if ended else "was not ready in time"
                self._kill_all()
                raise AssertionError(f"`rockonweb up` {outcome}:\n{self.output}")
            time.sleep(0.02)
        return ready[1]

    def stop(self, timeout: float = 90, *, by: signal.Signals = signal.SIGTERM) -> int:
        """End it with the signal `by` and return its exit status; fails when one of its processes stays."""
        process, descendants = self._process, self.list_processes()
        assert process is not None, "the stack was not started"
        process.send_signal(by)
        try:
            status = process.wait(timeout)
            _wait_for_end(descendants, LINGER_SECONDS)
            remaining = {p.pid: p for p in [*descendants, *self.list_processes()] if _is_alive(p)}
            leftovers = [f"{p.pid} {' '.join(p.cmdline())}" for p in remaining.values()]
        except subprocess.TimeoutExpired:
            raise AssertionError(f"`rockonweb up` did not end within {timeout} s:\n{self.output}") from None
        finally:
            self._kill_all()
        assert not leftovers, "`rockonweb up` left processes behind:\n" + "\n".join(leftovers) + f"\n{self.output}"
        return status

    def restart(self) -> str:
        """Stop and start it on the same data."""
        self.stop()
        return self.start()

    def close(self) -> None:
        """Stop it where it runs, and delete its data also when that fails."""
        try:
            if self._process is not None:
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, *arguments: str, stdin: str = "", timeout: float = 180) -> subprocess.CompletedProcess[str]:
        """Run `rockonweb ARGUMENTS…` beside it, in the same environment."""
        return subprocess.run(
            [str(_PROGRAM), *arguments],
            cwd=self.folder,
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def list_processes(self) -> list[psutil.Process]:
        """Its living processes: `up`, what descends from it, and what was started with its environment."""
        processes_by_id: dict[int, psutil.Process] = {}
        if self._process is not None and self._process.poll() is None:
            up = psutil.Process(self._process.pid)
            processes_by_id = {p.pid: p for p in [up, *up.children(recursive=True)]}
        for pid in find_processes(self._mark, "environ"):  # also one whose parent has gone
            if pid not in processes_by_id and psutil.pid_exists(pid):
                processes_by_id[pid] = psutil.Process(pid)
        return [p for p in processes_by_id.values() if _is_alive(p)]

    def _read_output(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line)

    def _kill_all(self) -> None:
        """SIGKILL for all that is left of it."""
        remaining = self.list_processes()
        for process in remaining:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_for_end(remaining, 5)
        if self._process is not None:
            self._process.wait()
            self._process = None
        if self._reader is not None:
            self._reader.join(5)


def _wait_for_end(processes: Sequence[psutil.Process], timeout: float) -> None:
    """Return when all of them have ended. One that only waits to be collected by its parent has ended."""
    deadline = time.monotonic() + timeout
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.02)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
