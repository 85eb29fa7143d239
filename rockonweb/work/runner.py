"""Runs an operation: plans it from the database and fresh facts, performs the steps, and stores the outcome."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from rockonweb import catalog
from rockonweb.config import current_config, make_private_folder
from rockonweb.core.containers.argv import resolve_host_ports
from rockonweb.core.definition.parser import definition_digest
from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError, Unhealthy
from rockonweb.core.facts import UP_STATES, ContainerFacts
from rockonweb.core.operations.lifecycle import ROLLBACK_KINDS, TRANSITIONS, Kind, Progress, State
from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.core.plan.plan import Plan
from rockonweb.core.plan.repair import name_steps
from rockonweb.core.preflight.unsaved_files import with_saved_folders
from rockonweb.core.text import AppOutput, t
from rockonweb.host import Engine, Waiter, get_host
from rockonweb.models import (
    Draft,
    Installation,
    Operation,
    OperationStep,
    RockOn,
    User,
    db,
    repository,
    transaction,
    utc_now,
)
from rockonweb.models.base import wrap_database_error
from rockonweb.work import (
    mastership,
    network_operations,
    notification_queue,
    operations,
    rollback,
    scheduler,
    sync_status,
)
from rockonweb.work.dependents import find_dependents
from rockonweb.work.executor import Executor
from rockonweb.work.kept_containers import adopted_ids, store_adoption
from rockonweb.work.planners import PLANNERS
from rockonweb.work.step_actions import Cancelled, stop_if_cancelled

FAILED_ENDS = (Progress.FAILED, Progress.INTERRUPTED)
logger = logging.getLogger(__name__)


def run(operation_id: int) -> None:
    """Run a queued operation, and store its outcome. A failure is raised after that.

    One that has to wait for another stays queued; when that ends, the scheduler enqueues its job again.
    """
    try:
        _run_locked(operation_id)
    finally:
        with suppress(SQLAlchemyError):  # the watcher dispatches it later
            scheduler.dispatch_next()


def _run_locked(operation_id: int) -> None:
    with _operation_lock(operation_id) as acquired:
        if not acquired or not scheduler.claim_operation(operation_id):
            return
        try:
            _perform_operation(operation_id)
        except Cancelled:
            _finish_operation(operation_id, Progress.CANCELLED, RockonwebError(t("Cancelled.")))
        except RockonwebError as error:
            _finish_operation(operation_id, Progress.FAILED, error)
            raise
        except Exception as error:
            db.session.rollback()
            if _roll_back_operation(operation_id)[0]:
                _finish_operation(operation_id, Progress.DONE)
            else:
                _finish_operation(operation_id, Progress.FAILED, _unforeseen_error(error))
            raise
        else:
            _finish_operation(operation_id, Progress.DONE)


def _unforeseen_error(error: Exception) -> RockonwebError:
    """Return the error to show for an unexpected exception."""
    if isinstance(error, DBAPIError):
        return wrap_database_error(error)
    return RockonwebError(
        t("Internal error in Rockonweb: %(error)s.", error=type(error).__name__),
        t("This is a bug in Rockonweb; the worker log has the details. Report it."),
    )


def interrupt_operation(operation_id: int) -> bool:
    """Roll back and end an operation whose process has died. Returns False while the process lives."""
    with _operation_lock(operation_id) as acquired:
        operation = db.session.get(Operation, operation_id)
        if not acquired or operation is None or operation.progress is not Progress.RUNNING:
            return False
        done, leftover_reason = (True, "") if _all_steps_done(operation) else _roll_back_operation(operation_id)
        if done:
            _finish_operation(operation_id, Progress.DONE)
            return True
        hint = t("Try again: what is already done is not repeated.")
        if leftover_reason:
            hint = t("Not everything could be rolled back yet. %(why)s", why=leftover_reason)
        error = RockonwebError(t("It was interrupted: the process that ran it has ended."), hint)
        _finish_operation(operation_id, Progress.INTERRUPTED, error)
        return True


def _all_steps_done(operation: Operation) -> bool:
    """Whether all steps of an operation are done; False with several planners, as more steps may follow."""
    steps = operation.steps
    planners = PLANNERS.get(operation.kind, ())
    return len(planners) == 1 and bool(steps) and all(step.progress is Progress.DONE for step in steps)


def _roll_back_operation(operation_id: int) -> tuple[bool, str]:
    """Roll back an operation whose process did not; where Docker does not answer, cleanup is noted as pending.

    Returns whether it was finished instead, as only the removal of the old containers was left; and why the rollback is
    incomplete, which is tried again later.
    """
    operation = db.session.get_one(Operation, operation_id)
    if not operation.transition.rolls_back:
        return False, ""
    try:
        with _open_executor(operation) as executor:
            done = executor.finish_or_rollback()
        for rollback_error in executor.rollback_errors:
            logger.warning("not all of operation %s could be taken back: %s", operation_id, rollback_error)
        return done, executor.rollback_errors[0].message_with_hint if executor.rollback_errors else ""
    except EngineUnreachable:
        _update_notes(operation_id, owes=True)
    except EngineError as error:
        return False, error.message_with_hint
    return False, ""


def _update_notes(operation_id: int, **values: Any) -> None:
    """Set fields of an operation's notes."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        operation.notes = replace(operation.notes, **values)


