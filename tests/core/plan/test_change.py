"""Changes as text: which containers are made anew and why, which stay, and the steps in their order."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import parse_definitions
from rockonweb.core.facts import ContainerFacts, HostFacts, NetworkFacts, VolumeMount
from rockonweb.core.operations.steps import (
    AwaitHealth,
    ConnectNetwork,
    CreateContainer,
    DisconnectNetwork,
    RemoveOld,
    RenameOld,
    StartContainer,
    StopContainer,
    UiPage,
)
from rockonweb.core.plan.change import Change, DesiredState, plan_change
from rockonweb.core.plan.plan import network_members
from rockonweb.core.plan.repair import find_missing_memberships
from rockonweb.core.secret import MASK, format_command, reveal_argv
from tests.support.definitions_strategy import definition_bodies
from tests.support.examples import example_settings
from tests.support.samples import (
    NAMES,
    build_definition,
    complete_answers,
    load_definition,
    make_host_facts,
    port_question,
)

LINKED = {"app": [{"name": "AppToDb", "source_container": "db"}]}
KEPT = "5f" * 32


def made(sample: Definition, **parts: Any) -> DesiredState:
    """A rock-on that was made from made-up answers, with these `parts` of them given."""
    return DesiredState(sample, complete_answers(sample, **parts))


def two(**app: Any) -> Definition:
    """A database and an app that know nothing of each other; `app` are keys of the app's container."""
    return build_definition({"db": {}, "app": app})


def around(
    old: DesiredState, new: DesiredState | None = None, *, states: dict[str, str | None] | None = None, **facts: Any
) -> HostFacts:
    """A host on which the containers of `old` run, with their networks. Other `states`: None for one that is absent."""
    new = new or old
    joined = network_members(old.definition, old.answers)
    options = {name: spec.run_options.own_networks for name, spec in old.definition.containers.items()}
    found = {
        name: ContainerFacts(
            name,
            state=state,
            rockon=new.definition.name,
            networks=(*options[name], *(network for network, names in joined.items() if name in names))
            if name in options
            else (),
        )
        for name, state in {**dict.fromkeys(old.definition.containers, "running"), **(states or {})}.items()
        if state
    }
    networks = {name: NetworkFacts(name) for name in [*joined, *(name for names in options.values() for name in names)]}
    return make_host_facts(old.answers, new.answers, **{"containers": found, "networks": networks, **facts})


def look(old: DesiredState, new: DesiredState, *, options: dict[str, Any] | None = None, **facts: Any) -> Change:
    """Plan the change on a host where the old one runs."""
    return plan_change(old, new, around(old, new, **facts), **(options or {}))


def text(found: Change) -> str:
    """The steps, a line each; the wait until what was started holds has tests of its own."""
    return "\n".join(str(step) for step in found.plan.steps if not isinstance(step, AwaitHealth))


def why(found: Change) -> dict[str, str]:
    """The reason of each container that is made anew."""
    return {one.container: one.why for one in found.containers if one.recreated}


def staying(found: Change) -> list[str]:
    """The containers that are not touched, or only join and leave networks."""
    return [one.container for one in found.containers if not one.recreated]


REBUILT_APP = (
    "stop app\n"
    "rename the old container app\n"
    "create container app\n"
    "start app\n"
    "remove the old container app"
)  # fmt: skip


# Who is made anew


@pytest.mark.parametrize("name", NAMES)
def test_where_nothing_differs_nothing_is_done(name: str) -> None:
    one = made(load_definition(name))
    found = look(one, one)
    assert text(found) == ""
    assert not found.plan.steps
    assert found.reviewed == []
    assert found.recreated == []
    assert staying(found) == [container for container, _ in one.definition.launch_order]
    assert all(compared.before == compared.after for compared in found.containers)


FULL: dict[str, Any] = {
    "volumes": {"/data": {}},
    "ports": {"80": port_question(8080)},
    "environment": {"MODE": {}, "API_KEY": {}},
    "devices": {"GPU": {}},
}


@pytest.mark.parametrize(
    ("parts", "word"),
    [
        ({"labels": {"app": ["team=kitchen"]}}, "team=kitchen"),
        ({"ports": {"app": {"80": 8081}}}, "8081:80/tcp"),
        ({"environment": {"app": {"MODE": "loud", "API_KEY": "api_key-value"}}}, "MODE=loud"),
        ({"environment": {"app": {"MODE": "mode-value", "API_KEY": "another one"}}}, f"API_KEY={MASK}"),
        ({"shares": {"app": {"/data": "elsewhere"}}}, "/shares/elsewhere:/data"),
        ({"devices": {"app": {"GPU": "/dev/dri"}}}, "/dev/dri"),
        ({"storage": {"app": {"/more": "films"}}}, "/shares/films:/more"),
        ({"variables": {"app": {"EXTRA": "1"}}}, "EXTRA=1"),
    ],
    ids=["label", "port", "value", "secret", "share", "device", "storage", "variable"],
)
@pytest.mark.parametrize("back", [False, True], ids=["given", "taken back"])
def test_an_answer_that_differs_rebuilds_its_container_alone(parts: dict[str, Any], word: str, back: bool) -> None:
    sample = build_definition({"db": {}, "app": FULL}, volume_add_support=True)
    plain, other = made(sample), made(sample, **parts)
    old, new = (other, plain) if back else (plain, other)
    found = look(old, new)
    assert text(found) == REBUILT_APP
    assert why(found) == {"app": "its command line changes"}
    assert staying(found) == ["db"]
    (app,) = [one for one in found.containers if one.container == "app"]
    assert word in ((app.before if back else app.after) or ())


