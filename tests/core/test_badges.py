"""Badges, from definitions."""

from typing import Any

import pytest

from rockonweb.core.badges import Badge, badges
from rockonweb.core.definition import Definition
from tests.support.samples import port, rockon


def definition(*containers: dict[str, Any]) -> Definition:
    """A rock-on of these containers."""
    return rockon({f"app-{n}": one for n, one in enumerate(containers, 1)})


def of(*opts: list[str]) -> tuple[Badge, ...]:
    return badges(definition({"opts": list(opts)}))


def test_a_plain_rockon_has_none() -> None:
    assert badges(definition({})) == ()


def test_all_at_once_come_in_their_order() -> None:
    one = {
        "ports": {"80": port(80, ui=True)},
        "opts": [["--privileged", ""], ["--net=host", ""], ["-v", "/var/run/docker.sock:/var/run/docker.sock"]],
    }
    assert badges(definition(one, {}), local=True) == tuple(Badge)


@pytest.mark.parametrize(
    ("opts", "found"),
    [
        ([["--privileged", ""]], True),
        ([["--privileged=true", ""]], True),
        ([["-it", ""], ["--privileged=T", ""]], True),
        ([["--privileged=false", ""]], False),
        ([["--privileged", ""], ["--privileged=false", ""]], False),
        ([["--cap-add", "NET_ADMIN"]], False),
        ([["-e", "--privileged"]], False),
    ],
)
def test_privileged_however_it_is_spelled(opts: list[list[str]], found: bool) -> None:
    assert (Badge.PRIVILEGED in of(*opts)) is found


@pytest.mark.parametrize(
    ("option", "found"),
    [
        (["-v", "/var/run/docker.sock:/var/run/docker.sock"], True),
        (["-v", "/run/docker.sock:/docker.sock:ro"], True),
        (["--volume", "/var/run/docker.sock:/x"], True),
        (["--volume=/var/run/docker.sock:/x", ""], True),
        (["-v=/var/run/docker.sock:/x", ""], True),
        (["-v/var/run/docker.sock:/x", ""], True),
        (["-v", "/var/run/:/x"], True),
        (["--mount", "type=bind,source=/var/run/docker.sock,target=/x"], True),
        (["--mount", "type=bind,src=/run/docker.sock,dst=/x"], True),
        (["-v", "/etc/localtime:/etc/localtime:ro"], False),
        (["-v", "/data:/var/run/docker.sock"], False),
        (["--mount", "type=tmpfs,target=/var/run"], False),
        (["-itv", "/run/docker.sock:/x"], True),
        (["-v", "/var/lib/../../run/docker.sock:/x"], True),
        (["--mount", 'TYPE=bind,"SOURCE=/run/docker.sock",target=/x'], True),
        (["--use-api-socket", ""], True),
        (["--use-api-socket=false", ""], False),
        (["-e", "/var/run/docker.sock:/x"], False),
    ],
)
def test_docker_s_socket_however_it_is_mounted(option: list[str], found: bool) -> None:
    assert (Badge.DOCKER_SOCKET in of(option)) is found


@pytest.mark.parametrize(
    ("opts", "found"),
    [
        ([["--net=host", ""]], True),
        ([["--network", "host"]], True),
        ([["--net=host", ""], ["--net=bridge", ""]], False),
        ([["--pid=host", ""]], False),
    ],
)
def test_the_host_s_network(opts: list[list[str]], found: bool) -> None:
    assert (Badge.HOST_NETWORK in of(*opts)) is found


def test_any_container_counts() -> None:
    assert badges(definition({}, {"opts": [["--privileged", ""]]})) == (Badge.CONTAINERS, Badge.PRIVILEGED)
