"""The `docker run` of a container, group by group, compared as the text that one would type."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers import argv
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, ShareFacts, VolumeMount
from rockonweb.core.secret import MASK, format_command, reveal_argv
from tests.support.samples import build_definition, complete_answers, load_definition, make_host_facts, port_question


def line(rockon: Definition, container: str, answers: Answers, facts: HostFacts) -> str:
    """Return the command line of a container as text."""
    return format_command(argv.docker_run_argv(rockon, container, answers, facts))


# The whole line


def test_the_groups_come_in_the_order_of_the_format_page():
    box = load_definition("everything")
    answers = complete_answers(
        box,
        devices={"box": {"video": "/dev/dri", "serial": "/dev/ttyUSB0"}},
        ports={"box": {"9000": 19000}},
        storage={"box": {"/films": "films/old"}},
        labels={"box": ["room=cellar", "quiet"]},
    )
    assert line(box, "box", answers, make_host_facts(answers)) == (
        "docker run -d --restart=unless-stopped --name box"
        " -v /shares/box-config:/config -v /shares/box-data:/data -v /shares/films/old:/films"
        " -v /etc/localtime:/etc/localtime:ro"
        " --device /dev/ttyUSB0 --device /dev/dri"
        " -u 1000:998"
        " -p 8443:8443/tcp -p 5353:5353/udp -p 19000:9000/tcp -p 19000:9000/udp"
        " --cap-add NET_RAW --shm-size=64m -e MODE=quiet"
        f" -e OWNER=owner-value -e ZONE=zone-value -e API_KEY={MASK}"
        " --label room=cellar --label quiet"
        " --label 'rockonweb.rockon=Everything Box'"
        " box.example/example/box:latest serve /data --verbose"
    )


def test_the_least_line():
    bare = load_definition("bare")
    assert line(bare, "bare", Answers(), HostFacts()) == (
        "docker run -d --restart=unless-stopped --name bare -v /etc/localtime:/etc/localtime:ro"
        " --label rockonweb.rockon=Bare bare:latest"
    )


def test_a_program_gets_the_same_words_with_the_secret_in_its_place():
    box = load_definition("everything")
    answers = complete_answers(box)
    words = argv.docker_run_argv(box, "box-store", answers, make_host_facts(answers))
    assert reveal_argv(words) == [
        "STORE_PASSWORD=store_password-value" if word == f"STORE_PASSWORD={MASK}" else word for word in words
    ]
    assert "STORE_PASSWORD=store_password-value" in reveal_argv(words)


def test_the_name_of_the_instance_is_a_label_of_its_own():
    words = argv.docker_run_argv(load_definition("bare"), "bare", Answers(), HostFacts(instance="a1b2"))
    assert words[-5:] == ("--label", "rockonweb.rockon=Bare", "--label", "rockonweb.instance=a1b2", "bare:latest")


# Volumes


def test_volumes_keep_the_order_of_the_definition_whatever_the_order_of_the_answers():
    spec = build_definition({"app": {"volumes": {"/z": {}, "/a": {}}}}).containers["app"]
    answers = Answers(shares={"app": {"/a": "one", "/z": "two"}}, storage={"app": {"/m": "three"}})
    assert format_command(argv.volume_options("app", spec, answers, make_host_facts(answers))) == (
        "-v /shares/two:/z -v /shares/one:/a -v /shares/three:/m"
    )


def test_a_folder_of_a_share_is_below_the_path_of_the_share():
    facts = HostFacts(shares={"media": ShareFacts("/mnt2/media", 7, 8)})
    assert argv.share_facts("media/a b/c", facts) == ShareFacts("/mnt2/media/a b/c", 7, 8)


def test_a_share_that_is_yet_to_be_made_will_be_below_the_root_of_the_shares():
    assert argv.share_facts("new", HostFacts(shares_root="/mnt2")) == ShareFacts("/mnt2/new", 0, 0)


def test_a_volume_without_an_answer_is_left_out():
    spec = build_definition({"app": {"volumes": {"/a": {}, "/b": {}}}}).containers["app"]
    answers = Answers(shares={"app": {"/b": "b"}})
    assert list(argv.volume_options("app", spec, answers, make_host_facts(answers))) == ["-v", "/shares/b:/b"]


def test_kept_volumes_are_handed_on_by_name_but_not_over_a_share():
    spec = build_definition({"app": {"volumes": {"/a": {}}}}).containers["app"]
    answers = Answers(shares={"app": {"/a": "a"}}, storage={"app": {"/s": "s"}})
    kept = {
        "app": (VolumeMount("f00", "/keys"), VolumeMount("f01", "/a"), VolumeMount("f02", "/s")),
        "other": (VolumeMount("f03", "/x"),),
    }
    words = list(argv.volume_options("app", spec, answers, make_host_facts(answers, kept_volumes=kept)))
    assert format_command(words) == "-v /shares/a:/a -v /shares/s:/s -v f00:/keys"


# Devices


def test_only_answered_devices_are_given():
    spec = load_definition("question-order").containers["asker"]
    assert list(argv.device_options("asker", spec, Answers(devices={"asker": {"late": "/dev/b", "early": ""}}))) == [
        *("--device", "/dev/b"),
    ]


def test_a_device_of_one_container_is_not_looked_for_in_another():
    sample = load_definition("one-device")
    answers = complete_answers(sample, devices={"tuner": {"tuner-card": "/dev/dvb"}})
    lines = {name: line(sample, name, answers, HostFacts()) for name in sample.containers}
    assert "--device /dev/dvb" in lines["tuner"]
    assert "--device" not in lines["plain"]


# Who it runs as


@pytest.mark.parametrize(
    ("container", "flags"),
    [
        ("owner-unsaid", ""),
        ("owner-of-share", "-u 1001"),
        ("owner-and-group", "-u 1001:100"),
        ("owner-docker", "-u 1001:998"),
        ("owner-fixed", "-u 0:0"),
    ],
)
def test_uid_and_gid_are_numbers_or_the_first_shares_or_the_docker_groups(container: str, flags: str):
    owners = load_definition("owners")
    answers = complete_answers(owners)
    assert (
        format_command(argv.user_option(container, owners.containers[container], answers, make_host_facts(answers)))
        == flags
    )


@pytest.mark.parametrize(
    ("container", "flags"),
    [("nobody", ""), ("no-group", "-u 105"), ("only-docker", "-u 1000:998"), ("only-uid", "-u 105")],
)
def test_what_can_not_be_known_without_a_volume_is_left_out(container: str, flags: str):
    sample = load_definition("no-volumes")
    assert (
        format_command(argv.user_option(container, sample.containers[container], Answers(), make_host_facts())) == flags
    )


def test_without_a_docker_group_there_is_no_gid():
    sample = load_definition("no-volumes")
    words = argv.user_option("only-docker", sample.containers["only-docker"], Answers(), make_host_facts(groups={}))
    assert list(words) == ["-u", "1000"]


def test_the_first_volume_is_the_first_of_the_definition_also_in_a_folder():
    spec = load_definition("owners").containers["owner-and-group"]
    answers = Answers(shares={"owner-and-group": {"/more": "b", "/data": "a/folder"}})
    facts = HostFacts(shares={"a": ShareFacts("/s/a", 5, 6), "b": ShareFacts("/s/b", 7, 8)})
    assert list(argv.user_option("owner-and-group", spec, answers, facts)) == ["-u", "5:6"]


def test_a_share_of_root_gives_uid_0():
    owners = load_definition("owners")
    answers = complete_answers(owners)
    words = argv.user_option(
        "owner-and-group", owners.containers["owner-and-group"], answers, make_host_facts(answers, uid=0, gid=0)
    )
    assert list(words) == ["-u", "0:0"]


# Ports


def test_two_containers_with_the_same_inner_port_get_their_own_host_ports():
    sample = load_definition("same-inner-port")
    answers = complete_answers(sample, ports={"front": {"80": 8081}, "back": {"80": 8082}})
    assert [format_command(argv.publish_options(name, spec, answers)) for name, spec in sample.launch_order] == [
        *("-p 8081:80/tcp", "-p 8082:80/tcp"),
    ]


def test_a_port_that_is_not_published_is_left_out():
    sample = load_definition("same-inner-port")
    answers = complete_answers(sample, ports={"front": {"80": None}})
    assert list(argv.publish_options("front", sample.containers["front"], answers)) == []


def test_no_protocol_publishes_tcp_then_udp():
    spec = build_definition({"app": {"ports": {"53": {"host_default": 53}}}}).containers["app"]
    assert (
        format_command(argv.publish_options("app", spec, Answers(ports={"app": {53: 5300}})))
        == "-p 5300:53/tcp -p 5300:53/udp"
    )


def test_on_the_hosts_network_the_answer_stands_in_the_line_and_the_containers_port_is_what_counts():
    sample = load_definition("host-network")
    spec, answers = sample.containers["hostly"], complete_answers(sample)
    assert format_command(argv.publish_options("hostly", spec, answers)) == "-p 8080:80/tcp"
    assert argv.host_port(sample, "hostly", 80, answers) == 80
    assert argv.host_port(sample, "hostly", 80, Answers(ports={"hostly": {80: None}})) is None


# Options


def test_options_are_passed_as_they_are_and_identical_ones_stay():
    spec = load_definition("flags").containers["flags-a"]
    assert format_command(argv.definition_options(spec)) == (
        "--net=host --privileged -it --cap-add=SYS_PTRACE --cap-add NET_ADMIN -e A=1 -e A=1 -v /dev/rtc:/dev/rtc:ro"
        " --sysctl net.ipv4.ip_forward=1 --security-opt apparmor=unconfined --device /dev/null:/dev/null"
        " --shm-size 128mb -e 'CONF={certs=\"/a b.pem\"}' --restart no"
    )


def test_a_blank_value_means_the_flag_alone():
    spec = build_definition(
        {"app": {"opts": [["--init", ""], ["--rm", "  "], ["--tty", None], ["-e", " x "]]}}
    ).containers["app"]
    assert list(argv.definition_options(spec)) == ["--init", "--rm", "--tty", "-e", " x "]


def test_an_option_stands_after_what_it_must_beat_and_before_the_answers():
    sample = build_definition({"app": {"opts": [["--restart", "no"], ["-e", "A=1"]], "environment": {"A": {}}}})
    words = argv.docker_run_argv(sample, "app", Answers(environment={"app": {"A": "2"}}), HostFacts())
    places = [words.index(word) for word in ("--restart=unless-stopped", "--restart", "A=1", "A=2")]
    assert places == sorted(places)


# Variables


def test_variables_come_in_question_order():
    asker = load_definition("question-order")
    words = argv.environment_options(asker, "asker", complete_answers(asker))
    assert [word.split("=")[0] for word in words if word != "-e"] == ["FIRST", "LOOSE_A", "THIRD", "LOOSE_B", "FIFTH"]


def test_a_variable_without_an_answer_is_left_out_and_a_blank_answer_is_not():
    sample = build_definition({"app": {"environment": {"OLD": {}, "NEW": {}, "BLANK": {}, "TOKEN": {}}}})
    answers = Answers(environment={"app": {"OLD": "1", "BLANK": "", "TOKEN": ""}})
    assert list(argv.environment_options(sample, "app", answers)) == ["-e", "OLD=1", "-e", "BLANK=", "-e", "TOKEN="]


def test_a_secret_is_known_by_its_name_or_by_the_label_of_its_question():
    sample = build_definition({"app": {"environment": {"CLAIM": {"label": "Claim token"}, "PASSWORD": {}}}})
    answers = Answers(environment={"app": {"CLAIM": "c1a1m", "PASSWORD": "it's"}})
    words = list(argv.environment_options(sample, "app", answers))
    assert format_command(words) == f"-e CLAIM={MASK} -e PASSWORD={MASK}"
    assert reveal_argv(words) == ["-e", "CLAIM=c1a1m", "-e", "PASSWORD=it's"]


def test_a_value_is_one_word_whatever_is_in_it():
    sample = build_definition({"app": {"environment": {"A": {}}}})
    value = 'two words; $(rm) `x` "y"\nnext = line'
    assert list(argv.environment_options(sample, "app", Answers(environment={"app": {"A": value}}))) == [
        "-e",
        f"A={value}",
    ]


# Arguments


def test_arguments_follow_the_image_and_a_blank_second_word_is_left_out():
    spec = build_definition({"app": {"cmd_arguments": [["server", "/data"], ["--a", ""], ["--b", " "], ["", "x"]]}})
    assert list(argv.command_arguments(spec.containers["app"])) == ["server", "/data", "--a", "--b", "", "x"]


def test_ports_on_the_hosts_network_are_those_of_the_container() -> None:
    made = build_definition(
        {
            "media": {"ports": {"80": port_question()}, "opts": [["--net", "host"]]},
            "side": {"ports": {"80": port_question()}},
        }
    )
    given = Answers(ports={"media": {80: 9000}, "side": {80: 9001}})
    assert argv.resolve_host_ports(made, given).ports == {"media": {80: 80}, "side": {80: 9001}}
    unpublished = Answers(ports={"media": {80: None}})
    assert argv.resolve_host_ports(made, unpublished).ports == {"media": {80: None}}
