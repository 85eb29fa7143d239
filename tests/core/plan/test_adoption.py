"""The plan of an adoption as text: the old containers are kept before the new ones are created."""

import json

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.facts import ContainerFacts, HostFacts, PortListener
from rockonweb.core.operations.steps import AwaitHealth
from rockonweb.core.plan.adoption import (
    KeptState,
    check_adopted,
    find_adopted,
    own_adopted,
    pin_adopted,
    plan_adoption,
    plan_give_back,
    without_pulls,
)
from rockonweb.core.plan.plan import plan_install, plan_uninstall

BODY = {
    "description": "x", "version": "1", "website": "",
    "containers": {name: {"image": f"demo/{name}", "launch_order": n} for n, name in enumerate(("db", "web"), 1)},
}  # fmt: skip
DEFINITION = parse_definitions(json.dumps({"Blog": BODY}))[0].definition
PORT = PortListener(8080, "tcp", "", "the container web")


def facts(**states):
    containers = {
        name: ContainerFacts(name, id=f"{name}-id", image_id=f"{name}-image", state=state,
                             published=(PORT,) if name == "web" else ())
        for name, state in states.items()
    }  # fmt: skip
    return HostFacts(containers=containers, networks={}, listening=(PORT,))


ADOPTED = {"db": "db-id", "web": "web-id"}


def steps(host, adopted):
    plan = plan_install(DEFINITION, Answers(), host)
    planned = plan_adoption(plan, find_adopted(adopted, host), host.containers)
    return without_pulls(planned, ["demo/db:latest", "demo/web:latest"]).steps


def test_all_old_ones_are_kept_in_reverse_order_before_the_first_new_one():
    assert [str(step) for step in steps(facts(db="running", web="running"), ADOPTED)] == [
        "stop the container web and keep it as web.before-rockonweb",
        "stop the container db and keep it as db.before-rockonweb",
        "create container db", "start db", "create container web", "start web",
        "wait until db, web are healthy",
    ]  # fmt: skip


def test_what_was_stopped_is_not_started_and_an_unhealthy_one_is_not_kept():
    planned = steps(facts(db="running", web="exited"), ADOPTED)
    assert [str(step) for step in planned][2:] == [
        "create container db", "start db", "create container web", "wait until db is healthy"
    ]  # fmt: skip
    assert not any(step.stays for step in planned if isinstance(step, AwaitHealth))
    assert not any(isinstance(step, AwaitHealth) for step in steps(facts(db="exited", web="created"), ADOPTED))


def test_a_name_that_is_kept_already_is_not_taken_again():
    planned = steps(facts(web="running", **{"web.before-rockonweb": "exited"}), {"web": "web-id"})
    assert "as web.before-rockonweb-2" in str(planned[0])


def test_what_is_gone_unsteady_or_another_apps_blocks():
    found = check_adopted(DEFINITION, {**ADOPTED, "other": "x"}, facts(db="paused"))
    assert [(finding.level, str(finding.sentence)) for finding in found] == [
        ("block", 'The container "db" is paused just now.'),
        ("block", 'The container "web" that was to be adopted is no longer there.'),
        ("block", 'The container "other" that was to be adopted is no longer there.'),
    ]


def test_its_ports_and_its_name_are_the_rock_ons_and_its_image_stays():
    host = own_adopted(facts(web="running"), "Blog", {"web": "web-id"})
    assert (host.containers["web"].rockon, host.listening[0].rockon) == ("Blog", "Blog")
    assert not [finding for finding in plan_install(DEFINITION, Answers(), host).findings if finding.level == "block"]
    present = find_adopted({"web": "web-id"}, host)
    assert pin_adopted(host, DEFINITION, present, {"demo/web:latest": "newer"}).pinned == {"web": "web-image"}
    assert pin_adopted(host, DEFINITION, present, {"demo/web:latest": "web-image"}).pinned == {}


def test_going_back_comes_after_the_removal_of_the_new_ones():
    planned = plan_give_back(plan_uninstall(DEFINITION, {"web"}), [KeptState("web", "web-id", "always", running=True)])
    assert [str(step) for step in planned.steps] == [
        "stop web", "remove container web", "put the container web of before back"
    ]  # fmt: skip
