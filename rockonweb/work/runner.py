"""Runs an operation: assembles its plan again from rows and fresh facts, and does it step by step."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from rockonweb import catalog
from rockonweb.config import current_config, make_private_folder
from rockonweb.core.containers.argv import resolve_host_ports
from rockonweb.core.definition.definition import definition_digest
from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError, Unhealthy
from rockonweb.core.facts import UP_STATES
from rockonweb.core.operations.lifecycle import ROLLBACK_KINDS, TRANSITIONS, Progress, State
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine, get_host
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
from rockonweb.work import operations, rollback, scheduler, sync_status
from rockonweb.work.executor import Executor
from rockonweb.work.planners import PLANNERS
from rockonweb.work.step_actions import Cancelled

FAILED_ENDS = (Progress.FAILED, Progress.INTERRUPTED)
logger = logging.getLogger(__name__)


def run(operation_id: int) -> None:
    """Run an operation that waits, and write its outcome on the rows. A failure is raised after that.

    One whose turn has not come stays as it is; whoever ends what it waits for puts its job on the queue again.
    """
    try:
        _run_locked(operation_id)
    finally:
        with suppress(SQLAlchemyError):  # the watcher does it then
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
    """Return what to tell of an error that nobody foresaw."""
    if isinstance(error, DBAPIError):
        return wrap_database_error(error)
    return RockonwebError(
        t("Rockonweb itself failed: %(error)s.", error=type(error).__name__),
        t("This is a mistake of ours; the log of the worker has the details. Please report it."),
    )


def interrupt_operation(operation_id: int) -> bool:
    """End an operation whose process is gone. Returns False while the process lives."""
    with _operation_lock(operation_id) as acquired:
        operation = db.session.get(Operation, operation_id)
        if not acquired or operation is None or operation.progress is not Progress.RUNNING:
            return False
        done, leftover_reason = (True, "") if _all_steps_done(operation) else _roll_back_operation(operation_id)
        if done:
            _finish_operation(operation_id, Progress.DONE)
            return True
        hint = t("Try again: what is done already is not done twice.")
        if leftover_reason:
            hint = t("Not all of it could be taken back yet. %(why)s", why=leftover_reason)
        error = RockonwebError(t("It was interrupted: the process that did it has ended."), hint)
        _finish_operation(operation_id, Progress.INTERRUPTED, error)
        return True


def _all_steps_done(operation: Operation) -> bool:
    """Whether each step of an operation is done. One with several planners may have more of them to come."""
    steps = operation.steps
    planners = PLANNERS.get(operation.kind, ())
    return len(planners) == 1 and bool(steps) and all(step.progress is Progress.DONE for step in steps)


def _roll_back_operation(operation_id: int) -> tuple[bool, str]:
    """Take back what an install or change made whose process did not; without an engine that waits until there is one.

    Returns True for a change that had only the old containers left to remove: then it is done instead; and why not all
    could be taken back, which is tried again later.
    """
    operation = db.session.get_one(Operation, operation_id)
    if operation.installation is None or not operation.transition.rolls_back:
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
    """Write what an operation notes of how things are."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        operation.notes = replace(operation.notes, **values)


def clean_up_leftovers(rockon_id: int, before_id: int | None = None) -> int | None:
    """Deal with what an ended install or change (the last one, or the last before an operation) left: remove containers
    that it set aside where it succeeded, else take back what it could not take back itself.

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
            or executor.engine.renamed_containers()
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


def last_effective_operation(rockon_id: int, before_id: int | None = None) -> Operation | None:
    """Return the last install or change of a rock-on (before an operation) that came to touch anything: one that was
    refused at its beginning knows nothing of how things were.
    """
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.kind.in_(ROLLBACK_KINDS))
    if before_id is not None:
        query = query.where(Operation.id < before_id)
    candidates = db.session.scalars(query.order_by(Operation.id.desc()))
    return next(
        (operation for operation in candidates if operation.is_active or operation.notes.running is not None), None
    )


def _has_leftovers(operation: Operation, docker: Engine) -> bool:
    """Whether there are containers of an operation that was taken back: Docker may have gone on making one for a
    process that ended.
    """
    if operation.progress is Progress.DONE:
        return False
    return not operation.notes.stays and bool(docker.operation_containers(operation.id))


@contextmanager
def _operation_lock(operation_id: int, *, wait: bool = False) -> Iterator[bool]:
    """Hold the operation's file lock, which ends with the process whatever happens. Yields whether it was free."""
    settings = current_config()
    make_private_folder(settings.locks_folder)
    path = settings.locks_folder / f"operation-{operation_id}.lock"
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
            acquired = _try_lock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if acquired and not _is_same_file(path, file):
                continue  # who held it has removed it: others would lock another file
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
    if operation.installation is None:
        _refresh_catalogue(operation_id)
        return
    clean_up_leftovers(operation.installation.id, before_id=operation_id)
    with _open_executor(operation) as executor:
        _note_running(operation_id, executor.engine)
        for planner in PLANNERS[operation.kind]:
            plan = planner(operation, operation.request, operation.installation, executor.engine)
            executor.secret_answers  # noqa: B018 - read now, while the answers are loaded
            db.session.rollback()
            _note_warnings(operation_id, plan)
            if operation.transition.replaces_containers and rollback.needs_point(plan.steps):
                rollback.create_point(operation_id, executor.engine)
            executor.perform_steps(plan.steps)


