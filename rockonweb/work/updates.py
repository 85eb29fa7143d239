"""Checks for newer images of installed rock-ons: a job looks them up in the registries and stores the results.

A check pulls nothing and changes no container. Pages read the stored results, and ask neither Docker nor a registry.
Where a user has enabled it, updates are submitted automatically.
"""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from redis.exceptions import RedisError
from rq.exceptions import NoSuchJobError
from rq.job import Job
from sqlalchemy import select
from sqlalchemy.orm import Session

from rockonweb.config import current_config
from rockonweb.core.docker import image_diff
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.core.operations.requests import RehearseRequest, UpdateRequest
from rockonweb.core.status.updates import UpdateStatus, compare_digests, in_window, is_check_due
from rockonweb.core.text import t
from rockonweb.host import InspectedImage, get_host
from rockonweb.models import (
    Container,
    ContainerImage,
    Installation,
    Operation,
    Progress,
    RockOn,
    State,
    db,
    transaction,
    utc_now,
)
from rockonweb.models.image import rockon_images
from rockonweb.models.installation import in_state
from rockonweb.remote import registry
from rockonweb.work import operations, queue, registry_logins, rehearsal

JOB = "rockonweb.jobs.look_for_updates"
ALL_ROCKONS = 0  # instead of a rock-on's id
MAX_DUE_CHECKS = 2  # due rock-ons that are checked at once; the others follow later
AUTOMATIC = "automatic update"  # stored as the user of the operation

RegistryAnswer = registry.RemoteImage | registry.ImageNotFound | registry.LookupFailed


@dataclass(frozen=True)
class LocalImage:
    """The images of a container on this host: the one that it runs, and the one that its reference now names."""

    container_id: int
    reference: str  # such as "nginx:latest"
    image_id: str  # of the running one; blank where there is no container
    running: InspectedImage | None
    named: InspectedImage | None

    @property
    def digests(self) -> frozenset[str]:
        """The digests by which a registry may identify the running image."""
        return self.running.image.known_digests if self.running else frozenset()


# -- checks -------------------------------------------------------------------------------------------------------


def submit_check(rockon_id: int = ALL_ROCKONS) -> None:
    """Queue a check of one rock-on or all, unless one is queued or runs. Raises QueueUnreachable."""
    if not is_checking(rockon_id):
        queue.enqueue_job(JOB, rockon_id, job_id=_job_id(rockon_id))


def is_checking(rockon_id: int = ALL_ROCKONS) -> bool:
    """Whether such a check is queued or runs."""
    try:
        status = Job.fetch(_job_id(rockon_id), connection=queue.redis_connection()).get_status()
    except (NoSuchJobError, RedisError):
        return False
    return status is not None and status.value in ("queued", "started", "deferred", "scheduled")


def check_registries(rockon_id: int = ALL_ROCKONS) -> None:
    """Look up the images of one rock-on or all in their registries, and store whether the running ones are current.

    Where a lookup fails, the status is unknown. Raises EngineError.
    """
    images = _inspect_local_images(rockon_id)
    known_digests: dict[str, set[str]] = {}
    for image in sorted(images, key=lambda image: image.reference):
        known_digests.setdefault(image.reference, set()).update(image.digests)
    with registry_logins.share_pauses():
        logins = registry_logins.load_logins()
        db.session.rollback()
        answers = dict(registry.lookup_images(known_digests, known_digests, logins))
    _store_results(images, answers)


def refresh_after_operation(operation_id: int) -> None:
    """Update the stored results after an operation, from this host's images, without asking registries."""
    operation = db.session.get(Operation, operation_id)
    if operation is None or operation.installation is None or operation.is_active:
        return
    rockon_id, state = operation.installation.id, operation.installation.state
    went_back = operation.progress is Progress.DONE and operation.is_rollback
    if state not in INSTALLED_OR_PENDING:
        _delete_image_rows(rockon_id)
        return
    with suppress(EngineError):  # the next check does it
        _store_results(_inspect_local_images(rockon_id), {})
    if went_back:
        _mark_tried(rockon_id)


def _inspect_local_images(rockon_id: int) -> list[LocalImage]:
    query = select(Container.id, Installation.name, Container.name, Container.image).join(Container.installation)
    query = query.where(in_state(State.INSTALLED, State.PENDING_UPDATE))
    if rockon_id != ALL_ROCKONS:
        query = query.where(Installation.id == rockon_id)
    rows = db.session.execute(query).all()
    db.session.rollback()
    with get_host().connect_docker() as docker:
        containers = docker.list_containers()
        inspect = functools.cache(docker.inspect_image)
        images = []
        for container_id, rockon, name, reference in rows:
            container = containers.get(name)
            image_id = container.image_id if container and container.rockon == rockon else ""
            running = inspect(image_id) if image_id else None
            images.append(LocalImage(container_id, reference, image_id, running, inspect(reference)))
        return images


