"""Runs an operation: assembles its plan again from rows and fresh facts, and does it step by step."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from difflib import ndiff
from typing import IO

from flask import current_app

from rockonweb import catalog, rows
from rockonweb.config import Settings, instance_id, make_private
from rockonweb.core import plan
from rockonweb.core.definition import from_source
from rockonweb.core.errors import EngineError, RockonwebError
from rockonweb.core.plan import Plan
from rockonweb.core.preflight import REFERRING_OPTIONS, referred_containers
from rockonweb.core.text import t
from rockonweb.host import engine, observer, survey
from rockonweb.models import (
    Kind,
    Operation,
    OperationStep,
    Progress,
    RockOn,
    State,
    Status,
    db,
    now,
    writing,
)
from rockonweb.work import executor

Planner = Callable[[Operation, RockOn, engine.Engine], Plan]


def run(operation_id: int) -> None:
    """Run an operation that waits, and write its outcome on the rows. A failure is raised after that."""
    with _locked(operation_id) as free:
        if not free or not _claim(operation_id):
            return
        try:
            _perform(operation_id)
        except executor.Cancelled:
            _settle(operation_id, Progress.CANCELLED, t("Cancelled."), "")
        except RockonwebError as error:
            _settle(operation_id, Progress.FAILED, error.sentence, error.hint, error.output)
            raise
        except Exception as error:
            _settle(
                operation_id,
                Progress.FAILED,
                t("Rockonweb itself failed: %(error)s.", error=type(error).__name__),
                t("This is a mistake of ours; the log of the worker has the details. Please report it."),
            )
            raise
        else:
            _settle(operation_id, Progress.DONE, "", "")


def interrupt(operation_id: int) -> bool:
    """End an operation whose process is gone. Returns False while the process lives."""
    with _locked(operation_id) as free:
        operation = db.session.get(Operation, operation_id)
        if not free or operation is None or operation.progress is not Progress.RUNNING:
            return False
        if operation.kind is Kind.INSTALL:
            _clean_up(operation_id)
        _settle(
            operation_id,
            Progress.INTERRUPTED,
            t("It was interrupted: the process that did it has ended."),
            t("Try again: what is done already is not done twice."),
        )
        return True


def _clean_up(operation_id: int) -> None:
    """Take back what an interrupted install made. Without an engine the retry removes its containers."""
    settings: Settings = current_app.config["SETTINGS"]
    rockon = db.session.get_one(Operation, operation_id).rockon
    with suppress(EngineError):
        docker = engine.connect(instance_id(settings), rockon.name if rockon else "")
        executor.Executor(docker, settings, operation_id, undoes=True).remove_made()


@contextmanager
def _locked(operation_id: int) -> Iterator[bool]:
    """Hold the operation's file lock, which ends with the process whatever happens. Yields whether it was free."""
    settings: Settings = current_app.config["SETTINGS"]
    make_private(settings.locks)
    path = settings.locks / f"operation-{operation_id}.lock"
    with open(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        free = _try_lock(file)
        try:
            yield free
        finally:
            if free:
                path.unlink(missing_ok=True)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _claim(operation_id: int) -> bool:
    with writing() as session:
        operation = session.get(Operation, operation_id)
        if operation is None or operation.progress is not Progress.QUEUED:
            return False
        operation.progress, operation.started = Progress.RUNNING, now()
    return True


def _perform(operation_id: int) -> None:
    operation = db.session.get_one(Operation, operation_id)
    if operation.cancel_requested:
        raise executor.Cancelled
    if operation.kind is Kind.REFRESH:
        _refresh(operation_id)
        return
    settings: Settings = current_app.config["SETTINGS"]
    assert operation.rockon is not None  # noqa: S101 - only a refresh has none
    docker = engine.connect(instance_id(settings), operation.rockon.name)
    try:
        steps = PLANNERS[operation.kind](operation, operation.rockon, docker).steps
        db.session.rollback()
        executor.Executor(docker, settings, operation_id, undoes=operation.kind is Kind.INSTALL).perform(steps)
    finally:
        docker.close()


def _install(operation: Operation, rockon: RockOn, docker: engine.Engine) -> Plan:
    """Assemble the install anew; what the person reviewed must still be what would run."""
    answers = rows.answers_of(rockon)
    found = plan.install(
        rockon.definition,
        answers,
        survey.gather(rockon, answers, engine=docker),
        frozenset(operation.options.get("new_shares", ())),
    )
    _refuse_blocked(found)
    if _without_kept(found.lines) != _without_kept(operation.lines):
        difference = "\n".join(line for line in ndiff(operation.lines, found.lines) if line[0] in "+-")
        raise executor.Refused(
            t("Something changed since you looked; nothing was done."),
            t("Look at the summary again and submit it."),
            output=difference,
        )
    return found


def _refuse_blocked(found: Plan) -> None:
    if found.blocked:
        first = found.blocked[0]
        raise RockonwebError(first.sentence, first.hint)


def _without_kept(lines: list[str]) -> list[str]:
    """Return the lines without the volumes that Docker made: a failed try leaves some, and the next one has them."""
    return [re.sub(r" -v (?:'[0-9a-f]{64}:[^']*'|[0-9a-f]{64}:\S+)", "", line) for line in lines]


def _uninstall(operation: Operation, rockon: RockOn, docker: engine.Engine) -> Plan:
    """Plan to remove what is there and ours; a stranger's container of the same name is not."""
    containers = docker.containers()
    ours = {name for name, facts in containers.items() if facts.rockon == rockon.name}
    return plan.uninstall(rockon.definition, ours)


def _start(operation: Operation, rockon: RockOn, docker: engine.Engine) -> Plan:
    """Plan a start, or a restart; a container that was removed by hand is made anew."""
    definition = rockon.definition
    stops = plan.stop(definition).steps if operation.kind is Kind.RESTART else ()
    present = {name for name, facts in docker.containers().items() if facts.rockon == rockon.name}
    missing = [name for name, _ in definition.launch_order if name not in present]
    if not missing:
        return Plan(rockon.name, (*stops, *plan.start(definition).steps))
    answers = rows.answers_of(rockon)
    facts = survey.gather(rockon, answers, engine=docker)
    lent = {**facts.kept_volumes}
    for name, spec in definition.launch_order:
        for verb, other in referred_containers(spec):
            if verb == REFERRING_OPTIONS["--volumes-from"] and name in present and other in missing:
                lent[other] = tuple(docker.anonymous_volumes(name))
    absent = {spec.reference for _, spec in definition.launch_order if not docker.has_image(spec.reference)}
    found = plan.remake(definition, answers, replace(facts, kept_volumes=lent), missing, absent)
    _refuse_blocked(found)
    return Plan(rockon.name, (*stops, *found.steps))


PLANNERS: dict[Kind, Planner] = {
    Kind.INSTALL: _install,
    Kind.START: _start,
    Kind.STOP: lambda operation, rockon, docker: plan.stop(rockon.definition),
    Kind.RESTART: _start,
    Kind.UNINSTALL: _uninstall,
}


def _refresh(operation_id: int) -> None:
    with writing() as session:
        step = OperationStep(
            operation_id=operation_id,
            position=0,
            title=str(t("fetch the catalogue")),
            why=str(t("new and changed rock-ons")),
            progress=Progress.RUNNING,
            started=now(),
        )
        session.add(step)
    step_id = step.id
    report = None
    try:
        report = catalog.refresh()
    finally:
        with writing() as session:
            row = session.get_one(OperationStep, step_id)
            row.finished = now()
            row.progress = Progress.DONE if report and report.loaded else Progress.FAILED
            row.output = str(report or "")
    if not report.loaded:
        raise RockonwebError(
            t("No catalogue could be loaded."), t("What was loaded before stays. Check that this machine is online.")
        )


def _settle(operation_id: int, progress: Progress, error: str, hint: str, output: str = "") -> None:
    """Write the outcome: the operation's end, the rock-on's state, and its status as Docker has it.

    `output` belongs to a failure; it is kept here when there was no step yet that could tell it.
    """
    rockon_id = db.session.get_one(Operation, operation_id).rockon_id
    facts = observer.containers(rockon_id) if rockon_id else None
    with writing() as session:
        operation = session.get_one(Operation, operation_id)
        operation.end(progress, error, hint)
        if output and not operation.steps:
            operation.steps.append(_check(output))
        for step in operation.steps:
            if step.progress is Progress.RUNNING:
                step.progress, step.finished = progress, now()
            elif step.progress is Progress.QUEUED:
                step.progress = Progress.SKIPPED
        rockon, kind = operation.rockon, operation.kind
        if rockon is None:
            return
        done = progress is Progress.DONE
        went_wrong = progress in (Progress.FAILED, Progress.INTERRUPTED)
        rockon.error = error if went_wrong else None
        if kind is Kind.INSTALL:
            rockon.state = State.INSTALLED if done else State.INSTALL_FAILED
            if progress is Progress.CANCELLED:
                rockon.state = State.AVAILABLE
            if not done:
                _release(rockon)
        elif kind is Kind.UNINSTALL:
            rockon.state = State.AVAILABLE if done else State(operation.options.get("state", State.INSTALLED))
            if done:
                _release(rockon)
                rows.forget_added(rockon)
        elif not done:
            rockon.status = Status.STOP_FAILED if kind is Kind.STOP else Status.START_FAILED
        if facts is not None:
            observer.write(rockon, facts, keep_failure=went_wrong)


def _check(output: str) -> OperationStep:
    """Return the step of an operation that stopped before its first one."""
    return OperationStep(
        position=0,
        title=str(t("look at the host again")),
        why=str(t("before anything is touched")),
        progress=Progress.FAILED,
        started=now(),
        finished=now(),
        output=output,
    )


def _release(rockon: RockOn) -> None:
    """Bring a rock-on without containers back to the catalogue's newest definition."""
    rockon.installed_source = None
    rockon.status = Status.STOPPED
    rows.sync_children(rockon, from_source(rockon.name, rockon.source), rows.Suggestions.load(db.session()))
