"""What speaks against a plan, in sentences."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.containers.host_ports import find_free_port, port_conflict, wanted_ports
from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import ContainerFacts, HostFacts, NetworkFacts, PortListener
from rockonweb.core.plan.plan import plan_install
from rockonweb.core.preflight import collect_findings
from tests.support.samples import (
    NAMES,
    build_definition,
    complete_answers,
    label_questions,
    load_definition,
    make_host_facts,
    port_question,
)

OPEN = "Anyone who can reach this host can reach its published ports"


def found(
    rockon: Definition, answers: Answers, facts: HostFacts, new_shares: frozenset[str] = frozenset()
) -> list[str]:
    """Return the findings as text, without what is said of any published port and what is to be confirmed."""
    every = collect_findings(rockon, answers, facts, new_shares)
    return [f"{one.level}: {one}" for one in every if not one.confirm and not one.sentence.startswith(OPEN)]


def web(protocol: str | None = "tcp", **more: object) -> Definition:
    """Return a rock-on that listens on port 80, suggested at 8080."""
    return build_definition({"web": {"ports": {"80": port_question(8080, protocol=protocol)}, **more}})


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("no-volumes", "same-inner-port")])
def test_nothing_forbids_a_fixture_on_a_host_where_all_is_well(name: str):
    sample = load_definition(name)
    answers = complete_answers(sample)
    told = [line for line in found(sample, answers, make_host_facts(answers)) if not line.startswith("note")]
    assert told == []


# Shares


def test_a_share_that_is_gone_is_named_with_what_to_do():
    sample = build_definition({"app": {"volumes": {"/a": {}, "/b": {}}}})
    answers = Answers(shares={"app": {"/a": "films/old", "/b": "films"}})
    assert found(sample, answers, HostFacts()) == [
        'block: The share "films" does not exist. Choose another one, or create it: rockonweb share add films',
    ]
    assert found(sample, answers, HostFacts(), frozenset({"films"})) == []


def test_a_share_of_added_storage_counts_too():
    sample = load_definition("bare")
    answers = complete_answers(sample, storage={"bare": {"/films": "films"}})
    assert found(sample, answers, HostFacts())[0].startswith('block: The share "films" does not exist.')


def test_a_folder_that_docker_would_make_is_noted():
    sample = build_definition({"app": {"volumes": {"/a": {}}}})
    answers = Answers(shares={"app": {"/a": "films/old/b"}})
    assert found(sample, answers, make_host_facts(answers, missing_folders=frozenset({"films/old/b"}))) == [
        'note: The folder "old/b" of share "films" is new. Docker creates it, owned by root.',
    ]


# Ports


def test_a_port_that_the_host_listens_on_is_explained_and_a_free_one_named():
    facts = make_host_facts(
        listening=(PortListener(8080, "tcp", holder="nginx (process 12)"), PortListener(8081, "tcp"))
    )
    assert found(web(), complete_answers(web()), facts) == [
        "block: Port 8080 (tcp) is in use by nginx (process 12). Port 8082 is free.",
    ]


def test_who_holds_a_port_may_be_unknown():
    facts = make_host_facts(listening=(PortListener(8080, "tcp"),))
    assert found(web(), complete_answers(web()), facts) == [
        "block: Port 8080 (tcp) is in use by another program. Port 8081 is free.",
    ]


def test_a_port_that_is_held_on_one_address_alone_is_named_with_it():
    facts = make_host_facts(
        listening=(PortListener(8080, "tcp", "127.0.0.1", "nginx"), PortListener(8081, "tcp", "0.0.0.0", "php"))
    )
    assert found(web(), complete_answers(web()), facts) == [
        "block: Port 8080 (tcp) is in use by nginx on the address 127.0.0.1. Port 8082 is free.",
    ]
    assert found(web(), complete_answers(web(), ports={"web": {"80": 8081}}), facts) == [
        "block: Port 8081 (tcp) is in use by php. Port 8082 is free.",
    ]


def test_udp_does_not_stand_in_the_way_of_tcp():
    facts = make_host_facts(listening=(PortListener(8080, "udp", holder="dnsmasq"),))
    assert found(web("tcp"), complete_answers(web("tcp")), facts) == []
    assert found(web("udp"), complete_answers(web("udp")), facts) == [
        "block: Port 8080 (udp) is in use by dnsmasq. Port 8081 is free.",
    ]


def test_no_protocol_needs_both_and_the_free_port_is_free_in_both():
    facts = make_host_facts(
        listening=(PortListener(8080, "udp", holder="dnsmasq"), PortListener(8081, "tcp"), PortListener(8082, "udp"))
    )
    assert found(web(None), complete_answers(web(None)), facts) == [
        "block: Port 8080 (udp) is in use by dnsmasq. Port 8083 is free.",
    ]


def test_a_port_of_another_installed_rockon_is_taken_also_while_that_is_stopped():
    facts = make_host_facts(claimed=(PortListener(8080, "tcp", holder="the rock-on Other", rockon="Other"),))
    assert found(web(), complete_answers(web()), facts) == [
        "block: Port 8080 (tcp) is in use by the rock-on Other. Port 8081 is free.",
    ]


def test_a_port_that_the_rockon_itself_holds_is_its_own():
    facts = make_host_facts(
        listening=(PortListener(8080, "tcp", rockon="Sample"),), claimed=(PortListener(8080, "tcp", rockon="Sample"),)
    )
    assert found(web(), complete_answers(web()), facts) == []


def test_a_port_that_is_not_published_is_in_nobodys_way():
    facts = make_host_facts(listening=(PortListener(8080, "tcp"),))
    assert found(web(), complete_answers(web(), ports={"web": {"80": None}}), facts) == []


def test_a_port_that_is_wanted_twice_is_said_for_both():
    sample = load_definition("same-inner-port")
    assert found(sample, complete_answers(sample), make_host_facts()) == [
        "block: Host port 8080 (tcp) is assigned twice: to front 80 and to back 80. "
        "Choose another port for one of them.",
    ]


def test_tcp_and_udp_of_one_number_may_be_two_ports():
    sample = build_definition({"app": {"ports": {"1": {"protocol": "tcp"}, "2": {"protocol": "udp"}}}})
    assert found(sample, complete_answers(sample, ports={"app": {"1": 9, "2": 9}}), make_host_facts()) == []


def test_on_the_hosts_network_the_containers_own_port_counts():
    sample = load_definition("host-network")
    free = make_host_facts(listening=(PortListener(8080, "tcp", holder="nginx"),))
    held = make_host_facts(listening=(PortListener(80, "tcp", holder="nginx"),))
    note = "note: hostly uses the host network: its ports are the host's ports and can't be mapped."
    assert found(sample, complete_answers(sample), free) == [note]
    assert found(sample, complete_answers(sample), held) == [
        "block: Port 80 (tcp) is in use by nginx."
        " hostly uses the host network and can't use another port: stop what uses this one first.",
        note,
    ]


def test_wanted_ports_are_those_that_will_really_listen():
    sample = load_definition("everything")
    ports = wanted_ports(sample, complete_answers(sample, ports={"box": {"5353": None}}))
    assert [(port.container, port.number, port.host, port.protocol) for port in ports] == [
        ("box", 8443, 8443, "tcp"),
        ("box", 9000, 9000, "tcp"),
        ("box", 9000, 9000, "udp"),
    ]


def test_behind_the_last_port_the_search_goes_on_with_the_first_that_everybody_may_use():
    facts = make_host_facts(listening=(PortListener(65535, "tcp"), PortListener(1024, "tcp")))
    assert find_free_port("Sample", 65534, ("tcp",), facts) == 65534
    assert find_free_port("Sample", 65535, ("tcp",), facts) == 1025


def test_the_next_free_port_may_be_nowhere():
    full = make_host_facts(listening=tuple(PortListener(port, "tcp", holder="x") for port in range(1, 65536)))
    assert found(web(), complete_answers(web(), ports={"web": {"80": 65534}}), full) == [
        "block: Port 65534 (tcp) is in use by x. Choose another.",
    ]


@pytest.mark.parametrize(("port", "free"), [(22, 24), (5060, 5062), (6000, 6001), (10080, 10081)])
def test_a_port_that_browsers_block_is_a_warning_for_the_app_s_page_and_a_free_one_is_named(port: int, free: int):
    sample = build_definition({"web": {"ports": {"80": port_question(8080, ui=True)}}})
    assert found(sample, complete_answers(sample, ports={"web": {"80": port}}), make_host_facts()) == [
        f"warn: Browsers block port {port}: they will not open the app's page on it. Port {free} is free.",
    ]
    assert found(web(), complete_answers(web(), ports={"web": {"80": port}}), make_host_facts()) == []


@pytest.mark.parametrize(("start", "ui", "free"), [(5060, True, 5062), (5060, False, 5060), (53, False, 53)])
def test_a_port_that_browsers_block_is_free_only_for_what_is_no_page(start: int, ui: bool, free: int):
    assert find_free_port("Sample", start, ("tcp",), HostFacts(), ui=ui) == free


def test_a_free_port_in_the_place_of_another_is_none_that_browsers_block():
    facts = make_host_facts(listening=(PortListener(5059, "tcp"),))
    assert find_free_port("Sample", 5059, ("tcp",), facts) == 5062


def test_a_conflict_names_the_first_who_holds_the_port():
    nginx, other = PortListener(80, "tcp", holder="nginx"), PortListener(80, "tcp", rockon="Other")
    assert port_conflict("Sample", 80, "tcp", make_host_facts(listening=(nginx,), claimed=(other,))) == nginx
    assert port_conflict("Other", 80, "tcp", make_host_facts(claimed=(other,))) is None


# Containers


def test_a_container_of_a_stranger_is_never_taken_over():
    facts = make_host_facts(containers={"bare": ContainerFacts("bare")})
    assert found(load_definition("bare"), Answers(), facts) == [
        'block: A container named "bare" already exists; it was not created by this Rockonweb and is not changed.'
        " Adopt it: under Import, Containers that run here, or by rockonweb import --container bare."
        " Or rename it: docker rename bare bare-old",
    ]


def test_a_container_of_another_rockon_is_named_with_its_owner():
    facts = make_host_facts(containers={"bare": ContainerFacts("bare", rockon="Barer")})
    assert found(load_definition("bare"), Answers(), facts)[0].startswith(
        'block: A container named "bare" already exists; it belongs to the rock-on Barer. Uninstall that rock-on first'
    )


def test_a_container_of_its_own_is_no_finding_and_without_an_engine_none_is_known():
    mine = make_host_facts(containers={"bare": ContainerFacts("bare", rockon="Bare")})
    assert found(load_definition("bare"), Answers(), mine) == []
    assert found(load_definition("bare"), Answers(), make_host_facts(containers=None)) == []


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--volumes-from", "store:ro"], "app uses the volumes of"),
        (["--volumes-from=store", ""], "app uses the volumes of"),
        (["--link", "store:db"], "app links to"),
        (["--net=container:store", ""], "app uses the network of"),
        (["--network", "container:store"], "app uses the network of"),
        (["--pid", "container:store"], "app shares the processes of"),
        (["--ipc=container:store", ""], "app shares the memory of"),
        (["--link=store:db", " "], "app links to"),
        (["--link=store", ""], "app links to"),
        (["--link", "/store:db"], "app links to"),
        (["--volumes-from=store:ro", ""], "app uses the volumes of"),
        (["--net", "container:store"], "app uses the network of"),
        (["--network=container:store", ""], "app uses the network of"),
        (["--pid=container:store", ""], "app shares the processes of"),
    ],
)
def test_a_container_that_an_option_refers_to_must_exist(option: list[str], sentence: str):
    sample = build_definition({"app": {"opts": [option]}})
    assert found(sample, Answers(), make_host_facts(containers={}, networks={})) == [
        f'block: {sentence} a container "store", which does not exist. Install what provides it first.',
    ]
    there = make_host_facts(containers={"store": ContainerFacts("store")}, networks={})
    assert found(sample, Answers(), there) == []
    assert (
        found(build_definition({"store": {}, "app": {"opts": [option]}}), Answers(), make_host_facts(containers={}))
        == []
    )
    assert found(sample, Answers(), make_host_facts(containers=None)) == []


def test_a_container_may_be_named_by_its_id():
    there = make_host_facts(
        containers={"store": ContainerFacts("store", id="0123456789abcdef", state="running")}, networks={}
    )
    assert found(build_definition({"app": {"opts": [["--link", "0123456789ab:db"]]}}), Answers(), there) == []
    assert found(build_definition({"app": {"opts": [["--link", "0123:db"]]}}), Answers(), there) != []


@pytest.mark.parametrize("option", ["--link=store:db", "--net=container:store", "--pid=container:store"])
def test_a_container_that_does_not_run_can_not_be_linked_to(option: str):
    sample = build_definition({"app": {"opts": [[option, ""]]}})
    stopped = make_host_facts(containers={"store": ContainerFacts("store", state="exited")}, networks={})
    (line,) = found(sample, Answers(), stopped)
    assert line.startswith("warn: app ")
    assert line.endswith(
        ' the container "store", which is not running. Start that container first: this one can\'t start without it.'
    )
    running = make_host_facts(containers={"store": ContainerFacts("store", state="running")}, networks={})
    assert found(sample, Answers(), running) == []


def test_volumes_of_a_container_that_ended_can_be_had():
    sample = build_definition({"app": {"opts": [["--volumes-from", "store"]]}})
    ended = make_host_facts(containers={"store": ContainerFacts("store", state="exited")}, networks={})
    assert found(sample, Answers(), ended) == []


@pytest.mark.parametrize("containers", [{"app": {}, "late": {}}, {"late": {}}])
def test_a_container_of_its_own_must_start_before(containers: dict[str, dict[str, object]]):
    name = next(iter(containers))
    sample = build_definition({**containers, name: {"opts": [["--link", "late:l"]]}})
    assert found(sample, Answers(), make_host_facts(containers={})) == [
        f'block: {name} links to the container "late", which does not exist yet when it starts.'
        " The definition must start that container first: see launch_order.",
    ]
    assert found(sample, Answers(), make_host_facts(containers=None)) != []
    there = make_host_facts(containers={"late": ContainerFacts("late", state="running", rockon="Sample")})
    assert found(sample, Answers(), there) == []


@pytest.mark.parametrize(
    "opts",
    [
        [["--net=lan", ""]],
        [["--net", "lan"]],
        [["--network=lan", " "]],
        [["--network", "name=lan,alias=db"]],
        [["--network", "alias=db,name=lan"]],
        [["--network", "lan"], ["--network", "lan2"]],
    ],
)
def test_a_network_is_missed_however_it_is_written(opts: list[list[str]]):
    sample = build_definition({"app": {"opts": opts}})
    assert found(sample, Answers(), make_host_facts(networks={"lan2": NetworkFacts("lan2")})) == [
        'warn: app needs the network "lan", which does not exist. It will be created, with addresses chosen by Docker.',
    ]
    steps = [
        str(step)
        for step in plan_install(sample, Answers(), make_host_facts(networks={"lan2": NetworkFacts("lan2")})).steps
    ]
    assert "create network lan" in steps
    both = {name: NetworkFacts(name) for name in ("lan", "lan2")}
    assert found(sample, Answers(), make_host_facts(networks=both)) == []


def test_a_link_network_of_somebody_else_is_named():
    links = {"app": [{"name": "link", "source_container": "store"}]}
    sample = build_definition({"store": {}, "app": {}}, container_links=links)
    said = 'note: The network "link" exists already and was not created by this Rockonweb. '
    said += "The containers join it and may be reached by others on it. An uninstall leaves it."
    assert found(sample, Answers(), make_host_facts(networks={"link": NetworkFacts("link")})) == [said]
    assert found(sample, Answers(), make_host_facts(networks={"link": NetworkFacts("link", ours=True)})) == []
    assert found(sample, Answers(), make_host_facts(networks={})) == []


def test_a_network_that_a_user_created_comes_back_as_it_was():
    sample = build_definition({"app": {"opts": [["--net", "lan"], ["--ip", "10.5.0.9"]]}})
    facts = make_host_facts(networks={}, stored_networks=frozenset({"lan"}))
    assert found(sample, Answers(), facts) == [
        'warn: app needs the network "lan", which does not exist. It will be recreated as it is under Networks.'
    ]


def test_an_address_needs_a_network_whose_subnet_somebody_chose():
    sample = build_definition({"app": {"opts": [["--net", "lan"], ["--ip", "10.5.0.9"]]}})
    assert found(sample, Answers(), make_host_facts(networks={})) == [
        'block: app needs the network "lan", which does not exist. Create it first, under Networks, with a subnet that '
        "contains 10.5.0.9."
    ]
    assert found(sample, Answers(), make_host_facts(networks={"lan": NetworkFacts("lan")})) == []


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--device", "/dev/dvb:/dev/tv:rw"], True),
        (["--mount", "type=bind,src=/dev/dvb,dst=/tv"], True),
        (["-v", "/dev/dvb:/tv"], False),
        (["--device", "nvidia.com/gpu=all"], False),
    ],
)
def test_what_an_option_needs_of_the_host_must_be_there(option: list[str], told: bool):
    """Docker creates what a `-v` lacks, and nothing else."""
    sample = build_definition({"app": {"opts": [option]}})
    facts = make_host_facts(missing_paths=frozenset({"/dev/dvb"}))
    sentences = [
        "block: /dev/dvb, which app needs, does not exist on this host. Connect or create it first. The definition "
        "names it by an option and can't use another one."
    ]
    assert found(sample, Answers(), facts) == (sentences if told else [])


@pytest.mark.parametrize("opts", [[["--net", "lan"], ["--ip", "10.6.0.9"]], [["--network", "name=lan,ip=10.6.0.9"]]])
def test_an_address_is_one_of_the_network_that_exists(opts: list[list[str]]):
    sample = build_definition({"app": {"opts": opts}})

    def told(*subnets: str) -> list[str]:
        return found(sample, Answers(), make_host_facts(networks={"lan": NetworkFacts("lan", subnets=subnets)}))

    assert told("10.5.0.0/24", "fd00::/64") == [
        "block: app is to have the address 10.6.0.9, which is not in the network lan: that is 10.5.0.0/24, fd00::/64. "
        "Create the network again, under Networks, with a subnet that contains it."
    ]
    assert told("10.6.0.0/24") == []


def test_a_port_that_a_question_and_an_option_publish_is_wanted_twice():
    """Docker refuses even the same port twice."""
    opts = [["-p", "127.0.0.1:9000:9000"]]
    sample = build_definition({"app": {"ports": {"9000": port_question()}, "opts": opts}})
    blocking = [one for one in found(sample, complete_answers(sample), make_host_facts()) if one.startswith("block")]
    assert blocking == [
        "block: Host port 9000 (tcp) is assigned twice: to app 9000 and to app 9000. Choose another port for one of "
        "them."
    ]
    sample = build_definition({"app": {"opts": [["-p", "9001-9003:1-3"], ["-p", "9002:2"]]}})
    assert "block: Host port 9002 (tcp) is assigned twice" in found(sample, Answers(), make_host_facts())[0]


def test_an_installed_app_whose_share_is_gone_is_not_told_to_create_an_empty_one():
    """That its folder is missing is told by itself."""
    sample = build_definition({"app": {"volumes": label_questions({"/data": ""})}})
    answers = complete_answers(sample, shares={"app": {"/data": "films/new"}})
    mounting = ContainerFacts("app", rockon="Sample", bind_mounts=("/shares/films/new",))
    gone = HostFacts(shares_root="/shares", containers={"app": mounting})
    assert found(sample, answers, gone) == []
    assert "does not exist" in found(sample, answers, HostFacts(shares_root="/shares", containers={}))[0]


def test_other_words_with_a_colon_refer_to_nobody():
    sample = build_definition({"app": {"opts": [["--pid", "host"], ["-v", "container:/x"], ["--ipc", "shareable"]]}})
    assert found(sample, Answers(), make_host_facts(containers={})) == []


# Devices, owners, networks


def test_a_device_that_is_not_there_is_said_for_its_container():
    sample = load_definition("one-device")
    answers = complete_answers(sample, devices={"tuner": {"tuner-card": "/dev/dvb:/dev/dvb:rw"}})
    assert found(sample, answers, make_host_facts(missing_devices=frozenset({"/dev/dvb"}))) == [
        "block: The device /dev/dvb for tuner does not exist on this host."
        " Plug it in, choose another one, or leave the field blank.",
    ]
    assert found(sample, answers, make_host_facts()) == []


def test_an_owner_that_can_not_be_known_is_a_warning():
    assert found(load_definition("no-volumes"), Answers(), make_host_facts(groups={})) == [
        "warn: nobody should run as the owner of its first volume, but has no volume. "
        "It runs as the user set in its image.",
        "warn: no-group should run in the group of its first volume, but has no volume. It runs with no group set.",
        "warn: only-docker should run in the group docker, which this host does not have. It runs with no group set.",
    ]


def test_a_network_that_is_missing_is_a_warning_since_submit_makes_it():
    sample = load_definition("own-network")
    assert found(sample, Answers(), make_host_facts(networks={})) == [
        'warn: own-app needs the network "own-lan", which does not exist.'
        " It will be created, with addresses chosen by Docker.",
    ]
    assert found(sample, Answers(), make_host_facts(networks={"own-lan": NetworkFacts("own-lan")})) == []
    assert found(sample, Answers(), make_host_facts(networks=None)) == []


def test_everything_that_is_wrong_is_told_at_once():
    box = load_definition("everything")
    answers = complete_answers(box, devices={"box": {"video": "/dev/dri"}})
    facts = HostFacts(
        listening=(PortListener(8443, "tcp", holder="nginx"), PortListener(9000, "udp", holder="php")),
        missing_devices=frozenset({"/dev/dri"}),
        containers={"box": ContainerFacts("box")},
    )
    assert [line.split(" ", 3)[:3] for line in found(box, answers, facts)] == [
        ["block:", "The", "share"],
        ["block:", "The", "share"],
        ["block:", "The", "share"],
        ["block:", "Port", "8443"],
        ["block:", "Port", "9000"],
        ["block:", "A", "container"],
        ["block:", "The", "device"],
        ["warn:", "box", "should"],
    ]


def test_an_added_network_that_its_container_cannot_join_is_forbidden_and_says_why():
    sample = build_definition({"app": {"opts": [["--net=host", ""]]}, "db": {}})
    answers = complete_answers(sample, networks={"app": ["media"], "db": ["media"]})
    assert [line for line in found(sample, answers, make_host_facts(answers)) if line.startswith("block")] == [
        "block: app can't join the network media. It uses the host network, so Docker doesn't let it join any "
        "other network.",
    ]


def test_an_app_on_the_hosts_network_needs_root_for_ports_below_1024():
    body = {"ports": {"80": {"ui": True, "protocol": "tcp"}, "8080": {"protocol": "tcp"}}, "opts": [["--net", "host"]]}
    sample = build_definition({"app": {**body, "uid": 33}})
    assert found(sample, complete_answers(sample), make_host_facts())[0] == (
        "warn: app listens on host port 80 as user 33, but only root can use ports below 1024."
        " The app's page will most likely not be reachable."
    )
    for other in ({**body, "uid": 0}, body, {**body, "uid": 33, "opts": []}):
        sample = build_definition({"app": other})
        assert not any(
            "only root can use" in line for line in found(sample, complete_answers(sample), make_host_facts())
        )


def test_published_ports_are_open_to_everybody_and_said_so_once():
    sample = build_definition({"one": {"ports": {"80": {}, "443": {"protocol": "tcp"}}}, "two": {"ports": {"90": {}}}})
    said = [
        str(one)
        for one in collect_findings(sample, complete_answers(sample), make_host_facts())
        if one.sentence.startswith(OPEN)
    ]
    assert said == [
        "Anyone who can reach this host can reach its published ports (80, 90, 443): Docker opens them regardless of"
        " the host's firewall. A port that is left blank is not published."
    ]
    for quiet in (load_definition("host-network"), build_definition({"app": {}})):
        assert not any(
            one.sentence.startswith(OPEN) for one in collect_findings(quiet, complete_answers(quiet), make_host_facts())
        )
