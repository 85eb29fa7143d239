"""Which data can be brought back, and the steps of a change that keeps it and of a way back."""

from dataclasses import replace
from typing import Any

import pytest

from rockonweb.core.facts import ContainerFacts, HostFacts, ShareFacts
from rockonweb.core.operations.steps import AwaitHealth
from rockonweb.core.packed import pack, unpack
from rockonweb.core.plan.change import Change, DesiredState, plan_change
from rockonweb.core.plan.rollback import PreviousImage, RollbackTarget, share_containers
from tests.support.samples import build_definition, complete_answers, label_questions, make_host_facts

DATA = label_questions({"/data": "Data"})
OLD_IMAGE = "sha256:" + "a1" * 32
SHARES = {"db": {"/data": "data"}, "app": {"/data": "data/app"}, "alone": {"/data": "other"}}


def sample(**app: Any) -> DesiredState:
    """A database and an app on one share, and one that has its own."""
    definition = build_definition(
        {"db": {"volumes": DATA}, "app": {"volumes": DATA, **app}, "alone": {"volumes": DATA}}
    )
    return DesiredState(definition, complete_answers(definition, shares=SHARES))


def around(made: DesiredState, state: str = "running", **shares: ShareFacts) -> HostFacts:
    """A host on which it is as `state` says, and all its shares are subvolumes."""
    known = {name: ShareFacts(f"/mnt2/{name}", snapshots=True) for name in made.answers.used_shares()}
    return replace(
        make_host_facts(made.answers),
        shares={**known, **shares},
        containers={
            name: ContainerFacts(name, state=state, rockon=made.definition.name) for name in made.definition.containers
        },
        networks={},
    )


def look(old: DesiredState, new: DesiredState, facts: HostFacts, **options: Any) -> Change:
    return plan_change(old, new, facts, **options)


def text(found: Change) -> list[str]:
    return [str(step) for step in found.plan.steps if not isinstance(step, AwaitHealth)]


def coloured(made: DesiredState) -> DesiredState:
    """The same with another variable of the app."""
    return DesiredState(made.definition, replace(made.answers, variables={"app": {"COLOUR": "red"}}))


def test_a_snapshot_is_taken_while_all_who_have_the_share_are_stopped() -> None:
    made = sample()
    found = look(made, coloured(made), around(made))
    assert text(found) == [
        "stop app",
        "stop db",
        "take a snapshot of share data",
        "rename the old container app",
        "start db",
        "create container app",
        "start app",
        "remove the old container app",
    ]
    assert found.paused == ["db"]
    assert found.recreated == ["app"]


def test_what_does_not_run_is_not_started_for_it() -> None:
    made = sample()
    assert text(look(made, coloured(made), around(made, state="exited"))) == [
        "stop app",
        "take a snapshot of share data",
        "rename the old container app",
        "create container app",
        "remove the old container app",
    ]


def test_without_a_rebuild_there_is_no_snapshot() -> None:
    made = sample()
    networks = DesiredState(made.definition, replace(made.answers, networks={"app": ["rocknet"]}))
    found = look(made, networks, around(made))
    assert found.snapshot_scopes == ()
    assert not any("snapshot" in line for line in text(found))


def test_of_a_plain_folder_and_of_a_share_that_is_made_there_is_none() -> None:
    made = sample()
    facts = around(made, data=ShareFacts("/mnt2/data"))
    found = look(made, coloured(made), facts)
    assert [(one.share, one.is_included, bool(one.why_not)) for one in found.snapshot_scopes] == [("data", False, True)]
    assert "stop db" not in text(found)
    absent = replace(facts, shares={name: one for name, one in facts.shares.items() if name != "data"})
    assert look(made, coloured(made), absent, new_shares=frozenset(["data"])).snapshot_scopes == ()


def test_a_share_that_comes_with_the_change_is_covered_too() -> None:
    made = sample()
    moved = DesiredState(made.definition, replace(made.answers, shares={**SHARES, "app": {"/data": "third"}}))
    found = look(made, moved, around(made, third=ShareFacts("/mnt2/third", snapshots=True)))
    assert [one.share for one in found.snapshot_scopes if one.is_included] == ["data", "third"]