def clean_up_leftovers(rockon_id: int, before_id: int | None = None) -> int | None:
    """Clean up after the last ended install or change (with `before_id`, the last before that operation): remove the
    containers that it renamed for replacement where it succeeded, else finish its rollback.

    Returns the id of that operation, None where nothing was left. Raises EngineError.
    """
    operation = last_effective_operation(rockon_id, before_id)
    if operation is None or operation.is_active:
        return None
    with _operation_lock(operation.id, wait=True), _open_executor(operation) as executor:
        db.session.rollback()
        if before_id is None and scheduler.is_rockon_busy(rockon_id):
            return None
        done, cleanup_pending = operation.progress is Progress.DONE, operation.notes.owes
        if not (
            cleanup_pending
            or executor.renamed_containers()
            or (before_id is None and _has_leftovers(operation, executor.engine))
        ):
            return None
        if executor.finish_or_rollback(done=done) and not done:
            _finish_operation(operation.id, Progress.DONE)
        for rollback_error in executor.rollback_errors:
            raise rollback_error
        if cleanup_pending and not executor.cleanup_pending:
            _update_notes(operation.id, owes=False)
    _prune_rollback_points(rockon_id)
    sync_status.sync_status(rockon_id)
    return operation.id


def finish_network_rollback(operation_id: int) -> bool:
    """Finish the pending rollback of an operation on a network. Returns False where nothing is pending any more.

    Raises EngineError.
    """
    operation = db.session.get_one(Operation, operation_id)
    with _operation_lock(operation_id, wait=True), _open_executor(operation) as executor:
        db.session.rollback()
        if not operation.notes.owes:
            return False
        executor.roll_back_steps()
        for rollback_error in executor.rollback_errors:
            raise rollback_error
        if not executor.cleanup_pending:
            _update_notes(operation_id, owes=False)
    return True


def _prepare_network(network: str) -> None:
    """Finish the pending rollback of the operation before on a network; where that fails, the next one goes on from
    what there is.
    """
    for operation_id in network_operations.owed_rollbacks(network):
        try:
            finish_network_rollback(operation_id)
        except EngineError as error:
            logger.info("what operation %s left of its network stays: %s", operation_id, error)


def last_effective_operation(rockon_id: int, before_id: int | None = None) -> Operation | None:
    """Return the last install or change of a rock-on (before an operation, if given) that is active or came to change
    something: one that was refused has not noted what ran before it.
    """
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.kind.in_(ROLLBACK_KINDS))
    if before_id is not None:
        query = query.where(Operation.id < before_id)
    candidates = db.session.scalars(query.order_by(Operation.id.desc()))
    return next(
        (operation for operation in candidates if operation.is_active or operation.notes.running is not None), None
    )


def _has_leftovers(operation: Operation, docker: Engine) -> bool:
    """Whether a rolled-back operation has containers: Docker may have created one after the process had died."""
    if operation.progress is Progress.DONE:
        return False
    return not operation.notes.stays and bool(docker.operation_containers(operation.uid))


@contextmanager
def _operation_lock(operation_id: int, *, wait: bool = False) -> Iterator[bool]:
    """Hold the operation's file lock, which the kernel releases if the process dies. Yields whether it was acquired."""
    settings = current_config()
    make_private_folder(settings.locks_folder)
    path = settings.locks_folder / f"operation-{operation_id}.lock"
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
            acquired = _try_lock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if acquired and not _is_same_file(path, file):
                continue  # the previous holder has removed it: others would lock a new file
            try:
                yield acquired
            finally:
                if acquired:
                    path.unlink(missing_ok=True)
            return


