"""Newer images of what is installed: looked up in the registries as a job, remembered, and taken by themselves where an
owner wants that.

A look pulls nothing and touches no container. What it finds is written on rows, so that no page asks Docker or a
registry.
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
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from rockonweb.config import current_settings
from rockonweb.core.docker import image_diff
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.operations.lifecycle import THERE
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.core.status.updates import Outcome, compare, due, in_window
from rockonweb.core.text import t
from rockonweb.host import Inspected, host_of
from rockonweb.models import (
    Container,
    ContainerImage,
    Installation,
    Operation,
    Progress,
    RockOn,
    State,
    db,
    now,
    writing,
)
from rockonweb.remote import registry
from rockonweb.work import operations, queue

JOB = "rockonweb.jobs.look_for_updates"
ALL = 0  # instead of a rock-on's id
AT_ONCE = 2  # rock-ons that become due at the same time and are looked at: the others have their turn later
AUTOMATIC = "automatic update"  # who began the operation

Told = registry.Remote | registry.Missing | registry.Unknown


@dataclass(frozen=True)
class Here:
    """A container's image on this host: the one that it runs, and the one that its name means now."""

    container_id: int
    reference: str  # its name
    image_id: str  # blank: there is no container
    running: Inspected | None
    named: Inspected | None

    @property
    def digests(self) -> frozenset[str]:
        """By which a registry may know what runs."""
        return self.running.image.known_digests if self.running else frozenset()


# -- looking ------------------------------------------------------------------------------------------------------


def begin_look(rockon_id: int = ALL) -> None:
    """Queue a look at the registries, for one rock-on or for all, unless one waits or runs. Raises QueueUnreachable."""
    if not looking(rockon_id):
        queue.enqueue(JOB, rockon_id, job_id=_job_id(rockon_id))


def looking(rockon_id: int = ALL) -> bool:
    """Whether such a look waits or runs."""
    try:
        status = Job.fetch(_job_id(rockon_id), connection=queue.connection()).get_status()
    except (NoSuchJobError, RedisError):
        return False
    return status is not None and status.value in ("queued", "started", "deferred", "scheduled")


def look(rockon_id: int = ALL) -> None:
    """Ask the registries what the names of images mean now, and write down what differs from what runs.

    What a registry does not tell stays unknown. Raises EngineError.
    """
    here = _look_here(rockon_id)
    known: dict[str, set[str]] = {}
    for one in sorted(here, key=lambda one: one.reference):
        known.setdefault(one.reference, set()).update(one.digests)
    _write(here, dict(registry.look_all(known, known)))


def follow(operation_id: int) -> None:
    """Look at this host's images again after an operation; the registries are not asked."""
    operation = db.session.get(Operation, operation_id)
    if operation is None or operation.installation is None or operation.active:
        return
    rockon_id, state = operation.installation.id, operation.installation.state
    went_back = operation.progress is Progress.DONE and operation.goes_back
    if state not in THERE:
        _forget(rockon_id)
        return
    with suppress(EngineError):  # the next look finds it
        _write(_look_here(rockon_id), {})
    if went_back:
        _leave_aside(rockon_id)


def _look_here(rockon_id: int) -> list[Here]:
    query = select(Container.id, Installation.name, Container.name, Container.image).join(Container.installation)
    query = query.where(Installation.state.in_((State.INSTALLED, State.PENDING_UPDATE)))
    if rockon_id != ALL:
        query = query.where(Installation.id == rockon_id)
    places = db.session.execute(query).all()
    db.session.rollback()
    with host_of().connect() as docker:
        containers = docker.containers()
        inspect = functools.cache(docker.inspect_image)
        found = []
        for container_id, rockon, name, reference in places:
            known = containers.get(name)
            image_id = known.image_id if known and known.rockon == rockon else ""
            running = inspect(image_id) if image_id else None
            found.append(Here(container_id, reference, image_id, running, inspect(reference)))
        return found


