"""Operations on rock-ons: begun, cancelled and repeated, by a page or the command line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rockonweb import audit, rows
from rockonweb.core import answers, interplay
from rockonweb.core.answers import Answers
from rockonweb.core.argv import fixed_ports
from rockonweb.core.definition import Definition, from_source
from rockonweb.core.errors import Conflict, QueueUnreachable
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight import port_conflict, wanted_ports
from rockonweb.core.text import t
from rockonweb.host import observer, survey
from rockonweb.models import (
    ACTIVE,
    Draft,
    Kind,
    Operation,
    Progress,
    RockOn,
    State,
    Status,
    db,
    writing,
)
from rockonweb.work import queue

JOB = "rockonweb.jobs.run"
Give = Mapping[str, tuple[int, int]]  # user and group, by share or folder


@dataclass(frozen=True)
class Transition:
    """What a rock-on must be like before an operation, and what it is like while the operation waits and runs."""

    allowed: tuple[State, ...]
    state: State | None = None
    status: Status | None = None


INSTALLED = (State.INSTALLED,)
STATE_WORDS = {
    State.AVAILABLE: t("available"),
    State.PENDING_INSTALL: t("pending install"),
    State.INSTALLED: t("installed already"),
    State.INSTALL_FAILED: t("install failed"),
    State.PENDING_UPDATE: t("pending update"),
    State.PENDING_UNINSTALL: t("pending uninstall"),
}
KIND_WORDS = {
    Kind.INSTALL: t("install"),
    Kind.START: t("start"),
    Kind.STOP: t("stop"),
    Kind.RESTART: t("restart"),
    Kind.CHANGE: t("change"),
    Kind.UPDATE: t("update"),
    Kind.UNINSTALL: t("uninstall"),
    Kind.ACTION: t("do a task"),
    Kind.REFRESH: t("refresh"),
}
TRANSITIONS = {
    Kind.INSTALL: Transition((State.AVAILABLE, State.INSTALL_FAILED), State.PENDING_INSTALL, Status.PENDING_START),
    Kind.START: Transition(INSTALLED, status=Status.PENDING_START),
    Kind.STOP: Transition(INSTALLED, status=Status.PENDING_STOP),
    Kind.RESTART: Transition(INSTALLED, status=Status.PENDING_START),
    Kind.CHANGE: Transition(INSTALLED, State.PENDING_UPDATE),
    Kind.UPDATE: Transition(INSTALLED, State.PENDING_UPDATE),
    Kind.UNINSTALL: Transition((State.INSTALLED, State.INSTALL_FAILED), State.PENDING_UNINSTALL),
    Kind.ACTION: Transition(INSTALLED),
}


def begin(kind: Kind, rockon: RockOn, user: str) -> int:
    """Queue an operation on an installed rock-on and return its id. Raises Conflict or QueueUnreachable."""
    queue.ping()
    with writing() as session:
        was = {"state": rockon.state.value, "status": rockon.status.value}
        operation = _insert(session, kind, rockon, user, was)
    return enqueue_first(operation.id)


def begin_install(
    rockon: RockOn,
    given: Answers,
    new_shares: frozenset[str],
    reviewed: list[str],
    user: str,
    *,
    source: str | None = None,
    stopped: bool = False,
    give: Give | None = None,
) -> int:
    """Store the answers, reserve the ports and queue the install, in one transaction; return the operation's id.

    `reviewed` are the `docker run` lines that the person saw. `source` is the text of another definition than the
    catalogue's newest; with `stopped` the containers are made and not started; `give` are the shares and folders that
    get another user and group. Raises Conflict when a port was taken meanwhile or the rock-on is busy,
    QueueUnreachable.
    """
    queue.ping()
    options: dict[str, Any] = {"new_shares": sorted(new_shares)} | ({"give": {**give}} if give else {})
    options |= {"source": source, "stopped": stopped} if source or stopped else {}
    with writing() as session:
        operation = _insert(session, Kind.INSTALL, rockon, user, options)
        operation.reviewed = json.dumps(reviewed)
        rockon.installed_source = source or rockon.source
        if rockon.installed_source != rockon.source:
            rows.sync_children(rockon, rockon.definition, rows.Suggestions.load(session))
        given = fixed_ports(rockon.definition, given)
        _refuse_claimed_ports(session, rockon, rockon.definition, given)
        rows.store(rockon, given)
        for draft in session.scalars(select(Draft).where(Draft.rockon_id == rockon.id)):
            session.delete(draft)
    return enqueue_first(operation.id)


def begin_change(
    rockon: RockOn,
    wanted: Answers,
    user: str,
    *,
    reviewed: list[str] | None = None,
    source: str | None = None,
    successor: int | None = None,
    new_shares: frozenset[str] = frozenset(),
    rebuild: bool = False,
    give: Give | None = None,
    asked: Collection[str] = (),
    point: int | None = None,
    data: bool = False,
) -> int:
    """Queue a change of an installed rock-on to the answers `wanted`; return the operation's id.

    The rows keep the present answers until it has succeeded; the ports that it needs are reserved. `reviewed` is what
    the person agreed to (`core.change.Change.reviewed`); without it, what is assembled then counts. `source` is the
    text of a newer definition, `successor` the id of the rock-on whose name it takes, `rebuild` asks for all
    containers to be made anew, `give` are the shares and folders that get another user and group. `asked` are
    the shares that another rock-on uses and whose data is to be kept, or put back, all the same; `point` is the
    rollback point that this goes back to, with its `data` if that is wanted. Raises Conflict or QueueUnreachable.
    """
    queue.ping()
    options: dict[str, Any] = {
        "wanted": wanted.to_json(),
        "source": source,
        "successor": successor,
        "new_shares": sorted(new_shares),
        "rebuild": rebuild,
        "give": {**(give or {})},
        "asked": sorted(asked),
        "point": point,
        "data": data,
        "names": [rockon.name],
    }
    with writing() as session:
        if successor:
            options["names"] = [rockon.name, session.get_one(RockOn, successor).name]
        operation = _insert(session, Kind.CHANGE, rockon, user, options)
        operation.reviewed = None if reviewed is None else json.dumps(reviewed)
        definition = rockon.read(source) if source else rockon.definition
        wanted = fixed_ports(definition, wanted)
        _refuse_claimed_ports(session, rockon, definition, wanted)
        rows.reserve(rockon, wanted)
    return enqueue_first(operation.id)


def refuse_unchangeable(rockon: RockOn, hint: str) -> None:
    """Raise Conflict where a change of a rock-on can't be reviewed now: it is not installed (`hint` says what to do
    then), or what waits or runs changes it too. A change may wait for a start, a stop and the like.
    """
    query = select(Operation.kind).where(Operation.rockon_id == rockon.id, Operation.progress.in_(ACTIVE))
    active = [*db.session.scalars(query.order_by(Operation.id))]
    if interplay.turn(Kind.CHANGE, active) is interplay.Turn.REFUSE:
        raise Conflict(
            t("%(name)s is being changed, so what you would review now is out of date soon.", name=rockon.name),
            t("Wait until that has ended: its page shows how far it is. What you typed before is kept."),
        )
    if not active and rockon.state is not State.INSTALLED:
        raise Conflict(t("%(name)s is not installed.", name=rockon.name), hint)


def begin_update(rockon: RockOn, user: str, *, only_pull: bool = False, asked: Collection[str] = ()) -> int:
    """Queue an update to newer images and return its id; with `only_pull` nothing that runs is touched.

    `asked` are the shares that another rock-on uses and whose data is to be kept all the same. Raises Conflict or
    QueueUnreachable.
    """
    queue.ping()
    options = ({"only_pull": True} if only_pull else {}) | ({"asked": sorted(asked)} if asked else {})
    with writing() as session:
        operation = _insert(session, Kind.UPDATE, rockon, user, options)
    return enqueue_first(operation.id)


def begin_uninstall(rockon: RockOn, user: str, images: Collection[str] = ()) -> int:
    """Queue an uninstall and return its id; `images` are those to be removed too, where nothing else uses them."""
    queue.ping()
    with writing() as session:
        options = {"state": rockon.state.value, "images": list(images)}
        operation = _insert(session, Kind.UNINSTALL, rockon, user, options)
    return enqueue_first(operation.id)


def begin_action(rockon: RockOn, task: str, parameters: Mapping[str, str], user: str) -> int:
    """Queue a task that the rock-on's handler offers and return the operation's id. Raises Conflict."""
    queue.ping()
    with writing() as session:
        operation = _insert(session, Kind.ACTION, rockon, user, {**parameters, "task": task})
    return enqueue_first(operation.id)


def begin_refresh(user: str) -> int:
    """Queue a refresh of the catalogue and return the operation's id; one that waits or runs is joined."""
    queue.ping()
    with writing() as session:
        running = session.scalar(
            select(Operation).where(Operation.kind == Kind.REFRESH, Operation.progress.in_(ACTIVE))
        )
        if running is not None:
            return running.id
        operation = Operation(kind=Kind.REFRESH, user=user)
        session.add(operation)
        audit.record("operation.refresh", user=user)
    return enqueue_first(operation.id)