def test_a_port_that_is_not_published_any_more_rebuilds_its_container() -> None:
    sample = build_definition({"db": {}, "app": FULL})
    assert text(look(made(sample), made(sample, ports={"app": {"80": None}}))) == REBUILT_APP


def test_a_secret_that_changes_reads_the_same_before_and_after_and_is_changed() -> None:
    sample = two(environment={"TOKEN": {}})
    old, new = (made(sample, environment={"app": {"TOKEN": word}}) for word in ("hush", "shush"))
    found = look(old, new)
    app = found.containers[1]
    assert app.before
    assert app.after
    assert format_command(app.before) == format_command(app.after)
    assert ("TOKEN=hush" in reveal_argv(app.before), "TOKEN=shush" in reveal_argv(app.after)) == (True, True)
    assert found.recreated == ["app"]


def test_a_newer_definition_rebuilds_what_it_says_otherwise_of() -> None:
    old, new = made(two()), made(two(opts=[["--shm-size", "64m"]]))
    assert text(look(old, new)) == REBUILT_APP


def test_what_a_definition_says_for_people_rebuilds_nothing() -> None:
    old = made(build_definition({"db": {}, "app": FULL}))
    ports = {"80": port_question(9090, "Other words", ui=True)}
    newer = build_definition({"db": {}, "app": {**FULL, "ports": ports}}, version="2", website="https://example.org")
    assert not look(old, DesiredState(newer, old.answers)).plan.steps


def test_another_launch_order_alone_rebuilds_nothing() -> None:
    old = made(build_definition({"db": {}, "app": {}}))
    assert not look(old, made(build_definition({"app": {}, "db": {}}))).plan.steps


def test_another_name_of_the_rockon_rebuilds_all_for_their_labels() -> None:
    old = made(build_definition({"db": {}, "app": {}}, "Old name"))
    found = look(old, made(build_definition({"db": {}, "app": {}}, "New name")))
    assert text(found) == (
        "stop app\nstop db\nrename the old container app\nrename the old container db\n"
        "create container db\nstart db\ncreate container app\nstart app\n"
        "remove the old container app\nremove the old container db"
    )
    assert found.plan.rockon == "New name"


def test_what_is_asked_for_is_made_anew_for_the_reason_that_is_given() -> None:
    one = made(two())
    found = look(one, one, options={"recreate": {"app": "a newer image is available"}})
    assert text(found) == REBUILT_APP
    assert why(found) == {"app": "a newer image is available"}
    assert [step.why for step in found.plan.steps if isinstance(step, CreateContainer)] == [
        "a newer image is available"
    ]


def test_a_difference_is_a_better_reason_than_that_it_was_asked_for() -> None:
    sample = two()
    new = made(sample, labels={"app": ["a=b"]})
    assert why(look(made(sample), new, options={"recreate": {"app": "asked"}})) == {"app": "its command line changes"}


# Who refers to whom

REFERENCES = [
    ["--link", "db:db"],
    ["--link=db", ""],
    ["--volumes-from", "db:ro"],
    ["--net=container:db", ""],
    ["--network", "container:db"],
    ["--pid", "container:db"],
    ["--ipc=container:db", ""],
]


@pytest.mark.parametrize("option", REFERENCES, ids=" ".join)
def test_who_refers_to_a_rebuilt_container_is_rebuilt_too(option: list[str]) -> None:
    sample = build_definition({"db": {}, "app": {"opts": [option]}, "alone": {}})
    found = look(made(sample), made(sample, labels={"db": ["a=b"]}))
    assert text(found) == (
        "stop app\nstop db\nrename the old container app\nrename the old container db\n"
        "create container db\nstart db\ncreate container app\nstart app\n"
        "remove the old container app\nremove the old container db"
    )
    assert why(found) == {"db": "its command line changes", "app": "it refers to db, which is recreated"}
    assert staying(found) == ["alone"]


@pytest.mark.parametrize("option", REFERENCES, ids=" ".join)
def test_whom_a_rebuilt_container_refers_to_stays(option: list[str]) -> None:
    sample = build_definition({"db": {}, "app": {"opts": [option]}})
    assert text(look(made(sample), made(sample, labels={"app": ["a=b"]}))) == REBUILT_APP


