"""The watcher: syncs the database with Docker at start, at each of Docker's events and periodically; runs due jobs."""

from __future__ import annotations

import logging
import math
import queue as inbox
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.config import current_config
from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.core.facts import ContainerEvent
from rockonweb.core.status.status import track_signals
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, State, db
from rockonweb.work import (
    data_schedule,
    episodes,
    history,
    kept_containers,
    mastership,
    metrics,
    notification_queue,
    recovery,
    refresh_schedule,
    sync_status,
    updates,
)
from rockonweb.work.engine_monitor import EngineMonitor
from rockonweb.work.keep_running import RunningKeeper
from rockonweb.work.page_checks import PageChecker
from rockonweb.work.share_guard import ShareGuard

ROUND_SECONDS = 5  # at most, without an event
SYNC_SECONDS = 60  # between two full syncs, in case that an event was missed
RECOVER_SECONDS = 5
TRIM_SECONDS = 3600  # between two checks whether the history has to be trimmed
UPDATE_SECONDS = 60  # between two checks whether a refresh, a check for newer images or an automatic update is due
LEASE_CHECK_SECONDS = 20  # between two checks whether another copy of this instance looks after the engine
NOTICE_SECONDS = 30  # between two checks for trouble to notify of, and for notices to be retried
logger = logging.getLogger(__name__)


def start_monitor() -> EngineMonitor:
    """Start the threads that ask Docker, and return the one that says whether it answers."""
    threading.Thread(target=metrics.run_sampler, args=(current_config(),), daemon=True).start()
    monitor = EngineMonitor(current_config())
    threading.Thread(target=monitor.run_forever, daemon=True).start()
    return monitor


def watch_forever(monitor: EngineMonitor) -> None:
    """Watch for ever; reconnects to Docker and Redis after failures."""
    watcher = _Watcher(monitor)
    while True:
        watcher.connect()
        watcher.do_regular_work()
        watcher.follow_apps()


class _Watcher:
    """What is remembered from one round to the next."""

    def __init__(self, monitor: EngineMonitor) -> None:
        self.monitor = monitor
        self.events: inbox.Queue[ContainerEvent] = inbox.Queue()
        self.docker: Engine | None = None
        self.listener: threading.Thread | None = None
        self.is_master = True
        self.done_at: dict[str, float] = {}  # when regular work was done last (monotonic), by its name
        self.changed: set[str] = set()  # apps with events
        self.postponed: set[str] = set()  # apps to be synced later
        self.signals: dict[str, int] = {}  # see `track_signals`
        self.to_review = False  # whether apps may be down
        self.keeper, self.guard, self.page_checker = RunningKeeper(), ShareGuard(), PageChecker()

    def connect(self) -> None:
        """Connect to Docker and listen to its events, where that is not so yet."""
        if self.docker is None or not self.monitor.answers:
            self.docker, self.listener = _connect_engine() if self.monitor.answers else None, None
        if self.docker and (self.listener is None or not self.listener.is_alive()):
            with _log_errors("what went down with Docker has to wait"):
                self.keeper.note_return()
            self.listener = _start_listening(self.docker, self.events)
            self.done_at.pop("sync", None)

    def do_regular_work(self) -> None:
        """Do what is due by the clock."""
        docker = self.docker
        if docker and self._is_due("sync", SYNC_SECONDS):
            self.postponed, self.to_review = _sync_rockons(docker, None, self.signals), True
        if docker and self._is_due("lease", LEASE_CHECK_SECONDS):
            with _log_errors("the lease has to wait"):
                self.is_master = mastership.watch_lease(docker)
        if self.is_master and self._is_due("recovery", RECOVER_SECONDS):
            _recover_operations()
        if self.is_master and self._is_due("work", UPDATE_SECONDS):
            _submit_due_work(docker)
        if docker and self._is_due("trim", TRIM_SECONDS):
            with _log_errors("the history has to wait"):
                history.trim_operations(docker)
                history.trim_episodes()
            with _log_errors("old containers have to wait"):
                kept_containers.remove_expired()
        if self._is_due("notices", NOTICE_SECONDS):
            notification_queue.process_notices()
            db.session.remove()

    def follow_apps(self) -> None:
        """Check the shares, wait for events, and do what they ask for."""
        if self.docker and self.is_master and (self.changed or self.guard.is_due()):
            with _log_errors("a check of the shares has to wait"):
                self.guard.check_apps(self.docker)
        drained = _drain_events(self.events, ROUND_SECONDS)
        self.signals |= track_signals(drained)
        self.changed = self.postponed | {event.rockon for event in drained}
        in_charge = self.docker is not None and self.is_master and self.monitor.answers
        if in_charge:
            with _log_errors("the pages of apps have to wait"):
                self.changed |= self.page_checker.check_pages()
        self.postponed = (
            _sync_rockons(self.docker, self.changed, self.signals) if self.docker and self.changed else set()
        )
        if in_charge:
            with _log_errors("what is down has to wait"):
                self.to_review = bool(self.changed or self.to_review) and episodes.review_apps()
            with _log_errors("what went down with Docker has to wait"):
                self.keeper.start_fallen()

    def _is_due(self, work: str, seconds: float) -> bool:
        """Whether regular work has not been done for so long; if so, it counts as done now."""
        now = time.monotonic()
        if now - self.done_at.get(work, -math.inf) <= seconds:
            return False
        self.done_at[work] = now
        return True


