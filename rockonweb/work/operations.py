"""Submits, cancels and repeats operations on rock-ons, for the pages, the API and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from rockonweb.accounts import audit
from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.argv import resolve_host_ports
from rockonweb.core.containers.host_ports import port_conflict, wanted_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import Conflict, UnreadableDefinition
from rockonweb.core.facts import HostFacts
from rockonweb.core.operations.lifecycle import (
    INSTALLED_OR_PENDING,
    KIND_LABELS,
    STATE_LABELS,
    TRANSITIONS,
    Admission,
    Kind,
    Progress,
    State,
    decide_admission,
)
from rockonweb.core.operations.requests import (
    ChangeRequest,
    InstallRequest,
    NetworkRequest,
    Request,
    RestartRequest,
    UnreadableRequest,
)
from rockonweb.core.status.status import Problem, Status
from rockonweb.core.text import t
from rockonweb.models import ACTIVE_PROGRESS, Draft, Installation, Operation, db, repository, transaction
from rockonweb.work import mastership, network_operations, queue, scheduler, sync_status
from rockonweb.work.collect_facts import claimed_ports
from rockonweb.work.unreadable_rockons import refuse_unreadable

KEEPER = "automatic start"  # the user of operations that no person asked for


def submit_operation(
    installation: Installation, request: Request, user: str, reviewed: Sequence[str] | None = None
) -> int:
    """Queue an operation on a rock-on and return its id, or that of the last queued one where the request is the same.

    `reviewed` are the lines that the user confirmed; with them, the job refuses a plan that differs. An install stores
    its answers and reserves its ports; a change only reserves its ports: the present answers are stored until it has
    succeeded. Raises Conflict where the rock-on is busy or a port was taken since the review, QueueUnreachable.
    """
    queue.ping()
    mastership.refuse_submission()
    with transaction() as session:
        installation = repository.ensure_installation(session, installation)
        operation = _insert_operation(session, installation, request, user)
        operation.reviewed = None if reviewed is None else [*reviewed]
        if isinstance(request, InstallRequest):
            _store_install(session, installation, request)
        elif isinstance(request, ChangeRequest):
            definition = (
                installation.parse_definition(request.source) if request.source else installation.current_definition
            )
            answers = resolve_host_ports(definition, request.answers or repository.load_answers(installation))
            _refuse_claimed_ports(session, installation, definition, answers)
            repository.reserve_ports(installation, answers)
    return scheduler.dispatch_operation(operation.id)


def _store_install(session: Session, installation: Installation, request: InstallRequest) -> None:
    """Store definition and answers of an install, reserve its ports, and delete its drafts. Raises Conflict."""
    source = request.source or installation.entry.source
    if why := installation.parse_definition(source).unreadable:
        raise UnreadableDefinition(installation.name, why)
    installation.installed_source = installation.last_source = source
    repository.sync_children(installation, installation.current_definition)
    answers = resolve_host_ports(
        installation.current_definition, request.answers or repository.load_answers(installation)
    )
    _refuse_claimed_ports(session, installation, installation.current_definition, answers)
    repository.store_answers(installation, answers)
    drafts = select(Draft).where(Draft.rockon_id == installation.entry_id)
    drafts = drafts.where(or_(Draft.installation_id.is_(None), Draft.installation_id == installation.id))
    for draft in session.scalars(drafts):
        session.delete(draft)


def refuse_unchangeable(installation: Installation, hint: str) -> None:
    """Raise Conflict where a change of a rock-on can't be reviewed now: it is not installed (`hint` says what to do
    then), or a queued or running operation changes it too. A change may be queued after a start or stop.
    """
    active_kinds = [operation.kind for operation in scheduler.unfinished_operations(installation.id)]
    if decide_admission(Kind.CHANGE, active_kinds) is Admission.REJECT:
        raise Conflict(
            t("%(name)s is being changed, so a review now would soon be out of date.", name=installation.name),
            t(
                "Wait until the current operation has finished: its page shows the progress. Your previous entries "
                "are kept."
            ),
        )
    if not active_kinds and installation.state is not State.INSTALLED:
        raise Conflict(t("%(name)s is not installed.", name=installation.name), hint)


def submit_refresh(user: str) -> int:
    """Queue a catalogue refresh and return its operation's id, or that of one that is queued or runs already."""
    queue.ping()
    with transaction() as session:
        running = session.scalar(
            select(Operation).where(Operation.kind == Kind.REFRESH, Operation.progress.in_(ACTIVE_PROGRESS))
        )
        if running is not None:
            return running.id
        operation = Operation(kind=Kind.REFRESH, user=user)
        session.add(operation)
        audit.record("operation.refresh", user=user)
    return scheduler.dispatch_operation(operation.id)