@pytest.mark.parametrize("option", [["--pid", "host"], ["--ipc=host", ""], ["--net=db", ""]], ids=" ".join)
def test_what_only_looks_like_a_reference_is_none(option: list[str]) -> None:
    sample = build_definition({"db": {}, "app": {"opts": [option]}})
    assert look(made(sample), made(sample, labels={"db": ["a=b"]})).recreated == ["db"]


@pytest.mark.parametrize("order", [("db", "app", "web"), ("web", "app", "db"), ("app", "web", "db")])
def test_references_are_followed_through_chains_whatever_the_launch_order(order: tuple[str, ...]) -> None:
    bodies = {"db": {}, "app": {"opts": [["--link", "db"]]}, "web": {"opts": [["--volumes-from", "app"]]}}
    sample = build_definition({name: bodies[name] for name in order} | {"alone": {}})
    found = look(made(sample), made(sample, labels={"db": ["a=b"]}))
    assert why(found) == {
        "db": "its command line changes",
        "app": "it refers to db, which is recreated",
        "web": "it refers to app, which is recreated",
    }
    assert found.recreated == list(order)
    assert text(found).splitlines()[:3] == [f"stop {name}" for name in reversed(order)]
    assert staying(found) == ["alone"]


def test_two_that_refer_to_each_other_come_to_an_end() -> None:
    sample = build_definition({"db": {"opts": [["--link", "app"]]}, "app": {"opts": [["--pid", "container:db"]]}})
    assert look(made(sample), made(sample, labels={"app": ["a=b"]})).recreated == ["db", "app"]


def test_a_link_network_is_no_reference() -> None:
    sample = build_definition({"db": {}, "app": {}}, container_links=LINKED)
    found = look(made(sample), made(sample, labels={"db": ["a=b"]}))
    assert text(found) == (
        "stop db\nrename the old container db\ncreate container db\nconnect db to network AppToDb\nstart db\n"
        "remove the old container db"
    )


# Networks


def test_networks_alone_are_joined_and_left_while_it_runs() -> None:
    sample = two()
    old = made(sample, networks={"app": ["kitchen"], "db": ["cellar"]})
    new = made(sample, networks={"app": ["attic"], "db": ["cellar"]})
    found = look(old, new)
    assert text(found) == "create network attic\nconnect app to network attic\ndisconnect app from network kitchen"
    assert (found.recreated, staying(found)) == ([], ["db", "app"])
    assert [(one.container, one.joins, one.leaves) for one in found.containers] == [
        ("db", (), ()),
        ("app", ("attic",), ("kitchen",)),
    ]
    assert found.reviewed == ["connect app to network attic", "disconnect app from network kitchen"]


def test_a_network_that_exists_is_joined_and_not_made() -> None:
    sample = two()
    found = look(made(sample), made(sample, networks={"app": ["lan"]}), networks={"lan": NetworkFacts("lan")})
    assert text(found) == "connect app to network lan"


def test_a_network_is_joined_under_the_names_of_the_options() -> None:
    sample = build_definition({"app": {"opts": [["--network", "lan"], ["--network-alias", "web"]]}})
    found = look(made(sample), made(sample, networks={"app": ["attic"]}), networks={"lan": NetworkFacts("lan")})
    [step] = [step for step in found.plan.steps if isinstance(step, ConnectNetwork)]
    assert step.endpoint.aliases == ("web",)


def test_without_an_engine_the_networks_of_old_are_taken_for_there() -> None:
    sample = two()
    old = made(sample, networks={"db": ["lan"]})
    new = made(sample, networks={"db": ["lan"], "app": ["lan", "attic"]})
    assert text(look(old, new, networks=None)) == (
        "create network attic\nconnect app to network lan\nconnect app to network attic"
    )


def test_one_that_is_rebuilt_joins_its_networks_before_it_starts() -> None:
    sample = two()
    old = made(sample, networks={"app": ["kitchen"], "db": ["kitchen"]})
    new = made(sample, networks={"app": ["attic"], "db": ["attic"]}, labels={"app": ["a=b"]})
    found = look(old, new)
    assert text(found) == (
        "create network attic\n"
        "connect db to network attic\n"
        "stop app\n"
        "rename the old container app\n"
        "create container app\n"
        "connect app to network attic\n"
        "start app\n"
        "disconnect db from network kitchen\n"
        "remove the old container app"
    )
    assert (found.recreated, staying(found)) == (["app"], ["db"])


def test_a_link_network_that_comes_is_made_and_joined_live() -> None:
    old, new = made(two()), made(build_definition({"db": {}, "app": {}}, container_links=LINKED))
    assert text(look(old, new)) == (
        "create network AppToDb\nconnect db to network AppToDb\nconnect app to network AppToDb"
    )


def test_a_link_network_that_goes_is_left_live_and_removed() -> None:
    old, new = made(build_definition({"db": {}, "app": {}}, container_links=LINKED)), made(two())
    assert text(look(old, new)) == (
        "disconnect db from network AppToDb\ndisconnect app from network AppToDb\nremove network AppToDb"
    )


