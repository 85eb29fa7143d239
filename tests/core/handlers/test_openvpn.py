"""OpenVPN: a data container, a one-shot configuration, the server; then the authority and the clients."""

import pytest

from rockonweb.core import handlers
from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.facts import ContainerFacts, HostFacts, VolumeMount
from rockonweb.core.handlers import openvpn
from rockonweb.core.handlers.tasks import FileTexts, TaskRequest
from rockonweb.core.plan import plan
from rockonweb.core.secret import format_command
from tests.support.samples import build_definition, complete_answers, load_definition, make_host_facts


def test_the_three_commands_of_the_format_page():
    vpn = load_definition("vpn")
    answers = complete_answers(vpn, custom_config={"servername": "vpn.example.org"}, ports={"vpn": {"1194": 1195}})
    assert plan.plan_install(vpn, answers, make_host_facts()).masked_lines == [
        "docker run --name vpn-data -v /etc/openvpn --label rockonweb.rockon=OpenVPN busybox:latest",
        "docker run --rm --cap-add=NET_ADMIN --volumes-from vpn-data --label rockonweb.rockon=OpenVPN"
        " example/vpn:latest ovpn_genconfig -u udp://vpn.example.org",
        "docker run -d --restart=unless-stopped --name vpn -v /etc/localtime:/etc/localtime:ro -p 1195:1194/udp"
        " --cap-add=NET_ADMIN --volumes-from vpn-data --label rockonweb.rockon=OpenVPN example/vpn:latest",
    ]


def test_the_steps_wait_for_the_data_container_and_configure_before_the_server():
    vpn = load_definition("vpn")
    steps = [
        str(step).split(" --label")[0]
        for step in plan.plan_install(vpn, complete_answers(vpn), make_host_facts()).steps
    ]
    assert steps == [
        "pull busybox:latest",
        "pull example/vpn:latest",
        "create container vpn-data",
        "start vpn-data",
        "wait until vpn-data has finished",
        "docker run --rm --cap-add=NET_ADMIN --volumes-from vpn-data",
        "create container vpn",
        "start vpn",
        "wait until vpn is healthy",
    ]


def test_the_keys_of_an_earlier_life_are_attached_again():
    vpn = load_definition("vpn")
    kept = {"vpn-data": (VolumeMount("a1b2", "/etc/openvpn"),)}
    first = plan.plan_install(vpn, complete_answers(vpn), make_host_facts(kept_volumes=kept)).masked_lines[0]
    assert first.startswith("docker run --name vpn-data -v a1b2:/etc/openvpn -v /etc/openvpn ")


def test_the_data_container_does_not_restart_for_ever():
    vpn = load_definition("vpn")
    (_, data), _ = plan.plan_install(vpn, complete_answers(vpn), make_host_facts()).containers
    assert "-d" not in data
    assert not any(word.startswith("--restart") for word in data)


def test_the_handler_is_found_by_name_however_it_is_written():
    assert handlers.find_handler(load_definition("vpn")) is handlers.HANDLERS["openvpn"]
    renamed = build_definition({"data": {}, "server": {}}, name="openvpn", custom_config={"servername": {}})
    assert handlers.find_handler(renamed) is handlers.HANDLERS["openvpn"]


@pytest.mark.parametrize("containers", [{"server": {}}, {"aa": {}, "bb": {}, "cc": {}}])
def test_another_shape_of_that_name_is_launched_as_any_other(containers: dict[str, dict[str, str]]):
    assert (
        handlers.find_handler(build_definition(containers, name="OpenVPN", custom_config={"servername": {}}))
        is handlers.GENERIC_HANDLER
    )
    assert (
        handlers.find_handler(build_definition({"data": {}, "server": {}}, name="OpenVPN")) is handlers.GENERIC_HANDLER
    )


def test_the_same_shape_under_another_name_is_launched_as_any_other():
    assert (
        handlers.find_handler(build_definition({"data": {}, "server": {}}, custom_config={"servername": {}}))
        is handlers.GENERIC_HANDLER
    )


def test_start_after_a_stop_starts_both_in_launch_order():
    assert [str(step) for step in plan.plan_start(load_definition("vpn")).steps] == [
        "start vpn-data", "start vpn", "check that it stays up: vpn-data, vpn",
    ]  # fmt: skip


def test_answers_without_a_port_publish_none():
    vpn = load_definition("vpn")
    lines = plan.plan_install(vpn, Answers(custom_config={"servername": "x"}), make_host_facts()).masked_lines
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
RUNNING = make_host_facts(containers={"vpn": ContainerFacts("vpn", state="running", rockon="OpenVPN")})


def told(
    files: FileTexts, task: str, client: str = "", answers: Answers = HOME, facts: HostFacts = RUNNING
) -> list[str]:
    """The steps of a task as text."""
    return [
        str(one)
        for one in openvpn.plan_vpn_task(load_definition("vpn"), answers, facts, files, TaskRequest(task, client))
    ]


def refused(files: FileTexts, task: str, client: str = "") -> str:
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
def test_an_authority_is_never_overwritten(files: FileTexts):
    assert refused(files, "authority") == (
        "OpenVPN already has a certificate authority; a new one would lock out every client."
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
    assert refused(MADE, "profile", "Tablet") == 'The client "Tablet" already has a profile.'


def test_a_revoked_client_is_cut_off_at_once():
    assert told(MADE, "revoke", "laptop") == [
        f"{RUN} -e EASYRSA_BATCH=1 {REST} ovpn_revokeclient laptop",
        "stop vpn",
        "start vpn",
    ]
    assert refused(MADE, "revoke", "phone") == 'The profile of "phone" is already revoked.'
    assert refused(MADE, "revoke", "nobody") == 'There is no client "nobody".'


def test_a_server_that_is_stopped_stays_stopped():
    stopped = make_host_facts(containers={"vpn": ContainerFacts("vpn", state="exited", rockon="OpenVPN")})
    assert len(told(MADE, "revoke", "laptop", facts=stopped)) == 1
    assert len(told({}, "authority", facts=make_host_facts())) == 1


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
    found = openvpn.read_authority(MADE, HOME)
    assert found.usable
    assert found.clients == (
        openvpn.VpnClient("laptop", "2028-02-29", revoked=False),
        openvpn.VpnClient("phone", "2030-12-31", revoked=True),
        openvpn.VpnClient("Tablet", "2099-12-31", revoked=False),
    )
    assert not openvpn.read_authority({}, HOME).exists


def test_a_profile_is_printed_past_every_log():
    line = format_command(openvpn.show_profile(load_definition("vpn"), make_host_facts(), "laptop"))
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
    vpn = load_definition("vpn")
    answers = complete_answers(vpn, custom_config={"servername": server}, ports={"vpn": {"1194": port}})
    profile = "client\nremote home.example 1194 udp\n<key>\n1194\n</key>\n"
    assert openvpn.with_host_port(profile, vpn, answers) == f"client\n{remote}\n<key>\n1194\n</key>\n"


def test_the_files_are_those_of_the_data_container():
    assert openvpn.authority_files(load_definition("vpn")) == {
        "certificate": ("vpn-data", "/etc/openvpn/pki/ca.crt"),
        "index": ("vpn-data", "/etc/openvpn/pki/index.txt"),
    }


def test_only_openvpn_has_tasks():
    assert handlers.find_handler(load_definition("vpn")).tasks is openvpn.OPENVPN_TASKS
    assert handlers.GENERIC_HANDLER.tasks is None
