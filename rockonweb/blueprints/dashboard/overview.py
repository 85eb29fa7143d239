"""What the first page shows: how the host is, what is installed, what to look at, and what was done lately.

Docker is not asked: rows, the queue's server and the kernel know it all. The number of statements does not grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload

from rockonweb.config import current_settings
from rockonweb.core.instance.attention import App, Facts, Failure, Item, Room, attention
from rockonweb.core.text import joined
from rockonweb.host import host_of
from rockonweb.models import Installation, Kind, Operation, Progress, Status, db, now
from rockonweb.web import catalogue_listing
from rockonweb.web.labels import ended_title, pill_of
from rockonweb.web.partials import mark_of
from rockonweb.work import heartbeat
from rockonweb.work.heartbeat import EngineStatus

RECENT = 6  # operations
REMEMBERED = timedelta(days=7)  # for how long a failure is told that nobody made up for
_NAMED = joinedload(Operation.installation).load_only(Installation.name, Installation.status)
_BRIEF = (defer(Operation.reviewed), _NAMED)
# What a failed operation wanted came about all the same, by Docker's own restart or by hand.
_CAME_ABOUT = {(Kind.START, Status.STARTED), (Kind.RESTART, Status.STARTED), (Kind.STOP, Status.STOPPED)}


@dataclass(frozen=True)
class Home:
    """The first page."""

    cards: Sequence[catalogue_listing.Card]
    running: int
    items: Sequence[Item]
    recent: Sequence[Operation]
    engine: EngineStatus
    shares: Room
    images: Room
    memory: Room

    @property
    def mark(self) -> str:
        """A fingerprint of what can change, rooms coarsely, so that a page that polls is sent only news."""
        states = [
            (card.rockon.id, card.rockon.state, card.rockon.status, card.rockon.exit_code, card.rockon.update_known,
             card.icon, card.link, card.operation, card.newer)
            for card in self.cards
        ]  # fmt: skip
        recent = [(one.id, one.progress) for one in self.recent]
        rooms = [room.used and round(room.used, 2) for room in (self.shares, self.images, self.memory)]
        engine = (self.engine.reachable, self.engine.version)
        return mark_of(states, self.items, recent, rooms, engine)


def look(hostname: str) -> Home:
    """Return the first page."""
    cards = catalogue_listing.installed(hostname)
    engine = heartbeat.engine_status()
    disk = host_of().disk(str(current_settings().shares_root))
    shares, images, memory = Room(disk.free, disk.total) if disk else Room(), _images(engine), _memory()
    facts = Facts(
        workers=heartbeat.workers() if heartbeat.queue_alive() else None,
        shares=shares,
        images=images,
        memory=memory,
        apps=[_app(card) for card in cards],
        failures=_failures(),
        running=frozenset(card.rockon.id for card in cards if card.operation or card.rockon.pending),
    )
    recent = db.session.scalars(select(Operation).options(*_BRIEF).order_by(Operation.id.desc()).limit(RECENT)).all()
    running = sum(
        catalogue_listing.condition_of(one.rockon.state, one.rockon.status) is catalogue_listing.Condition.RUNNING
        for one in cards
    )
    return Home(cards, running, attention(facts), recent, engine, shares, images, memory)


def _app(card: catalogue_listing.Card) -> App:
    rockon = card.rockon
    failed = catalogue_listing.condition_of(rockon.state, rockon.status) is catalogue_listing.Condition.FAILED
    pill = pill_of(rockon)
    ended = joined(" – ", (str(pill.words), pill.detail or rockon.error or "")) if failed else ""
    return App(rockon.id, rockon.name, ended, rockon.update_known, card.newer)


def _failures() -> list[Failure]:
    """Return what failed lately, where it is the last that was done to its rock-on."""
    last = select(func.max(Operation.id)).where(Operation.finished.is_not(None)).group_by(Operation.installation_id)
    query = select(Operation).where(
        Operation.id.in_(last),
        Operation.progress.in_((Progress.FAILED, Progress.INTERRUPTED)),
        Operation.finished > now() - REMEMBERED,
    )
    found = db.session.scalars(query.options(*_BRIEF).order_by(Operation.id.desc()))
    return [
        Failure(one.id, ended_title(one), one.error, one.hint, one.installation_id)
        for one in found
        if not (one.installation and (one.kind, one.installation.status) in _CAME_ABOUT)
    ]


def _images(engine: EngineStatus) -> Room:
    """Return the room for images as the watcher told it; how large the disk is, where it can be seen from here."""
    if engine.free is None:
        return Room()
    disk = host_of().disk(engine.images_folder)
    return Room(engine.free, disk.total if disk else None)


def _memory() -> Room:
    return Room(*host_of().memory())
