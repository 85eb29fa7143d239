"""The long-running roles: web, worker, watcher. Each runs alone or as a child of `rockonweb up`, where the watcher is a
thread of the web server's process.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from flask import Flask
from redis.exceptions import RedisError
from rq import Worker
from sqlalchemy.exc import DBAPIError

from rockonweb.config import Config
from rockonweb.core.errors import RockonwebError, wrap_os_error
from rockonweb.core.invisible import one_line
from rockonweb.core.text import t
from rockonweb.migrations import upgrade
from rockonweb.models import db
from rockonweb.models.base import wrap_database_error
from rockonweb.work import failing_roles, queue, watcher, web_server
from rockonweb.work.engine_monitor import EngineMonitor

WORKER_TTL = 45  # seconds; RQ waits 15 less for a job, so a worker without one tells every half minute that it lives
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a role that died is restarted; doubled each time
STEADY_SECONDS = 60  # a role that lived longer is restarted after the first pause again
SETTLED_SECONDS = 10  # a role that lives longer no longer counts as failing
PR_SET_PDEATHSIG = 1  # of prctl(2), from linux/prctl.h


def die_with_parent(signal_number: int = signal.SIGKILL) -> None:
    """Let the kernel send this process a signal when its parent ends in any way. A fork does not inherit that."""
    try:
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal_number)
    except (OSError, AttributeError):  # not Linux: only the supervisor stops the roles
        logging.getLogger(__name__).debug("no PR_SET_PDEATHSIG here")


def end_with_parent(signal_number: int) -> None:
    """As `die_with_parent`, and end at once where the parent ended before this call."""
    parent = os.getppid()
    die_with_parent(signal_number)
    if os.getppid() != parent:
        os._exit(1)


def forget_connections(app: Flask) -> None:
    """Discard inherited connections after a fork without closing them, as the parent uses them."""
    with app.app_context():
        db.engine.dispose(close=False)
    app.extensions.pop("redis", None)


def describe_error(error: Exception) -> RockonwebError | None:
    """Return what a user can understand of an error of the system, the database or the queue; None for a bug."""
    if isinstance(error, RedisError):
        return queue.unreachable_error(error)
    if isinstance(error, DBAPIError):
        return wrap_database_error(error)
    if isinstance(error, OSError):
        return wrap_os_error(error)
    return error if isinstance(error, RockonwebError) else None


def explain_end(error: Exception) -> tuple[str, str]:
    """Return why a role ended by an error, and for a bug its traceback for the log: it may have a secret, which pages
    must not show.
    """
    if problem := describe_error(error):
        return problem.message_with_hint, ""
    return t("%(kind)s; the log of Rockonweb has more.", kind=type(error).__name__), traceback.format_exc()


def serve_web(app: Flask, socket_fd: int | None = None) -> None:
    """Serve the pages, on an open socket (file descriptor) or on the configured address. Raises BadInput."""
    settings: Config = app.config["SETTINGS"]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    web_server.check_tls(settings)
    upgrade.own_revisions()
    bind = f"fd://{socket_fd}" if socket_fd is not None else f"{host}:{settings.port}"
    web_server.run_server(app, app.config["MAX_CONTENT_LENGTH"], settings, bind)


class _QueueWorker(Worker):
    """A worker whose work-horse process ends with it and opens its own connections, and which stays registered."""

    app: Flask
    tell_busy: Callable[[bool], None] | None = None  # told before and after each job
    max_connection_wait_time = 5.0  # seconds between two attempts to reach the queue server

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell that it lives; register again where the queue server has lost its data, or nobody would be listed."""
        if not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
        super().heartbeat(timeout, pipeline)

    def execute_job(self, job: Any, queue: Any) -> None:
        """Run a job in a process of its own, and wait for its end."""
        if self.tell_busy:
            self.tell_busy(True)
        super().execute_job(job, queue)
        if self.tell_busy:
            self.tell_busy(False)

    def main_work_horse(self, job: Any, queue: Any) -> Any:
        die_with_parent()
        forget_connections(self.app)
        return super().main_work_horse(job, queue)

    def handle_exception(self, job: Any, *exc_info: Any) -> None:
        """Log an expected failure (RockonwebError) as one line; only others, which are bugs, get a traceback."""
        error = exc_info[1]
        if isinstance(error, RockonwebError):
            # one_line: a sentence may quote a definition, which must not add lines to this log.
            logging.getLogger(__name__).warning("%s failed: %s", job.id, one_line(error.sentence))
        else:
            super().handle_exception(job, *exc_info)


def served_queues(*, quick_only: bool) -> list[str]:
    """Return the names of the queues that a worker serves, the first one first."""
    return [queue.QUICK_NAME] if quick_only else [*queue.QUEUE_NAMES]


def run_worker(
    app: Flask,
    *,
    quick_only: bool = False,
    idle_seconds: int | None = None,
    tell_busy: Callable[[bool], None] | None = None,
) -> None:
    """Run jobs one at a time, each in a forked process; with `quick_only`, only those that end soon.

    With `idle_seconds` it ends after so many seconds without a job. `tell_busy` is called before and after each job.
    """
    settings: Config = app.config["SETTINGS"]
    with app.app_context():
        queue_worker = _QueueWorker(
            served_queues(quick_only=quick_only),
            connection=queue.connect_worker(settings),
            worker_ttl=WORKER_TTL,
            maintenance_interval=60,
            log_job_description=False,
        )
        queue_worker.app, queue_worker.tell_busy = app, tell_busy
        queue_worker.work(logging_level="WARNING", max_idle_time=idle_seconds)


def run_watcher(app: Flask) -> None:
    """Run the watcher until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with app.app_context():
        watcher.watch_forever(watcher.start_monitor())


def start_watcher_thread(app: Flask) -> None:
    """Run the watcher in a thread of this process, as long as it lives."""
    with app.app_context():
        monitor = watcher.start_monitor()
    threading.Thread(target=_keep_watching, args=(app, monitor), daemon=True).start()


def _keep_watching(app: Flask, monitor: EngineMonitor) -> None:
    """Start the watcher again when it ends, after a pause that grows; what ends it is told, as it is of processes.

    That the queue does not answer is told by pages and supervisor.
    """
    pause, ends, told = FIRST_PAUSE, 0, ""
    tell = partial(failing_roles.store_failing_roles, app.config["SETTINGS"], starter="web")
    while True:
        started, settled = time.monotonic(), threading.Timer(SETTLED_SECONDS, tell, [{}])
        settled.start()
        try:
            with app.app_context():
                watcher.watch_forever(monitor)
        except RedisError:
            pass
        except Exception as error:
            reason, details = explain_end(error)
            if reason != told:
                print(f"{details}watcher ended and is started again until it stays. The reason: {reason}", flush=True)
            ends, told = ends + 1, reason
        settled.cancel()
        if time.monotonic() - started > STEADY_SECONDS:
            pause, ends = FIRST_PAUSE, 0
        with suppress(OSError):  # the terminal has it
            tell({"watcher": told} if ends > 1 else {})
        time.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