def test_a_link_network_of_another_name_takes_the_place_of_the_first() -> None:
    old = made(build_definition({"db": {}, "app": {}}, container_links=LINKED))
    renamed = {"app": [{"name": "Newer", "source_container": "db"}]}
    assert text(look(old, made(build_definition({"db": {}, "app": {}}, container_links=renamed)))) == (
        "create network Newer\nconnect db to network Newer\nconnect app to network Newer\n"
        "disconnect db from network AppToDb\ndisconnect app from network AppToDb\nremove network AppToDb"
    )


def test_a_persons_network_stays_when_nobody_is_on_it_any_more() -> None:
    sample = two()
    found = look(made(sample, networks={"app": ["kitchen"]}), made(sample))
    assert text(found) == "disconnect app from network kitchen"


def test_a_network_that_vanished_is_created_and_everybody_connected_to_it_again() -> None:
    sample = build_definition({"db": {}, "app": {}}, container_links=LINKED)
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), networks={})
    assert text(found).splitlines()[:2] == ["create network AppToDb", "connect db to network AppToDb"]
    assert text(look(made(sample), made(sample), networks={})) == (
        "create network AppToDb\nconnect db to network AppToDb\nconnect app to network AppToDb"
    )
    started = look(made(sample), made(sample), networks={}, options={"start_all": True})
    assert text(started).splitlines()[:3] == text(look(made(sample), made(sample), networks={})).splitlines()
    assert text(started).splitlines()[3:] == ["start db", "start app"]


def test_who_is_on_a_removed_network_of_the_same_name_is_connected_to_the_present_one() -> None:
    sample = build_definition({"db": {}, "app": {}}, container_links=LINKED)
    facts = around(made(sample), networks={"AppToDb": NetworkFacts("AppToDb", id="new")})
    ids = {"db": {"AppToDb": "old"}, "app": {"AppToDb": "new"}}
    containers = {name: replace(one, network_ids=ids[name]) for name, one in (facts.containers or {}).items()}
    found = plan_change(made(sample), made(sample), replace(facts, containers=containers))
    assert text(found) == "connect db to network AppToDb"


def test_who_was_disconnected_is_connected_again() -> None:
    sample = build_definition({"db": {}, "app": {}}, container_links=LINKED)
    facts = around(made(sample))
    containers = {name: replace(one, networks=() if name == "db" else one.networks)
                  for name, one in (facts.containers or {}).items()}  # fmt: skip
    found = plan_change(made(sample), made(sample), replace(facts, containers=containers), start_all=True)
    assert text(found) == "connect db to network AppToDb\nstart db\nstart app"


def test_who_can_join_no_network_misses_none() -> None:
    sample = build_definition({"db": {}, "app": {"opts": [["--net", "host"]]}}, container_links=LINKED)
    facts = around(made(sample))
    containers = {name: replace(one, networks=() if name == "app" else one.networks)
                  for name, one in (facts.containers or {}).items()}  # fmt: skip
    assert find_missing_memberships(sample, Answers(), replace(facts, containers=containers)) == {}


def test_who_was_created_on_a_network_that_vanished_is_recreated_with_it() -> None:
    sample = build_definition({"db": {"opts": [["--net", "lan"]]}, "app": {}})
    touched = look(made(sample), made(sample, labels={"db": ["a=b"]}), networks={})
    assert text(touched).splitlines()[0] == "create network lan"
    started = look(made(sample), made(sample), networks={}, options={"start_all": True})
    assert text(started).splitlines()[0] == "create network lan"
    assert why(started) == {"db": "it is not connected to the network lan"}


def test_who_uses_the_network_of_a_container_that_is_gone_is_recreated() -> None:
    sample = build_definition({"app": {"opts": [["--network", "container:vpn"]]}})
    facts = around(made(sample))
    assert facts.containers
    for lender, reasons in (
        ("f" * 64, {"app": "it uses the network of vpn, which was removed or recreated"}),
        ("e" * 64, {}),
    ):
        present = {
            "app": replace(facts.containers["app"], network_mode=f"container:{lender}"),
            "vpn": ContainerFacts("vpn", id="e" * 64, state="running"),
        }
        found = plan_change(made(sample), made(sample), replace(facts, containers=present), start_all=True)
        assert why(found) == reasons


def test_a_link_network_that_an_option_names_too_is_made_once() -> None:
    links = {"app": [{"name": "lan", "source_container": "db"}]}
    sample = build_definition({"db": {}, "app": {"opts": [["--net", "lan"]]}}, container_links=links)
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), networks={})
    assert text(found).splitlines().count("create network lan") == 1


def test_docker_may_refuse_a_join_beside_a_network_of_ones_own() -> None:
    sample = load_definition("own-network")
    found = look(made(sample), made(sample, labels={"own-app": ["a=b"]}))
    assert [(step.container, step.required) for step in found.plan.steps if isinstance(step, ConnectNetwork)] == [
        ("own-app", False)
    ]


