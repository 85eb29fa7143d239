"""Operations on rock-ons: begun, cancelled and repeated, by a page or the command line."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from rockonweb import rows
from rockonweb.core import answers
from rockonweb.core.answers import Answers
from rockonweb.core.argv import fixed_ports
from rockonweb.core.definition import Definition, from_source
from rockonweb.core.errors import Conflict, QueueUnreachable
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight import port_conflict, wanted_ports
from rockonweb.core.text import t
from rockonweb.host import survey
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
        operation = _insert(session, kind, rockon, user, {"state": rockon.state.value})
    return enqueue(operation.id)


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
    return enqueue(operation.id)


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
        definition = from_source(rockon.name, source) if source else rockon.definition
        wanted = fixed_ports(definition, wanted)
        _refuse_claimed_ports(session, rockon, definition, wanted)
        rows.reserve(rockon, wanted)
    return enqueue(operation.id)


def begin_update(rockon: RockOn, user: str, *, only_pull: bool = False) -> int:
    """Queue an update to newer images and return its id; with `only_pull` nothing that runs is touched.

    Raises Conflict or QueueUnreachable.
    """
    queue.ping()
    with writing() as session:
        operation = _insert(session, Kind.UPDATE, rockon, user, {"only_pull": only_pull})
    return enqueue(operation.id)


def begin_uninstall(rockon: RockOn, user: str, images: Collection[str] = ()) -> int:
    """Queue an uninstall and return its id; `images` are those to be removed too, where nothing else uses them."""
    queue.ping()
    with writing() as session:
        options = {"state": rockon.state.value, "images": list(images)}
        operation = _insert(session, Kind.UNINSTALL, rockon, user, options)
    return enqueue(operation.id)


def begin_action(rockon: RockOn, task: str, parameters: Mapping[str, str], user: str) -> int:
    """Queue a task that the rock-on's handler offers and return the operation's id. Raises Conflict."""
    queue.ping()
    with writing() as session:
        operation = _insert(session, Kind.ACTION, rockon, user, {**parameters, "task": task})
    return enqueue(operation.id)


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
    return enqueue(operation.id)


def cancel(operation_id: int) -> None:
    """Ask an operation to stop at the next step and take back what it did. Raises Conflict when it has ended."""
    with writing() as session:
        operation = session.get(Operation, operation_id)
        if operation is None or not operation.active:
            raise Conflict(t("This operation has ended already."))
        operation.cancel_requested = True


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
        return begin_update(operation.rockon, user, only_pull=operation.options.get("only_pull", False))
    if operation.kind is Kind.UNINSTALL:
        return begin_uninstall(operation.rockon, user, operation.options.get("images", ()))
    if operation.kind is Kind.ACTION:
        order = {key: operation.options.get(key, "") for key in ("task", "client")}
        return begin_action(operation.rockon, order["task"], {"client": order["client"]}, user)
    return begin(operation.kind, operation.rockon, user)


def given_away(operation: Operation) -> Give:
    """Return the shares and folders that an operation gives to another user and group."""
    return {place: (uid, gid) for place, (uid, gid) in operation.options.get("give", {}).items()}


@contextmanager
def _one_at_a_time(name: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError as error:
        if "uq_operation_active" not in str(error) and "operation.rockon_id" not in str(error):
            raise
        raise Conflict(
            t("%(name)s is busy with another operation.", name=name), t("Wait until it has ended.")
        ) from None


def _insert(
    session: Session, kind: Kind, rockon: RockOn, user: str, parameters: dict[str, Any] | None = None
) -> Operation:
    transition = TRANSITIONS[kind]
    active = session.scalar(
        select(Operation.id).where(Operation.rockon_id == rockon.id, Operation.progress.in_(ACTIVE))
    )
    if active is None and rockon.state not in transition.allowed:
        raise Conflict(
            t("%(name)s is %(state)s.", name=rockon.name, state=str(rockon.state).replace("_", " ")),
            t("It can't be asked to %(kind)s now.", kind=str(kind)),
        )
    operation = Operation(
        kind=kind, rockon_id=rockon.id, user=user, parameters=json.dumps(parameters or {}), progress=Progress.QUEUED
    )
    with _one_at_a_time(rockon.name):
        session.add(operation)
        session.flush()
    if transition.state:
        rockon.state = transition.state
    if transition.status:
        rockon.status = transition.status
    rockon.error = None
    return operation


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


def job_id(operation_id: int) -> str:
    """Return the id of the operation's job on the queue."""
    return f"operation-{operation_id}"
