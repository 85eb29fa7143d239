"""Notices sent to users, by mail for example: each is stored when something happens, and sent by a job of its own.

Nothing here makes an operation fail or wait: sending to a target that does not answer is retried later, and the page
of the targets shows the error.
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
from sqlalchemy import func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import contains_eager

from rockonweb.config import current_config
from rockonweb.core.docker.disk_usage import LOW_SPACE
from rockonweb.core.errors import QueueUnreachable, RockonwebError
from rockonweb.core.instance import notifications
from rockonweb.core.instance.notifications import (
    NoticeContent,
    NoticeEvent,
    RenderedNotice,
    TroubleState,
)
from rockonweb.core.text import t
from rockonweb.languages import translate, use_language
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Episode,
    Installation,
    Kind,
    NoticeMessage,
    NoticeTarget,
    Operation,
    Progress,
    RockOn,
    db,
    maintenance_until,
    transaction,
    utc_now,
)
from rockonweb.models.operation import AUTOMATIC_REFRESH
from rockonweb.work import heartbeat, labels, notification_sender, operations, queue

JOB = "rockonweb.jobs.send_notice"
RETRY_DELAYS = (60, 300, 1800)  # seconds before each retry
LONGEST_DELAY = timedelta(seconds=max(RETRY_DELAYS))  # what is due later was written while the clock was wrong
MAX_TRIES = len(RETRY_DELAYS) + 1
LEASE_SECONDS = 120  # for which no other job takes a message that is being sent
MAX_WAITING = 100  # unsent messages of one target
BATCH_SIZE = 10
RECENT = timedelta(minutes=1)  # of an operation that ended earlier the notice was sent already
TROUBLE_KEY = "rockonweb:trouble"
GOOD_ENDS = {
    Progress.DONE: t("Done."),
    Progress.CANCELLED: t("It was cancelled; what it did was rolled back."),
}
logger = logging.getLogger(__name__)


# -- events -------------------------------------------------------------------------------------------------------


def is_operation_active(operation_id: int) -> bool:
    """Whether an operation is queued or running."""
    progress = db.session.scalar(select(Operation.progress).where(Operation.id == operation_id))
    db.session.rollback()
    return progress in ACTIVE_PROGRESS


def notify_operation_ended(operation_id: int) -> None:
    """Send a notice of an operation that has just ended."""
    with _log_failures():
        operation = db.session.get(Operation, operation_id)
        if operation is None or operation.finished is None or utc_now() - operation.finished > RECENT:
            return
        if operation.user == AUTOMATIC_REFRESH:
            return  # nobody waits for it, and a machine without a network is no alarm
        if operation.kind is Kind.BACKUP_DATA and operation.progress is Progress.DONE:
            return  # each night of each app: what is told is that one is missing
        if operation.user == operations.KEEPER and _has_episode(operation.installation_id):
            return  # it is told of already
        good_end = GOOD_ENDS.get(operation.progress)
        lines = (good_end,) if good_end else (operation.error, operation.hint or t("Check its steps, then repeat it."))
        message = NoticeContent(labels.describe_outcome(operation), lines, public_link(f"/operations/{operation_id}"))
        notify_targets(NoticeEvent.ENDED if good_end else NoticeEvent.FAILED, message)


def _has_episode(installation_id: int | None) -> bool:
    query = select(Episode.id).where(Episode.installation_id == installation_id, Episode.ended.is_(None))
    return db.session.scalar(query) is not None


def outdated_rockons() -> set[int]:
    """Return the ids of the rock-ons that have an update available."""
    rockon_ids = set(db.session.scalars(select(Installation.id).where(Installation.newer_images)))
    db.session.rollback()
    return rockon_ids


def notify_newer_images(rockon_ids: Collection[int]) -> None:
    """Send a notice that these rock-ons (ids) have an update available."""
    with _log_failures():
        names = (
            list(db.session.scalars(select(Installation.name).where(Installation.id.in_(rockon_ids))))
            if rockon_ids
            else []
        )
        if names:
            notify_targets(NoticeEvent.IMAGES, notifications.newer_images_notice(names, public_link("/updates")))


def notify_refused_logins(registries: Collection[str]) -> None:
    """Send a notice that these registries refuse their login."""
    with _log_failures():
        if registries:
            notify_targets(
                NoticeEvent.TROUBLE, notifications.refused_logins_notice(registries, public_link("/registries"))
            )


def notify_overdue_backups(names: Collection[str]) -> None:
    """Send a notice that the data of these apps has not been backed up for too long."""
    with _log_failures():
        notify_targets(NoticeEvent.TROUBLE, notifications.overdue_backups_notice(names, public_link("/data-backups")))


@contextmanager
def notify_newer_definitions() -> Iterator[None]:
    """Send a notice of the installed apps of which the catalogue has a newer definition that was not there before."""
    before = _apps_with_newer_definition().keys()
    yield
    with _log_failures():
        names = [name for app, name in _apps_with_newer_definition().items() if app not in before]
        if names:
            notify_targets(NoticeEvent.IMAGES, notifications.newer_definitions_notice(names, public_link("/")))


def _apps_with_newer_definition() -> dict[int, str]:
    query = select(Installation).join(Installation.entry).where(RockOn.source != Installation.installed_source)
    apps = db.session.scalars(query.options(contains_eager(Installation.entry)))
    names = {app.id: app.name for app in apps if app.has_newer_definition}
    db.session.rollback()
    return names


def process_notices() -> None:
    """Check whether Docker is down or its disk almost full, and queue due messages; nothing during maintenance. Called
    regularly by the watcher.
    """
    with _log_failures():
        if db.session.scalar(select(NoticeTarget.id).limit(1)) is None or maintenance_until() is not None:
            return
        _check_trouble()
        due = (
            select(NoticeMessage.id)
            .where(or_(NoticeMessage.due <= utc_now(), NoticeMessage.due > utc_now() + LONGEST_DELAY))
            .order_by(NoticeMessage.id)
            .limit(BATCH_SIZE)
        )
        _enqueue_jobs(list(db.session.scalars(due)))


def _check_trouble() -> None:
    status = heartbeat.engine_status()
    if status.reachable is None:
        return
    raw = queue.redis_connection().get(TROUBLE_KEY)
    previous = TroubleState(**json.loads(raw)) if isinstance(raw, bytes | str) else TroubleState()
    trouble, messages = notifications.track_trouble(
        previous,
        time.time(),
        away=not status.reachable,
        free=status.free,
        low_bytes=LOW_SPACE,
        link=public_link("/docker"),
    )
    for message in messages:
        notify_targets(NoticeEvent.TROUBLE, message)
    if trouble != previous:
        queue.redis_connection().set(TROUBLE_KEY, json.dumps(asdict(trouble)))


# -- sending ------------------------------------------------------------------------------------------------------


def notify_targets(event: NoticeEvent, message: NoticeContent) -> None:
    """Store a message for each target that subscribes to the event, and queue its job."""
    enqueue_messages(record_notice(event, message))


def record_notice(event: NoticeEvent, message: NoticeContent) -> list[int]:
    """Store a message for each target that subscribes to the event, and return the ids for `enqueue_messages`."""
    targets = list(db.session.execute(select(NoticeTarget.id, NoticeTarget.events, NoticeTarget.language)))
    languages = {
        target_id: language
        for target_id, events, language in targets
        if notifications.wants_event(events.split(), event)
    }
    return _record_messages(languages, message) if languages else []


def submit_test(target_id: int) -> None:
    """Queue a test message to a target, which is not retried. Raises QueueUnreachable."""
    queue.ping()
    with transaction() as session:
        target = session.get_one(NoticeTarget, target_id)
        target.fine = None
        language = target.language
    _enqueue_jobs(
        _record_messages(
            {target_id: language}, notifications.trial_notice(public_link("/notices")), tries=MAX_TRIES - 1
        )
    )


def send_message(message_id: int) -> None:
    """Send a stored message, if it is due; where that fails, set the time of the next try, up to MAX_TRIES."""
    with transaction() as session:
        message = session.get(NoticeMessage, message_id)
        if message is None or utc_now() < message.due <= utc_now() + LONGEST_DELAY:
            return
        message.due, message.tries = utc_now() + timedelta(seconds=LEASE_SECONDS), message.tries + 1
        channel, parts, tries = message.target.channel, message.target.address_parts, message.tries
        notice_text = RenderedNotice(message.title, message.body)
    failure: str = t("its address can't be read in the database")
    if channel:
        failure = notification_sender.deliver_message(channel, parts, notice_text)
    with transaction() as session:
        message = session.get(NoticeMessage, message_id)
        if message is None:
            return  # its target was removed in the meantime
        target = message.target
        target.fine, target.said, target.said_at = not failure, failure, utc_now()
        if failure and tries < MAX_TRIES:
            message.due = utc_now() + timedelta(seconds=RETRY_DELAYS[tries - 1])
        else:
            session.delete(message)


def _record_messages(targets: Mapping[int, str], message: NoticeContent, tries: int = 0) -> list[int]:
    """Store a message for targets (their languages by id), unless too many are unsent; return the messages' ids."""
    texts = {}
    for language in set(targets.values()):
        with use_language(language):
            texts[language] = notifications.render_notice(message, translate)
    with transaction() as session:
        query = select(NoticeMessage.target_id, func.count()).group_by(NoticeMessage.target_id)
        waiting = {target: count for target, count in session.execute(query)}  # noqa: C416 - mypy: rows are not pairs
        rows = [
            NoticeMessage(target_id=target, title=texts[language].title, body=texts[language].body, tries=tries)
            for target, language in targets.items()
            if waiting.get(target, 0) < MAX_WAITING
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def enqueue_messages(message_ids: Collection[int]) -> None:
    """Queue the jobs of stored messages; during maintenance the watcher queues them after it."""
    is_held = maintenance_until() is not None
    db.session.rollback()
    if not is_held:
        _enqueue_jobs(message_ids)


def _enqueue_jobs(message_ids: Collection[int]) -> None:
    with suppress(QueueUnreachable):  # the watcher queues it later
        for message_id in message_ids:
            queue.enqueue_job(JOB, message_id, job_id=f"notice-{message_id}")


def public_link(path: str) -> str:
    """Return the address of a page for a notification; blank where ROCKONWEB_URL does not say it."""
    settings = current_config()
    return f"{settings.public_url}{path}" if settings.public_url else ""


@contextmanager
def _log_failures() -> Iterator[None]:
    """Log errors and do not raise them: a notice must not make the operation that it is about fail."""
    db.session.rollback()
    try:
        yield
    except (RockonwebError, SQLAlchemyError, RedisError, OSError) as error:
        logger.warning("a notice has to be left out: %s", type(error).__name__)
        db.session.rollback()
