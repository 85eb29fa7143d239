"""The planners of each kind of operation: they assemble its plan from the database and fresh facts as the job starts.

A kind with several planners runs their plans one after another; each is planned after the previous one has run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import ndiff
from typing import Any

from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import Conflict, RockonwebError
from rockonweb.core.facts import UP_STATES, ContainerFacts, HostFacts
from rockonweb.core.operations.lifecycle import Kind
from rockonweb.core.operations.requests import (
    ChangeRequest,
    InstallRequest,
    NetworkRequest,
    RehearseRequest,
    Request,
    RestartRequest,
    StartRequest,
    StopRequest,
    TaskRequest,
    UninstallRequest,
    UpdateRequest,
)
from rockonweb.core.plan import plan
from rockonweb.core.plan.adoption import plan_give_back
from rockonweb.core.plan.dependents import Disturbance
from rockonweb.core.plan.plan import Phases, Plan
from rockonweb.core.plan.repair import find_missing_memberships, find_stale_containers
from rockonweb.core.preflight.containers import find_stopped_lenders
from rockonweb.core.text import join_texts, t
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, Operation, db
from rockonweb.models.repository import load_answers
from rockonweb.work import data_backups, handler_tasks, network_operations, rehearsal
from rockonweb.work.dependents import dependent_warnings, plan_dependents
from rockonweb.work.kept_containers import kept_states
from rockonweb.work.known_shares import absent_data_findings, find_absent_shares
from rockonweb.work.operations import unreadable_request_error
from rockonweb.work.review import Review, ReviewableRequest, prepare_review
from rockonweb.work.unsaved_files import unsaved_warnings
from rockonweb.work.updates import AUTOMATIC

# With the request of its kind, and the app; None for an operation on a network.
Planner = Callable[[Operation, Any, Any, Engine], Plan]


class ReviewOutdated(RockonwebError):
    """The plan differs from the one that was reviewed, so nothing is done; `output` is the diff."""


def _plan_install(operation: Operation, request: InstallRequest, installation: Installation, docker: Engine) -> Plan:
    install_plan = _plan_change(operation, request, installation, docker)
    return plan.without_starting(install_plan) if request.stopped else install_plan


def _plan_change(
    operation: Operation, request: InstallRequest | ChangeRequest, installation: Installation, docker: Engine
) -> Plan:
    """Plan an install or a change. Raises ReviewOutdated where it differs from what the user reviewed."""
    review = _review_again(installation, request, docker)
    if operation.reviewed is not None:
        _refuse_changed(review.reviewed_lines, operation.reviewed_commands)
    return review.plan


def _plan_pull(operation: Operation, request: UpdateRequest, installation: Installation, docker: Engine) -> Plan:
    """Plan to pull the newest images, which changes no container.

    Where a newer image was pulled before and does not run yet, the pull may fail: then the update is to that image.
    """
    containers = docker.list_containers()
    pulled = {
        spec.image_reference
        for name, spec in installation.current_definition.launch_order
        if name in containers and docker.image_id(spec.image_reference) not in (None, containers[name].image_id)
    }
    return plan.plan_pull(installation.current_definition, () if request.only_pull else pulled)


def _plan_update(operation: Operation, request: UpdateRequest, installation: Installation, docker: Engine) -> Plan:
    """Plan to recreate the containers whose image has changed; nothing where only a pull was requested."""
    if request.only_pull:
        return Plan(installation.name, ())
    update_plan = _review_again(installation, request, docker).plan
    if operation.user == AUTOMATIC and (finding := next((one for one in update_plan.findings if one.by_hand), None)):
        raise RockonwebError(
            finding.sentence,
            join_texts(" ", (finding.hint, t("An automatic update does not do this. Update it yourself."))),
        )
    return update_plan


def _plan_rehearsal_pull(
    operation: Operation, request: RehearseRequest, installation: Installation, docker: Engine
) -> Plan:
    """Plan to pull the newest images, where these are rehearsed. Raises Conflict where the rock-on can't be."""
    if request.folders is not None:
        return Plan(installation.name, ())
    rehearsal.refuse_obstacles(installation, may_copy=request.copy)
    return _plan_pull(operation, UpdateRequest(), installation, docker)


def _plan_rehearsal(operation: Operation, request: RehearseRequest, installation: Installation, docker: Engine) -> Plan:
    if request.folders is None:
        return rehearsal.plan_update(operation, request, installation)
    return rehearsal.plan_proof(operation, installation, request.folders, request.taken)


def _plan_start(operation: Operation, request: Request, installation: Installation, docker: Engine) -> Plan:
    """Plan a start, or a restart; what is missing of containers and networks is created before."""
    containers = docker.list_containers()
    definition = _known_definition(installation, containers)
    stops = plan.plan_stop(definition).steps if isinstance(request, RestartRequest) else ()
    facts = HostFacts(containers=containers, networks=docker.list_networks(containers))
    _refuse_absent_data(installation, containers)
    for finding in find_stopped_lenders(definition, facts):
        raise RockonwebError(finding.sentence, finding.hint)
    complete = all(
        name in containers and containers[name].rockon == installation.name for name in definition.containers
    )
    incomplete = not definition.unreadable and (
        find_stale_containers(definition, facts)
        or find_missing_memberships(definition, load_answers(installation), facts)
    )
    if complete and not incomplete:
        restarted = {name for name in definition.containers if stops or containers[name].state not in UP_STATES}
        phases = Phases(stop=stops, build=plan.plan_start(definition).steps)
        along = plan_dependents(installation, Disturbance(restarted=frozenset(restarted)), docker)
        return Plan(installation.name, phases.with_dependent(along.phases).steps, findings=along.findings)
    start_plan = _review_again(installation, StartRequest(), docker).plan
    return replace(start_plan, steps=(*stops, *start_plan.steps, *plan.steady_gate(start_plan.steps)))