@pytest.mark.parametrize("asked", [(), ("data",)])
def test_a_share_of_another_rockon_is_left_out_unless_it_is_asked_for(asked: tuple[str, ...]) -> None:
    made = sample()
    facts = replace(around(made), share_users={"data": ("Films",)})
    found = look(made, coloured(made), facts, requested_shares=asked)
    assert ("take a snapshot of share data" in text(found)) is bool(asked)
    [cover] = found.snapshot_scopes
    assert (cover.needs_consent, cover.others, cover.is_included) == (True, ("Films",), bool(asked))
    assert look(made, coloured(made), facts).reviewed == found.reviewed


def test_who_takes_volumes_from_another_one_has_its_share() -> None:
    made = sample(opts=[["--volumes-from", "alone"]])
    assert share_containers(made.definition, made.answers, "other") == ["app", "alone"]
    assert share_containers(made.definition, made.answers, "data") == ["db", "app"]


def test_a_way_back_takes_the_image_of_then_and_pulls_nothing() -> None:
    made = sample()
    found = look(
        made,
        made,
        around(made),
        rollback_target=RollbackTarget(1, {"app": OLD_IMAGE}, frozenset(["db", "app", "alone"])),
    )
    assert found.recreated == ["app"]
    [line] = [" ".join(one.after or ()) for one in found.containers if one.container == "app"]
    assert OLD_IMAGE in line
    assert OLD_IMAGE not in " ".join(next(one.before or () for one in found.containers if one.container == "app"))
    assert not any(step.startswith("pull") for step in text(found))


def test_an_image_that_docker_has_no_more_is_fetched() -> None:
    made, digest = sample(), "box.example/app@sha256:" + "a1" * 32
    facts = replace(around(made), absent_images=frozenset([digest]))
    found = look(made, made, facts, rollback_target=RollbackTarget(1, {"app": digest}, None))
    assert text(found)[0] == f"pull {digest}"


def test_data_alone_is_put_back_without_a_rebuild() -> None:
    made = sample()
    found = look(made, made, around(made), rollback_target=RollbackTarget(7, {}, frozenset(["db", "app"]), ("data",)))
    assert text(found) == [
        "stop app",
        "stop db",
        "take a snapshot of share data",
        "restore the data of share data",
        "start db",
        "start app",
    ]
    assert found.recreated == []
    assert found.reviewed == ["restore the data of share data"]


def test_a_share_that_is_gone_comes_back_without_a_snapshot_first() -> None:
    made = sample()
    facts = around(made)
    gone = replace(facts, shares={name: one for name, one in facts.shares.items() if name != "data"})
    found = look(made, made, gone, rollback_target=RollbackTarget(7, {}, None, ("data",)))
    assert [line for line in text(found) if "share" in line] == ["restore the data of share data"]


def test_what_ran_then_runs_again_and_nothing_else() -> None:
    made = sample()
    broken = around(made, state="exited")
    back = RollbackTarget(1, {"app": OLD_IMAGE}, frozenset(["db", "app"]))
    assert [line for line in text(look(made, made, broken, rollback_target=back)) if line.startswith("start")] == [
        "start db",
        "start app",
    ]
    stopped = replace(back, running=None)
    assert not [line for line in text(look(made, made, broken, rollback_target=stopped)) if line.startswith("start")]


def test_a_start_that_makes_containers_anew_takes_no_snapshot() -> None:
    made = sample()
    facts = around(made)
    absent = replace(facts, containers={})
    assert look(made, made, absent, start_all=True).snapshot_scopes == ()


def test_what_is_remembered_survives_being_written() -> None:
    kept = {"app": PreviousImage("box.example/app:1", OLD_IMAGE, "box.example/app@sha256:1", "2025-01-02", ran=True)}
    assert unpack(dict[str, PreviousImage], pack(dict[str, PreviousImage], kept)) == kept
