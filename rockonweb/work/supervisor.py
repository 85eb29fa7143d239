"""`rockonweb up`: forks the roles from one process, restarts those that die, and stops them all when it stops."""

from __future__ import annotations

import fcntl
import gc
import json
import math
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import IO, NoReturn

import psutil
import requests
from flask import Flask
from redis.exceptions import RedisError
from urllib3.exceptions import InsecureRequestWarning

from rockonweb import catalog, config, program
from rockonweb.accounts import instance_key, users
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.instance.diagnosis.engine import MISSING_COMMAND
from rockonweb.core.text import from_stored, t, to_stored
from rockonweb.host import get_host
from rockonweb.migrations import upgrade
from rockonweb.work import (
    failing_roles,
    heartbeat,
    instance_files,
    mastership,
    queue,
    queue_server,
    roles,
    warm_up,
    web_server,
    worker_pool,
)
from rockonweb.work.roles import FIRST_PAUSE, LONGEST_PAUSE, SETTLED_SECONDS, STEADY_SECONDS
from rockonweb.work.wakeup import InterruptibleSleep, wake_supervisor
from rockonweb.work.worker_pool import WorkerState

READY_SECONDS = 60
QUEUE_SERVER = "queue server"  # a role's name
END_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
END_SECONDS = 10  # between SIGTERM and SIGKILL
RELEASE_SECONDS = 2  # at the end, for each of Docker's answers
MAX_REPORT_BYTES = 1_000_000  # of what a role writes about its end
START_ROUND_SECONDS = 0.05  # between two looks at roles and queue, until all is ready
ROUND_SECONDS = 2  # and then, unless a signal or a job comes before
PUBLISH_SECONDS = heartbeat.POOL_LIFETIME / 3


@dataclass
class RoleProcess:
    """A child process: how to start it, and its state; `pid` is 0 while it does not run.

    `read_reason` returns why it ended (blank: unknown) and more for the log; `failure` is the reason that was reported
    last, and `ends` how often it ended: blank and 0 once it runs for some time.
    """

    name: str
    start: Callable[[], int]
    read_reason: Callable[[], tuple[str, str]] = lambda: ("", "")
    failure: str = ""
    ends: int = 0
    pid: int = 0
    started: float = 0.0
    pause: float = FIRST_PAUSE
    due: float = 0.0


def run_supervisor(app: Flask) -> int:
    """Run all roles until a signal. Returns the exit status. Raises BadInput or Conflict."""
    settings: config.Config = app.config["SETTINGS"]
    config.make_private_folder(settings.instance)
    web_server.check_tls(settings)
    if not settings.redis_url:
        queue_server.find_server()
    instance_files.fix_permissions(settings)
    with lock_instance(settings):
        listener = _open_listener(settings)
        status = _run_in_child(lambda: _prepare_database(app))
        if status:
            return status
        supervisor = _Supervisor(app, settings, listener)
        return supervisor.run_until_signal()


