"""Which operations queue, join or are refused, and what two rock-ons have in common."""

from typing import Any

import pytest

from rockonweb.core.definition import Definition
from rockonweb.core.interplay import Turn, touched, turn
from tests.support.samples import rockon


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        ("stop", [], Turn.QUEUE),
        ("install", [], Turn.QUEUE),
        ("stop", ["start"], Turn.QUEUE),
        ("start", ["start"], Turn.JOIN),
        ("start", ["start", "stop"], Turn.QUEUE),
        ("restart", ["change"], Turn.QUEUE),
        ("update", ["update"], Turn.JOIN),
        ("update", ["change"], Turn.QUEUE),
        ("uninstall", ["change", "stop"], Turn.QUEUE),
        ("uninstall", ["uninstall"], Turn.JOIN),
        ("start", ["stop", "uninstall"], Turn.REFUSE),
        ("uninstall", ["install"], Turn.REFUSE),
        ("stop", ["install"], Turn.REFUSE),
        ("install", ["install"], Turn.REFUSE),
        ("change", ["start"], Turn.QUEUE),
        ("change", ["change"], Turn.REFUSE),
        ("change", ["update", "stop"], Turn.REFUSE),
        ("action", ["start"], Turn.REFUSE),
    ],
)
def test_the_turn_of_an_operation(kind: str, before: list[str], expected: Turn) -> None:
    assert turn(kind, before) is expected


def definition(name: str, *opts: list[str], **keys: Any) -> Definition:
    return rockon({name: {"opts": opts}}, name, **keys)


def test_what_a_rock_on_touches() -> None:
    found = touched(
        definition(
            "app",
            ["--net", "lan"],
            ["--network=name=back,alias=db", ""],
            ["--network", "container:tunnel"],
            ["--volumes-from", "data:ro"],
            ["--link=base:db", ""],
            container_links={"app": [{"name": "pair", "source_container": "app"}]},
        ),
        ("home", "bridge"),
    )
    assert found == {
        *("container app", "container base", "container data", "container tunnel"),
        *("network back", "network home", "network lan", "network pair"),
    }


@pytest.mark.parametrize("own", ["host", "bridge", "none"])
def test_docker_s_own_networks_bring_nobody_together(own: str) -> None:
    one, two = (touched(definition(name, ["--net", own]), ()) for name in ("one", "two"))
    assert not one & two


def test_who_borrows_volumes_shares_something_with_who_lends_them() -> None:
    lender = touched(definition("data"), ())
    assert lender & touched(definition("app", ["--volumes-from", "data"]), ()) == {"container data"}
