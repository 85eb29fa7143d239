"""Watches for apps that are down: keeps their episodes, tells who wants to know, restarts them where that is wanted."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import and_, or_, select

from rockonweb.config import current_config
from rockonweb.core.errors import Conflict, EngineError, QueueUnreachable
from rockonweb.core.instance import notifications
from rockonweb.core.instance.attention import SHARE_HINT
from rockonweb.core.instance.diagnosis.storage import CRITICAL_BYTES
from rockonweb.core.instance.notifications import DownApp, NoticeContent, NoticeEvent
from rockonweb.core.invisible import strip_terminal_codes
from rockonweb.core.operations.lifecycle import CLOSED_ROOM_KINDS
from rockonweb.core.operations.requests import RestartRequest, StartRequest
from rockonweb.core.secret import redact_secrets
from rockonweb.core.status.episodes import (
    COMMON_SECONDS,
    MEND_PERIOD,
    EpisodeNews,
    EpisodeState,
    EpisodeVerdict,
    Mending,
    decide_mending,
    judge_episode,
)
from rockonweb.core.status.status import Problem, Status
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import (
    ACTIVE_PROGRESS,
    Container,
    Episode,
    Installation,
    Operation,
    OperationMember,
    State,
    db,
    maintenance_until,
    transaction,
    utc_now,
)
from rockonweb.work import heartbeat, keep_running, known_shares, notification_queue, operations

LOG_LINES, LOG_BYTES, LOG_LINE = 20, 64_000, 500  # of an app that went down: lines, bytes read, characters of a line
MISSING_NETWORK = re.compile(r"network (\S+) not found")  # how Docker says it
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _WatchedApp:
    """An app that is down, or has an open episode; `problem` is None where somebody stopped or removed it."""

    id: int
    name: str
    problem: Problem | None
    reason: str
    container: str
    mend: bool
    episode_id: int | None
    state: EpisodeState | None
    log: str
    gave_up: bool


def set_watching(installation_id: int, *, mend: bool | None = None, ask_page: bool | None = None) -> None:
    """Store whether an app is restarted when it is down, and whether its page is asked; None leaves it as it is."""
    with transaction() as session:
        installation = session.get_one(Installation, installation_id)
        if mend is not None:
            installation.mend = mend
        if ask_page is not None:
            installation.ask_page = ask_page
            installation.page_answers = installation.page_answers if ask_page else None


def review_apps() -> bool:
    """Begin and end episodes by the stored statuses, tell of them, and restart apps. Returns whether one is open.

    Apps with an operation are left to that.
    """
    watched = _load_apps()
    if not watched:
        db.session.rollback()
        return False
    at, grace, held = utc_now().timestamp(), current_config().down_seconds, maintenance_until() is not None
    verdicts = {app.id: judge_episode(app.state, app.problem, at, grace, held=held) for app in watched}
    if any(verdict.news is EpisodeNews.DOWN for verdict in verdicts.values()):  # what fell with it is told with it
        grace = max(0, grace - COMMON_SECONDS)
        verdicts = {app.id: judge_episode(app.state, app.problem, at, grace, held=held) for app in watched}
    told = [app for app in watched if verdicts[app.id].news is EpisodeNews.DOWN]
    matters = told or any(app.mend for app in watched)
    absent_shares = known_shares.find_apps_without_shares() if matters else {}
    restarted, given_up = ({}, set()) if held else _decide_restarts(watched, verdicts, at, absent_shares)
    db.session.rollback()
    logs = {app.id: _read_log(app.id, app.container) for app in watched if app.state is None and verdicts[app.id].state}
    causes = _find_causes(told, absent_shares)
    with transaction() as session:
        rows = {row.id: row for row in session.scalars(select(Episode).where(Episode.ended.is_(None)))}
        for app in watched:
            row = rows.get(app.episode_id or 0)
            if row is None and verdicts[app.id].state:
                row = Episode(installation_id=app.id, container=app.container, log=logs.get(app.id, ""))
                session.add(row)
            if row is not None:
                _store_verdict(row, app, verdicts[app.id], gave_up=app.id in given_up)
        notices = [
            *notifications.down_notices(
                (_describe_down(app, causes.get(app.id, ""), logs.get(app.id, app.log)) for app in told), _link()
            ),
            *(notifications.gave_up_notice(app.name, _link(app.id)) for app in watched if app.id in given_up),
            *_well_notices([app for app in watched if verdicts[app.id].news is EpisodeNews.WELL], at),
        ]
        messages = [key for notice in notices for key in notification_queue.record_notice(NoticeEvent.DOWN, notice)]
    notification_queue.enqueue_messages(messages)
    _submit_restarts(restarted)
    return any(verdict.state for verdict in verdicts.values())


def _load_apps() -> list[_WatchedApp]:
    """Return the apps that are down or have an open episode, without those that an operation is at work on."""
    held = known_shares.held_ids(db.session())
    waiting = held & keep_running.should_run_ids() if held else held
    runs = Installation.status.in_((Status.STARTED, Status.EXITED))
    down = Installation.problem.in_([problem for problem in Problem if problem.is_down])
    waits = and_(Installation.problem == Problem.SHARE_ABSENT, Installation.id.in_(waiting))
    is_down = and_(Installation.state == State.INSTALLED, or_(and_(runs, down), waits))
    open_episode = and_(Episode.installation_id == Installation.id, Episode.ended.is_(None))
    members = select(OperationMember.installation_id).join(Operation, Operation.id == OperationMember.operation_id)
    active = and_(Operation.progress.in_(ACTIVE_PROGRESS), Operation.kind.not_in(CLOSED_ROOM_KINDS))
    busy = select(Operation.installation_id).where(active, Operation.installation_id.is_not(None))
    culprit = (
        select(Container.name)
        .where(Container.installation_id == Installation.id, Container.problem == Installation.problem)
        .order_by(Container.position)
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(Installation, culprit, Episode)
        .outerjoin(Episode, open_episode)
        .where(or_(is_down, Episode.id.is_not(None)))
        .where(Installation.id.not_in(busy), Installation.id.not_in(members.where(active)))
        .order_by(Installation.name)
    )
    return [
        _WatchedApp(
            installation.id,
            installation.name,
            _problem_of(installation, waiting),
            installation.status_error,
            container or "",
            installation.mend,
            episode.id if episode else None,
            _state_of(episode) if episode else None,
            episode.log if episode else "",
            bool(episode and episode.gave_up),
        )
        for installation, container, episode in db.session.execute(query)
    ]


def _problem_of(installation: Installation, waiting: Collection[int]) -> Problem | None:
    is_waiting = installation.problem is Problem.SHARE_ABSENT and installation.id in waiting
    if installation.state is not State.INSTALLED or (installation.status is Status.STOPPED and not is_waiting):
        return None
    if is_waiting or installation.status in (Status.STARTED, Status.EXITED):
        return installation.problem
    return Problem.STARTING  # after a failed operation, until the watcher has looked


def _state_of(episode: Episode) -> EpisodeState:
    well_since = episode.well_since.timestamp() if episode.well_since else None
    return EpisodeState(episode.began.timestamp(), well_since, episode.relapses, episode.told)


def _store_verdict(episode: Episode, app: _WatchedApp, verdict: EpisodeVerdict, *, gave_up: bool) -> None:
    """Store what became of an app's episode, inside the caller's transaction."""
    state = verdict.state
    if state is None:
        episode.ended = utc_now()
        return
    if app.problem is not None and app.problem.is_down:
        episode.problem, episode.reason = app.problem, app.reason
    episode.began = datetime.fromtimestamp(state.began, UTC)
    episode.well_since = None if state.well_since is None else datetime.fromtimestamp(state.well_since, UTC)
    episode.relapses, episode.told = state.relapses, state.told
    episode.gave_up = episode.gave_up or gave_up


# -- telling ------------------------------------------------------------------------------------------------------


def _link(rockon_id: int | None = None) -> str:
    return notification_queue.public_link(f"/rockons/{rockon_id}" if rockon_id else "/")


def _describe_down(app: _WatchedApp, cause: str, log: str) -> DownApp:
    step = (
        SHARE_HINT
        if app.problem is Problem.SHARE_ABSENT
        else t("It is restarted automatically, three times at most.")
        if app.mend
        else t("Check its logs, then restart it.")
    )
    return DownApp(app.name, app.reason, cause, step, _link(app.id), tuple(log.splitlines()))


def _well_notices(apps: Iterable[_WatchedApp], at: float) -> list[NoticeContent]:
    minutes = {app.name: round(((app.state.well_since or at) - app.state.began) / 60) for app in apps if app.state}
    return notifications.well_notices(minutes, _link())


def _read_log(installation_id: int, container: str) -> str:
    """Return the last lines of a container's log, secrets masked; blank where it can't be read."""
    installation = db.session.get_one(Installation, installation_id)
    if not container and (ui_port := installation.current_definition.ui_port):
        container = ui_port[0]
    host, secrets = get_host(installation), installation.secret_values
    db.session.rollback()
    try:
        with host.connect_docker() as docker:
            raw = docker.read_logs(container, LOG_LINES, most=LOG_BYTES)
    except EngineError as error:
        logger.info("the log of %s can't be read: %s", container, error)
        return ""
    lines = redact_secrets(strip_terminal_codes(raw), secrets).splitlines()
    return "\n".join(line if len(line) <= LOG_LINE else line[:LOG_LINE] + "…" for line in lines)


def _find_causes(apps: Collection[_WatchedApp], absent_shares: Mapping[int, Sequence[str]]) -> dict[int, str]:
    """Return by app the sentence on a cause that it may share with others; apps without a known one are left out."""
    free = heartbeat.engine_status().free if apps else None
    causes: dict[int, str] = {}
    for app in apps:
        network = MISSING_NETWORK.search(app.reason)
        if app.id in absent_shares:
            causes[app.id] = t("The share %(name)s is not there.", name=absent_shares[app.id][0])
        elif free is not None and free < CRITICAL_BYTES:
            causes[app.id] = t("The disk that holds Docker's images and containers is full.")
        elif network:
            causes[app.id] = t("The network %(name)s does not exist.", name=network[1])
        elif app.problem is Problem.OUT_OF_MEMORY:
            causes[app.id] = t("The memory is used up.")
    return causes


# -- mending ------------------------------------------------------------------------------------------------------


def _decide_restarts(
    watched: Iterable[_WatchedApp],
    verdicts: Mapping[int, EpisodeVerdict],
    at: float,
    absent_shares: Mapping[int, Sequence[str]],
) -> tuple[dict[int, Problem], set[int]]:
    """Return the apps to be restarted now, with their problems, and those that are given up."""
    apps = [app for app in watched if app.mend and not app.gave_up and app.id not in absent_shares]
    if not apps:
        return {}, set()
    since = datetime.fromtimestamp(at, UTC) - timedelta(seconds=MEND_PERIOD)
    query = select(Operation.installation_id, Operation.created).where(
        Operation.user == operations.KEEPER,
        Operation.created > since,
        Operation.installation_id.in_([app.id for app in apps]),
    )
    starts = [(installation_id, created.timestamp()) for installation_id, created in db.session.execute(query)]
    wanted = keep_running.should_run_ids()
    decisions = {
        app.id: decide_mending(state, app.problem, at, [start for key, start in starts if key == app.id])
        for app in apps
        if app.problem and app.id in wanted and (state := verdicts[app.id].state)
    }
    restarted = {app.id: app.problem for app in apps if app.problem and decisions.get(app.id) is Mending.RESTART}
    return restarted, {key for key, decision in decisions.items() if decision is Mending.GIVE_UP}


def _submit_restarts(problems: Mapping[int, Problem]) -> None:
    """Submit a restart of each app, or a start where a container of it has ended."""
    for installation_id, problem in problems.items():
        installation = db.session.get_one(Installation, installation_id)
        has_ended = problem in (Problem.ENDED, Problem.OUT_OF_MEMORY)
        try:
            operations.submit_operation(
                installation, StartRequest() if has_ended else RestartRequest(), operations.KEEPER
            )
        except (Conflict, QueueUnreachable) as error:
            logger.info("%s can't be restarted now: %s", installation.name, error)
    db.session.rollback()
