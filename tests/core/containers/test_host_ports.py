"""Which ports of the host a rock-on will listen on, also by options of its definition, and who holds one."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import host_ports, option_ports, port_conflict, wanted_ports
from rockonweb.core.docker.run_options import PublishedPort, parse_published_ports
from rockonweb.core.facts import PortListener
from rockonweb.core.preflight import collect_findings
from rockonweb.core.questions.wizard import suggest_host_ports
from tests.support.samples import build_definition, make_host_facts


@pytest.mark.parametrize(
    ("value", "ports"),
    [
        ("9000:9000", [(9000, 9000, "tcp", "")]),
        ("9000:80/udp", [(80, 9000, "udp", "")]),
        ("9000:80/TCP", [(80, 9000, "tcp", "")]),
        ("0.0.0.0:9000:80", [(80, 9000, "tcp", "")]),
        ("127.0.0.1:9000:80", [(80, 9000, "tcp", "127.0.0.1")]),
        ("[::1]:9000:80", [(80, 9000, "tcp", "::1")]),
        ("[::]:9000:80", [(80, 9000, "tcp", "")]),
        ("9000-9001:80-81", [(80, 9000, "tcp", ""), (81, 9001, "tcp", "")]),
        ("published=9000,target=80,protocol=udp", [(80, 9000, "udp", "")]),
        ("9000", []),
        ("127.0.0.1::80", []),
        ("9000-9010:80", []),
        ("9000:x", []),
        ("99999:80", []),
        ("", []),
    ],
)
def test_what_a_publish_option_publishes(value: str, ports: list[tuple[int, int, str, str]]):
    assert parse_published_ports(value) == [PublishedPort(*port) for port in ports]


@pytest.mark.parametrize(
    "options",
    [
        [["--publish", "9000:80"]],
        [["-p", "9000:80"]],
        [["-p9000:80", ""]],
        [["-itp", "9000:80"]],
        [["--publish=9000:80", ""]],
        [["-p=9000:80", ""]],
    ],
)
def test_a_published_option_is_a_wanted_port_however_it_is_spelled(options: list[list[str]]):
    definition = build_definition({"web": {"opts": options}})
    [port] = wanted_ports(definition, Answers())
    assert (port.container, port.number, port.host, port.protocol, port.by_option) == ("web", 80, 9000, "tcp", True)
    assert host_ports(definition, Answers()) == {9000}


def test_on_the_host_network_no_option_publishes():
    assert option_ports(build_definition({"web": {"opts": [["--net", "host"], ["-p", "9000:80"]]}})) == []


def held(port: int, address: str = "", rockon: str = "") -> PortListener:
    return PortListener(port, "tcp", address, "the program caddy", rockon)


def findings(options: list[list[str]], *listeners: PortListener, **containers: object) -> list[str]:
    definition = build_definition({"web": {"opts": options}, **containers})
    facts = make_host_facts(listening=listeners)
    return [f"{one.level}: {one}" for one in collect_findings(definition, Answers(), facts) if one.level != "note"]


def test_a_port_of_an_option_that_is_in_use_is_told_before():
    assert findings([["-p", "9000:80"]], held(9000)) == [
        "block: Port 9000 (tcp) is in use by the program caddy. The definition publishes it by an option and can't use "
        "another port: stop what uses this one first."
    ]
    assert findings([["-p", "9000:80"]], held(9001)) == []


def test_of_addresses_those_that_meet_count():
    local = [["-p", "127.0.0.1:9000:80"]]
    assert findings(local, held(9000, "192.168.1.2")) == []
    assert len(findings(local, held(9000, "127.0.0.1"))) == 1
    assert len(findings(local, held(9000))) == 1
    assert len(findings([["-p", "9000:80"]], held(9000, "127.0.0.1"))) == 1


def test_wanted_twice_within_a_rock_on_is_told():
    [one] = findings([["-p", "9000:80"], ["-p", "9000-9001:90-91"]])
    assert one.startswith("block: Host port 9000 (tcp) is assigned twice: to web 80 and to web 90.")
    assert findings([["-p", "127.0.0.1:9000:80"], ["-p", "127.0.0.2:9000:81"]]) == []
    assert findings([["-p", "9000:80"], ["-p", "9000:80/udp"]]) == []


def test_a_question_is_not_offered_the_port_of_an_option():
    definition = build_definition({"web": {"ports": {"9000": {"label": "Web"}}, "opts": [["-p", "9000:80"]]}})
    suggestions = suggest_host_ports(definition, {"ports-web-9000": 9000}, make_host_facts())
    assert suggestions["ports-web-9000"].port == 9001


def test_published_ports_are_told_as_reachable_and_local_ones_not():
    definition = build_definition({"web": {"opts": [["-p", "9000:80"], ["-p", "127.0.0.1:9001:81"]]}})
    [note] = [str(one) for one in collect_findings(definition, Answers(), make_host_facts()) if "reach its" in str(one)]
    assert "(9000)" in note


def test_another_rock_on_that_claims_the_port_holds_it():
    facts = make_host_facts(claimed=(held(9000, rockon="Other"),))
    assert port_conflict("Web", 9000, "tcp", facts, "127.0.0.1") is not None
    assert port_conflict("Other", 9000, "tcp", facts) is None
