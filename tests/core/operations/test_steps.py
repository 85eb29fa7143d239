"""What is kept of a step is enough to do it again or to take it back, and has no secret in it."""

import json

import pytest

from rockonweb.core.containers.networks import Endpoint, NetworkSpec
from rockonweb.core.operations.steps import (
    RENAMED_SUFFIX,
    AwaitHealth,
    ConnectNetwork,
    CreateContainer,
    CreateNetwork,
    CreateShare,
    RunOnce,
    SetShareOwner,
    Step,
    TakeSnapshot,
    UiPage,
    has_replaced_all,
    step_from_data,
)
from rockonweb.core.secret import SecretWord

SECRET = "s3cret-w0rd"
STEPS = [
    CreateShare(share="films", owner=(1000, 100), why="it is new"),
    SetShareOwner(share="films/old", uid=1, gid=2, why=""),
    TakeSnapshot(share="films", containers=("web", "db"), why=""),
    AwaitHealth(pages=(("web", UiPage(8080, https=True)), ("db", None)), stays=True, why=""),
    CreateNetwork(network="media", spec=NetworkSpec("media", aux_addresses=(("nas", "10.5.0.2"),), mtu=1400), why=""),
    ConnectNetwork(
        network="media", container="web", endpoint=Endpoint(("front",), (("db", "base"),), "10.5.0.9"), why=""
    ),
    CreateContainer(container="web", argv=("docker", SecretWord("-e KEY=", SECRET)), why=""),
    RunOnce(container="web", argv=("docker", SecretWord("-e KEY=", SECRET)), why=""),
]


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.kind)
def test_a_step_is_read_as_it_was_but_for_its_reason_and_its_command(step: Step) -> None:
    kept = json.dumps(step.to_data())
    assert SECRET not in kept
    found = step_from_data(step.kind, json.loads(kept))
    assert type(found) is type(step)
    assert found.to_data() == step.to_data()
    if not hasattr(step, "argv"):
        assert str(found) == str(step)


def test_what_is_no_step_is_none() -> None:
    assert step_from_data("fetch_catalogue", {}) is None
    assert step_from_data("", {}) is None


def test_a_step_whose_data_can_not_be_read_is_none() -> None:
    assert step_from_data("create_container", {}) is None
    assert step_from_data("create_container", {"container": 5}) is None


@pytest.mark.parametrize(
    ("creators", "replaced"),
    [
        ({"db": "new", "app": "new"}, True),
        ({"db": "new", "app": "new", f"app{RENAMED_SUFFIX}": "old"}, False),
        ({"db": "new"}, False),
        ({"db": "new", "app": "other"}, False),
    ],
)
def test_an_operation_whose_old_containers_are_all_gone_had_come_to_its_end(
    creators: dict[str, str], *, replaced: bool
) -> None:
    assert has_replaced_all({"db", "app"}, creators, "new") is replaced
    assert not has_replaced_all(set(), creators, "new")