# Containers that come, go, and are not there


def test_a_new_container_is_got_made_and_started() -> None:
    old, new = made(two()), made(build_definition({"db": {}, "app": {}, "cron": {}}))
    found = look(old, new)
    assert text(found) == "pull example/cron:latest\ncreate container cron\nstart cron"
    assert why(found) == {"cron": "it is new in the definition"}
    assert (found.containers[2].before, found.containers[2].after and found.containers[2].after[5]) == (None, "cron")


def test_a_container_that_goes_is_stopped_first_and_removed_last() -> None:
    old, new = made(build_definition({"db": {}, "app": {}, "cron": {}})), made(two(opts=[["--init", ""]]))
    found = look(old, new)
    assert text(found) == (
        "stop cron\nstop app\nrename the old container cron\nrename the old container app\n"
        "create container app\nstart app\n"
        "remove the old container cron\nremove the old container app"
    )
    assert why(found)["cron"] == "the definition no longer has it"
    assert (found.containers[2].before and found.containers[2].before[5], found.containers[2].after) == ("cron", None)


@pytest.mark.parametrize(("state", "starts"), [("running", True), ("exited", False)])
def test_the_only_container_under_another_name_runs_if_the_old_one_did(state: str, starts: bool) -> None:
    old, new = made(build_definition({"app": {}})), made(build_definition({"server": {"image": "example/app"}}))
    found = look(old, new, states={"app": state})
    assert text(found) == "\n".join(
        [
            "stop app",
            "rename the old container app",
            "create container server",
            *(["start server"] if starts else []),
            "remove the old container app",
        ]
    )


def test_one_that_was_removed_by_hand_is_made_anew_and_nothing_is_set_aside() -> None:
    one = made(two())
    found = look(one, one, states={"app": None})
    assert text(found) == "create container app\nstart app"
    assert why(found) == {"app": "it was removed manually and is recreated from its settings"}
    assert found.containers[1].before is None
    assert found.containers[1].after


def test_who_refers_to_one_that_was_removed_by_hand_is_rebuilt() -> None:
    one = made(build_definition({"db": {}, "app": {"opts": [["--link", "db"]]}}))
    assert text(look(one, one, states={"db": None})) == (
        "stop app\nrename the old container app\ncreate container db\nstart db\ncreate container app\nstart app\n"
        "remove the old container app"
    )


def test_one_that_goes_and_is_gone_already_needs_no_step() -> None:
    old, new = made(build_definition({"db": {}, "app": {}, "cron": {}})), made(two())
    assert text(look(old, new, states={"cron": None})) == ""


@pytest.mark.parametrize("whose", ["", "Another rock-on"])
def test_a_strangers_container_of_that_name_is_not_touched_and_forbids_it(whose: str) -> None:
    one = made(two())
    facts = around(one)
    assert facts.containers is not None
    containers = {**facts.containers, "app": ContainerFacts("app", state="running", rockon=whose)}
    found = plan_change(one, one, replace(facts, containers=containers))
    assert found.plan.blockers
    assert not {"stop app", "rename the old container app", "remove the old container app"} & set(
        text(found).splitlines()
    )


def test_a_strangers_running_container_does_not_mean_that_the_rockon_runs() -> None:
    old, new = made(two()), made(build_definition({"db": {}, "app": {}, "cron": {}}))
    facts = around(old, states={"db": "exited"})
    assert facts.containers is not None
    found = plan_change(
        old, new, replace(facts, containers={**facts.containers, "app": ContainerFacts("app", state="running")})
    )
    assert "start" not in text(found)


# What is started

ENDS = {"opts": [["--restart", "no"]]}


def test_what_is_stopped_stays_stopped() -> None:
    sample = two()
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), states={"db": "exited", "app": "exited"})
    assert text(found) == "stop app\nrename the old container app\ncreate container app\nremove the old container app"


@pytest.mark.parametrize("state", ["running", "restarting", "paused"])
def test_what_is_up_is_started_again(state: str) -> None:
    sample = two()
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), states={"app": state})
    assert text(found) == REBUILT_APP


def test_of_a_rockon_that_runs_in_part_what_was_stopped_stays_stopped() -> None:
    sample = two()
    new = made(sample, labels={"db": ["a=b"], "app": ["a=b"]})
    found = look(made(sample), new, states={"app": "exited"})
    assert [str(step) for step in found.plan.steps if isinstance(step, StartContainer)] == ["start db"]


@pytest.mark.parametrize(
    "once", [ENDS, {"opts": [["--restart=no", ""]]}, {"opts": [["--restart", "always"], ["--restart", "no"]]}]
)
@pytest.mark.parametrize(("state", "starts"), [("running", ["once"]), ("exited", [])])
def test_what_does_its_work_and_ends_is_started_where_the_rockon_runs(
    once: dict[str, Any], state: str, starts: list[str]
) -> None:
    sample = build_definition({"once": once, "app": {}})
    found = look(made(sample), made(sample, labels={"once": ["a=b"]}), states={"once": "exited", "app": state})
    assert [step.container for step in found.plan.steps if isinstance(step, StartContainer)] == starts


