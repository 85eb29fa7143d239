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
from rockonweb.config import current_settings, make_private
from rockonweb.core.containers.argv import fixed_ports
from rockonweb.core.definition.definition import digest
from rockonweb.core.errors import EngineError, EngineUnreachable, RockonwebError, Unhealthy
from rockonweb.core.facts import UP
from rockonweb.core.operations.lifecycle import TRANSITIONS, UNDOING, Progress, State
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine, host_of
from rockonweb.models import Draft, Installation, Operation, OperationStep, RockOn, User, db, now, repository, writing
from rockonweb.models.base import database_trouble
from rockonweb.work import operations, rollback, scheduler, sync_status
from rockonweb.work.executor import Executor
from rockonweb.work.planners import PLANNERS
from rockonweb.work.step_actions import Cancelled

WENT_WRONG = (Progress.FAILED, Progress.INTERRUPTED)
logger = logging.getLogger(__name__)


def run(operation_id: int) -> None:
    """Run an operation that waits, and write its outcome on the rows. A failure is raised after that.

    One whose turn has not come stays as it is; whoever ends what it waits for puts its job on the queue again.
    """
    try:
        _run(operation_id)
    finally:
        with suppress(SQLAlchemyError):  # the watcher does it then
            scheduler.go_on()


def _run(operation_id: int) -> None:
    with _locked(operation_id) as free:
        if not free or not scheduler.claim(operation_id):
            return
        try:
            _perform(operation_id)
        except Cancelled:
            _settle(operation_id, Progress.CANCELLED, RockonwebError(t("Cancelled.")))
        except RockonwebError as error:
            _settle(operation_id, Progress.FAILED, error)
            raise
        except Exception as error:
            db.session.rollback()
            if _take_back(operation_id)[0]:
                _settle(operation_id, Progress.DONE)
            else:
                _settle(operation_id, Progress.FAILED, _sentence(error))
            raise
        else:
            _settle(operation_id, Progress.DONE)


def _sentence(error: Exception) -> RockonwebError:
    """Return what to tell of an error that nobody foresaw."""
    if isinstance(error, DBAPIError):
        return database_trouble(error)
    return RockonwebError(
        t("Rockonweb itself failed: %(error)s.", error=type(error).__name__),
        t("This is a mistake of ours; the log of the worker has the details. Please report it."),
    )


def interrupt(operation_id: int) -> bool:
    """End an operation whose process is gone. Returns False while the process lives."""
    with _locked(operation_id) as free:
        operation = db.session.get(Operation, operation_id)
        if not free or operation is None or operation.progress is not Progress.RUNNING:
            return False
        done, left = (True, "") if _only_the_end_is_missing(operation) else _take_back(operation_id)
        if done:
            _settle(operation_id, Progress.DONE)
            return True
        hint = t("Try again: what is done already is not done twice.")
        if left:
            hint = t("Not all of it could be taken back yet. %(why)s", why=left)
        told = RockonwebError(t("It was interrupted: the process that did it has ended."), hint)
        _settle(operation_id, Progress.INTERRUPTED, told)
        return True


def _only_the_end_is_missing(operation: Operation) -> bool:
    """Whether each step of an operation is done. One with several planners may have more of them to come."""
    steps = operation.steps
    planners = PLANNERS.get(operation.kind, ())
    return len(planners) == 1 and bool(steps) and all(step.progress is Progress.DONE for step in steps)


def _take_back(operation_id: int) -> tuple[bool, str]:
    """Take back what an install or change made whose process did not; without an engine that waits until there is one.

    Returns True for a change that had only the old containers left to remove: then it is done instead; and why not all
    could be taken back, which is tried again later.
    """
    operation = db.session.get_one(Operation, operation_id)
    if operation.installation is None or not operation.transition.undoes:
        return False, ""
    try:
        with _at_work(operation) as work:
            done = work.recover()
        for refusal in work.refusals:
            logger.warning("not all of operation %s could be taken back: %s", operation_id, refusal)
        return done, work.refusals[0].words if work.refusals else ""
    except EngineUnreachable:
        _note(operation_id, owes=True)
    except EngineError as error:
        return False, error.words
    return False, ""


def _note(operation_id: int, **values: Any) -> None:
    """Write what an operation notes of how things are."""
    with writing() as session:
        operation = session.get_one(Operation, operation_id)
        operation.notes = replace(operation.notes, **values)


