"""What the dashboard shows: the host's capacities, installed apps, alerts, and recent operations.

Reads the database, Redis and the kernel, never Docker. The number of SQL statements is fixed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from flask import current_app
from sqlalchemy import func, select
from sqlalchemy.orm import defer, joinedload

from rockonweb import program
from rockonweb.config import VERSION, current_config
from rockonweb.core.instance.attention import (
    Alert,
    AlertFacts,
    Capacity,
    FailedOperation,
    InstalledApp,
    ProgramFacts,
    collect_alerts,
)
from rockonweb.core.operations.lifecycle import CLOSED_ROOM_KINDS
from rockonweb.host import get_host
from rockonweb.migrations import upgrade
from rockonweb.models import (
    Episode,
    Installation,
    Kind,
    Operation,
    Problem,
    Progress,
    Status,
    db,
    maintenance_until,
    utc_now,
)
from rockonweb.models.operation import AUTOMATIC_REFRESH
from rockonweb.web import catalogue_listing
from rockonweb.web.labels import down_reason, ended_title, status_age
from rockonweb.web.partials import fingerprint_of
from rockonweb.work import data_schedule, heartbeat, keep_running
from rockonweb.work.heartbeat import EngineStatus

OUTAGE_DAYS = 7
MAX_RECENT = 6  # operations
FAILURE_MAX_AGE = timedelta(days=7)  # how long an unresolved failure is shown
_WITH_INSTALLATION = joinedload(Operation.installation).load_only(Installation.name, Installation.status)
_LOAD_OPTIONS = (defer(Operation.reviewed), _WITH_INSTALLATION)
# A failed operation whose goal was reached all the same, by Docker's restart policy or by hand.
_REACHED_ANYWAY = {(Kind.START, Status.STARTED), (Kind.RESTART, Status.STARTED), (Kind.STOP, Status.STOPPED)}


@dataclass(frozen=True)
class HomePage:
    """The contents of the dashboard."""

    cards: Sequence[catalogue_listing.RockonCard]
    running: int
    alerts: Sequence[Alert]
    recent: Sequence[Operation]
    engine: EngineStatus
    shares: Capacity
    images: Capacity
    memory: Capacity
    outages: int  # in the last OUTAGE_DAYS days

    @property
    def home_fingerprint(self) -> str:
        """A fingerprint of what can change, capacities rounded, so that a polling page gets only changes."""
        states = [
            (card.rockon.id, card.rockon.state, card.rockon.status, card.rockon.problem,
             card.rockon.exit_code, card.rockon.has_newer_image,
             card.icon, card.link, card.operation, card.newer)
            for card in self.cards
        ]  # fmt: skip
        recent = [(operation.id, operation.progress) for operation in self.recent]
        capacities = [
            capacity.used_fraction and round(capacity.used_fraction, 2)
            for capacity in (self.shares, self.images, self.memory)
        ]
        engine = (self.engine.reachable, self.engine.version)
        return fingerprint_of(states, self.alerts, recent, capacities, engine, self.outages, status_age())


def build_home_page(hostname: str) -> HomePage:
    """Collect the contents of the dashboard; `hostname` is for the links to apps."""
    cards = catalogue_listing.installed_cards(hostname)
    engine = heartbeat.engine_status()
    disk = get_host().future_disk(current_config().shares_root)
    shares, images, memory = (
        Capacity(disk.free, disk.total) if disk else Capacity(),
        _image_capacity(engine),
        _memory_capacity(),
    )
    wanted = keep_running.should_run_ids()
    data = data_schedule.list_statuses()
    facts = AlertFacts(
        workers=heartbeat.count_workers(),
        shares=shares,
        images=images,
        memory=memory,
        apps=[_installed_app(card, wanted=card.rockon.id in wanted) for card in cards],
        failures=_recent_failures(),
        busy_rockons=frozenset(card.rockon.id for card in cards if card.operation or card.rockon.is_pending),
        program=_program_facts(),
        maintenance_minutes=_maintenance_minutes(),
        blind_spots=get_host().blind_spots.values(),
        unsaved_apps=[status.app.name for status in data if status.paths and status.taken is None],
        overdue_apps=[status.app.name for status in data if status.is_overdue and status.taken],
    )
    recent = db.session.scalars(
        select(Operation).options(*_LOAD_OPTIONS).order_by(Operation.id.desc()).limit(MAX_RECENT)
    ).all()
    running = sum(
        catalogue_listing.condition_of(card.rockon.state, card.rockon.status, card.rockon.problem)
        is catalogue_listing.Condition.RUNNING
        for card in cards
    )
    recently = Episode.began > utc_now() - timedelta(days=OUTAGE_DAYS)
    outages = db.session.scalar(select(func.count(Episode.id)).where(recently)) or 0
    return HomePage(cards, running, collect_alerts(facts), recent, engine, shares, images, memory, outages)


def _maintenance_minutes() -> int:
    until = maintenance_until()
    return math.ceil((until - utc_now()).total_seconds() / 60) if until else 0


def _program_facts() -> ProgramFacts:
    return ProgramFacts(
        VERSION,
        program.installed_version(),
        is_replaced=program.code_fingerprint() != current_app.config["CODE_FINGERPRINT"],
        has_newer_schema=upgrade.has_newer_schema(),
        restart=program.restart_command(current_config().instance),
    )


def _installed_app(card: catalogue_listing.RockonCard, *, wanted: bool) -> InstalledApp:
    installation = card.rockon
    has_failed = (
        catalogue_listing.condition_of(installation.state, installation.status, installation.problem)
        is catalogue_listing.Condition.FAILED
    )
    return InstalledApp(
        installation.id,
        installation.name,
        down_reason(installation) if has_failed else "",
        has_fallen=wanted and installation.status is Status.STOPPED,
        waits=installation.problem is Problem.SHARE_ABSENT,
        newer_images=installation.has_newer_image,
        newer_definition=card.newer,
        unreadable=card.unreadable,
    )


def _recent_failures() -> list[FailedOperation]:
    """Return recent failed operations, each only where it is the last that ended on its rock-on or network."""
    # A refresh by schedule that failed is told on the page of the catalogue, a rehearsal on that of the app's updates.
    counts = (Operation.user != AUTOMATIC_REFRESH) | (Operation.progress == Progress.DONE)
    counts &= Operation.kind.not_in(CLOSED_ROOM_KINDS)
    last_ids = select(func.max(Operation.id)).where(Operation.finished.is_not(None), counts)
    last_ids = last_ids.group_by(Operation.installation_id, Operation.network)
    query = select(Operation).where(
        Operation.id.in_(last_ids),
        Operation.progress.in_((Progress.FAILED, Progress.INTERRUPTED)),
        Operation.finished > utc_now() - FAILURE_MAX_AGE,
    )
    operations = db.session.scalars(query.options(*_LOAD_OPTIONS).order_by(Operation.id.desc()))
    return [
        FailedOperation(
            operation.id, ended_title(operation), operation.error, operation.hint, operation.installation_id
        )
        for operation in operations
        if not (operation.installation and (operation.kind, operation.installation.status) in _REACHED_ANYWAY)
    ]


def _image_capacity(engine: EngineStatus) -> Capacity:
    """Return the free space for images as reported by the watcher, and the disk's size where it can be read."""
    if engine.free is None:
        return Capacity()
    disk = get_host().disk(engine.images_folder)
    return Capacity(engine.free, disk.total if disk else None)


def _memory_capacity() -> Capacity:
    return Capacity(*get_host().read_memory())