@pytest.mark.parametrize("policy", ["always", "on-failure:3", "unless-stopped"])
def test_what_is_started_again_by_docker_does_not_end(policy: str) -> None:
    sample = build_definition({"other": {"opts": [["--restart", "no"], ["--restart", policy]]}, "app": {}})
    found = look(made(sample), made(sample, labels={"other": ["a=b"]}), states={"other": "exited"})
    assert not any(isinstance(step, StartContainer) for step in found.plan.steps)


def test_what_a_program_is_told_is_no_restart_policy_of_its_container() -> None:
    sample = build_definition({"other": {"cmd_arguments": [["--restart", "no"]]}, "app": {}})
    found = look(made(sample), made(sample, labels={"other": ["a=b"]}), states={"other": "exited"})
    assert not any(isinstance(step, StartContainer) for step in found.plan.steps)


def test_a_new_container_of_a_stopped_rockon_is_not_started() -> None:
    old, new = made(two()), made(build_definition({"db": {}, "app": {}, "cron": {}}))
    found = look(old, new, states={"db": "exited", "app": "created"})
    assert text(found) == "pull example/cron:latest\ncreate container cron"


def test_without_an_engine_everything_that_is_rebuilt_is_started() -> None:
    sample = two()
    assert text(look(made(sample), made(sample, labels={"app": ["a=b"]}), containers=None)) == REBUILT_APP


def test_with_a_start_all_of_it_runs_then() -> None:
    one = made(two())
    assert text(look(one, one, states={"db": "exited", "app": "exited"}, options={"start_all": True})) == (
        "start db\nstart app"
    )
    assert text(look(one, one, states={"db": "exited", "app": None}, options={"start_all": True})) == (
        "start db\ncreate container app\nstart app"
    )


# Images


def test_an_image_that_is_new_to_the_rockon_is_got_before_anything_is_stopped() -> None:
    old, new = made(two()), made(two(tag="2"))
    assert text(look(old, new)) == f"pull example/app:2\n{REBUILT_APP}"


def test_an_image_that_docker_lost_is_got_again() -> None:
    sample = two()
    absent = frozenset({"example/app:latest", "example/db:latest"})
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), absent_images=absent)
    assert text(found) == f"pull example/app:latest\n{REBUILT_APP}"
    assert not look(made(sample), made(sample), absent_images=absent).plan.steps


# Shares and volumes


def test_a_new_share_is_made_first() -> None:
    sample = build_definition({"db": {}, "app": {}}, volume_add_support=True)
    old, new = made(sample), made(sample, storage={"app": {"/more": "films"}})
    found = plan_change(old, new, around(old), new_shares=frozenset({"films", "unused"}))
    assert text(found) == f"create share films\n{REBUILT_APP}"
    assert found.plan.blockers == []
    assert text(plan_change(old, new, around(old, new), new_shares=frozenset({"films"}))) == REBUILT_APP
    assert [one.sentence for one in plan_change(old, new, around(old)).plan.blockers] == [
        'The share "films" does not exist.'
    ]


def test_volumes_that_docker_made_are_handed_on_and_are_no_change() -> None:
    sample = two()
    facts = {"kept_volumes": {"app": (VolumeMount(KEPT, "/keep"),)}}
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), **facts)
    app = found.containers[1]
    assert f"{KEPT}:/keep" in (app.after or ())
    assert f"{KEPT}:/keep" in (app.before or ())
    assert not look(made(sample), made(sample), **facts).plan.steps


def test_storage_in_the_place_of_such_a_volume_takes_it() -> None:
    sample = build_definition({"db": {}, "app": {}}, volume_add_support=True)
    new = made(sample, storage={"app": {"/keep": "films"}})
    found = look(made(sample), new, kept_volumes={"app": (VolumeMount(KEPT, "/keep"),)})
    after = found.containers[1].after or ()
    assert "/shares/films:/keep" in after
    assert f"{KEPT}:/keep" not in after


# OpenVPN and ownCloud

KEYS = {"vpn-data": (VolumeMount(KEPT, "/etc/openvpn"),)}


def vpn(server: str = "home.example", **parts: Any) -> DesiredState:
    """OpenVPN under a name."""
    return made(load_definition("vpn"), custom_config={"servername": server}, **parts)


def runs_once(found: Change) -> int:
    """How often the server's configuration is written."""
    return text(found).count("ovpn_genconfig")


def test_a_server_that_is_rebuilt_is_not_configured_again() -> None:
    found = look(vpn(), vpn(labels={"vpn": ["a=b"]}), states={"vpn-data": "exited"}, kept_volumes=KEYS)
    assert text(found) == (
        "stop vpn\nrename the old container vpn\ncreate container vpn\nstart vpn\nremove the old container vpn"
    )


