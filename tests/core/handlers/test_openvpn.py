"""OpenVPN: a data container, a one-shot configuration, the server; then the authority and the clients."""

import pytest

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import ContainerFacts, HostFacts, Mount
from rockonweb.core.handlers import openvpn
from rockonweb.core.handlers.tasks import Files, TaskRequest
from rockonweb.core.plan import plan
from rockonweb.core.secret import render
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
        "wait until vpn is healthy",
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
    assert handlers.find(definition("vpn")) is handlers.HANDLERS["openvpn"]
    renamed = rockon({"data": {}, "server": {}}, name="openvpn", custom_config={"servername": {}})
    assert handlers.find(renamed) is handlers.HANDLERS["openvpn"]


@pytest.mark.parametrize("containers", [{"server": {}}, {"aa": {}, "bb": {}, "cc": {}}])
def test_another_shape_of_that_name_is_launched_as_any_other(containers: dict[str, dict[str, str]]):
    assert handlers.find(rockon(containers, name="OpenVPN", custom_config={"servername": {}})) is handlers.GENERIC
    assert handlers.find(rockon({"data": {}, "server": {}}, name="OpenVPN")) is handlers.GENERIC


def test_the_same_shape_under_another_name_is_launched_as_any_other():
    assert handlers.find(rockon({"data": {}, "server": {}}, custom_config={"servername": {}})) is handlers.GENERIC


def test_start_after_a_stop_starts_both_in_launch_order():
    assert [str(step) for step in plan.start(definition("vpn")).steps] == ["start vpn-data", "start vpn"]


def test_answers_without_a_port_publish_none():
    vpn = definition("vpn")
    lines = plan.install(vpn, Answers(custom_config={"servername": "x"}), host()).lines
    assert " -p " not in lines[2]


# What the owner does next

INDEX = (
    "V\t301231235959Z\t\t01\tunknown\t/CN=home.example\n"
    "V\t280229000000Z\t\t02\tunknown\t/CN=laptop\n"
    "R\t301231235959Z\t260101000000Z\t03\tunknown\t/C=NL/CN=phone/emailAddress=a@b\n"
    "R\t301231235959Z\t260101000000Z\t04\tunknown\t/CN=Tablet\n"
    "V\t20991231235959Z\t\t05\tunknown\t/CN=Tablet\n"
    "nonsense\n"
)
MADE = {"certificate": "", "index": INDEX}
HOME = Answers(custom_config={"servername": "home.example"})
RUNNING = host(containers={"vpn": ContainerFacts("vpn", state="running", rockon="OpenVPN")})


def told(files: Files, task: str, client: str = "", answers: Answers = HOME, facts: HostFacts = RUNNING) -> list[str]:
    """The steps of a task as text."""
    return [str(one) for one in openvpn.steps(definition("vpn"), answers, facts, files, TaskRequest(task, client))]


def refused(files: Files, task: str, client: str = "") -> str:
    """The sentence that refuses a task."""
    with pytest.raises((BadInput, Conflict)) as caught:
        told(files, task, client)
    return caught.value.sentence


RUN = "docker run --rm --cap-add=NET_ADMIN --volumes-from vpn-data"
REST = "--label rockonweb.rockon=OpenVPN example/vpn:latest"


def test_the_authority_is_made_unattended_and_the_server_takes_it_up():
    assert told({"certificate": None, "index": None}, "authority") == [
        f"{RUN} -e EASYRSA_BATCH=1 -e 'EASYRSA_REQ_CN=home.example CA' {REST} ovpn_initpki nopass",
        "stop vpn",
        "start vpn",
    ]


def test_a_long_server_name_leaves_a_common_name_that_certificates_can_hold():
    answers = Answers(custom_config={"servername": f"{'long.' * 20}example:1195"})
    (line, *_) = told({}, "authority", answers=answers)
    name = line.split("EASYRSA_REQ_CN=")[1].split("'")[0]
    assert len(name) == 64
    assert name.endswith(" CA")


@pytest.mark.parametrize("files", [MADE, {"certificate": "", "index": None}])
def test_an_authority_is_never_overwritten(files: Files):
    assert refused(files, "authority") == (
        "OpenVPN has a certificate authority already; a new one would lock out every client."
    )


def test_an_authority_whose_making_was_cut_off_is_made_again():
    cut = {"certificate": "", "index": ""}
    assert "ovpn_initpki nopass" in told(cut, "authority")[0]
    assert refused(cut, "profile", "laptop") == "There is no certificate authority yet."