def _plan_stop(operation: Operation, request: StopRequest, installation: Installation, docker: Engine) -> Plan:
    stop_plan = plan.plan_stop(_known_definition(installation, docker.list_containers()))
    return replace(stop_plan, findings=dependent_warnings(installation))


def _plan_uninstall(
    operation: Operation, request: UninstallRequest, installation: Installation, docker: Engine
) -> Plan:
    """Plan to remove the rock-on's containers that exist, but no unmanaged container of the same name."""
    containers = docker.list_containers()
    ours = {name for name, facts in containers.items() if facts.rockon == installation.name}
    uninstall_plan = plan.plan_uninstall(installation.current_definition, ours, request.images)
    unsaved = unsaved_warnings(installation, containers.values())
    if request.give_back:
        uninstall_plan = plan_give_back(uninstall_plan, kept_states(installation, docker))
    return replace(uninstall_plan, findings=(*dependent_warnings(installation), *unsaved))


def _known_definition(installation: Installation, containers: Mapping[str, ContainerFacts]) -> Definition:
    """Return the definition; where it can't be read, one with the containers that Docker says are the rock-on's."""
    definition = installation.current_definition
    if not definition.unreadable:
        return definition
    own = {name: facts.image for name, facts in containers.items() if facts.rockon == installation.name}
    return definition.with_unnamed_containers(own)


def _plan_handler_task(operation: Operation, request: TaskRequest, installation: Installation, docker: Engine) -> Plan:
    """Plan a task of the rock-on's handler, by the current text of its files."""
    return handler_tasks.plan_task(installation, request, docker)


def _plan_network(operation: Operation, request: NetworkRequest, _installation: None, docker: Engine) -> Plan:
    return network_operations.plan_operation(operation, request, docker)


def _refuse_unreadable(operation: Operation, request: Request, installation: Installation, docker: Engine) -> Plan:
    """Raise Conflict: what this operation was to do can't be read."""
    raise unreadable_request_error()


PLANNERS: dict[Kind, tuple[Planner, ...]] = {
    Kind.INSTALL: (_plan_install,),
    Kind.START: (_plan_start,),
    Kind.STOP: (_plan_stop,),
    Kind.RESTART: (_plan_start,),
    Kind.CHANGE: (_plan_change,),
    Kind.UPDATE: (_plan_pull, _plan_update),
    Kind.REHEARSE: (_plan_rehearsal_pull, _plan_rehearsal),
    Kind.UNINSTALL: (_plan_uninstall,),
    Kind.ACTION: (_plan_handler_task,),
    Kind.CREATE_NETWORK: (_plan_network,),
    Kind.CHANGE_NETWORK: (_plan_network,),
    Kind.REMOVE_NETWORK: (_plan_network,),
    Kind.BACKUP_DATA: (data_backups.plan_data_backup,),
    Kind.RESTORE_DATA: (data_backups.plan_data_restore,),
    Kind.UNREADABLE: (_refuse_unreadable,),
}


def _review_again(installation: Installation, request: ReviewableRequest, docker: Engine) -> Review:
    """Prepare a request again. Raises RockonwebError where a finding now blocks it."""
    review = prepare_review(installation, request, docker)
    if review.blocking_findings:
        finding = review.blocking_findings[0]
        raise RockonwebError(finding.sentence, finding.hint)
    return review


def _refuse_absent_data(installation: Installation, containers: Mapping[str, ContainerFacts]) -> None:
    """Raise Conflict where a share or a folder that a container has mounted is absent."""
    names = installation.current_definition.containers
    own_containers = [
        facts for facts in containers.values() if facts.rockon == installation.name and facts.name in names
    ]
    shares = get_host(installation).shares
    for finding in absent_data_findings(own_containers, shares, find_absent_shares(db.session(), shares)):
        raise Conflict(finding.sentence, finding.hint)


def _refuse_changed(current: list[str], reviewed: list[str]) -> None:
    if _without_volumes(current) == _without_volumes(reviewed):
        return
    difference = "\n".join(line for line in ndiff(reviewed, current) if line[0] in "+-")
    raise ReviewOutdated(
        t("Something has changed since your review; nothing was done."),
        t("Review the summary again, then confirm it."),
        output=difference,
    )


def _without_volumes(lines: list[str]) -> list[str]:
    """Return the lines without anonymous volumes: those that a failed attempt left are mounted by the next one."""
    return [re.sub(r" -v (?:'[0-9a-f]{64}:[^']*'|[0-9a-f]{64}:\S+)", "", line) for line in lines]