def tidy(rockon_id: int, before: int | None = None) -> int | None:
    """Deal with what an ended install or change (the last one, or the last before an operation) left: remove containers
    that it set aside where it succeeded, else take back what it could not take back itself.

    Returns the id of that operation, None where nothing was left. Raises EngineError.
    """
    operation = last_that_acted(rockon_id, before)
    if operation is None or operation.active:
        return None
    with _locked(operation.id, wait=True), _at_work(operation) as work:
        db.session.rollback()
        if before is None and scheduler.runs(rockon_id):
            return None
        done, owes = operation.progress is Progress.DONE, operation.notes.owes
        if not (owes or work.engine.aside() or (before is None and _left_over(operation, work.engine))):
            return None
        if work.recover(done=done) and not done:
            _settle(operation.id, Progress.DONE)
        for refusal in work.refusals:
            raise refusal
        if owes and not work.owes:
            _note(operation.id, owes=False)
    _tidy_points(rockon_id)
    sync_status.look(rockon_id)
    return operation.id


def last_that_acted(rockon_id: int, before: int | None = None) -> Operation | None:
    """Return the last install or change of a rock-on (before an operation) that came to touch anything: one that was
    refused at its beginning knows nothing of how things were.
    """
    query = select(Operation).where(Operation.installation_id == rockon_id, Operation.kind.in_(UNDOING))
    if before is not None:
        query = query.where(Operation.id < before)
    found = db.session.scalars(query.order_by(Operation.id.desc()))
    return next((one for one in found if one.active or one.notes.running is not None), None)


def _left_over(operation: Operation, docker: Engine) -> bool:
    """Whether there are containers of an operation that was taken back: Docker may have gone on making one for a
    process that ended.
    """
    if operation.progress is Progress.DONE:
        return False
    return not operation.notes.stays and bool(docker.made_by(operation.id))


@contextmanager
def _locked(operation_id: int, *, wait: bool = False) -> Iterator[bool]:
    """Hold the operation's file lock, which ends with the process whatever happens. Yields whether it was free."""
    settings = current_settings()
    make_private(settings.locks)
    path = settings.locks / f"operation-{operation_id}.lock"
    while True:
        with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
            free = _try_lock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if free and not _is_at(path, file):
                continue  # who held it has removed it: others would lock another file
            try:
                yield free
            finally:
                if free:
                    path.unlink(missing_ok=True)
            return


def _is_at(path: Path, file: IO[str]) -> bool:
    try:
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except FileNotFoundError:
        return False


def _try_lock(file: IO[str], how: int) -> bool:
    try:
        fcntl.flock(file, how)
    except OSError:
        return False
    return True


def _perform(operation_id: int) -> None:
    operation = db.session.get_one(Operation, operation_id)
    if operation.cancel_requested:
        raise Cancelled
    if operation.installation is None:
        _refresh(operation_id)
        return
    tidy(operation.installation.id, before=operation_id)
    with _at_work(operation) as work:
        _remember_running(operation_id, work.engine)
        for planner in PLANNERS[operation.kind]:
            plan = planner(operation, operation.request, operation.installation, work.engine)
            work.secrets  # noqa: B018 - read now, while the answers are loaded
            db.session.rollback()
            _remember_warnings(operation_id, plan)
            if operation.transition.replaces and rollback.needed(plan.steps):
                rollback.remember(operation_id, work.engine)
            work.perform(plan.steps)


@contextmanager
def _at_work(operation: Operation) -> Iterator[Executor]:
    """Yield what does the operation's steps; it may act on the rock-on's containers, under either of its names."""
    host = host_of(operation.installation)
    successor = db.session.get(RockOn, operation.successor) if operation.successor else None
    with host.connect(*([successor.name] if successor else [])) as docker:
        work = Executor(host, docker, operation)
        try:
            yield work
        finally:
            if work.owes:
                _note(operation.id, owes=True)


def _remember_running(operation_id: int, docker: Engine) -> None:
    """Write which containers run before a change, so that whoever has to bring them back knows. An install has none,
    and writes that: it begins to act now.
    """
    transition = db.session.get_one(Operation, operation_id).transition
    if not transition.undoes:
        return
    known = docker.containers() if transition.replaces else {}
    running = tuple(name for name, facts in known.items() if docker.acts_on(facts) and facts.state in UP)
    _note(operation_id, running=running)


def _remember_warnings(operation_id: int, plan: Plan) -> None:
    """Write what speaks against a plan now, without forbidding it; the person may have seen another host."""
    found = tuple((one.sentence, one.hint) for one in plan.findings if one.level == "warn")
    if found:
        _note(operation_id, warnings=found)


