"""What each kind of operation does: its plan, assembled again from rows and fresh facts when the job begins.

A kind has one planner, or several whose plans are done one after another, each with what the one before brought.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from difflib import ndiff

from rockonweb import rows
from rockonweb.core import answers, plan
from rockonweb.core.errors import RockonwebError
from rockonweb.core.handlers.tasks import Order
from rockonweb.core.plan import Plan
from rockonweb.core.preflight import host_ports
from rockonweb.core.text import t
from rockonweb.host import survey
from rockonweb.host.engine import Engine
from rockonweb.models import Kind, Operation, RockOn
from rockonweb.work import changes, operations, rollback, tasks

Planner = Callable[[Operation, RockOn, Engine], Plan]


class Refused(RockonwebError):
    """The job itself decided not to act; `output` shows why."""


def _install(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Assemble the install anew; what the person reviewed must still be what would run."""
    given = rows.answers_of(rockon)
    definition = rockon.definition
    found = plan.install(
        definition,
        given,
        survey.gather(rockon, given, engine=docker, named=host_ports(definition, given)),
        frozenset(operation.options.get("new_shares", ())),
        operations.given_away(operation),
    )
    _refuse_blocked(found)
    _refuse_changed(found.lines, operation.lines)
    return plan.unstarted(found) if operation.options.get("stopped") else found


def _change(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Assemble the change anew; where a person reviewed it, it must still be the same."""
    options = operation.options
    again = {name: t("it was asked for") for name in rockon.definition.containers} if options["rebuild"] else {}
    found = changes.planned(
        rockon,
        answers.from_json(options["wanted"]),
        docker,
        source=options["source"],
        successor=options["successor"],
        new_shares=frozenset(options["new_shares"]),
        again=again,
        give=operations.given_away(operation),
        asked=options.get("asked", ()),
        point=rollback.point_of(rockon, options["point"]) if options.get("point") else None,
        data=options.get("data", False),
    )
    _refuse_blocked(found.plan)
    if operation.reviewed is not None:
        _refuse_changed(found.reviewed, operation.lines)
    return found.plan


def _pull(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Plan to get the newest images, which touches nothing that runs.

    Of one that was got already and does not run yet that may fail: then the update is to that one.
    """
    known = docker.containers()
    got = {
        spec.reference
        for name, spec in rockon.definition.launch_order
        if name in known and docker.image_id(spec.reference) not in (None, known[name].image_id)
    }
    return plan.pull(rockon.definition, () if operation.options.get("only_pull") else got)


def _update(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Plan to rebuild the containers whose image is another one now; nothing where only the pull was wanted."""
    if operation.options.get("only_pull"):
        return Plan(rockon.name, ())
    known = docker.containers()
    newer = {
        name: t("its image is newer")
        for name, spec in rockon.definition.launch_order
        if name in known and known[name].image_id != docker.image_id(spec.reference)
    }
    asked = operation.options.get("asked", ())
    found = changes.planned(rockon, None, docker, again=newer, newest=True, asked=asked).plan
    _refuse_blocked(found)
    return found


def _start(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Plan a start, or a restart; a container that was removed by hand is made anew."""
    stops = plan.stop(rockon.definition).steps if operation.kind is Kind.RESTART else ()
    known = docker.containers()
    if all(name in known and known[name].rockon == rockon.name for name in rockon.definition.containers):
        return Plan(rockon.name, (*stops, *plan.start(rockon.definition).steps))
    found = changes.planned(rockon, None, docker, start=True).plan
    _refuse_blocked(found)
    return replace(found, steps=(*stops, *found.steps))


def _stop(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    return plan.stop(rockon.definition)


def _uninstall(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Plan to remove what is there and ours; a stranger's container of the same name is not."""
    ours = {name for name, facts in docker.containers().items() if facts.rockon == rockon.name}
    return plan.uninstall(rockon.definition, ours, operation.options.get("images", ()))


def _action(operation: Operation, rockon: RockOn, docker: Engine) -> Plan:
    """Plan a task of the rock-on's handler, by what its files say now."""
    options = operation.options
    return tasks.planned(rockon, Order(options["task"], options.get("client", "")), docker)


PLANNERS: dict[Kind, tuple[Planner, ...]] = {
    Kind.INSTALL: (_install,),
    Kind.START: (_start,),
    Kind.STOP: (_stop,),
    Kind.RESTART: (_start,),
    Kind.CHANGE: (_change,),
    Kind.UPDATE: (_pull, _update),
    Kind.UNINSTALL: (_uninstall,),
    Kind.ACTION: (_action,),
}


def _refuse_blocked(found: Plan) -> None:
    if found.blocked:
        first = found.blocked[0]
        raise RockonwebError(first.sentence, first.hint)


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