def cancel(operation_id: int) -> None:
    """Ask an operation to stop at the next step and take back what it did; one that waits ends at once.

    Raises Conflict when it has ended.
    """
    with writing() as session:
        alone(session)
        operation = session.get(Operation, operation_id)
        if operation is None or not operation.active:
            raise Conflict(t("This operation has ended already."))
        operation.cancel_requested = True
        waited = operation.progress is Progress.QUEUED
        if waited:
            _withdraw(session, operation)
        rockon_id = operation.rockon_id
    if waited and rockon_id is not None:
        following = select(func.min(Operation.id)).where(
            Operation.rockon_id == rockon_id, Operation.progress == Progress.QUEUED
        )
        if (found := db.session.scalar(following)) is not None:
            enqueue_first(found)
        observer.look(rockon_id)


def _withdraw(session: Session, operation: Operation) -> None:
    """End an operation that waits; its rock-on gets back the state that it had, unless another operation runs."""
    operation.end(Progress.CANCELLED, t("Cancelled."))
    rockon = operation.rockon
    if rockon is None:
        return
    if operation.kind is Kind.CHANGE:
        rows.release_reserved(rockon)
    if session.scalar(
        select(Operation.id).where(Operation.rockon_id == rockon.id, Operation.progress == Progress.RUNNING)
    ):
        return
    transition, options = TRANSITIONS[operation.kind], operation.options
    if rockon.state == transition.state:
        rockon.state = State(options.get("state", State.INSTALLED))
    if rockon.status == transition.status:
        rockon.status = Status(options.get("status", rockon.status))
    if operation.kind is Kind.INSTALL:
        rockon.state = State.AVAILABLE
        release(rockon)


