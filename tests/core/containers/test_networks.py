"""Who can be on a network, and which networks can be had."""

import pytest

from rockonweb.core.containers.networks import (
    NetworkConstraints,
    NetworkSpec,
    join_refusal,
    joined_endpoint,
    network_faults,
    read_aux_addresses,
)
from tests.support.samples import build_definition


@pytest.mark.parametrize(
    ("opts", "words"),
    [
        ([["--net=host", ""]], "It uses the host network"),
        ([["--network", "host"]], "It uses the host network"),
        ([["--net", "bridge"], ["--net", "host"]], "It uses the host network"),
        ([["--network=none", ""]], "turns networking off"),
        ([["--net=container:vpn", ""]], "uses the network of vpn"),
    ],
)
def test_a_container_that_can_join_no_network_is_told_why(opts: list[list[str]], words: str) -> None:
    refusal = join_refusal(build_definition({"app": {"opts": opts}}).containers["app"])
    assert refusal is not None
    assert words in refusal


@pytest.mark.parametrize(
    "opts", [[], [["--net", "bridge"]], [["--network=media", ""]], [["--net", "host"], ["--net", "x"]]]
)
def test_any_other_can(opts: list[list[str]]) -> None:
    assert join_refusal(build_definition({"app": {"opts": opts}}).containers["app"]) is None


GROUND = NetworkConstraints(
    taken_names={"media", "bridge"},
    network_subnets={"bridge": ("172.17.0.0/16",), "six": ("172.20.0.0/16", "fd00:20::/64"), "odd": ("10.99.0.1/24",)},
    reachable_subnets={"eth0": ("192.168.1.0/24", "fd00:1::/64"), "wg0": ("10.8.0.0/16",)},
    host_addresses={"192.168.1.5", "fd00:1::5"},
)


def faults(name: str = "home", **parts: object) -> list[str]:
    """What is wrong with a network, as `part: sentence`."""
    return [f"{fault.part}: {fault.sentence}" for fault in network_faults(NetworkSpec(name, **parts), GROUND)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"name": "a"},
        {"name": "Home_2.x-y"},
        {"internal": True, "icc": False, "ip_masquerade": False, "mtu": 1280, "comment": "for films"},
        {"subnet": "10.5.0.0/24"},
        {"subnet": "10.5.0.0/24", "gateway": "10.5.0.1", "ip_range": "10.5.0.128/25"},
        {"subnet": "10.5.0.0/24", "aux_addresses": (("nas", "10.5.0.2"), ("printer", "10.5.0.3"))},
        {"subnet": "10.5.0.0/30", "gateway": "10.5.0.2"},
        {"subnet": "fd00:5::/64", "gateway": "fd00:5::1", "ip_range": "fd00:5::/80", "mtu": 1280},
        {"subnet": "FD00:5::/64"},
        *({"host_binding": address} for address in ("0.0.0.0", "127.0.0.1", "192.168.1.5")),
        *({"mtu": mtu} for mtu in (68, 1500, 9000, 65535)),
    ],
)
def test_what_docker_makes_has_no_fault(parts: dict[str, object]) -> None:
    assert faults(**parts) == []  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["bridge", "host", "none", "default", "ingress", "docker_gwbridge"])
def test_names_of_dockers_own_are_not_to_be_had(name: str) -> None:
    assert faults(name) == [f'name: "{name}" is reserved by Docker: choose another name.']


@pytest.mark.parametrize("name", ["", " ", "-x", ".x", "a b", "a/b", "a:b", "é", "<b>", "a\n", "container:x"])
def test_names_that_docker_refuses_are_told_with_what_it_takes(name: str) -> None:
    assert faults(name) == [
        f'name: Docker does not accept "{name}": use letters, digits, dots, dashes and underscores, and start with a '
        "letter or digit."
    ]


def test_a_name_of_300_characters_and_one_that_exists_are_refused() -> None:
    assert faults("x" * 300) == ["name: A network's name can have at most 100 characters."]
    assert faults("x" * 100) == []
    assert faults("media") == ['name: A network named "media" already exists: choose another name.']


