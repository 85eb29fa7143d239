"""A PostgreSQL server on a Unix socket: Debian's, run by a user without rights, for one test session."""

import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

from .process import start_process, stop_process, wait_until

USER, PASSWORD = "rockonweb", "pg-password-of-the-tests"  # it trusts everybody who reaches the socket
QUICK_SETTINGS = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "max_connections=200",
    "listen_addresses=",
)


class PostgresServer:
    """One server. `start()` and `stop()` may be called again; the data stays until `close()`."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="rwt-pg-"))
        self._log = self._folder / "log"
        self._bin = _find_newest_binaries()
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = itertools.count(1)
        self.migrated = False  # whether there is the database `migrated`, of which others are copies

    def start(self) -> None:
        """Start it; returns when it answers."""
        if self._process is not None:
            return
        data = self._folder / "data"
        if not data.exists():
            if os.geteuid() == 0:
                nobody = pwd.getpwnam("nobody")
                os.chown(self._folder, nobody.pw_uid, nobody.pw_gid)
            subprocess.run(
                [
                    *_unprivileged_prefix(),
                    *(str(self._bin / "initdb"), "-D", str(data), "-U", USER, "-A", "trust"),
                    *("-E", "UTF8", "--locale=C.UTF-8", "--no-sync"),
                ],
                check=True,
                capture_output=True,
                cwd="/",
            )
        options = [argument for setting in QUICK_SETTINGS for argument in ("-c", setting)]
        command = [
            *_unprivileged_prefix(),
            str(self._bin / "postgres"),
            "-D",
            str(data),
            "-k",
            str(self._folder),
            *options,
        ]
        self._process = start_process(command, self._log)
        wait_until(self._is_ready, self._process, self._log, "postgres", timeout=120)

    def stop(self) -> None:
        """Stop it at once: from now on there is nobody at the socket."""
        if self._process is not None:
            subprocess.run([*_unprivileged_prefix(), str(self._bin / "pg_ctl"), "-D", str(self._folder / "data"),
                            "-m", "immediate", "stop"], check=False, capture_output=True, cwd="/")  # fmt: skip
            stop_process(self._process, 10)
            self._process = None

    def close(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def create_database(self, name: str = "", *, template: str = "template0", encoding: str = "UTF8") -> str:
        """Make a database, empty or a copy of one that nobody has open; return its address, for DATABASE_URL.

        There is a password in it. Without a name it gets one of its own.
        """
        name = name or f"test_{next(self._numbers)}"
        locale = "C.UTF-8" if encoding == "UTF8" else "C"
        with psycopg.connect(host=str(self._folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} ENCODING '{encoding}' LOCALE '{locale}'")
        return f"postgresql+psycopg://{USER}:{PASSWORD}@/{name}?host={self._folder}"

    def connect(self, url: str) -> "psycopg.Connection[tuple[object, ...]]":
        """Open a connection of one's own to a database that `database()` made."""
        return psycopg.connect(url.replace("+psycopg", "", 1))

    def _is_ready(self) -> bool:
        try:
            psycopg.connect(host=str(self._folder), user=USER, dbname="postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def _unprivileged_prefix() -> list[str]:
    """What a command begins with, because the server refuses to run as root; it still ends with the tests."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "--pdeathsig", "INT"]


def _find_newest_binaries() -> Path:
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if not binaries:
        raise RuntimeError("The tests need Debian's package postgresql")
    return binaries[-1].parent
