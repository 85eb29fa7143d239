"""What the original gets wrong, a test for each. The numbers are those of the list of the format.

1.  Two containers with the same inner port get each other's answer:
    tests/test_traps.py::test_1_one_inner_port_in_two_containers_keeps_both_answers
2.  A devices answer fails where a container has no such device:
    tests/test_traps.py::test_2_a_device_of_one_container_is_not_looked_for_in_the_others
3.  A changed image deletes containers of other rock-ons:
    tests/test_traps.py::test_3_a_changed_image_never_touches_another_rockons_rows
4.  A container may be the source of only one link:
    tests/test_traps.py::test_4_a_container_may_be_the_source_of_several_links
5.  A variable that is new in a definition becomes KEY=None:
    tests/test_traps.py::test_5_a_variable_that_is_new_in_a_definition_is_left_out_until_it_is_answered
    tests/docker/test_traps.py::test_5_a_variable_that_nobody_answered_is_not_in_the_container
6.  An update removes the containers before it has the image:
    tests/test_traps.py::test_6_everything_is_pulled_before_anything_is_stopped
    tests/docker/test_traps.py::test_6_an_update_without_a_registry_leaves_the_app_running
7.  One bad file aborts the refresh, and only the last error is told:
    tests/catalog/test_catalog.py::test_a_bad_file_is_reported_and_the_others_load
    tests/catalog/test_catalog.py::test_every_reason_of_a_bad_file_is_told_with_its_path
8.  A stranger's container of the same name is removed:
    tests/test_traps.py::test_8_a_container_of_that_name_that_is_not_ours_forbids_an_install_and_a_change
    tests/docker/test_traps.py::test_8_a_stranger_of_that_name_survives_every_operation
9.  A rename in the catalogue breaks the refresh of those who have it installed:
    tests/catalog/test_catalog.py::test_a_renamed_rock_on_with_the_same_containers_breaks_nothing
10. The status is that of the container that was launched last, and a list starts processes:
    tests/test_traps.py::test_10_the_status_is_that_of_all_containers
    tests/blueprints/test_rockons.py::test_the_list_asks_docker_nothing
    tests/docker/test_traps.py::test_10_the_first_container_counts_as_much_as_the_last
11. Secrets are shown in summaries and written to logs:
    tests/test_traps.py::test_11_a_secret_is_in_nothing_that_is_shown
    tests/docker/test_failures.py::test_a_secret_is_in_no_row_no_log_and_no_error
12. Identical options are dropped:
    tests/test_traps.py::test_12_identical_options_stay
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.core.answers import answers
from rockonweb.core.definition.parser import ParsedDefinition
from rockonweb.core.facts import ContainerFacts, NetworkFacts
from rockonweb.core.operations.steps import PullImage
from rockonweb.core.plan import plan
from rockonweb.core.plan.change import DesiredState, plan_change
from rockonweb.core.secret import MASK, reveal_argv
from rockonweb.core.status.status import ObservedStatus, Problem, Status, derive_status
from rockonweb.models import Container, Installation, RockOn, State, db, repository, transaction
from tests.support.app import installation_of, put_definitions
from tests.support.samples import (
    build_definition,
    complete_answers,
    load_definition,
    make_host_facts,
    parse_rockon,
    port_question,
)

ROOT = Path(__file__).parent.parent
WEB = {"ports": {"80": port_question(8080)}}


def row(name: str) -> Installation:
    return installation_of(db.session.execute(select(RockOn).where(RockOn.name == name)).scalar_one())


def test_the_table_above_names_a_test_for_each_of_the_twelve() -> None:
    entries = re.split(r"^(\d+)\. ", __doc__ or "", flags=re.MULTILINE)
    named = {
        int(number): re.findall(r"(tests/\S+\.py)::(\w+)", told)
        for number, told in zip(entries[1::2], entries[2::2], strict=True)
    }
    assert list(named) == list(range(1, 13))
    for found in named.values():
        assert found
        for file, test in found:
            functions = ast.walk(ast.parse((ROOT / file).read_text()))
            assert test in {one.name for one in functions if isinstance(one, ast.FunctionDef)}, (file, test)


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("numbers", [(8001, 8002), (8002, 8001), (None, 8002), (8001, None)])
def test_1_one_inner_port_in_two_containers_keeps_both_answers(numbers: tuple[int | None, int | None]) -> None:
    one = parse_rockon({"front": WEB, "back": WEB}, "Same inner port")
    given = answers.read_answers(
        one.definition,
        {"ports": {"front": {"80": numbers[0]}, "back": {"80": numbers[1]}}},
        lambda _container, _port: 9,
    )
    put_definitions(one)
    with transaction():
        repository.store_answers(row("Same inner port"), given)
    put_definitions(one)  # the next refresh
    kept = repository.load_answers(row("Same inner port"))
    assert kept.ports == {"front": {80: numbers[0]}, "back": {80: numbers[1]}}
    file = json.loads(json.dumps(kept.to_dict()))
    assert file["ports"] == {"front": {"80": numbers[0]}, "back": {"80": numbers[1]}}
    assert answers.read_answers(one.definition, file, lambda _container, _port: 9) == kept
    published = {name: [word for word in argv if word.endswith(":80/tcp")] for name, argv in lines(one, kept)}
    assert published == {
        name: [f"{number}:80/tcp"] if number else [] for name, number in zip(("front", "back"), numbers, strict=True)
    }


def lines(one: ParsedDefinition, given: answers.Answers) -> list[tuple[str, tuple[str, ...]]]:
    """The command line of each container at an install."""
    return plan.plan_install(one.definition, given, make_host_facts(given)).containers


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("card", ["/dev/dvb", ""])
def test_2_a_device_of_one_container_is_not_looked_for_in_the_others(card: str) -> None:
    one = parse_rockon(
        {"plain": {}, "tuner": {"devices": {"CARD": {}}}, "other": {"devices": {"KEY": {}}}}, "One device"
    )
    given = complete_answers(one.definition, devices={"tuner": {"CARD": card}, "other": {"KEY": "/dev/usb"}})
    put_definitions(one)
    with transaction():
        repository.store_answers(row("One device"), given)
    found = lines(one, repository.load_answers(row("One device")))
    devices = {name: [argv[place + 1] for place, word in enumerate(argv) if word == "--device"] for name, argv in found}
    assert devices == {"plain": [], "tuner": [card] if card else [], "other": ["/dev/usb"]}


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("state", [State.AVAILABLE, State.INSTALLED, State.INSTALL_FAILED])
def test_3_a_changed_image_never_touches_another_rockons_rows(state: State) -> None:
    shared = {"image": "example/same", "volumes": {"/data": {}}, "environment": {"MODE": {}}, **WEB}
    first, second = parse_rockon({"one": shared}, "First"), parse_rockon({"two": shared}, "Second")
    put_definitions(first, second)
    with transaction():
        other = row("Second")
        other.state, other.installed_source = state, other.entry.source
        repository.store_answers(other, complete_answers(second.definition))
    before = snapshot("Second")
    put_definitions(parse_rockon({"one": {**shared, "image": "example/another"}}, "First"), second)
    assert snapshot("Second") == before
    assert [one.image for one in row("First").containers] == ["example/another:latest"]
    put_definitions(parse_rockon({"one-renamed": {**shared, "tag": "2"}}, "First"), second)
    assert snapshot("Second") == before
    row("First")
    assert sorted(one.name for one in db.session.scalars(select(Container))) == ["one-renamed", "two"]


def snapshot(name: str) -> tuple[Any, ...]:
    """The rows of a rock-on with their ids, and its answers."""
    db.session.rollback()
    found = row(name)
    containers = [
        (one.id, one.name, one.image, [port.id for port in one.ports], [volume.id for volume in one.volumes])
        for one in found.containers
    ]
    return found.id, found.state, found.entry.source, containers, repository.load_answers(found)


def test_4_a_container_may_be_the_source_of_several_links() -> None:
    star = load_definition("star")
    networks = dict(plan.plan_install(star, complete_answers(star), make_host_facts()).networks)
    of_db = [name for name, members in networks.items() if "star-db" in members]
    assert of_db == ["StarApiToDb", "StarWorkerToDb"]
    steps = [str(step) for step in plan.plan_install(star, complete_answers(star), make_host_facts()).steps]
    for network in of_db:
        assert steps.index(f"connect star-db to network {network}") < steps.index("start star-db")


@pytest.mark.usefixtures("app")
def test_5_a_variable_that_is_new_in_a_definition_is_left_out_until_it_is_answered() -> None:
    first, newer = (parse_rockon({"app": {"environment": {key: {} for key in keys}}}, "App") for keys in ("A", "AB"))
    put_definitions(first)
    with transaction():
        found = row("App")
        repository.store_answers(found, complete_answers(first.definition))
        found.state, found.installed_source = State.INSTALLED, found.entry.source
    put_definitions(newer)
    kept = repository.load_answers(row("App"))
    old, new = DesiredState(first.definition, kept), DesiredState(newer.definition, kept)
    facts = make_host_facts(kept, containers={"app": ContainerFacts("app", state="running", rockon="App")}, networks={})
    assert not plan_change(old, new, facts).plan.steps
    argv = plan_change(old, new, facts, recreate={"app": "asked"}).plan.containers[0][1]
    assert [word for word in argv if word.partition("=")[0] in ("A", "B")] == ["A=a-value"]
    assert not any("None" in word for word in reveal_argv(argv))


def test_6_everything_is_pulled_before_anything_is_stopped() -> None:
    one, two = (build_definition({"db": {"tag": tag}, "app": {"tag": tag}}) for tag in ("1", "2"))
    containers = {name: ContainerFacts(name, state="running", rockon="Sample") for name in ("db", "app")}
    found = plan_change(
        DesiredState(one, complete_answers(one)),
        DesiredState(two, complete_answers(two)),
        make_host_facts(containers=containers, networks={}),
    )
    kinds = [isinstance(step, PullImage) for step in found.plan.steps]
    assert kinds == [True, True] + [False] * (len(kinds) - 2)
    steps = [str(step) for step in found.plan.steps]
    assert max(steps.index(f"start {name}") for name in containers) < min(
        steps.index(f"remove the old container {name}") for name in containers
    )
    assert not any(step.startswith("remove container") for step in steps)


@pytest.mark.parametrize("whose", ["", "Another rock-on"])
def test_8_a_container_of_that_name_that_is_not_ours_forbids_an_install_and_a_change(whose: str) -> None:
    one = build_definition({"app": {}})
    given = complete_answers(one)
    facts = make_host_facts(containers={"app": ContainerFacts("app", state="running", rockon=whose)}, networks={})
    wanted = DesiredState(one, complete_answers(one, labels={"app": ["a=b"]}))
    for found in (plan.plan_install(one, given, facts), plan_change(DesiredState(one, given), wanted, facts).plan):
        assert '"app" already exists' in str(found.blockers[0])
        assert not {"stop app", "remove container app", "rename the old container app"} & {
            str(one) for one in found.steps
        }


UP, DOWN = (
    ContainerFacts("up", state="running"),
    ContainerFacts("down", state="exited", exit_code=3, restart_policy="no"),
)


@pytest.mark.parametrize("containers", [{"down": DOWN, "up": UP}, {"up": UP, "down": DOWN}])
def test_10_the_status_is_that_of_all_containers(containers: dict[str, ContainerFacts]) -> None:
    error = "the container down has ended"
    assert derive_status(containers) == ObservedStatus(Status.EXITED, 3, error, Problem.ENDED, "down")


@pytest.mark.parametrize("key", ["ADMIN_TOKEN", "CLIENT_SECRET", "DB_PASSWORD", "API_KEY"])
def test_11_a_secret_is_in_nothing_that_is_shown(key: str) -> None:
    one = build_definition({"app": {"environment": {key: {}}}})
    old, new = (complete_answers(one, environment={"app": {key: value}}) for value in ("hush hush", "shush shush"))
    found = plan.plan_install(one, new, make_host_facts())
    facts = make_host_facts(
        containers={"app": ContainerFacts("app", state="running", rockon="Sample")}, networks={"x": NetworkFacts("x")}
    )
    changed = plan_change(DesiredState(one, old), DesiredState(one, new), facts)
    told = [
        found,
        found.masked_lines,
        found.to_json_data(),
        changed,
        changed.reviewed,
        *changed.plan.steps,
        *map(str, found.steps),
    ]
    assert f"{key}={MASK}" in str(told)
    assert "hush" not in f"{told}{told!r}"
    assert f"{key}=shush shush" in reveal_argv(changed.plan.containers[0][1])


def test_12_identical_options_stay() -> None:
    twice = [["--cap-add", "NET_ADMIN"], ["-e", "A=1"], ["--cap-add", "NET_ADMIN"], ["-e", "A=1"]]
    one = parse_rockon({"app": {"opts": twice}}, "Twice")
    words = lines(one, complete_answers(one.definition))[0][1]
    start = words.index("--cap-add")
    assert list(words[start : start + 8]) == [word for pair in twice for word in pair]