def cancel_operation(operation_id: int) -> None:
    """Request that a running operation stops at the next step and rolls back; a queued one is ended at once.

    Raises Conflict where it has already ended.
    """
    with transaction() as session:
        scheduler.lock_operations(session)
        operation = session.get(Operation, operation_id)
        if operation is None or not operation.is_active:
            raise Conflict(t("This operation has already ended."))
        operation.cancel_requested = True
        was_queued = operation.progress is Progress.QUEUED
        if was_queued:
            _cancel_queued(session, operation)
        rockon_id = operation.installation_id
    if was_queued:
        scheduler.dispatch_next()
    if was_queued and rockon_id is not None:
        sync_status.sync_status(rockon_id)


def _cancel_queued(session: Session, operation: Operation) -> None:
    """End a queued operation, and reset its rock-on's state to the one before, unless another operation runs."""
    operation.mark_finished(Progress.CANCELLED, t("Cancelled."))
    if operation.network is not None:
        network_operations.store_outcome(session, operation)
    installation = operation.installation
    if installation is None:
        return
    if operation.transition.reserves_ports:
        repository.release_reserved_ports(installation)
    if scheduler.is_rockon_busy(installation.id):
        return
    transition, notes = operation.transition, operation.notes
    if installation.state == transition.state:
        installation.state = transition.state_after(Progress.CANCELLED, notes.state or State.INSTALLED)
    if installation.status == transition.status:
        installation.status = notes.status or installation.status
    reset_uninstalled(installation)
    scheduler.show_pending(installation)


def retry_operation(operation_id: int, user: str) -> int:
    """Submit a failed or cancelled operation again and return the new one's id. Raises Conflict, QueueUnreachable."""
    operation = db.session.get(Operation, operation_id)
    if operation is None or operation.is_active or operation.progress is Progress.DONE:
        raise Conflict(t("There is nothing to repeat."))
    request, installation = operation.request, operation.installation
    if isinstance(request, NetworkRequest):
        return network_operations.submit_again(request, user) or operation_id
    if installation is None and not isinstance(request, UnreadableRequest):
        return submit_refresh(user)
    if (
        installation
        and installation.state is State.INSTALLED
        and State.INSTALLED not in operation.transition.allowed_states
    ):
        return submit_operation(installation, RestartRequest(), user)  # its install is complete, but not healthy
    if installation is None or isinstance(request, UnreadableRequest):
        raise unreadable_request_error()
    if isinstance(request, InstallRequest) and not request.source:  # of an earlier version
        request = replace(request, source=installation.last_source)
    return submit_operation(installation, request, user, operation.reviewed)


def unreadable_request_error() -> Conflict:
    """Return the error for an operation whose stored request can't be read."""
    return Conflict(
        t("What this operation was to do can't be read in the database, so nothing was done."),
        t("Submit it again on the page of its app."),
    )


def _insert_operation(session: Session, installation: Installation, request: Request, user: str) -> Operation:
    """Add a queued operation, or return the last unfinished one of the rock-on where the request is the same.

    Raises Conflict where it is not allowed after the unfinished ones, or in the rock-on's state.
    """
    scheduler.lock_operations(session)
    kind, transition = request.kind, TRANSITIONS[request.kind]
    earlier = scheduler.unfinished_operations(installation.id)
    same = bool(earlier) and earlier[-1].request == request and not earlier[-1].cancel_requested
    match decide_admission(kind, [operation.kind for operation in earlier], same_request=same):
        case Admission.COALESCE:
            return earlier[-1]
        case Admission.REJECT:
            raise Conflict(
                t("%(name)s is busy with another operation.", name=installation.name), t("Wait until it has finished.")
            )
    if not earlier and installation.state not in transition.allowed_states:
        raise Conflict(
            t("%(name)s is %(state)s.", name=installation.name, state=STATE_LABELS[installation.state]),
            t("In this state, this is not possible: %(kind)s.", kind=KIND_LABELS[kind]),
        )
    refuse_unreadable(installation, request)
    operation = Operation(
        kind=kind, installation_id=installation.id, user=user, parameters=request.to_json(), progress=Progress.QUEUED
    )
    session.add(operation)
    session.flush()
    audit.record(f"operation.{kind}", installation.name, user=user)
    scheduler.show_pending(installation)
    return operation


def _refuse_claimed_ports(
    session: Session, installation: Installation, definition: Definition, answers: Answers
) -> None:
    """Raise Conflict where another rock-on has one of the ports: two users may have reviewed the same port."""
    claims = HostFacts(claimed=tuple(claimed_ports(session)))
    for wanted in wanted_ports(definition, answers):
        if holder := port_conflict(installation.name, wanted.host, wanted.protocol, claims, wanted.address):
            raise Conflict(
                t("Host port %(port)s (%(protocol)s) is now in use by %(who)s.",
                  port=wanted.host, protocol=wanted.protocol, who=holder.holder),
                t("Choose another port."),
            )  # fmt: skip


def reset_uninstalled(installation: Installation) -> None:
    """Reset definition and status of a rock-on that is not (or no longer) installed."""
    if installation.state not in INSTALLED_OR_PENDING:
        installation.installed_source = None
        installation.status, installation.problem, installation.status_error = Status.STOPPED, Problem.NONE, ""