class _Supervisor:
    """The parent process of the roles. Its one connection, to the queue server, is not used by its forks."""

    def __init__(self, app: Flask, settings: config.Config, listener: socket.socket) -> None:
        self.app, self.settings = app, settings
        self.ending = False
        self.failing: dict[str, str] = {}  # the stored reasons
        self.redis, self.published = queue.connect_redis(settings), -math.inf
        self.roles = [] if settings.redis_url else [_queue_server_role(settings)]
        self.roles += [
            _forked_role(app, "web", partial(_serve_and_watch, app, listener.fileno())),
        ]
        self.busy = worker_pool.BusyFlags(settings.workers + 1)
        names = [*(f"worker {number}" for number in range(1, settings.workers + 1)), "quick worker"]
        self.workers = [_forked_role(app, name, partial(self._run_worker, place)) for place, name in enumerate(names)]

    @property
    def processes(self) -> list[RoleProcess]:
        """All child processes."""
        return [*self.roles, *self.workers]

    @property
    def queue_server(self) -> RoleProcess | None:
        """The role of the embedded queue server; None where REDIS_URL names another."""
        return next((role for role in self.roles if role.name == QUEUE_SERVER), None)

    def run_until_signal(self) -> int:
        sleep = InterruptibleSleep(self.settings)
        for number in (*END_SIGNALS, signal.SIGCHLD):
            signal.signal(number, self._handle_signal)
        announced, deadline = False, time.monotonic() + READY_SECONDS
        failing_roles.store_failing_roles(self.settings, {})  # of a supervisor that was killed
        if self.queue_server:
            self._start_role(self.queue_server)
        with self.app.app_context():
            warm_up.warm_up()  # its results are in memory that all roles share
        gc.freeze()  # a collection would write to that memory and so copy it; the exit is faster too
        while not self.ending:
            self._reap_roles()
            for role in self.roles:
                if not role.pid and time.monotonic() >= role.due and not self.ending:
                    self._start_role(role)
            self._start_workers()
            if not announced and (announced := self._announce_ready(time.monotonic() > deadline)):
                continue
            sleep.sleep(self._next_round() if announced else START_ROUND_SECONDS)
        self._stop_all()
        failing_roles.store_failing_roles(self.settings, {})
        return 0

    def _start_workers(self) -> None:
        """Start workers for the jobs that wait; tell from time to time that this is done."""
        try:
            if time.monotonic() - self.published > PUBLISH_SECONDS:
                heartbeat.publish_pool(self.redis, self.settings.workers)
                self.published = time.monotonic()
            waiting = queue.count_waiting(self.redis)
        except RedisError:
            return  # the watcher and the pages report it
        while not self.ending:
            place = worker_pool.choose_next([self._worker_state(place) for place in range(len(self.workers))], waiting)
            if place is None:
                return
            self._start_role(self.workers[place])

    def _run_worker(self, place: int) -> None:
        roles.run_worker(
            self.app,
            quick_only=place == self.settings.workers,
            idle_seconds=worker_pool.IDLE_SECONDS,
            tell_busy=partial(self._tell_busy, place),
        )

    def _tell_busy(self, place: int, busy: bool) -> None:
        self.busy[place] = busy
        wake_supervisor(self.settings)  # another worker may be needed now

    def _worker_state(self, place: int) -> WorkerState:
        worker = self.workers[place]
        if not worker.pid:
            return WorkerState.ABSENT if time.monotonic() >= worker.due else WorkerState.LOST
        if self.busy[place]:
            return WorkerState.BUSY
        return WorkerState.LOST if _is_stopped(worker.pid) else WorkerState.FREE

    def _next_round(self) -> float:
        """Return the seconds until the next look at roles and queue: until the next start of a role that ended."""
        now = time.monotonic()
        pauses = [role.due - now for role in self.processes if not role.pid and role.due > now]
        return min([ROUND_SECONDS, *pauses])

    def _handle_signal(self, number: int, _frame: object) -> None:
        self.ending = self.ending or number in END_SIGNALS

    def _start_role(self, role: RoleProcess) -> None:
        role.started = time.monotonic()
        try:
            role.pid = role.start()
        except (RockonwebError, OSError) as error:
            self._report_end(role, roles.explain_end(error)[0])

    def _reap_roles(self) -> None:
        """Reap the roles that died; each is restarted after a pause that grows while it keeps dying.

        A worker that had nothing to do ends by itself, without an error.
        """
        for role in self.processes:
            if not role.pid:
                continue
            lifetime = time.monotonic() - role.started
            pid, status = os.waitpid(role.pid, os.WNOHANG)
            if pid and role in self.workers:
                self.busy[self.workers.index(role)] = False
            if pid and role in self.workers and not status:
                role.pid = 0
            elif pid:
                if lifetime > STEADY_SECONDS:
                    role.pause = FIRST_PAUSE
                role.pid = 0
                reason, details = ("", "") if os.WIFSIGNALED(status) else role.read_reason()
                self._report_end(role, reason or _describe_status(status), details)
            elif role.failure and lifetime > SETTLED_SECONDS:
                print_line(f"{role.name} is running again.")
                role.failure, role.ends = "", 0
                self._store_failing()

    def _report_end(self, role: RoleProcess, reason: str, details: str = "") -> None:
        """Note when to restart a role that ended, and report its reason unless it is the one that was reported last."""
        role.due = time.monotonic() + role.pause
        role.pause = min(role.pause * 2, LONGEST_PAUSE)
        if reason != role.failure:
            print_line(f"{details}{role.name} ended and is started again until it stays. The reason: {reason}")
        role.failure, role.ends = reason, role.ends + 1
        self._store_failing()

    def _store_failing(self) -> None:
        """Let doctor and pages know of the roles that have ended again after they were restarted."""
        reasons = {role.name: role.failure for role in self.processes if role.ends > 1}
        if reasons != self.failing:
            self.failing = reasons
            with suppress(OSError):  # the terminal has it
                failing_roles.store_failing_roles(self.settings, reasons)

    def _stop_all(self) -> None:
        """Stop the roles, the queue server last. Those that do not stop in time are killed."""
        queue_servers = [role for role in self.roles if role is self.queue_server]
        for group in ([role for role in self.processes if role not in queue_servers], queue_servers):
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
            if group is not queue_servers:
                _run_in_child(lambda: _release_engine(self.app))

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
            print_line(f"Docker does not answer yet. {self._read_docker_hint()} The pages go on by themselves then.")
        elif not shutil.which("docker"):
            print_line(" ".join(MISSING_COMMAND))
        for line in how_to_reach(self.settings):
            print_line(line)
        if code := users.read_setup_code(self.settings):
            print_line(f"There is no account yet. Open {self.settings.local_url}/setup and enter this code: {code}")
        return True

    def _read_docker_hint(self) -> str:
        """Return what the watcher has found is to be done about Docker."""
        return heartbeat.read_status(self.redis).message