@contextmanager
def _open_executor(operation: Operation) -> Iterator[Executor]:
    """Yield what does the operation's steps; it may act on the rock-on's containers, under either of its names."""
    host = get_host(operation.installation)
    successor = db.session.get(RockOn, operation.replacement_id) if operation.replacement_id else None
    with host.connect_docker(*([successor.name] if successor else [])) as docker:
        executor = Executor(host, docker, operation)
        try:
            yield executor
        finally:
            if executor.cleanup_pending:
                _update_notes(operation.id, owes=True)


def _note_running(operation_id: int, docker: Engine) -> None:
    """Write which containers run before a change, so that whoever has to bring them back knows. An install has none,
    and writes that: it begins to act now.
    """
    transition = db.session.get_one(Operation, operation_id).transition
    if not transition.rolls_back:
        return
    containers = docker.list_containers() if transition.replaces_containers else {}
    running = tuple(name for name, facts in containers.items() if docker.acts_on(facts) and facts.state in UP_STATES)
    _update_notes(operation_id, running=running)


def _note_warnings(operation_id: int, plan: Plan) -> None:
    """Write what speaks against a plan now, without forbidding it; the person may have seen another host."""
    warnings = tuple((finding.sentence, finding.hint) for finding in plan.findings if finding.level == "warn")
    if warnings:
        _update_notes(operation_id, warnings=warnings)


def _refresh_catalogue(operation_id: int) -> None:
    with transaction() as session:
        step = _runner_step("fetch_catalogue", t("fetch the catalogue"), t("new and changed rock-ons"))
        session.get_one(Operation, operation_id).steps.append(step)
    step_id = step.id
    report = catalog.refresh_catalogue()
    with transaction() as session:
        session.get_one(OperationStep, step_id).output = str(report)
    if not report.loaded:
        raise RockonwebError(
            t("No catalogue could be loaded."), t("What was loaded before stays. Check that this machine is online.")
        )


def _runner_step(kind: str, title: str, why: str) -> OperationStep:
    """Return a step of the runner's own, which has begun; it ends as its operation does."""
    return OperationStep(position=0, kind=kind, title=title, why=why, progress=Progress.RUNNING, started=utc_now())


def _finish_operation(operation_id: int, progress: Progress, error: RockonwebError | None = None) -> None:
    """Write the outcome: the operation's end, the rock-on's state, and its status as Docker has it.

    What a failure has to read is kept here when there was no step yet that could tell it. An install that is complete
    but `Unhealthy` stays, so that its log can be read and its settings changed.
    """
    rockon_id = db.session.get_one(Operation, operation_id).installation_id
    facts = sync_status.inspect_containers(rockon_id) if rockon_id else None
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        outcome = error or RockonwebError("")
        operation.mark_finished(progress, outcome.sentence, outcome.hint)
        _end_steps(operation, progress, outcome.output)
        if operation.installation is not None:
            keep_on_failure = isinstance(error, Unhealthy) and operation.transition.keep_on_failure
            _finish_rockon(session, operation, operation.installation, keep_on_failure=keep_on_failure)
            if facts is not None:
                sync_status.write_status(operation.installation, facts, keep_failure=progress in FAILED_ENDS)
        kind = operation.kind
    if rockon_id is None:
        return
    transition = TRANSITIONS[kind]
    if transition.reserves_ports and progress is Progress.DONE:
        sync_status.sync_status(rockon_id)  # it may have other containers now, or another name
    if transition.replaces_containers or transition.on_success is State.AVAILABLE:
        _prune_rollback_points(rockon_id)


def _end_steps(operation: Operation, progress: Progress, output: str) -> None:
    if output and not operation.steps:
        step = _runner_step("look_again", t("look at the host again"), t("before anything is touched"))
        step.output = output
        operation.steps.append(step)
    for step in operation.steps:
        if step.progress is Progress.RUNNING:
            step.progress, step.finished = progress, utc_now()
        elif step.progress is Progress.QUEUED:
            step.progress = Progress.SKIPPED


def _finish_rockon(
    session: Session, operation: Operation, installation: Installation, *, keep_on_failure: bool
) -> None:
    """Bring a rock-on into the state that its operation's end means, and its rows in line with its containers."""
    transition, progress, request = operation.transition, operation.progress, operation.request
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
    elif transition.reserves_ports:
        repository.release_reserved_ports(installation)
    operations.reset_uninstalled(installation)
    if done and installation.state is State.AVAILABLE:
        repository.discard_added(installation)


def _prune_rollback_points(rockon_id: int) -> None:
    """Remove the rollback points that are not wanted any more; what Docker refuses is done after the next change."""
    try:
        with get_host().connect_docker() as docker:
            rollback.prune_points(rockon_id, docker)
    except EngineError as error:
        logger.info("rollback points have to wait: %s", error)


def _apply_change(session: Session, installation: Installation, operation: Operation, request: ChangeRequest) -> None:
    """Write what a change brought: the definition, the answers, and the name where it took a successor's.

    What other people want and have not applied yet stays theirs.
    """
    answers = request.answers or repository.load_answers(installation)
    if request.successor and (successor := session.get(RockOn, request.successor)):
        repository.replace_entry(session, installation, successor)
    if request.source:
        installation.installed_source = request.source
        repository.sync_children(installation, installation.current_definition)
    if request.point and installation.entry.source != installation.installed_source:
        installation.ignored = definition_digest(installation.entry.source)  # it was just left behind
    repository.store_answers(installation, resolve_host_ports(installation.current_definition, answers))
    drafts = select(Draft).join(User).where(Draft.installation_id == installation.id, User.name == operation.user)
    for draft in session.scalars(drafts):
        session.delete(draft)
