"""Keeps the rows true: looks at our containers at start, at each of Docker's events, and now and then."""

from __future__ import annotations

import logging
import math
import queue as inbox
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from redis.exceptions import RedisError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.config import current_settings
from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.host import Engine, host_of
from rockonweb.models import Installation, State, db
from rockonweb.work import heartbeat, metrics, notices, queue, recovery, sync_status, updates

HEARTBEAT_SECONDS = 5
LOOK_SECONDS = 60  # between two looks at everything, should an event have been missed
RECOVER_SECONDS = 5
UPDATE_SECONDS = 60  # between two questions whether a look for newer images, or an update, is due
NOTICE_SECONDS = 30  # between two looks for troubles to tell of, and for notices that are to be tried again
logger = logging.getLogger(__name__)


def watch() -> None:
    """Watch for ever. An engine or a queue that goes away is waited for."""
    names: inbox.Queue[str] = inbox.Queue()
    threading.Thread(target=metrics.watch, args=(current_settings(),), daemon=True).start()
    last_look = last_recovery = last_update = last_notice = -math.inf
    listener: threading.Thread | None = None
    docker: Engine | None = None
    unseen: set[str] = set()
    while True:
        if docker is None:
            docker, listener, last_look = _connect(), None, -math.inf
        if docker and (listener is None or not listener.is_alive()):
            listener, last_look = _start_listening(docker, names), -math.inf
        if docker and not _beat(docker):
            docker = None
        if docker and time.monotonic() - last_look > LOOK_SECONDS:
            unseen = _look_at(docker, None)
            last_look = time.monotonic()
        if time.monotonic() - last_recovery > RECOVER_SECONDS:
            _recover()
            last_recovery = time.monotonic()
        if docker and time.monotonic() - last_update > UPDATE_SECONDS:
            with _patience("newer images have to wait"):
                updates.keep_up()
            last_update = time.monotonic()
        if time.monotonic() - last_notice > NOTICE_SECONDS:
            notices.keep_up()
            db.session.remove()
            last_notice = time.monotonic()
        changed = unseen | _drain(names, HEARTBEAT_SECONDS)
        unseen = _look_at(docker, changed) if docker and changed else set()


def _connect() -> Engine | None:
    try:
        return host_of().connect()
    except EngineError as error:
        _tell(heartbeat.EngineStatus(False, error.hint))
        return None


def _beat(docker: Engine) -> bool:
    try:
        found = docker.settings()
    except EngineError as error:
        _tell(heartbeat.EngineStatus(False, error.hint))
        return False
    where = (found.images_folder, found.disk.file_system, found.disk.free) if found.disk else (found.images_folder,)
    _tell(heartbeat.EngineStatus(True, "", found.version, *where))
    return True


def _tell(status: heartbeat.EngineStatus) -> None:
    try:
        heartbeat.tell(queue.connection(), status)
    except RedisError:
        logger.warning("the queue does not answer; the pages can't be told how Docker is")


def _start_listening(docker: Engine, names: inbox.Queue[str]) -> threading.Thread | None:
    """Listen to Docker's events from now on, by its own clock: none is lost while the stream is being opened."""
    try:
        since = docker.clock()
    except EngineError:
        return None  # the next heartbeat tells of it
    listener = threading.Thread(target=_listen, args=(docker, names, since), daemon=True)
    listener.start()
    return listener


def _listen(docker: Engine, names: inbox.Queue[str], since: int) -> None:
    try:
        for name in docker.events(since):
            names.put(name)
    except Exception as error:
        logger.info("the stream of Docker's events ended: %s", type(error).__name__)


def _drain(names: inbox.Queue[str], seconds: float) -> set[str]:
    """Wait for an event up to `seconds`, then take all that came with it."""
    found: set[str] = set()
    try:
        found.add(names.get(timeout=seconds))
        time.sleep(0.1)  # a start comes as several events
        while True:
            found.add(names.get_nowait())
    except inbox.Empty:
        return found


def _look_at(docker: Engine, names: set[str] | None) -> set[str]:
    """Look at these rock-ons, at all without names; returns those that an operation works on, to look at later."""
    query = select(Installation.id, Installation.name).where(Installation.state != State.AVAILABLE)
    if names is not None:
        query = query.where(Installation.name.in_(names))
    busy = set()
    with _patience("a look at Docker failed"):
        for rockon_id, name in db.session.execute(query).all():
            if not sync_status.look(rockon_id, docker=docker):
                busy.add(name)
    return busy


def _recover() -> None:
    with _patience("recovery has to wait"):
        for operation_id in recovery.recover():
            logger.warning("operation %s was recovered", operation_id)
            updates.follow(operation_id)
            notices.operation_ended(operation_id)


@contextmanager
def _patience(trouble: str) -> Iterator[None]:
    """Log what can't be done now: it is tried again. Whatever happens, no transaction stays open."""
    try:
        yield
    except (RockonwebError, RedisError, SQLAlchemyError, OSError) as error:  # a disk may be full
        logger.warning("%s: %s", trouble, error)
    finally:
        db.session.remove()