def _is_same_file(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _try_lock(file: IO[str], flags: int) -> bool:
    try:
        fcntl.flock(file, flags)
    except OSError:
        return False
    return True


def _perform_operation(operation_id: int) -> None:
    operation = db.session.get_one(Operation, operation_id)
    if operation.cancel_requested:
        raise Cancelled
    if operation.kind is Kind.REFRESH:
        _refresh_catalogue(operation_id)
        return
    if operation.network is not None:
        _prepare_network(operation.network)
    elif operation.installation:
        clean_up_leftovers(operation.installation.id, before_id=operation_id)
    with _open_executor(operation) as executor:
        transition, request, installation = operation.transition, operation.request, operation.installation
        containers = executor.engine.list_containers() if installation else {}
        renamed = tuple(name_steps(installation.current_definition, containers)) if installation else ()
        if transition.rolls_back:
            _note_running(operation_id, executor.engine, containers if transition.replaces_containers else {})
        for planner in PLANNERS[request.kind]:
            plan = planner(operation, request, installation, executor.engine)
            executor.secret_answers  # noqa: B018 - cached now, while the answers are loaded
            db.session.rollback()
            _note_warnings(operation_id, plan)
            if transition.replaces_containers and rollback.needs_point(plan.steps):
                rollback.create_point(operation_id, executor.engine)
            executor.perform_steps((*renamed, *plan.steps))
            renamed = ()


@contextmanager
def _open_executor(operation: Operation) -> Iterator[Executor]:
    """Yield the operation's executor, which may change the containers of the rock-on, under its old and its new name,
    and of those that depend on it; for a network, those of the rock-ons that are on it.
    """
    host = get_host(operation.installation)
    successor = db.session.get(RockOn, operation.replacement_id) if operation.replacement_id else None
    dependents = find_dependents(operation.installation) if operation.installation else ()
    further_names = [
        *([successor.name] if successor else []),
        *(other.name for other in (*dependents, *operation.members)),
    ]
    with host.connect_docker(*further_names) as docker:
        mastership.refuse_other_copy(docker)
        if operation.transition.in_closed_room:
            docker.enter_closed_room()
        docker.adopted_ids = adopted_ids(operation)
        executor = Executor(host, docker, operation)
        try:
            yield executor
        finally:
            if executor.cleanup_pending or (operation.network and executor.rollback_errors):
                _update_notes(operation.id, owes=True)


def _note_running(operation_id: int, docker: Engine, containers: Mapping[str, ContainerFacts]) -> None:
    """Store which containers run before an install (none) or a change, for a rollback. From then on, `notes.running` is
    not None, which means that the operation may have changed something.
    """
    running = tuple(name for name, facts in containers.items() if docker.acts_on(facts) and facts.state in UP_STATES)
    _update_notes(operation_id, running=running)


def _note_warnings(operation_id: int, plan: Plan) -> None:
    """Store the plan's warnings, which may have changed since the review."""
    warnings = tuple((finding.sentence, finding.hint) for finding in plan.findings if finding.level == "warn")
    if warnings:
        _update_notes(operation_id, warnings=warnings)


def _refresh_catalogue(operation_id: int) -> None:
    with transaction() as session:
        step = _runner_step("fetch_catalogue", t("fetch the catalogue"), t("new and changed rock-ons"))
        session.get_one(Operation, operation_id).steps.append(step)
    step_id = step.id
    waiter = Waiter()
    waiter.on_wait = partial(stop_if_cancelled, operation_id)
    with notification_queue.notify_newer_definitions():
        report = catalog.refresh_catalogue(waiter.call)
    with transaction() as session:
        session.get_one(OperationStep, step_id).output = str(report)
    if report.offline:
        _update_notes(operation_id, offline=True)
    if not report.loaded:
        raise RockonwebError(
            t("No catalogue could be loaded."), t("The previous catalogue is kept. Check that this machine is online.")
        )


def _runner_step(kind: str, title: str, why: str) -> OperationStep:
    """Return a running step that is not part of a plan; `_end_steps` ends it with the operation."""
    return OperationStep(position=0, kind=kind, title=title, why=why, progress=Progress.RUNNING, started=utc_now())


def _finish_operation(operation_id: int, progress: Progress, error: RockonwebError | None = None) -> None:
    """Store the outcome: the operation's end, the rock-on's state, and its status from Docker.

    The output of a failure before the first step is stored in a step of its own. An install that failed as `Unhealthy`
    is kept, so that its log can be read and its settings changed.
    """
    rockon_id = db.session.get_one(Operation, operation_id).installation_id
    facts = sync_status.inspect_containers(rockon_id) if rockon_id else None
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        outcome = error or RockonwebError("")
        operation.mark_finished(progress, outcome.sentence, outcome.hint)
        operation.notes = replace(operation.notes, unreachable=isinstance(error, EngineUnreachable))
        _end_steps(operation, progress, outcome.output)
        if operation.installation is not None:
            keep_on_failure = (
                isinstance(error, Unhealthy) and operation.transition.keep_on_failure and not adopted_ids(operation)
            )
            _finish_rockon(session, operation, operation.installation, keep_on_failure=keep_on_failure)
            if facts is not None:
                sync_status.write_status(operation.installation, facts, keep_failure=progress in FAILED_ENDS)
            scheduler.show_pending(operation.installation)
        if operation.network is not None:
            network_operations.store_outcome(session, operation)
        kind = operation.kind
    if rockon_id is None:
        return
    installation = db.session.get(Installation, rockon_id)
    for dependent in find_dependents(installation) if installation else ():
        sync_status.sync_status(dependent.id)
    transition = TRANSITIONS[kind]
    if transition.reserves_ports and progress is Progress.DONE:
        sync_status.sync_status(rockon_id)  # it may have other containers now, or another name
    if transition.replaces_containers or transition.on_success is State.AVAILABLE:
        _prune_rollback_points(rockon_id)


def _end_steps(operation: Operation, progress: Progress, output: str) -> None:
    if output and not operation.steps:
        step = _runner_step("look_again", t("check the host again"), t("before anything is changed"))
        step.output = "" if isinstance(output, AppOutput) else output
        step.app_output = output if isinstance(output, AppOutput) else ""
        operation.steps.append(step)
    for step in operation.steps:
        if step.progress is Progress.RUNNING:
            step.progress, step.finished = progress, utc_now()
        elif step.progress is Progress.QUEUED:
            step.progress = Progress.SKIPPED


def _finish_rockon(
    session: Session, operation: Operation, installation: Installation, *, keep_on_failure: bool
) -> None:
    """Set a rock-on's state after its operation, and apply or discard what the operation was to change."""
    transition, progress, request = operation.transition, operation.progress, operation.request
    if transition.in_closed_room:
        return
    done = progress is Progress.DONE
    installation.error = operation.error if progress in FAILED_ENDS else None
    installation.state = transition.state_after(
        progress, operation.notes.state or State.INSTALLED, keep=keep_on_failure
    )
    if not done:
        installation.status = transition.failure_status or installation.status
    if keep_on_failure:
        operation.notes = replace(operation.notes, stays=True)
    if isinstance(request, ChangeRequest) and done:
        _apply_change(session, installation, operation, request)
    elif isinstance(request, UpdateRequest) and done and request.unsaved:
        answers = with_saved_folders(repository.load_answers(installation), request.unsaved)
        repository.store_answers(installation, answers)
    elif transition.reserves_ports:
        repository.release_reserved_ports(installation)
    if done:
        store_adoption(operation, installation)
    operations.reset_uninstalled(installation)
    if done and installation.state is State.AVAILABLE:
        repository.discard_added(installation)


def _prune_rollback_points(rockon_id: int) -> None:
    """Prune the rollback points; where Docker fails, that is done after the next change."""
    try:
        with get_host().connect_docker() as docker:
            rollback.prune_points(rockon_id, docker)
    except EngineError as error:
        logger.info("rollback points have to wait: %s", error)


def _apply_change(session: Session, installation: Installation, operation: Operation, request: ChangeRequest) -> None:
    """Store what a change applied: the definition, the answers, and the catalogue entry where it was replaced.

    Drafts of the user who submitted it are deleted, those of other users stay.
    """
    answers = request.answers or repository.load_answers(installation)
    if request.successor and (successor := session.get(RockOn, request.successor)):
        repository.replace_entry(session, installation, successor)
    if request.source:
        installation.installed_source = installation.last_source = request.source
        repository.sync_children(installation, installation.current_definition)
    if request.point and installation.entry.source != installation.installed_source:
        installation.ignored = definition_digest(installation.entry.source)  # the rollback just undid that version
    repository.store_answers(installation, resolve_host_ports(installation.current_definition, answers))
    drafts = select(Draft).join(User).where(Draft.installation_id == installation.id, User.name == operation.user)
    for draft in session.scalars(drafts):
        session.delete(draft)
