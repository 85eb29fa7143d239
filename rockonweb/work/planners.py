"""What each kind of operation does: its plan, assembled again from rows and fresh facts when the job begins.

A kind has one planner, or several whose plans are done one after another, each with what the one before brought.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import ndiff
from typing import Any

from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.lifecycle import Kind
from rockonweb.core.operations.requests import (
    ChangeRequest,
    InstallRequest,
    Request,
    RestartRequest,
    StartRequest,
    StopRequest,
    TaskRequest,
    UninstallRequest,
    UpdateRequest,
)
from rockonweb.core.plan import plan
from rockonweb.core.plan.plan import Plan
from rockonweb.core.text import t
from rockonweb.host import Engine
from rockonweb.models import Installation, Operation
from rockonweb.work import handler_tasks
from rockonweb.work.review import Review, Reviewed, prepare_review

Planner = Callable[[Operation, Any, Installation, Engine], Plan]  # with the request of its kind


class Refused(RockonwebError):
    """The job itself decided not to act; `output` shows why."""


def _install(operation: Operation, request: InstallRequest, rockon: Installation, docker: Engine) -> Plan:
    found = _change(operation, request, rockon, docker)
    return plan.unstarted(found) if request.stopped else found


def _change(
    operation: Operation, request: InstallRequest | ChangeRequest, rockon: Installation, docker: Engine
) -> Plan:
    """Assemble an install or a change anew; where a person reviewed it, it must still be the same."""
    found = _prepared(rockon, request, docker)
    if operation.reviewed is not None:
        _refuse_changed(found.lines, operation.lines)
    return found.plan


def _pull(operation: Operation, request: UpdateRequest, rockon: Installation, docker: Engine) -> Plan:
    """Plan to get the newest images, which touches nothing that runs.

    Of one that was got already and does not run yet that may fail: then the update is to that one.
    """
    known = docker.containers()
    got = {
        spec.reference
        for name, spec in rockon.definition.launch_order
        if name in known and docker.image_id(spec.reference) not in (None, known[name].image_id)
    }
    return plan.pull(rockon.definition, () if request.only_pull else got)


def _update(operation: Operation, request: UpdateRequest, rockon: Installation, docker: Engine) -> Plan:
    """Plan to rebuild the containers whose image is another one now; nothing where only the pull was wanted."""
    return Plan(rockon.name, ()) if request.only_pull else _prepared(rockon, request, docker).plan


def _start(operation: Operation, request: Request, rockon: Installation, docker: Engine) -> Plan:
    """Plan a start, or a restart; a container that was removed by hand is made anew."""
    stops = plan.stop(rockon.definition).steps if isinstance(request, RestartRequest) else ()
    known = docker.containers()
    if all(name in known and known[name].rockon == rockon.name for name in rockon.definition.containers):
        return Plan(rockon.name, (*stops, *plan.start(rockon.definition).steps))
    found = _prepared(rockon, StartRequest(), docker).plan
    return replace(found, steps=(*stops, *found.steps))


def _stop(operation: Operation, request: StopRequest, rockon: Installation, docker: Engine) -> Plan:
    return plan.stop(rockon.definition)


def _uninstall(operation: Operation, request: UninstallRequest, rockon: Installation, docker: Engine) -> Plan:
    """Plan to remove what is there and ours; a stranger's container of the same name is not."""
    ours = {name for name, facts in docker.containers().items() if facts.rockon == rockon.name}
    return plan.uninstall(rockon.definition, ours, request.images)


def _do_task(operation: Operation, request: TaskRequest, rockon: Installation, docker: Engine) -> Plan:
    """Plan a task of the rock-on's handler, by what its files say now."""
    return handler_tasks.planned(rockon, request, docker)


PLANNERS: dict[Kind, tuple[Planner, ...]] = {
    Kind.INSTALL: (_install,),
    Kind.START: (_start,),
    Kind.STOP: (_stop,),
    Kind.RESTART: (_start,),
    Kind.CHANGE: (_change,),
    Kind.UPDATE: (_pull, _update),
    Kind.UNINSTALL: (_uninstall,),
    Kind.ACTION: (_do_task,),
}


def _prepared(rockon: Installation, request: Reviewed, docker: Engine) -> Review:
    """Prepare a request again. Raises RockonwebError where something forbids it by now."""
    found = prepare_review(rockon, request, docker)
    if found.blocked:
        first = found.blocked[0]
        raise RockonwebError(first.sentence, first.hint)
    return found


def _refuse_changed(now: list[str], reviewed: list[str]) -> None:
    if _without_kept(now) == _without_kept(reviewed):
        return
    difference = "\n".join(line for line in ndiff(reviewed, now) if line[0] in "+-")
    raise Refused(
        t("Something changed since you looked; nothing was done."),
        t("Look at the summary again and submit it."),
        output=difference,
    )


def _without_kept(lines: list[str]) -> list[str]:
    """Return the lines without the volumes that Docker made: a failed try leaves some, and the next one has them."""
    return [re.sub(r" -v (?:'[0-9a-f]{64}:[^']*'|[0-9a-f]{64}:\S+)", "", line) for line in lines]
