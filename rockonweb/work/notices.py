"""Notices to people who don't look: put on record when something happened, sent by a job for each.

Nothing here fails or delays what it tells of: a target that does not answer is tried again later, and the page of the
notices says so.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import timedelta

from redis.exceptions import RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from rockonweb.config import current_settings
from rockonweb.core.docker.daemon_settings import TIGHT
from rockonweb.core.errors import QueueUnreachable, RockonwebError
from rockonweb.core.instance import notices
from rockonweb.core.instance.notices import Event, Message, Trouble, Way, Words
from rockonweb.core.text import t
from rockonweb.languages import say, speaking
from rockonweb.models import ACTIVE, Installation, NoticeMessage, NoticeTarget, Operation, Progress, db, now, writing
from rockonweb.work import heartbeat, labels, notifier, queue

JOB = "rockonweb.jobs.send_notice"
PAUSES = (60, 300, 1800)  # seconds before each further try
TRIES = len(PAUSES) + 1
LEASE = 120  # seconds for which a job has a message for itself
MOST_WAITING = 100  # messages of one target
AT_ONCE = 10
JUST_NOW = timedelta(minutes=1)  # what ended earlier was told then
KEY = "rockonweb:trouble"
CALM_ENDS = {
    Progress.DONE: t("All is done."),
    Progress.CANCELLED: t("It was cancelled; what it did was taken back."),
}
logger = logging.getLogger(__name__)


# -- what happened ------------------------------------------------------------------------------------------------


def is_active(operation_id: int) -> bool:
    """Whether an operation waits or runs: its end is still to come."""
    found = db.session.scalar(select(Operation.progress).where(Operation.id == operation_id))
    db.session.rollback()
    return found in ACTIVE


def operation_ended(operation_id: int) -> None:
    """Tell of an operation that has ended."""
    with _quietly():
        operation = db.session.get(Operation, operation_id)
        if operation is None or operation.finished is None or now() - operation.finished > JUST_NOW:
            return
        calm = CALM_ENDS.get(operation.progress)
        lines = (calm,) if calm else (operation.error, operation.hint or t("Look at its steps, then repeat it."))
        message = Message(labels.ended_title(operation), lines, _link(f"/operations/{operation_id}"))
        tell(Event.ENDED if calm else Event.FAILED, message)


def with_newer() -> set[int]:
    """Return the rock-ons of which newer images are known."""
    found = set(db.session.scalars(select(Installation.id).where(Installation.newer_images)))
    db.session.rollback()
    return found


def images_found(rockon_ids: Collection[int]) -> None:
    """Tell of newer images."""
    with _quietly():
        names = (
            list(db.session.scalars(select(Installation.name).where(Installation.id.in_(rockon_ids))))
            if rockon_ids
            else []
        )
        if names:
            tell(Event.IMAGES, notices.of_images(names, _link("/updates")))


def keep_up() -> None:
    """Look whether Docker is away or room is low, and send what waits. Called by the watcher now and then."""
    with _quietly():
        if db.session.scalar(select(NoticeTarget.id).limit(1)) is None:
            return
        _look_for_trouble()
        due = select(NoticeMessage.id).where(NoticeMessage.due <= now()).order_by(NoticeMessage.id).limit(AT_ONCE)
        _enqueue(list(db.session.scalars(due)))


def _look_for_trouble() -> None:
    status = heartbeat.engine_status()
    if status.reachable is None:
        return
    raw = queue.connection().get(KEY)
    before = Trouble(**json.loads(raw)) if isinstance(raw, bytes | str) else Trouble()
    found, messages = notices.watch_trouble(
        before, time.time(), away=not status.reachable, free=status.free, tight=TIGHT, link=_link("/docker")
    )
    for message in messages:
        tell(Event.TROUBLE, message)
    if found != before:
        queue.connection().set(KEY, json.dumps(asdict(found)))


# -- sending ------------------------------------------------------------------------------------------------------


def tell(event: Event, message: Message) -> None:
    """Put a message on record for each target that wants it, and queue its job."""
    targets = list(db.session.execute(select(NoticeTarget.id, NoticeTarget.events, NoticeTarget.language)))
    wanting = {one: language for one, events, language in targets if notices.wanted(events.split(), event)}
    db.session.rollback()
    if wanting:
        _enqueue(_record(wanting, message))


def begin_test(target_id: int) -> None:
    """Queue a message by which a person tries a target; it is tried once. Raises QueueUnreachable."""
    queue.ping()
    with writing() as session:
        target = session.get_one(NoticeTarget, target_id)
        target.fine = None
        language = target.language
    _enqueue(_record({target_id: language}, notices.of_test(_link("/notices")), tries=TRIES - 1))


def send(message_id: int) -> None:
    """Send a message; what does not get through is tried again later, a few times."""
    with writing() as session:
        message = session.get(NoticeMessage, message_id)
        if message is None or message.due > now():
            return
        message.due, message.tries = now() + timedelta(seconds=LEASE), message.tries + 1
        way, parts, tries = Way(message.target.way), message.target.parts, message.tries
        words = Words(message.title, message.body)
    why = notifier.send(way, parts, words)
    with writing() as session:
        message = session.get(NoticeMessage, message_id)
        if message is None:
            return  # its target was removed meanwhile
        target = message.target
        target.fine, target.said, target.said_at = not why, why, now()
        if why and tries < TRIES:
            message.due = now() + timedelta(seconds=PAUSES[tries - 1])
        else:
            session.delete(message)


def _record(targets: Mapping[int, str], message: Message, tries: int = 0) -> list[int]:
    """Put a message on record for targets, whose languages are given; return the ids of the rows."""
    said = {}
    for language in set(targets.values()):
        with speaking(language):
            said[language] = notices.words(message, say)
    with writing() as session:
        query = select(NoticeMessage.target_id, func.count()).group_by(NoticeMessage.target_id)
        waiting = {target: number for target, number in session.execute(query)}  # noqa: C416 - rows are no pairs
        rows = [
            NoticeMessage(target_id=target, title=said[language].title, body=said[language].body, tries=tries)
            for target, language in targets.items()
            if waiting.get(target, 0) < MOST_WAITING
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def _enqueue(message_ids: Collection[int]) -> None:
    with suppress(QueueUnreachable):  # the watcher does it then
        for message_id in message_ids:
            queue.enqueue(JOB, message_id, job_id=f"notice-{message_id}")


def _link(path: str) -> str:
    settings = current_settings()
    return f"{settings.public_url}{path}" if settings.public_url else ""


@contextmanager
def _quietly() -> Iterator[None]:
    """Let nothing out: what is told of goes on whatever happens to the notice."""
    db.session.rollback()
    try:
        yield
    except (RockonwebError, SQLAlchemyError, RedisError, OSError) as error:
        logger.warning("a notice has to be left out: %s", type(error).__name__)
        db.session.rollback()