@pytest.mark.parametrize(
    "text", ["x", "10.5.0.0", "10.5.0.0/33", "10.5.0/24", "10.5.0.0/255.255.255.0", "/", "fd00::/129", "10.5.0.0/-1"]
)
def test_what_is_no_subnet_is_told_how_one_is_written(text: str) -> None:
    assert faults(subnet=text) == [f'subnet: "{text}" is not a subnet: write it as 10.5.0.0/24 or fd00:5::/64.']


def test_an_address_with_a_prefix_is_told_its_subnet() -> None:
    assert faults(subnet="10.5.0.7/24") == [
        "subnet: 10.5.0.7/24 is an address inside a subnet; the subnet is 10.5.0.0/24."
    ]


@pytest.mark.parametrize("text", ["10.5.0.4/31", "10.5.0.4/32", "fd00:5::4/127"])
def test_a_subnet_without_room_is_refused(text: str) -> None:
    assert faults(subnet=text) == [f"subnet: {text} is too small for a gateway and a container."]


@pytest.mark.parametrize(
    "text",
    [
        *("127.0.0.0/24", "224.0.0.0/24", "169.254.0.0/16", "240.0.0.0/24", "0.0.0.0/0", "0.0.0.0/8", "8.0.0.0/7"),
        *("::/0", "fe80::/64", "ff00::/64"),
    ],
)
def test_subnets_that_are_set_apart_are_refused(text: str) -> None:
    assert faults(subnet=text) == [
        f"subnet: {text} is reserved for other uses: use a subnet such as 10.5.0.0/24 or fd00:5::/64."
    ]


@pytest.mark.parametrize(
    ("text", "other", "name"),
    [
        ("172.17.5.0/24", "172.17.0.0/16", "bridge"),
        ("172.16.0.0/12", "172.17.0.0/16", "bridge"),
        ("fd00:20::/80", "fd00:20::/64", "six"),
        ("10.99.0.0/24", "10.99.0.1/24", "odd"),
    ],
)
def test_an_overlap_with_another_network_names_it(text: str, other: str, name: str) -> None:
    assert f"subnet: {text} overlaps {other} of the network {name}: choose another." in faults(subnet=text)


@pytest.mark.parametrize(
    ("text", "other", "interface"),
    [
        ("192.168.1.128/25", "192.168.1.0/24", "eth0"),
        ("192.168.0.0/16", "192.168.1.0/24", "eth0"),
        ("10.8.3.0/24", "10.8.0.0/16", "wg0"),
        ("fd00:1::/64", "fd00:1::/64", "eth0"),
    ],
)
def test_an_overlap_with_what_the_machine_reaches_names_the_interface(text: str, other: str, interface: str) -> None:
    assert faults(subnet=text) == [
        f"subnet: {text} overlaps {other}, which this machine reaches through {interface} and would no longer reach: "
        "choose another."
    ]


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ({"gateway": "10.6.0.1"}, "gateway: 10.6.0.1 is not inside the subnet 10.5.0.0/24."),
        ({"gateway": "fd00:5::1"}, "gateway: fd00:5::1 is not inside the subnet 10.5.0.0/24."),
        ({"gateway": "x"}, 'gateway: "x" is not an address.'),
        ({"gateway": "10.5.0.1/24"}, 'gateway: "10.5.0.1/24" is not an address.'),
        (
            {"gateway": "10.5.0.0"},
            "gateway: 10.5.0.0 is the network or broadcast address of the subnet: choose another address in it.",
        ),
        (
            {"gateway": "10.5.0.255"},
            "gateway: 10.5.0.255 is the network or broadcast address of the subnet: choose another address in it.",
        ),
        ({"ip_range": "10.6.0.0/25"}, "ip_range: The range 10.6.0.0/25 is not inside the subnet 10.5.0.0/24."),
        ({"ip_range": "10.5.0.0/16"}, "ip_range: The range 10.5.0.0/16 is not inside the subnet 10.5.0.0/24."),
        ({"ip_range": "fd00:5::/80"}, "ip_range: The range fd00:5::/80 is not inside the subnet 10.5.0.0/24."),
        (
            {"ip_range": "10.5.0.9"},
            'ip_range: "10.5.0.9" is not a subnet: write it as 10.5.0.0/24 or fd00:5::/64.',
        ),
        (
            {"aux_addresses": (("nas", "10.6.0.2"),)},
            "aux_addresses: 10.6.0.2 is not inside the subnet 10.5.0.0/24.",
        ),
        (
            {"aux_addresses": (("", "10.5.0.2"),)},
            'aux_addresses: "10.5.0.2" has no name: write nas=10.5.0.2, for example.',
        ),
        (
            {"aux_addresses": (("nas", "10.5.0.2"), ("nas", "10.5.0.3"))},
            'aux_addresses: The name "nas" is listed twice.',
        ),
        (
            {"gateway": "10.5.0.2", "aux_addresses": (("nas", "10.5.0.2"),)},
            "aux_addresses: 10.5.0.2 is used twice.",
        ),
    ],
)
def test_what_does_not_fit_the_subnet_is_told(parts: dict[str, object], fault: str) -> None:
    assert faults(subnet="10.5.0.0/24", **parts) == [fault]


