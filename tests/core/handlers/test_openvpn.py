"""OpenVPN: a data container, a one-shot configuration, the server."""

import pytest

from rockonweb.core import handlers, plan
from rockonweb.core.answers import Answers
from rockonweb.core.facts import Mount
from rockonweb.core.handlers import generic, openvpn
from tests.support.samples import answer, definition, host, rockon


def test_the_three_commands_of_the_format_page():
    vpn = definition("vpn")
    answers = answer(vpn, custom_config={"servername": "vpn.example.org"}, ports={"vpn": {"1194": 1195}})
    assert plan.install(vpn, answers, host()).lines == [
        "docker run --name vpn-data -v /etc/openvpn --label rockonweb.rockon=OpenVPN busybox:latest",
        "docker run --rm --cap-add=NET_ADMIN --volumes-from vpn-data --label rockonweb.rockon=OpenVPN"
        " example/vpn:latest ovpn_genconfig -u udp://vpn.example.org",
        "docker run -d --restart=unless-stopped --name vpn -v /etc/localtime:/etc/localtime:ro -p 1195:1194/udp"
        " --cap-add=NET_ADMIN --volumes-from vpn-data --label rockonweb.rockon=OpenVPN example/vpn:latest",
    ]


def test_the_steps_wait_for_the_data_container_and_configure_before_the_server():
    vpn = definition("vpn")
    steps = [str(step).split(" --label")[0] for step in plan.install(vpn, answer(vpn), host()).steps]
    assert steps == [
        "pull busybox:latest",
        "pull example/vpn:latest",
        "make container vpn-data",
        "start vpn-data",
        "wait until vpn-data has done its work",
        "docker run --rm --cap-add=NET_ADMIN --volumes-from vpn-data",
        "make container vpn",
        "start vpn",
    ]


def test_the_keys_of_an_earlier_life_are_attached_again():
    vpn = definition("vpn")
    kept = {"vpn-data": (Mount("a1b2", "/etc/openvpn"),)}
    first = plan.install(vpn, answer(vpn), host(kept_volumes=kept)).lines[0]
    assert first.startswith("docker run --name vpn-data -v a1b2:/etc/openvpn -v /etc/openvpn ")


def test_the_data_container_does_not_restart_for_ever():
    vpn = definition("vpn")
    (_, data), _ = plan.install(vpn, answer(vpn), host()).containers
    assert "-d" not in data
    assert not any(word.startswith("--restart") for word in data)


def test_the_handler_is_found_by_name_however_it_is_written():
    assert handlers.find(definition("vpn")) is openvpn
    renamed = rockon({"data": {}, "server": {}}, name="openvpn", custom_config={"servername": {}})
    assert handlers.find(renamed) is openvpn


@pytest.mark.parametrize("containers", [{"server": {}}, {"aa": {}, "bb": {}, "cc": {}}])
def test_another_shape_of_that_name_is_launched_as_any_other(containers: dict[str, dict[str, str]]):
    assert handlers.find(rockon(containers, name="OpenVPN", custom_config={"servername": {}})) is generic
    assert handlers.find(rockon({"data": {}, "server": {}}, name="OpenVPN")) is generic


def test_the_same_shape_under_another_name_is_launched_as_any_other():
    assert handlers.find(rockon({"data": {}, "server": {}}, custom_config={"servername": {}})) is generic


def test_start_after_a_stop_starts_both_in_launch_order():
    assert [str(step) for step in plan.start(definition("vpn")).steps] == ["start vpn-data", "start vpn"]


def test_answers_without_a_port_publish_none():
    vpn = definition("vpn")
    lines = plan.install(vpn, Answers(custom_config={"servername": "x"}), host()).lines
    assert " -p " not in lines[2]