def retry(operation_id: int, user: str) -> int:
    """Begin again what failed and return the new operation's id."""
    operation = db.session.get(Operation, operation_id)
    if operation is None or operation.active or operation.progress is Progress.DONE:
        raise Conflict(t("There is nothing to repeat."))
    if operation.kind is Kind.REFRESH:
        return begin_refresh(user)
    if operation.rockon is None:
        raise Conflict(t("There is nothing to repeat."))
    if operation.kind is Kind.INSTALL and operation.rockon.state is State.INSTALLED:
        return begin(Kind.RESTART, operation.rockon, user)  # complete, but not healthy
    if operation.kind is Kind.INSTALL:
        return begin_install(
            operation.rockon,
            rows.answers_of(operation.rockon),
            frozenset(operation.options.get("new_shares", ())),
            operation.lines,
            user,
            source=operation.options.get("source"),
            stopped=operation.options.get("stopped", False),
            give=given_away(operation),
        )
    if operation.kind is Kind.CHANGE:
        options = operation.options
        return begin_change(
            operation.rockon,
            answers.from_json(options["wanted"]),
            user,
            reviewed=None if operation.reviewed is None else operation.lines,
            source=options["source"],
            successor=options["successor"],
            new_shares=frozenset(options["new_shares"]),
            rebuild=options["rebuild"],
            give=given_away(operation),
            asked=options.get("asked", ()),
            point=options.get("point"),
            data=options.get("data", False),
        )
    if operation.kind is Kind.UPDATE:
        options = operation.options
        only_pull, asked = options.get("only_pull", False), options.get("asked", ())
        return begin_update(operation.rockon, user, only_pull=only_pull, asked=asked)
    if operation.kind is Kind.UNINSTALL:
        return begin_uninstall(operation.rockon, user, operation.options.get("images", ()))
    if operation.kind is Kind.ACTION:
        order = {key: operation.options.get(key, "") for key in ("task", "client")}
        return begin_action(operation.rockon, order["task"], {"client": order["client"]}, user)
    return begin(operation.kind, operation.rockon, user)


def given_away(operation: Operation) -> Give:
    """Return the shares and folders that an operation gives to another user and group."""
    return {place: (uid, gid) for place, (uid, gid) in operation.options.get("give", {}).items()}


def is_taken(error: IntegrityError) -> bool:
    """Whether a row was refused because another operation of its rock-on runs."""
    return "uq_operation_running" in str(error) or "operation.rockon_id" in str(error)


