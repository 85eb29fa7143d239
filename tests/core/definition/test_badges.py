"""Badges, from definitions."""

from typing import Any

import pytest

from rockonweb.core.definition.badges import Badge, find_badges
from rockonweb.core.definition.definition import Definition
from rockonweb.core.preflight.privileges import find_privileges
from tests.support.samples import build_definition, port_question


def definition(*containers: dict[str, Any]) -> Definition:
    """A rock-on of these containers."""
    return build_definition({f"app-{n}": one for n, one in enumerate(containers, 1)})


def of(*opts: list[str]) -> tuple[Badge, ...]:
    return find_badges(definition({"opts": list(opts)}))


def test_a_plain_rockon_has_none() -> None:
    assert find_badges(definition({})) == ()


def test_all_at_once_come_in_their_order() -> None:
    one = {
        "ports": {"80": port_question(80, ui=True)},
        "opts": [["--privileged", ""], ["--net=host", ""], ["-v", "/var/run/docker.sock:/var/run/docker.sock"]],
    }
    assert find_badges(definition(one, {}), local=True) == tuple(Badge)


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
        ([["--privileged", "true"], ["--privileged=false", ""]], False),
        ([["--privileged=false", ""], ["--privileged=1", ""]], True),
        ([["-v", "/:/host"]], True),
        ([["-v", "/:/host:ro"]], True),  # a socket in it answers all the same
        ([["-itv=//etc/..:/host", ""]], True),
        ([["--mount", "type=bind,src=/,dst=/host"]], True),
        ([["--mount", "type=volume,dst=/x,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=/"]], True),
        ([["--mount", "type=volume,src=/,dst=/host"]], False),
        ([["-v", "/"]], False),
        ([["-v", "/srv:/"]], False),
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
        (["-v", "/run/containerd/containerd.sock:/s"], True),
        (["-v", "/var/run/containerd:/s"], True),
        (["-v=/run/podman/podman.sock:/s", ""], True),
        (["--mount", "type=bind,src=/run/user/1000/podman/podman.sock,dst=/s"], True),
        (["-v", "//var/run/../run//docker.sock:/x"], True),
        (["--mount", "type=volume,src=/var/run/docker.sock,dst=/x"], False),  # Docker refuses such a name
        (["--mount", "src=/var/run/docker.sock,dst=/x"], False),
        (["-v", "/run"], False),  # a new volume at that path
        (["-v", "/run/udev:/run/udev:ro"], False),
        (["--tmpfs", "/run"], False),
        (["--use-api-socket=F", ""], False),
    ],
)
def test_an_engine_s_socket_however_it_is_mounted(option: list[str], found: bool) -> None:
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


SPELLINGS = (
    *("-v {0}:/x", "-v={0}:/x", "-itv{0}:/x", "--volume={0}:/x:ro", "--mount type=bind,src={0},dst=/x"),
    *("--mount Type=BIND,dst=/x,ro,source={0}", "--mount type=volume,src={0},dst=/x", "-v {0}", "--tmpfs {0}"),
)
PATHS = (
    *("/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman", "/var/run"),
    *("/run", "//run/docker.sock", "/srv/../run/docker.sock", "/run/udev", "/srv", "/", "data"),
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("path", PATHS)
def test_the_badge_and_the_warning_agree(spelling: str, path: str) -> None:
    flag, _, value = spelling.format(path).partition(" ")
    one = definition({"opts": [[flag, value]]})
    told = " ".join(power.sentence for power in find_privileges(one))
    assert (Badge.DOCKER_SOCKET in find_badges(one)) is ("socket" in told)
    assert (Badge.PRIVILEGED in find_badges(one)) is ("all files" in told)


def test_any_container_counts() -> None:
    assert find_badges(definition({}, {"opts": [["--privileged", ""]]})) == (Badge.CONTAINERS, Badge.PRIVILEGED)