def test_a_profile_is_made_without_a_question():
    assert told(MADE, "profile", "annas-phone_2.0") == [
        f"{RUN} -e EASYRSA_BATCH=1 {REST} easyrsa build-client-full annas-phone_2.0 nopass",
    ]


def test_a_revoked_name_may_be_used_again_and_a_valid_one_not():
    assert "build-client-full phone nopass" in told(MADE, "profile", "phone")[0]
    assert refused(MADE, "profile", "Tablet") == 'The client "Tablet" has a profile already.'


def test_a_revoked_client_is_cut_off_at_once():
    assert told(MADE, "revoke", "laptop") == [
        f"{RUN} -e EASYRSA_BATCH=1 {REST} ovpn_revokeclient laptop",
        "stop vpn",
        "start vpn",
    ]
    assert refused(MADE, "revoke", "phone") == 'The profile of "phone" is revoked already.'
    assert refused(MADE, "revoke", "nobody") == 'There is no client "nobody".'


def test_a_server_that_is_stopped_stays_stopped():
    stopped = host(containers={"vpn": ContainerFacts("vpn", state="exited", rockon="OpenVPN")})
    assert len(told(MADE, "revoke", "laptop", facts=stopped)) == 1
    assert len(told({}, "authority", facts=host())) == 1


def test_without_a_list_the_image_decides_who_is_a_client():
    assert "ovpn_revokeclient laptop" in told({"certificate": "", "index": None}, "revoke", "laptop")[0]


@pytest.mark.parametrize(
    "name", ["", "-rm", "a b", "a/b", "../ca", ".", "..", ".hidden", "ä", "a\n", "x" * 65, "ca", "CA", "home.example"]
)
def test_names_that_can_not_be_are_refused(name: str):
    assert refused(MADE, "profile", name)
    assert openvpn.client_fault(name, HOME)


@pytest.mark.parametrize("name", ["a", "Z9", "_x", "annas-phone", "a.b", "x" * 64])
def test_names_that_can_be(name: str):
    assert openvpn.client_fault(name, HOME) is None


def test_a_task_that_does_not_exist_is_refused():
    assert refused(MADE, "format", "laptop") == 'OpenVPN has no task "format".'


def test_the_clients_are_read_without_the_server_and_the_last_line_counts():
    found = openvpn.authority(MADE, HOME)
    assert found.usable
    assert found.clients == (
        openvpn.Client("laptop", "2028-02-29", revoked=False),
        openvpn.Client("phone", "2030-12-31", revoked=True),
        openvpn.Client("Tablet", "2099-12-31", revoked=False),
    )
    assert not openvpn.authority({}, HOME).exists


def test_a_profile_is_printed_past_every_log():
    line = render(openvpn.show_profile(definition("vpn"), host(), "laptop"))
    assert line == (
        "docker run --rm --log-driver=none --cap-add=NET_ADMIN --volumes-from vpn-data"
        " --label rockonweb.rockon=OpenVPN example/vpn:latest ovpn_getclient laptop"
    )


@pytest.mark.parametrize(
    ("server", "port", "remote"),
    [
        ("home.example", 1195, "remote home.example 1195 udp"),
        ("home.example", 1194, "remote home.example 1194 udp"),
        ("home.example", None, "remote home.example 1194 udp"),
        ("home.example:1194", 1195, "remote home.example 1194 udp"),
    ],
)
def test_a_profile_names_the_port_of_the_host(server: str, port: int | None, remote: str):
    vpn = definition("vpn")
    answers = answer(vpn, custom_config={"servername": server}, ports={"vpn": {"1194": port}})
    profile = "client\nremote home.example 1194 udp\n<key>\n1194\n</key>\n"
    assert openvpn.reachable(profile, vpn, answers) == f"client\n{remote}\n<key>\n1194\n</key>\n"


def test_the_files_are_those_of_the_data_container():
    assert openvpn.files(definition("vpn")) == {
        "certificate": ("vpn-data", "/etc/openvpn/pki/ca.crt"),
        "index": ("vpn-data", "/etc/openvpn/pki/index.txt"),
    }


def test_only_openvpn_has_tasks():
    assert handlers.find(definition("vpn")).tasks is openvpn.tasks
    assert handlers.GENERIC.tasks is None