def _submit_due_work(docker: Engine | None) -> None:
    with _log_errors("the refresh of the catalogue has to wait"):
        refresh_schedule.submit_due_refresh()
    with _log_errors("backups of data have to wait"):
        data_schedule.submit_due_backups()
    if docker:
        with _log_errors("newer images have to wait"):
            updates.submit_due_jobs()


def _connect_engine() -> Engine | None:
    try:
        return get_host().connect_docker()
    except EngineError:
        return None  # the monitor reports it


def _start_listening(docker: Engine, events: inbox.Queue[ContainerEvent]) -> threading.Thread | None:
    """Listen to Docker's events from now on, by Docker's clock, so that none is lost while the stream opens."""
    try:
        since = docker.system_time()
    except EngineError:
        return None  # the monitor reports it
    listener = threading.Thread(target=_listen_events, args=(docker, events, since), daemon=True)
    listener.start()
    return listener


def _listen_events(docker: Engine, events: inbox.Queue[ContainerEvent], since: int) -> None:
    try:
        for event in docker.stream_events(since):
            events.put(event)
    except Exception as error:
        logger.info("the stream of Docker's events ended: %s", type(error).__name__)


def _drain_events(events: inbox.Queue[ContainerEvent], seconds: float) -> list[ContainerEvent]:
    """Wait for an event up to `seconds`; return all events."""
    drained = []
    try:
        drained.append(events.get(timeout=seconds))
        time.sleep(0.1)  # one start causes several events
        while True:
            drained.append(events.get_nowait())
    except inbox.Empty:
        return drained


def _sync_rockons(docker: Engine, rockon_names: set[str] | None, signals: Mapping[str, int]) -> set[str]:
    """Sync these rock-ons (None: all), with the `signals` that containers got; return the names of those with an
    operation, to be synced later.
    """
    query = select(Installation.id, Installation.name).where(Installation.state != State.AVAILABLE)
    if rockon_names is not None:
        query = query.where(Installation.name.in_(rockon_names))
    busy = set()
    with _log_errors("a look at Docker failed"):
        for rockon_id, name in db.session.execute(query).all():
            if not sync_status.sync_status(rockon_id, docker, signals):
                busy.add(name)
    return busy


def _recover_operations() -> None:
    with _log_errors("recovery has to wait"):
        for operation_id in recovery.recover_operations():
            logger.warning("operation %s was recovered", operation_id)
            updates.refresh_after_operation(operation_id)
            notification_queue.notify_operation_ended(operation_id)


@contextmanager
def _log_errors(failure: str) -> Iterator[None]:
    """Log errors and do not raise them, as the next round tries again. In any case, no transaction stays open."""
    try:
        yield
    except (RockonwebError, RedisError, SQLAlchemyError, OSError) as error:  # OSError: a full disk
        logger.warning("%s: %s", failure, error)
    finally:
        db.session.remove()