def print_line(line: str) -> None:
    """Print a line to the terminal, unbuffered."""
    print(line, flush=True)


def how_to_reach(settings: config.Config) -> list[str]:
    """Return lines on how to reach a loopback address from another machine; none where this one has a screen."""
    has_screen = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen or settings.host not in ("127.0.0.1", "::1", "localhost"):
        return []
    encryption = "" if settings.tls_key else ", and passwords travel unencrypted unless a reverse proxy adds https"
    return [
        f"It listens on this machine alone. From another one: ssh -L {settings.port}:127.0.0.1:{settings.port} "
        f"{socket.gethostname()}, then open the address above there.",
        f"To open it to your whole network: ROCKONWEB_BIND=0.0.0.0:{settings.port} "
        f"{program.change_command(settings.instance)}. Then everybody there reaches the login page{encryption}.",
    ]


def _prepare_database(app: Flask) -> None:
    """Migrate the database, create the first account or its setup code, and load the starter catalogue."""
    settings: config.Config = app.config["SETTINGS"]
    with app.app_context():
        upgrade.upgrade_database()
        instance_key.verify_key()
        users.ensure_admin(settings)
        users.ensure_setup_code(settings)
        catalog.load_starter()


def _release_engine(app: Flask) -> None:
    """Let another copy of this instance look after Docker soon, such as its next container."""
    with app.app_context(), suppress(RockonwebError), get_host().connect_docker(seconds=RELEASE_SECONDS) as docker:
        mastership.release_lease(docker)


def _run_in_child(work: Callable[[], None]) -> int:
    """Run `work` in a child process, so that nothing it opens stays open here; return its exit status."""
    pid = os.fork()
    if not pid:
        _run_and_exit(work)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _queue_server_role(settings: config.Config) -> RoleProcess:
    return RoleProcess(
        QUEUE_SERVER,
        lambda: queue_server.start_queue_server(settings),
        lambda: (queue_server.read_last_line(settings), ""),
    )


def _serve_and_watch(app: Flask, socket_fd: int) -> None:
    """Serve the pages and watch Docker, in one process: each of them has memory of its own for what both import."""
    roles.start_watcher_thread(app)
    roles.serve_web(app, socket_fd)


def _forked_role(app: Flask, name: str, work: Callable[[], None]) -> RoleProcess:
    report = tempfile.TemporaryFile()  # noqa: SIM115 - of this process and its forks, as long as they run
    return RoleProcess(name, lambda: _fork_role(app, work, report), lambda: _read_report(report))


def _fork_role(app: Flask, work: Callable[[], None], report: IO[bytes] | None = None) -> int:
    """Fork a process that does `work`, and return its id. Why it failed is written to `report`."""

    def run_role() -> None:
        roles.end_with_parent(signal.SIGKILL)
        os.setpgid(0, 0)  # Ctrl-C in the terminal reaches the supervisor alone, which stops the roles in order
        signal.set_wakeup_fd(-1)
        for number in (*END_SIGNALS, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        roles.forget_connections(app)
        work()

    if report:
        os.ftruncate(report.fileno(), 0)
    pid = os.fork()
    if not pid:
        _run_and_exit(run_role, report)
    return pid


def _run_and_exit(work: Callable[[], None], report: IO[bytes] | None = None) -> NoReturn:
    """Do `work` and exit; what it raises is written to `report`, or printed where there is none."""
    status, reason, details = 1, "", ""
    try:
        work()
        status = 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else 1
    except Exception as error:
        problem, (reason, details) = roles.describe_error(error), roles.explain_end(error)
        status = problem.exit_status if problem else 1
    finally:
        if report and reason:
            os.pwrite(report.fileno(), json.dumps([to_stored(reason), details]).encode(), 0)
        elif reason:
            print(details or reason, file=sys.stderr)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _read_report(report: IO[bytes]) -> tuple[str, str]:
    """Return the reason and the traceback that a process wrote before it ended; blank where it did not."""
    try:
        reason, details = json.loads(os.pread(report.fileno(), MAX_REPORT_BYTES, 0))
    except ValueError:
        return "", ""
    return from_stored(reason), details


def _describe_status(status: int) -> str:
    """Return a sentence for the wait status of a process that gave no reason."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        return t("It was ended by the signal %(number)s.", number=-code)
    return t("Exit status %(status)s; the log of Rockonweb may have more.", status=code)


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