def alone(session: Session) -> None:
    """Keep others from beginning and claiming until the transaction ends. On SQLite nobody else writes anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE operation IN SHARE ROW EXCLUSIVE MODE"))


def mark(operation: Operation, rockon: RockOn) -> None:
    """Show on a rock-on what is done to it, and keep how it was before."""
    transition, options = TRANSITIONS[operation.kind], operation.options
    if "state" in options and rockon.state in transition.allowed:
        operation.parameters = json.dumps({**options, "state": rockon.state.value})
    if transition.state:
        rockon.state = transition.state
    if transition.status:
        rockon.status = transition.status
    rockon.error = None


def _insert(
    session: Session, kind: Kind, rockon: RockOn, user: str, parameters: dict[str, Any] | None = None
) -> Operation:
    """Add an operation, which waits where others of its rock-on do; the last of these where it is the same.

    Raises Conflict where it makes no sense after them, or in the state of the rock-on.
    """
    alone(session)
    transition, options = TRANSITIONS[kind], parameters or {}
    query = select(Operation).where(Operation.rockon_id == rockon.id, Operation.progress.in_(ACTIVE))
    before: list[Operation] = [*session.scalars(query.order_by(Operation.id))]
    match interplay.turn(kind, [operation.kind for operation in before]):
        case interplay.Turn.JOIN if _same(before[-1], options):
            return before[-1]
        case interplay.Turn.JOIN if kind is not Kind.UNINSTALL:
            pass  # it asks for something else, or the last one is being cancelled
        case interplay.Turn.QUEUE:
            pass
        case _:
            raise Conflict(
                t("%(name)s is busy with another operation.", name=rockon.name), t("Wait until it has ended.")
            )
    if not before and rockon.state not in transition.allowed:
        raise Conflict(
            t("%(name)s is %(state)s.", name=rockon.name, state=STATE_WORDS[rockon.state]),
            t("It can't be asked to %(kind)s now.", kind=KIND_WORDS[kind]),
        )
    operation = Operation(
        kind=kind, rockon_id=rockon.id, user=user, parameters=json.dumps(options), progress=Progress.QUEUED
    )
    session.add(operation)
    session.flush()
    audit.record(f"operation.{kind}", rockon.name, user=user)
    if not before:
        mark(operation, rockon)
    return operation


def _same(operation: Operation, options: Mapping[str, Any]) -> bool:
    """Whether an operation was begun with the same options and is not being cancelled; how things were is no option."""

    def asked(given: Mapping[str, Any]) -> dict[str, Any]:
        return {key: given[key] for key in ("only_pull", "images") if key in given}

    return not operation.cancel_requested and asked(operation.options) == asked(options)


def _refuse_claimed_ports(session: Session, rockon: RockOn, definition: Definition, answers: Answers) -> None:
    """The last word on ports between rock-ons: two people may have reviewed the same one."""
    claims = HostFacts(claimed=tuple(survey.claimed_ports(session)))
    for _, _, port, protocol in wanted_ports(definition, answers):
        if holder := port_conflict(rockon.name, port, protocol, claims):
            raise Conflict(
                t("Host port %(port)s (%(protocol)s) was taken meanwhile by %(who)s.",
                  port=port, protocol=protocol, who=holder.holder),
                t("Choose another port."),
            )  # fmt: skip


def enqueue(operation_id: int) -> int:
    """Put the job on the queue. Should the queue have gone since it was asked, the watcher does it later."""
    with suppress(QueueUnreachable):
        queue.enqueue(JOB, operation_id, job_id=job_id(operation_id))
    return operation_id


def enqueue_first(operation_id: int) -> int:
    """Put the job of an operation on the queue unless others of its rock-on come first: who ends those does it then."""
    operation = db.session.get_one(Operation, operation_id)
    first = None
    if operation.rockon_id is not None:
        active = (Operation.rockon_id == operation.rockon_id, Operation.progress.in_(ACTIVE))
        first = db.session.scalar(select(func.min(Operation.id)).where(*active))
    runs = operation.progress is not Progress.QUEUED
    db.session.rollback()
    return operation_id if runs or first not in (None, operation_id) else enqueue(operation_id)


def enqueue_again(operation_ids: Iterable[int]) -> list[int]:
    """Put the jobs on the queue that are not there; returns their operations."""
    with suppress(QueueUnreachable):
        there = queue.waiting()
        return [enqueue(found) for found in operation_ids if job_id(found) not in there]
    return []


def release(rockon: RockOn) -> None:
    """Bring a rock-on without containers back to the catalogue's newest definition."""
    rockon.installed_source = None
    rockon.status = Status.STOPPED
    rows.sync_children(rockon, from_source(rockon.name, rockon.source), rows.Suggestions.load(db.session()))


def job_id(operation_id: int) -> str:
    """Return the id of the operation's job on the queue."""
    return f"operation-{operation_id}"