def _write(here: Collection[Here], told: Mapping[str, Told]) -> None:
    """Write what was found; without an answer of the registry what it told before still counts."""
    with writing() as session:
        query = (
            select(Container.id, Installation, ContainerImage)
            .join(Container.installation)
            .outerjoin(ContainerImage, ContainerImage.container_id == Container.id)
            .where(Container.id.in_([found.container_id for found in here]))
        )
        known = {container_id: (rockon, row) for container_id, rockon, row in session.execute(query)}
        for found in here:
            if found.container_id not in known:
                continue  # it went meanwhile
            _, row = known[found.container_id]
            if row is None or row.reference != found.reference:
                row = _fresh(session, row, found)
            _note_answer(row, found, told.get(found.reference))
            _note_images(row, found)
        session.flush()
        for rockon in {rockon for rockon, _ in known.values()}:
            rockon.newer_images = any(row.newer for row in session.scalars(_of(rockon.id)))
            if told:
                rockon.images_looked = now()


def _fresh(session: Session, old: ContainerImage | None, found: Here) -> ContainerImage:
    """Return a row of which nothing is known; `old` was for another image."""
    if old is not None:
        session.delete(old)
        session.flush()
    row = ContainerImage(
        container_id=found.container_id,
        reference=found.reference,
        outcome=Outcome.UNKNOWN,
        said="",
        running="",
        remote_digest="",
    )
    session.add(row)
    return row


def _note_answer(row: ContainerImage, found: Here, told: Told | None) -> None:
    """Write what the registry told; one that refuses takes back nothing that it told of this very image before."""
    digests = found.digests - {found.image_id}
    if isinstance(told, registry.Remote):
        row.outcome, row.said, row.seen = compare(found.image_id, digests, told.digests), "", now()
        row.remote_digest, row.remote_created, row.remote_size = told.digest, told.created, told.size
    elif told is not None:
        row.said = told.sentence
        if row.outcome is not Outcome.NEWER or row.running != found.image_id:
            row.outcome = Outcome.GONE if isinstance(told, registry.Missing) else Outcome.UNKNOWN
    elif row.remote_digest and row.running != found.image_id:
        row.outcome, row.said = compare(found.image_id, digests, (row.remote_digest,)), ""
    if row.outcome is Outcome.UNKNOWN and not row.said:
        row.said = _why_unknown(row, found)


def _why_unknown(row: ContainerImage, found: Here) -> str:
    if not found.image_id:
        return t("there is no container")
    if not row.remote_digest:
        return ""  # nobody has asked yet
    return t("the image that runs was not pulled from a registry, so there is nothing to compare")


def _note_images(row: ContainerImage, found: Here) -> None:
    """Write which image runs, which one the name means on this host, and what differs between them."""
    running, named = found.running, found.named
    row.running = found.image_id
    row.digest = running.digest if running else ""
    row.created, row.size = (running.created, running.image.size) if running else (None, None)
    got = named if named and running and named.image.id != running.image.id else None
    row.got, row.got_digest = (got.image.id, got.digest) if got else ("", "")
    row.got_created, row.got_size = (got.created, got.image.size) if got else (None, None)
    row.differences = image_diff.pack(image_diff.compare(running.body, got.body)) if running and got else ""


def _forget(rockon_id: int) -> None:
    """Forget the images of a rock-on that has no containers any more; what an owner set stays."""
    with writing() as session:
        for row in session.scalars(_of(rockon_id)):
            session.delete(row)
        rockon = session.get(Installation, rockon_id)
        if rockon is not None:
            rockon.newer_images, rockon.images_looked, rockon.auto_tried = False, None, ""


def _of(rockon_id: int) -> Select[ContainerImage]:
    return (
        select(ContainerImage)
        .join(ContainerImage.container)
        .where(Container.installation_id == rockon_id)
        .order_by(Container.position)
    )


def images_of(rockon_id: int) -> list[ContainerImage]:
    """Return what is known of the images of a rock-on's containers, in their order."""
    return list(db.session.scalars(_of(rockon_id)))


# -- by themselves ------------------------------------------------------------------------------------------------


def keep_up() -> None:
    """Queue the looks that are due, and begin the updates that owners want done by themselves. Called by the watcher.

    Raises QueueUnreachable.
    """
    for rockon_id in due_looks():
        begin_look(rockon_id)
    for rockon_id in due_updates(datetime.now()):  # a window is in this machine's own time
        _begin_automatic(rockon_id)


