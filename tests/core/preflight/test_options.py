"""What Docker would refuse about the options of a container is known before."""

import pytest

from rockonweb.core.answers.answers import Answers, answers_from_json
from rockonweb.core.preflight.options import check_options
from tests.support.samples import build_definition


def findings(opts: list[list[str]], answers: Answers | None = None, **spec: object) -> list[str]:
    definition = build_definition({"web": {"opts": opts, **spec}})
    return [str(one) for one in check_options(definition, answers or Answers())]


@pytest.mark.parametrize(
    ("opts", "told"),
    [
        ([["-v", "./rel:/rel"]], 'web mounts "./rel" at /rel, which is not an absolute path. Docker takes it from the'),
        ([["-v", "../up:/up"]], 'web mounts "../up" at /up, which is not an absolute path. Docker takes it from the'),
        ([["-v", "/etc/localtime:/etc/localtime"]], "web mounts more than one thing at /etc/localtime."),
        ([["--mount", "type=bind,src=rel,dst=/x"]], 'web mounts "rel" at /x, which is not an absolute path.'),
        ([["-v", "~/x:/x"]], 'web mounts "~/x" at /x, which is neither a path nor a volume.'),
        ([["-v", "a/b:/x"]], 'web mounts "a/b" at /x, which is neither a path nor a volume.'),
        ([["-v", "/a:/data"], ["-v", "/b:/data/"]], "web mounts more than one thing at /data."),
        ([["-v", "/a:/data"], ["--mount", "type=tmpfs,dst=/data"]], "web mounts more than one thing at /data."),
        ([["--tmpfs", "/data"], ["-v", "cache:/data"]], "web mounts more than one thing at /data."),
        ([["--net", "host"], ["--link", "x:y"]], "web can't have links: it uses the host network."),
        ([["--net", "host"], ["--mac-address", "02:42:ac:11:00:02"]], "web can't have a MAC address: it uses the host"),
        ([["--ip", "172.20.0.5"]], "web is to have the address 172.20.0.5, but names no network for it."),
        (
            [["--net", "host"], ["--ip", "172.20.0.5"]],
            "web is to have the address 172.20.0.5, but names no network for it.",
        ),
        ([["--network-alias", "www"]], "web is to have another name on its network, but names no network for it."),
        ([["--net", "none"], ["--network-alias", "www"]], "web is to have another name on its network, but names no"),
        ([["--net", "container:"]], "web is to be on a network without a name."),
        ([["--network", "alias=www"]], "web is to be on a network without a name."),
        ([["--net", "host"], ["--net", "lan"]], "web can't be on these networks at once: host, lan."),
        ([["--net", "lan"], ["--net", "bridge"]], "web can't be on these networks at once: lan, bridge."),
        ([["--net", "lan"], ["--network=lan", ""]], "web can't be on these networks at once: lan, lan."),
        ([["--uts", "host"], ["--hostname", "www"]], "web can't have a host name: it shares that of this host."),
        ([["--uts=host", ""], ["--domainname", "home"]], "web can't have a host name: it shares that of this host."),
        ([["-v", "/a:/"]], 'web mounts something at "/", which is not a path inside the container.'),
        ([["-v", "/a:b"]], 'web mounts something at "b", which is not a path inside the container.'),
        ([["-v", "cache"]], 'web mounts something at "cache", which is not a path inside the container.'),
        ([["--mount", "type=bind,src=/a"]], 'web mounts something at "", which is not a path inside the container.'),
        ([["-v", "/a:/b:foo"]], 'web mounts something at /b in a mode that Docker does not have: "foo".'),
        ([["-v", "/a:/b:ro,rw"]], 'web mounts something at /b in a mode that Docker does not have: "ro,rw".'),
        ([["-v", "/a:/b:nocopy"]], 'web mounts something at /b in a mode that Docker does not have: "nocopy".'),
        ([["-v", "/a:/b:ro:z"]], 'web mounts something at /b in a mode that Docker does not have: "ro:z".'),
        ([["--mount", "type=volume,dst=/b"], ["-v", "/a:/b"]], "web mounts more than one thing at /b."),
        ([["--mount", "type=bind,src=/a,dst=/b"], ["-v", "/a:/b"]], "web mounts more than one thing at /b."),
        ([["--mount", "type=volume,dst=/b"], ["--mount", "type=volume,dst=/b"]], "web mounts more than one thing at"),
        ([["-p", "9001-9003:9001-9002"]], 'web publishes "9001-9003:9001-9002", which are no ports.'),
        ([["-p", "abc:80"]], 'web publishes "abc:80", which are no ports.'),
        ([["-p", "70000:80"]], 'web publishes "70000:80", which are no ports.'),
        ([["-p", "80:80/foo"]], 'web publishes "80:80/foo", which are no ports.'),
        ([["--publish", "localhost:80:80"]], 'web publishes "localhost:80:80", which are no ports.'),
        ([["-p8080:", ""]], 'web publishes "8080:", which are no ports.'),
    ],
)
def test_what_docker_would_refuse_is_told(opts: list[list[str]], told: str):
    [one] = findings(opts)
    assert one.startswith(told)


