"""Apps that should run: those that a person last asked to run. What went down with Docker is started again.

Docker starts most containers itself when it comes back, but not after it was killed. An app that somebody stopped, here
or with the docker command, stays stopped.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import timedelta

from cryptography.fernet import Fernet, InvalidToken
from flask import current_app
from sqlalchemy import Text, and_, func, or_, select, type_coerce
from sqlalchemy.orm import Session

from rockonweb.config import current_config
from rockonweb.core.errors import Conflict
from rockonweb.core.instance import notifications
from rockonweb.core.instance.diagnosis.apps import FallenApp
from rockonweb.core.instance.notifications import NoticeEvent
from rockonweb.core.operations.lifecycle import Kind, Progress, State
from rockonweb.core.operations.requests import InstallRequest, StartRequest, request_from_json
from rockonweb.core.status.status import MISSING_CODE, Problem, Status
from rockonweb.models import Installation, Operation, db, maintenance_until, utc_now
from rockonweb.models.base import make_cipher
from rockonweb.models.operation import IS_ACTIVE
from rockonweb.work import known_shares, notification_queue, operations, scheduler
from rockonweb.work.operations import KEEPER

WISH_KINDS = (Kind.INSTALL, Kind.START, Kind.RESTART, Kind.STOP)  # after which an app runs, or does not
RUNNING_STATUSES = (Status.STARTED, Status.PENDING_START, Status.EXITED)  # at least a part of it runs
GUARD = "automatic stop"  # stored as the user of the operation, where a share is absent
MAX_STARTS = 3  # automatic ones of an app in START_PERIOD
START_PERIOD = timedelta(hours=1)
GRACE_SECONDS = 30  # for which Docker may start containers itself
RETRY_SECONDS = 120  # between two automatic starts of an app
logger = logging.getLogger(__name__)


def should_run_ids() -> set[int]:
    """Return the ids of the installed apps that a person last asked to run."""
    return _wanted_ids(db.session(), str(current_app.secret_key))


def find_fallen_apps(session: Session, key: str) -> list[FallenApp]:
    """Return the apps that a person last asked to run and that don't, or not properly, by name; `key` is that of the
    instance, blank for none.

    Without those that an operation is at work on. Needs no application context.
    """
    busy = select(Operation.installation_id).where(IS_ACTIVE, Operation.installation_id.is_not(None))
    columns = (
        Installation.name,
        Installation.exit_code,
        Installation.status_error,
        Installation.error,
    )
    query = select(Installation.status, Installation.problem, *columns).where(
        Installation.id.in_(_wanted_ids(session, key)),
        Installation.id.not_in(busy),
        or_(
            Installation.status.in_((Status.STOPPED, Status.EXITED, Status.START_FAILED)),
            and_(
                Installation.status == Status.STARTED, Installation.problem.in_([one for one in Problem if one.is_down])
            ),
        ),
    )
    return [
        FallenApp(name, exit_code, status_error, runs=status is Status.STARTED)
        if status in (Status.EXITED, Status.STARTED)
        else FallenApp(name, None, error or "", waits=problem is Problem.SHARE_ABSENT)
        for status, problem, name, exit_code, status_error, error in session.execute(query.order_by(Installation.name))
    ]


def _wanted_ids(session: Session, key: str) -> set[int]:
    last_ids = (
        select(func.max(Operation.id))
        .where(
            Operation.kind.in_(WISH_KINDS),
            Operation.user.not_in((KEEPER, GUARD)),
            Operation.progress != Progress.CANCELLED,
        )
        .group_by(Operation.installation_id)
    )
    wishes = (
        select(Operation.installation_id, Operation.kind, type_coerce(Operation.parameters, Text))
        .join(Operation.installation)
        .where(Operation.id.in_(last_ids), Installation.state == State.INSTALLED)
    )
    cipher = make_cipher(key)
    return {
        installation_id
        for installation_id, kind, stored in session.execute(wishes)
        if installation_id is not None and _wants_running(kind, stored, cipher)
    }


def _wants_running(kind: Kind, stored_request: str, cipher: Fernet) -> bool:
    """Whether an app should run after an operation; an install may have left it stopped."""
    if kind is Kind.INSTALL:
        with suppress(InvalidToken):
            request = request_from_json(kind, cipher.decrypt(stored_request.encode()).decode())
            return not (isinstance(request, InstallRequest) and request.stopped)
    return kind is not Kind.STOP


class RunningKeeper:
    """What the watcher remembers of apps that went down with Docker: by id, when (monotonic) to start them again."""

    def __init__(self) -> None:
        self.fallen: dict[int, float] = {}
        self._degraded: set[int] = set()  # of these, the ones of which only a part ran, or a part kept ending

    def note_return(self) -> None:
        """Note which apps ran when Docker was last seen. To be called when it is back, before the statuses are synced.

        One that was stopped before, by a person here or with the docker command, does not count.
        """
        due = time.monotonic() + GRACE_SECONDS
        query = select(Installation.id, Installation.status).where(
            Installation.state == State.INSTALLED, Installation.status.in_(RUNNING_STATUSES)
        )
        rows = db.session.execute(query).all()
        self.fallen |= dict.fromkeys((installation_id for installation_id, _ in rows), due)
        self._degraded = {installation_id for installation_id, status in rows if status is Status.EXITED}
        db.session.rollback()

    def start_fallen(self) -> None:
        """Start those that are due and do not run, though a person last asked for that; notify of them. Not during
        maintenance.
        """
        now = time.monotonic()
        due = sorted(key for key, at in self.fallen.items() if at <= now)
        if not due or maintenance_until() is not None:
            return
        down, wanted = [], should_run_ids() - known_shares.held_ids(db.session())
        for installation_id in due:
            installation = db.session.get(Installation, installation_id)
            if installation is None or installation_id not in wanted or not self._has_fallen(installation):
                del self.fallen[installation_id]
            elif scheduler.is_changing(installation_id):
                self.fallen[installation_id] = now + GRACE_SECONDS
            else:
                down.append(installation)
        self._start_or_give_up(down, now)
        db.session.rollback()

    def _has_fallen(self, installation: Installation) -> bool:
        """Whether less of it runs than before. It has not where containers are missing: somebody removed those, or the
        database is older than the uninstall. Nor where it runs in part as before: somebody may have stopped the rest.
        """
        if installation.status is Status.EXITED:
            return installation.exit_code != MISSING_CODE and installation.id not in self._degraded
        return installation.status is not Status.STARTED

    def _start_or_give_up(self, down: Collection[Installation], now: float) -> None:
        starts = {installation.id: count_starts(installation.id) for installation in down}
        names = [installation.name for installation in down if not starts[installation.id]]
        keeps_running = current_config().keep_running
        for installation in down:
            if not keeps_running or starts[installation.id] >= MAX_STARTS:
                del self.fallen[installation.id]
                continue
            self.fallen[installation.id] = now + RETRY_SECONDS
            try:
                operations.submit_operation(installation, StartRequest(), KEEPER)
            except Conflict as error:
                logger.info("%s can't be started again now: %s", installation.name, error)
        if names:
            logger.warning("not running after Docker came back: %s", ", ".join(names))
            notice = notifications.fallen_apps_notice(names, notification_queue.public_link("/"), started=keeps_running)
            notification_queue.notify_targets(NoticeEvent.TROUBLE, notice)


def count_starts(installation_id: int) -> int:
    """Return how many automatic starts of an app there were lately."""
    query = select(func.count(Operation.id)).where(
        Operation.installation_id == installation_id,
        Operation.user == KEEPER,
        Operation.created > utc_now() - START_PERIOD,
    )
    return db.session.scalar(query) or 0