def _store_results(images: Collection[LocalImage], answers: Mapping[str, RegistryAnswer]) -> None:
    """Store the results; without a registry's answer for an image, its previous one still counts."""
    with transaction(durable=False) as session:
        query = (
            select(Container.id, Installation, ContainerImage)
            .join(Container.installation)
            .outerjoin(ContainerImage, ContainerImage.container_id == Container.id)
            .where(Container.id.in_([image.container_id for image in images]))
        )
        stored = {container_id: (installation, row) for container_id, installation, row in session.execute(query)}
        for image in images:
            if image.container_id not in stored:
                continue  # removed in the meantime
            _, row = stored[image.container_id]
            if row is None or row.reference != image.reference:
                row = _replace_row(session, row, image)
            _record_answer(row, image, answers.get(image.reference))
            _record_images(row, image)
        session.flush()
        for installation in {installation for installation, _ in stored.values()}:
            installation.newer_images = any(row.has_update for row in rockon_images(installation.id))
            if answers:
                installation.images_looked = utc_now()


def _replace_row(session: Session, old_row: ContainerImage | None, image: LocalImage) -> ContainerImage:
    """Return a new row without results, instead of `old_row`, which was for another image reference."""
    if old_row is not None:
        session.delete(old_row)
        session.flush()
    row = ContainerImage(
        container_id=image.container_id,
        reference=image.reference,
        outcome=UpdateStatus.UNKNOWN,
        said="",
        running="",
        remote_digest="",
    )
    session.add(row)
    return row


def _record_answer(row: ContainerImage, image: LocalImage, answer: RegistryAnswer | None) -> None:
    """Store a registry's answer; after a failed lookup, an update found earlier for the same running image stays."""
    digests = image.digests - {image.image_id}
    if isinstance(answer, registry.RemoteImage):
        row.outcome, row.said, row.seen = compare_digests(image.image_id, digests, answer.all_digests), "", utc_now()
        row.remote_digest, row.remote_created, row.remote_size = answer.digest, answer.created, answer.size
    elif answer is not None:
        row.said = answer.sentence
        if row.outcome is not UpdateStatus.NEWER or row.running != image.image_id:
            row.outcome = UpdateStatus.GONE if isinstance(answer, registry.ImageNotFound) else UpdateStatus.UNKNOWN
    elif row.remote_digest and row.running != image.image_id:
        row.outcome, row.said = compare_digests(image.image_id, digests, (row.remote_digest,)), ""
    if row.outcome is UpdateStatus.UNKNOWN and not row.said:
        row.said = _why_unknown(row, image)


def _why_unknown(row: ContainerImage, image: LocalImage) -> str:
    if not image.image_id:
        return t("there is no container")
    if not row.remote_digest:
        return ""  # not checked yet
    return t("the running image was not pulled from a registry, so there is nothing to compare")


def _record_images(row: ContainerImage, image: LocalImage) -> None:
    """Store the running image, the one that the reference names on this host (`got`), and their differences."""
    running, named = image.running, image.named
    row.running = image.image_id
    row.digest = running.digest if running else ""
    row.created, row.size = (running.created, running.image.size) if running else (None, None)
    pulled = named if named and running and named.image.id != running.image.id else None
    row.got, row.got_digest = (pulled.image.id, pulled.digest) if pulled else ("", "")
    row.got_created, row.got_size = (pulled.created, pulled.image.size) if pulled else (None, None)
    row.differences = (
        image_diff.pack_differences(image_diff.compare_images(running.details, pulled.details))
        if running and pulled
        else ""
    )


def _delete_image_rows(rockon_id: int) -> None:
    """Delete the results of a rock-on without containers; its update settings stay."""
    with transaction() as session:
        for row in rockon_images(rockon_id):
            session.delete(row)
        installation = session.get(Installation, rockon_id)
        if installation is not None:
            installation.newer_images, installation.images_looked, installation.auto_tried = False, None, ""


# -- automatic updates --------------------------------------------------------------------------------------------


def submit_due_jobs() -> None:
    """Queue the checks that are due, and submit the automatic updates that are. Called by the watcher.

    Raises QueueUnreachable.
    """
    for rockon_id in due_checks():
        submit_check(rockon_id)
    for rockon_id in due_updates(datetime.now()):  # windows are in this machine's local time
        _submit_automatic(rockon_id)


def due_checks() -> list[int]:
    """Return the rock-ons (ids) to check now, at most MAX_DUE_CHECKS, those checked longest ago first."""
    hours = current_config().update_hours
    query = select(Installation.id, Installation.images_looked).where(Installation.state == State.INSTALLED)
    order = query.order_by(Installation.images_looked.is_not(None), Installation.images_looked)
    current_time = utc_now()
    due_ids = [
        rockon_id
        for rockon_id, last_check in db.session.execute(order)
        if is_check_due((current_time - last_check).total_seconds() if last_check else None, hours, rockon_id)
    ]
    return due_ids[:MAX_DUE_CHECKS]


