"""What a definition may do to the host, in plain words."""

import pytest

from rockonweb.core.preflight.privileges import added_privileges, find_privileges, privilege_findings
from tests.support.samples import NAMES, build_definition, load_definition


def words(*options: list[str]) -> list[str]:
    """Return what a container with these options may do."""
    return [power.sentence for power in find_privileges(build_definition({"app": {"opts": list(options)}}))]


SOCKET = "app has Docker's socket (%s), by which it can do anything on this host."


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--privileged", ""], "app has all rights on this host, as its administrator has."),
        (["--privileged=true", ""], "app has all rights on this host, as its administrator has."),
        (["-v", "/var/run/docker.sock:/var/run/docker.sock:ro"], SOCKET % "/var/run/docker.sock"),
        (["--volume=/run/docker.sock:/s", ""], SOCKET % "/run/docker.sock"),
        (["-v/var/run:/host", ""], SOCKET % "/var/run"),
        (["--mount", "type=bind,source=/var/run/docker.sock,target=/s"], SOCKET % "/var/run/docker.sock"),
        (["--net=host", ""], "app uses this host's own network: it reaches all that listens on it."),
        (["--network", "host"], "app uses this host's own network: it reaches all that listens on it."),
        (["--cap-add", "NET_ADMIN"], "app has the right NET_ADMIN over this host."),
        (["--cap-add=CAP_SYS_ADMIN", ""], "app has the right SYS_ADMIN over this host."),
        (["--pid=host", ""], "app sees and can end every process of this host."),
        (["--ipc", "host"], "app shares the memory of this host's programs."),
        (
            ["--security-opt", "apparmor=unconfined"],
            "app runs without a guard that holds other containers back (apparmor=unconfined).",
        ),
        (
            ["--security-opt=seccomp:unconfined", ""],
            "app runs without a guard that holds other containers back (seccomp:unconfined).",
        ),
        (["-v", "/:/host"], "app reads and changes all files of this host."),
        (["-v", "/:/host:ro"], "app reads all files of this host."),
        (["-v", "/etc/passwd:/etc/passwd:ro"], "app reads /etc/passwd of this host."),
        (["-v", "/etc//:/etc"], "app reads and changes /etc of this host."),
        (["--mount", "type=bind,src=/srv,dst=/s,readonly"], "app reads /srv of this host."),
        (["-v", "/dev:/dev"], "app uses all devices of this host, its disks too."),
        (["--device", "/dev:/dev"], "app uses all devices of this host, its disks too."),
        (["--device=/dev/sda", ""], "app uses the device /dev/sda of this host."),
        (["-itv", "/run/docker.sock:/s"], SOCKET % "/run/docker.sock"),
        (["-v", "/srv/../run/docker.sock:/s"], SOCKET % "/run/docker.sock"),
        (["-v", "./data:/data"], "app reads and changes ./data of this host."),
        (["--mount", 'TYPE=Bind,"Source=/run/docker.sock",target=/s'], SOCKET % "/run/docker.sock"),
        (["--mount", "type=bind,src=/srv,dst=/s,readonly=false"], "app reads and changes /srv of this host."),
        (["--use-api-socket", ""], "app has Docker's socket, by which it can do anything on this host."),
        (
            ["--volumes-from", "other:ro"],
            "app has the data of the container other, which is not of this rock-on.",
        ),
        (["-v", "/run/podman/podman.sock:/s"], SOCKET % "/run/podman/podman.sock"),
        (["-v", "/run/containerd:/s"], SOCKET % "/run/containerd"),
        (["--device", "/dev/dri/../sda"], "app uses the device /dev/sda of this host."),
        (["--device=//dev/", ""], "app uses all devices of this host, its disks too."),
        (["--mount", "type=bind,src=/srv,dst=/s,ro=T"], "app reads /srv of this host."),
        (["--network", "name=host,alias=x"], "app uses this host's own network: it reaches all that listens on it."),
        (["--userns=host", ""], "app has this host's own users."),
        (["--uts", "host"], "app can change this host's name."),
        (["--cgroupns=host", ""], "app sees how this host limits its programs."),
        (
            ["--mount", 'type=volume,src=x,dst=/s,volume-opt=device=/srv,volume-opt=type=none,"volume-opt=o=bind,ro"'],
            "app reads /srv of this host.",
        ),
        (["--device-cgroup-rule", "c *:* rmw"], "app may use further devices of this host (c *:* rmw)."),
    ],
)
def test_a_power_is_named(option: list[str], sentence: str):
    assert words(option) == [sentence]


@pytest.mark.parametrize(
    "option",
    [
        ["--privileged=false", ""],
        ["-v", "/etc/localtime:/etc/localtime:ro"],
        ["-v", "data:/data"],
        ["--mount", "type=volume,source=data,target=/data"],
        ["--mount", "type=tmpfs,destination=/tmp"],
        ["--device=/dev/dri:/dev/dri", ""],
        ["--device", "/dev/net/tun"],
        ["--net", "bridge"],
        ["--net=container:other", ""],
        ["--pid=container:other", ""],
        ["--cap-drop", "ALL"],
        ["--security-opt", "no-new-privileges"],
        ["--restart", "no"],
        ["--memory", "2g"],
        ["--mount", "type=volume,src=/var/run/docker.sock,dst=/s"],
        ["-v", "/etc/openvpn"],
        ["--privileged=F", ""],
    ],
)
def test_what_any_app_may_is_no_power(option: list[str]):
    assert words(option) == []


def test_a_power_is_named_once_for_a_container_and_is_to_be_confirmed():
    sample = build_definition(
        {"app": {"opts": [["--privileged", ""], ["--privileged", ""]]}, "db": {"opts": [["--pid", "host"]]}}
    )
    assert [str(one) for one in privilege_findings(sample)] == [
        "app has all rights on this host, as its administrator has.",
        "db sees and can end every process of this host.",
    ]
    assert all(one.confirm and one.level == "note" for one in privilege_findings(sample))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([["--privileged", "true"], ["--privileged=false", ""]], []),
        ([["--privileged", ""], ["--privileged=0", ""]], []),
        (
            [["--privileged=false", ""], ["--privileged", ""]],
            ["app has all rights on this host, as its administrator has."],
        ),
        ([["--pid=host", ""], ["--pid", "container:other"]], []),
        ([["--ipc", "private"], ["--ipc=host", ""]], ["app shares the memory of this host's programs."]),
    ],
)
def test_of_a_switch_or_a_mode_that_is_given_twice_the_last_one_counts(options: list[list[str]], told: list[str]):
    assert words(*options) == told


def test_only_what_a_newer_definition_adds_is_new():
    old = build_definition({"app": {"opts": [["--cap-add", "NET_ADMIN"]]}})
    new = build_definition({"renamed": {"opts": [["--cap-add", "NET_ADMIN"], ["--cap-add", "SYS_TIME"]]}})
    assert [power.sentence for power in added_privileges(old, new)] == [
        "renamed has the right SYS_TIME over this host."
    ]
    assert added_privileges(new, old) == []


def test_the_fixtures_that_have_powers():
    assert {name for name in NAMES if find_privileges(load_definition(name))} == {
        "everything",
        "flags",
        "host-network",
        "odd-values",
        "vpn",
    }