def due_looks() -> list[int]:
    """Return the rock-ons whose images are to be looked up now; few at once, those that wait longest first."""
    hours = current_settings().update_hours
    query = select(Installation.id, Installation.images_looked).where(Installation.state == State.INSTALLED)
    order = query.order_by(Installation.images_looked.is_not(None), Installation.images_looked)
    at = now()
    found = [
        one
        for one, looked in db.session.execute(order)
        if due((at - looked).total_seconds() if looked else None, hours, one)
    ]
    return found[:AT_ONCE]


def due_updates(at: datetime) -> list[int]:
    """Return the rock-ons that are to be updated by themselves at this moment, in this machine's own time."""
    minute = at.hour * 60 + at.minute
    query = select(Installation).where(
        Installation.auto_update, Installation.newer_images, Installation.state == State.INSTALLED
    )
    return [
        rockon.id
        for rockon in db.session.scalars(query)
        if in_window(minute, rockon.auto_from, rockon.auto_until) and not was_tried(rockon)
    ]


def was_tried(rockon: Installation) -> bool:
    """Whether the images that are newer were taken by themselves before, or an owner went back from them: then they
    are not tried again.
    """
    return bool(rockon.auto_tried) and rockon.auto_tried == _mark(images_of(rockon.id))


def _mark(images: Iterable[ContainerImage]) -> str:
    """Return what tells the images that an update would bring from others."""
    return " ".join(
        sorted({one.remote_digest if one.outcome is Outcome.NEWER else one.got for one in images if one.newer})
    )


def _begin_automatic(rockon_id: int) -> None:
    rockon = db.session.get_one(Installation, rockon_id)
    with suppress(Conflict):  # it is busy; the next time then
        operations.begin(rockon, UpdateRequest(), AUTOMATIC)
        _leave_aside(rockon_id)


def _leave_aside(rockon_id: int) -> None:
    """Remember the images that are newer now, so that they are not taken by themselves any more."""
    with writing() as session:
        session.get_one(Installation, rockon_id).auto_tried = _mark(images_of(rockon_id))


def last_automatic(rockon_id: int) -> Operation | None:
    """Return the update that was begun last without being asked."""
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.user == AUTOMATIC)
    return db.session.scalar(query.order_by(Operation.id.desc()).limit(1))


# -- all of them --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Overview:
    """What is known of the images of a rock-on that is installed."""

    installation: Installation
    images: list[ContainerImage]

    @property
    def outcome(self) -> Outcome:
        """What counts of all its containers: what is newer first, then what is not known."""
        if self.installation.update_known:
            return Outcome.NEWER
        found = {image.outcome for image in self.images} or {Outcome.UNKNOWN}
        return next(one for one in (Outcome.GONE, Outcome.UNKNOWN, Outcome.NEWER, Outcome.CURRENT) if one in found)

    @property
    def said(self) -> str:
        """Why something is not known; blank where all is, or nobody asked yet."""
        return next((image.said for image in self.images if image.said), "")


def overview() -> list[Overview]:
    """Return what is known of all that is installed, in name order, by two statements."""
    installed = Installation.state.in_((State.INSTALLED, State.PENDING_UPDATE))
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
    return [Overview(rockon, images.get(rockon.id, [])) for rockon in rockons]


def begin_all(user: str) -> tuple[list[int], list[str]]:
    """Begin an update of each rock-on that has a newer image. Returns the operations, and the names of those that are
    busy. Raises QueueUnreachable.
    """
    begun, busy = [], []
    query = select(Installation).join(Installation.entry).order_by(RockOn.sort_name)
    query = query.where(Installation.newer_images, Installation.state == State.INSTALLED)
    for rockon in list(db.session.scalars(query)):
        name = rockon.name
        try:
            begun.append(operations.begin(rockon, UpdateRequest(), user))
        except Conflict:
            busy.append(name)
    return begun, busy


def _job_id(rockon_id: int) -> str:
    return f"updates-{rockon_id or 'all'}"