def _refresh(operation_id: int) -> None:
    with writing() as session:
        step = _own_step("fetch_catalogue", t("fetch the catalogue"), t("new and changed rock-ons"))
        session.get_one(Operation, operation_id).steps.append(step)
    step_id = step.id
    report = catalog.refresh()
    with writing() as session:
        session.get_one(OperationStep, step_id).output = str(report)
    if not report.loaded:
        raise RockonwebError(
            t("No catalogue could be loaded."), t("What was loaded before stays. Check that this machine is online.")
        )


def _own_step(kind: str, title: str, why: str) -> OperationStep:
    """Return a step of the runner's own, which has begun; it ends as its operation does."""
    return OperationStep(position=0, kind=kind, title=title, why=why, progress=Progress.RUNNING, started=now())


def _settle(operation_id: int, progress: Progress, error: RockonwebError | None = None) -> None:
    """Write the outcome: the operation's end, the rock-on's state, and its status as Docker has it.

    What a failure has to read is kept here when there was no step yet that could tell it. An install that is complete
    but `Unhealthy` stays, so that its log can be read and its settings changed.
    """
    rockon_id = db.session.get_one(Operation, operation_id).installation_id
    facts = sync_status.containers(rockon_id) if rockon_id else None
    with writing() as session:
        operation = session.get_one(Operation, operation_id)
        told = error or RockonwebError("")
        operation.end(progress, told.sentence, told.hint)
        _end_steps(operation, progress, told.output)
        if operation.installation is not None:
            stays = isinstance(error, Unhealthy) and operation.transition.stays
            _settle_rockon(session, operation, operation.installation, stays=stays)
            if facts is not None:
                sync_status.write(operation.installation, facts, keep_failure=progress in WENT_WRONG)
        kind = operation.kind
    if rockon_id is None:
        return
    transition = TRANSITIONS[kind]
    if transition.reserves and progress is Progress.DONE:
        sync_status.look(rockon_id)  # it may have other containers now, or another name
    if transition.replaces or transition.done is State.AVAILABLE:
        _tidy_points(rockon_id)


def _end_steps(operation: Operation, progress: Progress, output: str) -> None:
    if output and not operation.steps:
        step = _own_step("look_again", t("look at the host again"), t("before anything is touched"))
        step.output = output
        operation.steps.append(step)
    for step in operation.steps:
        if step.progress is Progress.RUNNING:
            step.progress, step.finished = progress, now()
        elif step.progress is Progress.QUEUED:
            step.progress = Progress.SKIPPED


def _settle_rockon(session: Session, operation: Operation, rockon: Installation, *, stays: bool) -> None:
    """Bring a rock-on into the state that its operation's end means, and its rows in line with its containers."""
    transition, progress, request = operation.transition, operation.progress, operation.request
    done = progress is Progress.DONE
    rockon.error = operation.error if progress in WENT_WRONG else None
    rockon.state = transition.state_after(progress, operation.notes.state or State.INSTALLED, stays=stays)
    if not done:
        rockon.status = transition.status_failed or rockon.status
    if stays:
        operation.notes = replace(operation.notes, stays=True)
    if isinstance(request, ChangeRequest) and done:
        _take_over(session, rockon, operation, request)
    elif transition.reserves:
        repository.release_reserved(rockon)
    operations.release(rockon)
    if done and rockon.state is State.AVAILABLE:
        repository.forget_added(rockon)


def _tidy_points(rockon_id: int) -> None:
    """Remove the rollback points that are not wanted any more; what Docker refuses is done after the next change."""
    try:
        with host_of().connect() as docker:
            rollback.tidy(rockon_id, docker)
    except EngineError as error:
        logger.info("rollback points have to wait: %s", error)


def _take_over(session: Session, rockon: Installation, operation: Operation, request: ChangeRequest) -> None:
    """Write what a change brought: the definition, the answers, and the name where it took a successor's.

    What other people want and have not applied yet stays theirs.
    """
    wanted = request.answers or repository.answers_of(rockon)
    if request.successor and (successor := session.get(RockOn, request.successor)):
        repository.succeed(session, rockon, successor)
    if request.source:
        rockon.installed_source = request.source
        repository.sync_children(rockon, rockon.definition)
    if request.point and rockon.entry.source != rockon.installed_source:
        rockon.ignored = digest(rockon.entry.source)  # it was just left behind
    repository.store(rockon, fixed_ports(rockon.definition, wanted))
    theirs = select(Draft).join(User).where(Draft.installation_id == rockon.id, User.name == operation.user)
    for draft in session.scalars(theirs):
        session.delete(draft)