def due_updates(moment: datetime) -> list[int]:
    """Return the rock-ons (ids) to update automatically at this time, which is local."""
    minute = moment.hour * 60 + moment.minute
    query = select(Installation).where(
        Installation.auto_update,
        Installation.newer_images,
        Installation.auto_obstacle == "",
        Installation.state == State.INSTALLED,
    )
    return [
        installation.id
        for installation in db.session.scalars(query)
        if in_window(minute, installation.auto_from, installation.auto_until) and not was_tried(installation)
    ]


def was_tried(installation: Installation) -> bool:
    """Whether an automatic update to the available images was tried before, or a user has rolled back from them: then
    it is not tried again.
    """
    return bool(installation.auto_tried) and installation.auto_tried == _update_fingerprint(
        rockon_images(installation.id)
    )


def _update_fingerprint(images: Iterable[ContainerImage]) -> str:
    """Return a text that identifies the images that an update would bring: their sorted digests and ids."""
    return " ".join(
        sorted(
            {
                image.remote_digest if image.outcome is UpdateStatus.NEWER else image.got
                for image in images
                if image.has_update
            }
        )
    )


def _submit_automatic(rockon_id: int) -> None:
    """Submit an automatic update, or first its rehearsal where a user wants one; pass it over where that has failed."""
    installation = db.session.get_one(Installation, rockon_id)
    request = RehearseRequest(images=_update_fingerprint(rockon_images(rockon_id)))
    with suppress(Conflict):  # busy: tried again later
        if installation.auto_rehearse:
            last = rehearsal.last_rehearsal(installation)
            if not last or last.request != request or last.progress is Progress.INTERRUPTED:
                operations.submit_operation(installation, request, AUTOMATIC)
                return
            if last.is_active:
                return
            if last.progress is not Progress.DONE:
                _mark_tried(rockon_id)
                return
        operations.submit_operation(installation, UpdateRequest(), AUTOMATIC)
        _mark_tried(rockon_id)


def _mark_tried(rockon_id: int) -> None:
    """Store the available images, so that no automatic update to them is tried again."""
    with transaction() as session:
        session.get_one(Installation, rockon_id).auto_tried = _update_fingerprint(rockon_images(rockon_id))


def last_automatic(rockon_id: int) -> Operation | None:
    """Return the rock-on's last automatic update, or its rehearsal; None where there is none."""
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.user == AUTOMATIC)
    return db.session.scalar(query.order_by(Operation.id.desc()).limit(1))


# -- all rock-ons -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class InstalledImages:
    """An installed rock-on with the stored results for its images."""

    installation: Installation
    images: list[ContainerImage]

    @property
    def outcome(self) -> UpdateStatus:
        """The status of the whole rock-on: NEWER, else the first that occurs of the order below."""
        if self.installation.has_newer_image:
            return UpdateStatus.NEWER
        outcomes = {image.outcome for image in self.images} or {UpdateStatus.UNKNOWN}
        return next(
            outcome
            for outcome in (UpdateStatus.GONE, UpdateStatus.UNKNOWN, UpdateStatus.NEWER, UpdateStatus.CURRENT)
            if outcome in outcomes
        )

    @property
    def unknown_reason(self) -> str:
        """Why the status of an image is unknown; blank where none is, or there was no check yet."""
        return next((image.said for image in self.images if image.said), "")


def installed_images() -> list[InstalledImages]:
    """Return the stored results of all installed rock-ons, by name, with two statements."""
    installed = in_state(State.INSTALLED, State.PENDING_UPDATE)
    rockons = list(
        db.session.scalars(
            select(Installation).join(Installation.entry).where(installed).order_by(RockOn.sort_name, RockOn.name)
        )
    )
    query = (
        select(Container.installation_id, ContainerImage).join(ContainerImage.container).order_by(Container.position)
    )
    images: dict[int, list[ContainerImage]] = {}
    for rockon_id, image in db.session.execute(query):
        images.setdefault(rockon_id, []).append(image)
    return [InstalledImages(installation, images.get(installation.id, [])) for installation in rockons]


def submit_updates(user: str) -> tuple[list[int], list[str], list[str]]:
    """Submit an update of each rock-on that has a newer image. Returns the operations' ids, and the names of the
    rock-ons that are busy, and of those that leave something to be decided first. Raises QueueUnreachable.
    """
    operation_ids: list[int] = []
    busy: list[str] = []
    undecided: list[str] = []
    query = select(Installation).join(Installation.entry).order_by(RockOn.sort_name)
    query = query.where(Installation.newer_images, Installation.state == State.INSTALLED)
    for installation in list(db.session.scalars(query)):
        name = installation.name
        if installation.auto_obstacle:
            undecided.append(name)
            continue
        try:
            operation_ids.append(operations.submit_operation(installation, UpdateRequest(), user))
        except Conflict:
            busy.append(name)
    return operation_ids, busy, undecided


def _job_id(rockon_id: int) -> str:
    return f"updates-{rockon_id or 'all'}"