def test_a_scope_is_no_part_of_an_address() -> None:
    assert faults(subnet="fd00:5::/64", gateway="fd00:5::1%eth0") == ['gateway: "fd00:5::1%eth0" is not an address.']


@pytest.mark.parametrize(
    ("part", "value"),
    [("gateway", "10.5.0.1"), ("ip_range", "10.5.0.0/25"), ("aux_addresses", (("nas", "10.5.0.2"),))],
)
def test_without_a_subnet_docker_chooses_all_addresses(part: str, value: object) -> None:
    assert faults(**{part: value}) == [  # type: ignore[arg-type]
        f"{part}: This needs a subnet: without one, Docker chooses all addresses itself."
    ]


@pytest.mark.parametrize(
    ("mtu", "subnet", "least"), [(67, "", 68), (0, "", 68), (65536, "", 68), (1279, "fd00:5::/64", 1280)]
)
def test_the_mtu_has_bounds(mtu: int, subnet: str, least: int) -> None:
    assert faults(mtu=mtu, subnet=subnet) == [f"mtu: The MTU must be a number from {least} to 65535."]


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("x", '"x" is not an address.'),
        ("fd00:1::5", "Docker accepts only an IPv4 address here."),
        ("192.168.1.6", "This machine has no address 192.168.1.6."),
    ],
)
def test_ports_are_published_at_an_address_of_this_machine(address: str, sentence: str) -> None:
    assert faults(host_binding=address) == [f"host_binding: {sentence}"]


def test_all_faults_are_told_at_once() -> None:
    found = faults("a b", subnet="x", gateway="y", mtu=1, host_binding="z", comment="x" * 501)
    assert [fault.partition(":")[0] for fault in found] == ["name", "comment", "subnet", "mtu", "host_binding"]


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("", ()),
        (" , ", ()),
        ("nas=10.5.0.2", (("nas", "10.5.0.2"),)),
        ("nas=10.5.0.2, printer=10.5.0.3\n x=y", (("nas", "10.5.0.2"), ("printer", "10.5.0.3"), ("x", "y"))),
        ("10.5.0.2", (("", "10.5.0.2"),)),
        ("a=b=c", (("a=b", "c"),)),
    ],
)
def test_reserved_addresses_are_read_as_they_are_typed(text: str, pairs: tuple[tuple[str, str], ...]) -> None:
    assert read_aux_addresses(text) == pairs


def test_the_drivers_options_are_only_those_that_say_something() -> None:
    assert NetworkSpec("home").driver_options == {}
    assert NetworkSpec("home", icc=False, ip_masquerade=False, host_binding="127.0.0.1", mtu=1400).driver_options == {
        "com.docker.network.bridge.enable_icc": "false",
        "com.docker.network.bridge.enable_ip_masquerade": "false",
        "com.docker.network.bridge.host_binding_ipv4": "127.0.0.1",
        "com.docker.network.driver.mtu": "1400",
    }


@pytest.mark.parametrize(("network", "aliases"), [("other", ("x", "y")), ("bridge", ())])
def test_a_container_joins_a_further_network_under_the_names_of_its_options(
    network: str, aliases: tuple[str, ...]
) -> None:
    opts = [["--network", "mine"], ["--network-alias", "x"], ["--network-alias=y", ""]]
    spec = build_definition({"app": {"opts": opts}}).containers["app"]
    assert joined_endpoint(spec, network).aliases == aliases