@pytest.mark.parametrize(
    ("option", "what"),
    [
        (["-p", "80:80"], "published ports"),
        (["-P", ""], "published ports"),
        (["--expose", "80"], "exposed ports"),
        (["--hostname", "web"], "a host name"),
        (["-h", "web"], "a host name"),
        (["--dns", "10.0.0.1"], "DNS servers"),
        (["--add-host", "a:10.0.0.1"], "names of other hosts"),
        (["--link", "vpn:v"], "links"),
        (["--mac-address", "02:42:ac:11:00:02"], "a MAC address"),
    ],
)
def test_who_uses_the_network_of_another_container_can_have_no_such_thing(option: list[str], what: str):
    [one] = findings([["--network", "container:vpn"], option])
    assert one.startswith(f"web can't have {what}: it uses the network of the container vpn.")


def test_nor_ports_by_answers():
    answers = answers_from_json({"ports": {"web": {"80": 8080}}})
    [one] = findings([["--net=container:vpn", ""]], answers, ports={"80": {"label": "Web"}})
    assert one.endswith("Leave its ports blank, or contact the definition's maintainer.")


@pytest.mark.parametrize(
    "opts",
    [
        [["-v", "/etc/openvpn"]],
        [["-v", "/etc/openvpn"], ["-v", "/a:/etc/openvpn"]],
        [["-v", "my-data:/data"], ["-v", "/a:/b"]],
        [["--net", "host"], ["--hostname", "web"]],
        [["--network", "container:vpn"], ["--dns-search", "home"]],
        [["--ip", "172.20.0.5"], ["--network", "lan"]],
        [["-v", "/etc/localtime:/etc/localtime:ro"], ["-v", "/a:/b"], ["-v", "/a:/b"]],
        [["--tmpfs", "/run"], ["--tmpfs", "/run:size=1m"], ["--tmpfs", "/run/"]],
        [["--tmpfs", "/run"], ["--mount", "type=tmpfs,dst=/run"]],
        [["--mount", "type=volume,dst=/run"], ["-v", "/run"]],
        [["-v", "/a:/b:ro,z,rslave"], ["-v", "data:/data:nocopy"], ["-v", "/c:/d:delegated"]],
        [["--net", "lan"], ["--network", "name=other,ip=10.0.0.2"], ["--network-alias", "www"]],
        [["-p", "80"], ["-p", "8000-8002:80"], ["-p", "127.0.0.1::80"], ["-p", "[::1]:1:1/UDP"], ["-p", "::1:2:2"]],
        [["-p", "published=80,target=80,protocol=udp"], ["-p", "0:80"]],
        [["--volume-driver", "nfs"], ["-v", "host/export:/data"]],
        [["--mount", "type=volume,src=host/export,dst=/data,volume-driver=nfs"]],
    ],
)
def test_what_docker_takes_is_not_told(opts: list[list[str]]):
    assert findings(opts) == []


def test_a_share_at_the_path_of_an_option_is_told():
    answers = answers_from_json({"shares": {"web": {"/data": "films"}}})
    volumes = {"/data": {"label": "Data", "description": ""}}
    assert findings([["-v", "/a:/data/"]], answers, volumes=volumes)[0].startswith("web mounts more than one thing at")