def test_another_name_of_the_server_is_written_before_the_server_starts() -> None:
    found = look(vpn(), vpn("away.example"), states={"vpn-data": "exited"}, kept_volumes=KEYS)
    steps = text(found).splitlines()
    assert [*steps[:2], *steps[3:]] == [
        "stop vpn",
        "rename the old container vpn",
        "create container vpn",
        "start vpn",
        "remove the old container vpn",
    ]
    assert steps[2].endswith("ovpn_genconfig -u udp://away.example")
    assert why(found) == {"vpn": "the one-time run that prepares it changes"}
    assert steps[2] in found.reviewed


def test_data_whose_volume_is_kept_is_rebuilt_without_configuring_again() -> None:
    one = vpn()
    found = look(
        one,
        one,
        states={"vpn-data": "exited"},
        kept_volumes=KEYS,
        options={"recreate": {"vpn-data": "a newer image is available"}},
    )
    assert text(found) == (
        "stop vpn\nstop vpn-data\nrename the old container vpn\nrename the old container vpn-data\n"
        "create container vpn-data\nstart vpn-data\nwait until vpn-data has finished\n"
        "create container vpn\nstart vpn\nremove the old container vpn\nremove the old container vpn-data"
    )
    assert f"{KEPT}:/etc/openvpn" in (found.containers[0].after or ())


def test_data_that_is_lost_is_configured_again() -> None:
    one = vpn()
    assert runs_once(look(one, one, states={"vpn-data": None})) == 1
    assert runs_once(look(one, one, states={"vpn-data": None}, kept_volumes=KEYS)) == 0


def test_the_data_container_does_its_work_also_where_the_server_is_stopped() -> None:
    one = vpn()
    found = look(one, one, states={"vpn-data": None, "vpn": "exited"})
    assert [step.container for step in found.plan.steps if isinstance(step, StartContainer)] == ["vpn-data"]
    assert "wait until vpn-data has finished" in text(found)


def test_another_rockons_name_on_its_labels_does_not_configure_it_again() -> None:
    old = vpn()
    new = DesiredState(old.definition.model_copy(update={"name": "openVPN"}), old.answers)
    found = look(old, new, kept_volumes=KEYS)
    assert set(found.recreated) == {"vpn-data", "vpn"}
    assert runs_once(found) == 0


def test_a_database_of_owncloud_is_waited_for_where_it_runs() -> None:
    sample = load_definition("owncloud")
    account = {"db_user": "cloud", "db_pw": "hush hush"}
    old = made(sample, custom_config=account)
    new = made(sample, custom_config={**account, "db_pw": "other words"})
    assert text(look(old, new)) == (
        "stop owncloud\n"
        "stop owncloud-postgres\n"
        "rename the old container owncloud\n"
        "rename the old container owncloud-postgres\n"
        "set the permissions of share owncloud-postgres-var-lib-postgresql-data to 700\n"
        "create container owncloud-postgres\n"
        "connect owncloud-postgres to network db\n"
        "start owncloud-postgres\n"
        "wait until owncloud-postgres is ready\n"
        "create the certificate /etc/ssl/certs/rockonweb.crt if it is missing\n"
        "create container owncloud\n"
        "connect owncloud to network db\n"
        "start owncloud\n"
        "remove the old container owncloud\n"
        "remove the old container owncloud-postgres"
    )
    stopped = text(look(old, new, states={"owncloud": "exited", "owncloud-postgres": "exited"}))
    assert "wait until" not in stopped
    assert "start" not in stopped


# What a person agrees to


def test_what_is_reviewed_names_what_is_touched_and_no_secret() -> None:
    sample = build_definition({"db": {}, "app": FULL}, volume_add_support=True, container_links=LINKED)
    values = {"app": {"MODE": "loud", "API_KEY": "hush hush"}}
    old = made(sample, environment=values)
    new = made(sample, environment=values, labels={"app": ["a=b"]}, networks={"db": ["lan"]})
    found = look(old, new)
    assert found.reviewed == [
        "connect db to network lan",
        "rename the old container app",
        "docker run -d --restart=unless-stopped --name app -v /shares/app-data:/data "
        "-v /etc/localtime:/etc/localtime:ro -p 8080:80/tcp -e MODE=loud"
        f" -e API_KEY={MASK} --label a=b --label rockonweb.rockon=Sample"
        " example/app:latest",
        "connect app to network AppToDb",
    ]
    assert "hush" not in f"{found} {found.reviewed} {text(found)}"


