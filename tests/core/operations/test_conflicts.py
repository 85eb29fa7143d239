"""What two rock-ons have in common."""

from typing import Any

import pytest

from rockonweb.core.definition.definition import Definition
from rockonweb.core.operations.conflicts import network_resources, rockon_resources
from tests.support.samples import build_definition


def definition(name: str, *opts: list[str], **keys: Any) -> Definition:
    return build_definition({name: {"opts": opts}}, name, **keys)


def test_what_a_rock_on_touches() -> None:
    found = rockon_resources(
        definition(
            "app",
            ["--net", "lan"],
            ["--network=name=back,alias=db", ""],
            ["--network", "container:tunnel"],
            ["--volumes-from", "data:ro"],
            ["--link=base:db", ""],
            ["--pid=container:watched", ""],
            ["--ipc", "container:/memory"],
            container_links={"app": [{"name": "pair", "source_container": "app"}]},
        ),
        ("home", "bridge"),
    )
    assert found == {
        *("container app", "container base", "container data", "container tunnel"),
        *("container watched", "container memory"),
        *("network back", "network home", "network lan", "network pair"),
    }


@pytest.mark.parametrize("own", ["host", "bridge", "none"])
def test_docker_s_own_networks_bring_nobody_together(own: str) -> None:
    one, two = (rockon_resources(definition(name, ["--net", own]), ()) for name in ("one", "two"))
    assert not one & two


@pytest.mark.parametrize(
    "option",
    [
        *(["--pid", "container:data"], ["--pid=container:data", ""], ["--ipc", "container:data"]),
        *(["--ipc=container:/data", ""], ["--net=container:data", ""], ["--network", "name=container:data"]),
        *(["--volumes-from=/data:ro", ""], ["--link", "/data:alias"]),
    ],
)
def test_who_needs_another_container_waits_for_what_is_done_to_it(option: list[str]) -> None:
    assert rockon_resources(definition("data"), ()) & rockon_resources(definition("app", option), ()) == {
        "container data"
    }


def test_a_mode_that_is_overridden_keeps_nobody_waiting() -> None:
    assert rockon_resources(definition("app", ["--pid", "container:data"], ["--pid", "host"]), ()) == {"container app"}


def test_who_borrows_volumes_shares_something_with_who_lends_them() -> None:
    lender = rockon_resources(definition("data"), ())
    assert lender & rockon_resources(definition("app", ["--volumes-from", "data"]), ()) == {"container data"}


def test_a_network_shares_something_with_who_is_on_it_and_who_joins_it() -> None:
    media = network_resources("media", [definition("films")])
    assert media == {"network media", "container films"}
    assert media & rockon_resources(definition("films"), ())
    assert media & rockon_resources(definition("music"), ("media",))
    assert not media & rockon_resources(definition("music"), ("home",))
