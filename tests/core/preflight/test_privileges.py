"""What a definition may do to the host, in plain words."""

import pytest

from rockonweb.core.preflight.privileges import added_privileges, find_privileges, privilege_findings
from tests.support.samples import NAMES, build_definition, load_definition


def words(*options: list[str]) -> list[str]:
    """Return what a container with these options may do."""
    return [power.sentence for power in find_privileges(build_definition({"app": {"opts": list(options)}}))]


SOCKET = "app has access to the Docker socket (%s) and can do anything on this host through it."


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--privileged", ""], "app has full rights on this host, like an administrator."),
        (["--privileged=true", ""], "app has full rights on this host, like an administrator."),
        (["-v", "/var/run/docker.sock:/var/run/docker.sock:ro"], SOCKET % "/var/run/docker.sock"),
        (["--volume=/run/docker.sock:/s", ""], SOCKET % "/run/docker.sock"),
        (["-v/var/run:/host", ""], SOCKET % "/var/run"),
        (["--mount", "type=bind,source=/var/run/docker.sock,target=/s"], SOCKET % "/var/run/docker.sock"),
        (["--net=host", ""], "app uses this host's network and can reach everything that listens on it."),
        (["--network", "host"], "app uses this host's network and can reach everything that listens on it."),
        (["--cap-add", "NET_ADMIN"], "app has the capability NET_ADMIN on this host."),
        (["--cap-add=CAP_SYS_ADMIN", ""], "app has the capability SYS_ADMIN on this host."),
        (["--pid=host", ""], "app can see and end every process on this host."),
        (["--ipc", "host"], "app shares memory with this host's programs."),
        (
            ["--security-opt", "apparmor=unconfined"],
            "app runs without a restriction that applies to other containers (apparmor=unconfined).",
        ),
        (
            ["--security-opt=seccomp:unconfined", ""],
            "app runs without a restriction that applies to other containers (seccomp:unconfined).",
        ),
        (["-v", "/:/host"], "app can read and change all files on this host."),
        (["-v", "/:/host:ro"], "app can read all files on this host."),
        (["-v", "/etc/passwd:/etc/passwd:ro"], "app can read /etc/passwd on this host."),
        (["-v", "/etc//:/etc"], "app can read and change /etc on this host."),
        (["--mount", "type=bind,src=/srv,dst=/s,readonly"], "app can read /srv on this host."),
        (["-v", "/dev:/dev"], "app can use all devices of this host, including its disks."),
        (["--device", "/dev:/dev"], "app can use all devices of this host, including its disks."),
        (["--device=/dev/sda", ""], "app can use the device /dev/sda of this host."),
        (["-itv", "/run/docker.sock:/s"], SOCKET % "/run/docker.sock"),
        (["-v", "/srv/../run/docker.sock:/s"], SOCKET % "/run/docker.sock"),
        (["-v", "./data:/data"], "app can read and change ./data on this host."),
        (["--mount", 'TYPE=Bind,"Source=/run/docker.sock",target=/s'], SOCKET % "/run/docker.sock"),
        (["--mount", "type=bind,src=/srv,dst=/s,readonly=false"], "app can read and change /srv on this host."),
        (["--use-api-socket", ""], "app has access to the Docker socket and can do anything on this host through it."),
        (
            ["--volumes-from", "other:ro"],
            "app has access to the data of the container other, which is not part of this rock-on.",
        ),
        (["-v", "/run/podman/podman.sock:/s"], SOCKET % "/run/podman/podman.sock"),
        (["-v", "/run/containerd:/s"], SOCKET % "/run/containerd"),
        (["--device", "/dev/dri/../sda"], "app can use the device /dev/sda of this host."),
        (["--device=//dev/", ""], "app can use all devices of this host, including its disks."),
        (["--mount", "type=bind,src=/srv,dst=/s,ro=T"], "app can read /srv on this host."),
        (
            ["--network", "name=host,alias=x"],
            "app uses this host's network and can reach everything that listens on it.",
        ),
        (["--userns=host", ""], "app uses this host's own user IDs."),
        (["--uts", "host"], "app can change this host's name."),
        (["--cgroupns=host", ""], "app can see how this host limits its programs."),
        (
            ["--mount", 'type=volume,src=x,dst=/s,volume-opt=device=/srv,volume-opt=type=none,"volume-opt=o=bind,ro"'],
            "app can read /srv on this host.",
        ),
        (["--device-cgroup-rule", "c *:* rmw"], "app can use other devices of this host (c *:* rmw)."),
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
        "app has full rights on this host, like an administrator.",
        "db can see and end every process on this host.",
    ]
    assert all(one.confirm and one.level == "note" for one in privilege_findings(sample))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([["--privileged", "true"], ["--privileged=false", ""]], []),
        ([["--privileged", ""], ["--privileged=0", ""]], []),
        (
            [["--privileged=false", ""], ["--privileged", ""]],
            ["app has full rights on this host, like an administrator."],
        ),
        ([["--pid=host", ""], ["--pid", "container:other"]], []),
        ([["--ipc", "private"], ["--ipc=host", ""]], ["app shares memory with this host's programs."]),
    ],
)
def test_of_a_switch_or_a_mode_that_is_given_twice_the_last_one_counts(options: list[list[str]], told: list[str]):
    assert words(*options) == told


def test_only_what_a_newer_definition_adds_is_new():
    old = build_definition({"app": {"opts": [["--cap-add", "NET_ADMIN"]]}})
    new = build_definition({"renamed": {"opts": [["--cap-add", "NET_ADMIN"], ["--cap-add", "SYS_TIME"]]}})
    assert [power.sentence for power in added_privileges(old, new)] == [
        "renamed has the capability SYS_TIME on this host."
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