def test_what_does_not_matter_does_not_change_what_was_reviewed() -> None:
    sample = build_definition({"db": {}, "app": {}}, volume_add_support=True)
    old, new = made(sample), made(sample, storage={"app": {"/more": "films"}}, networks={"app": ["lan"]})
    facts = around(old, new)
    first = plan_change(old, new, facts).reviewed
    assert first
    for other in (
        replace(facts, absent_images=frozenset({"example/app:latest"})),
        replace(facts, networks={"lan": NetworkFacts("lan")}),
        around(old, new, states={"app": "exited", "db": "exited"}),
    ):
        assert plan_change(old, new, other).reviewed == first
    later = replace(facts, shares={name: one for name, one in facts.shares.items() if name != "films"})
    assert plan_change(old, new, later, new_shares=frozenset({"films"})).reviewed == first
    gone = around(old, new, states={"app": None})
    assert plan_change(old, new, gone).reviewed != first


@pytest.mark.parametrize("name", NAMES)
def test_every_step_says_why(name: str) -> None:
    one = made(load_definition(name))
    found = look(one, one, options={"recreate": dict.fromkeys(one.definition.containers, "asked")})
    assert all(step.why for step in found.plan.steps)


# Whatever the definitions


@st.composite
def rockons(draw: st.DrawFn) -> Definition:
    """A whole rock-on named Sample, its containers referring to each other here and there."""
    content = draw(definition_bodies())
    names = st.sampled_from(sorted(content["containers"]))
    for container in content["containers"].values():
        flag = st.sampled_from(["--link", "--volumes-from"])
        container.setdefault("opts", []).extend(draw(st.lists(st.tuples(flag, names).map(list), max_size=2)))
    return parse_definitions(json.dumps({"Sample": content}))[0].definition


STATES = st.sampled_from(["running", "exited", "created", None])


@example_settings(100)
@given(rockons())
def test_the_same_again_has_no_steps_whatever_it_is(sample: Definition) -> None:
    one = made(sample)
    assert not look(one, one).plan.steps


@example_settings(200)
@given(rockons(), rockons(), st.data())
def test_the_rebuilt_are_replaced_once_in_order_and_the_staying_are_left_alone(
    sample: Definition, newer: Definition, data: st.DataObject
) -> None:
    if data.draw(st.booleans()):
        newer = sample
    old = made(sample)
    new = made(newer, labels=data.draw(st.dictionaries(st.sampled_from(sorted(newer.containers)), st.just(["new=1"]))))
    states = {name: data.draw(STATES) for name in sample.containers}
    found = look(old, new, states=states)
    touched: dict[str, list[str]] = {}
    for step in found.plan.steps:
        if name := getattr(step, "container", ""):
            if isinstance(step, StopContainer | RenameOld | CreateContainer | RemoveOld):
                touched.setdefault(name, []).append(type(step).__name__)
            assert name in found.recreated or isinstance(step, ConnectNetwork | DisconnectNetwork)
    for name in found.recreated:
        there = name in sample.containers and states[name] is not None
        assert touched.get(name, []) == [
            *(["StopContainer", "RenameOld"] if there else []),
            *(["CreateContainer"] if name in newer.containers else []),
            *(["RemoveOld"] if there else []),
        ]
    kinds = [type(step).__name__ for step in found.plan.steps]
    for earlier, later in [
        ("PullImage", "StopContainer"),
        ("StopContainer", "RenameOld"),
        ("RenameOld", "CreateContainer"),
        ("CreateContainer", "RemoveOld"),
    ]:
        if earlier in kinds and later in kinds:
            assert len(kinds) - 1 - kinds[::-1].index(earlier) < kinds.index(later)
    assert set(found.recreated) | set(staying(found)) == {*sample.containers, *newer.containers}
    assert not set(found.recreated) & set(staying(found))


# Until what was started holds


def waits(found: Change) -> list[AwaitHealth]:
    return [step for step in found.plan.steps if isinstance(step, AwaitHealth)]


def test_the_old_ones_are_kept_until_the_new_ones_hold() -> None:
    sample = two(ports={"80": {"ui": True, "protocol": "tcp"}})
    found = look(made(sample), made(sample, labels={"db": ["a=b"], "app": ["a=b"]}, ports={"app": {"80": 8123}}))
    (wait,) = waits(found)
    assert (wait.pages, wait.stays) == ((("db", None), ("app", UiPage(8123))), False)
    kinds = [type(step) for step in found.plan.steps]
    assert kinds.index(AwaitHealth) > max(place for place, kind in enumerate(kinds) if kind is StartContainer)
    assert kinds.index(AwaitHealth) < kinds.index(RemoveOld)


def test_a_page_that_is_not_published_can_not_be_asked() -> None:
    sample = two(ports={"80": {"ui": True, "protocol": "tcp"}})
    (wait,) = waits(look(made(sample), made(sample, ports={"app": {"80": None}})))
    assert wait.pages == (("app", None),)


def test_what_is_not_started_is_not_waited_for() -> None:
    sample = two()
    found = look(made(sample), made(sample, labels={"app": ["a=b"]}), states={"db": "exited", "app": "exited"})
    assert waits(found) == []
    assert waits(look(made(sample), made(sample, networks={"app": ["lan"]}))) == []
