"""Answers by name: read from a file, checked, and written again."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.answers.answers import (
    Answers,
    answer_faults,
    answers_equal,
    build_answers,
    flatten_answers,
    host_port_fault,
    parse_answers_json,
    read_answers,
    read_typed_text,
    share_fault,
    split_share_path,
)
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import BadInput
from tests.support.samples import NAMES, build_definition, complete_answers, default_port, load_definition


def faults(rockon: Definition, given: dict[str, Any]) -> list[str]:
    """Return what is wrong with the object of an answers file."""
    with pytest.raises(BadInput) as caught:
        read_answers(rockon, given, default_port(rockon))
    return caught.value.faults


BOX = {
    "shares": {"box": {"/config": "conf", "/data": "data/box"}, "box-store": {"/var/lib/store": "store"}},
    "ports": {"box": {"8443": 8444, "9000": None}},
    "devices": {"box": {"video": "/dev/dri"}},
    "environment": {"box": {"ZONE": "UTC", "OWNER": "anna", "API_KEY": "k"}, "box-store": {"STORE_PASSWORD": "p"}},
    "custom_config": {"region": "north", "nickname": "b"},
}


def test_a_complete_answers_file_is_read():
    box = load_definition("everything")
    given = {**BOX, "storage": {"box": {"/films": "films"}}, "labels": {"box": ["a=b"]}, "networks": {"box": ["lan"]}}
    assert read_answers(box, given, default_port(box)) == Answers(
        shares={"box": {"/config": "conf", "/data": "data/box"}, "box-store": {"/var/lib/store": "store"}},
        ports={"box": {8443: 8444, 5353: 5353, 9000: None}},
        devices={"box": {"serial": "", "video": "/dev/dri"}},
        environment={"box": {"ZONE": "UTC", "OWNER": "anna", "API_KEY": "k"}, "box-store": {"STORE_PASSWORD": "p"}},
        custom_config={"region": "north", "nickname": "b"},
        storage={"box": {"/films": "films"}},
        labels={"box": ["a=b"]},
        networks={"box": ["lan"]},
    )


def test_an_omitted_port_takes_the_suggestion_and_an_omitted_device_is_blank():
    box = load_definition("everything")
    answers = read_answers(box, {**BOX, "ports": {}, "devices": {}}, lambda container, port: port + 1)
    assert answers.ports == {"box": {8443: 8444, 5353: 5354, 9000: 9001}}
    assert answers.devices == {"box": {"serial": "", "video": ""}}


def test_a_rockon_that_asks_nothing_needs_no_answers():
    bare = load_definition("bare")
    assert read_answers(bare, {}, default_port(bare)) == Answers()


def test_everything_that_is_missing_is_told_at_once():
    box = load_definition("everything")
    assert faults(box, {}) == [
        "shares.box-store./var/lib/store: an answer is missing.",
        "shares.box./config: an answer is missing.",
        "shares.box./data: an answer is missing.",
        "environment.box-store.STORE_PASSWORD: an answer is missing.",
        "environment.box.ZONE: an answer is missing.",
        "environment.box.OWNER: an answer is missing.",
        "environment.box.API_KEY: an answer is missing.",
        "custom_config.region: an answer is missing.",
        "custom_config.nickname: an answer is missing.",
    ]


NO_DEVICE = "a device is an absolute path, such as /dev/dri, or blank."
NO_VALUE = "a value can't contain a NUL character or half a character."
NO_NAME = (
    "is not a name for a share: use letters, digits, dots, dashes and underscores, and start with a letter or digit."
)
NO_PATH = "a path in a container is absolute and has no colon."
NO_LABEL = "is not a valid label: use KEY or KEY=VALUE, without spaces in the key and not starting with rockonweb.…"


PORT_RANGE = ": a port must be a number from 1 to 65535."


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"volumes": {}}, '"volumes" is not a part of an answers file.'),
        ({"ports": []}, ""),
        ({"ports": [80]}, "ports: must be an object."),
        ({"ports": {"web": {"80": 1}}}, 'ports.web: Sample has no container "web".'),
        ({"ports": {"app": [80]}}, "ports.app: must be an object."),
        ({"ports": {"app": {"81": 8081}}}, "ports.app.81: nothing of this name is asked."),
        ({"ports": {"app": {"80": 0}}}, f"ports.app.80: 0 is not a port{PORT_RANGE}"),
        ({"ports": {"app": {"80": 65536}}}, f"ports.app.80: 65536 is not a port{PORT_RANGE}"),
        ({"ports": {"app": {"80": "x"}}}, f"ports.app.80: 'x' is not a port{PORT_RANGE}"),
        ({"ports": {"app": {"80": True}}}, f"ports.app.80: True is not a port{PORT_RANGE}"),
        ({"ports": {"app": {"80": 80.5}}}, f"ports.app.80: 80.5 is not a port{PORT_RANGE}"),
        ({"devices": {"app": {"card": "dri"}}}, f"devices.app.card: {NO_DEVICE}"),
        ({"devices": {"app": {"card": "/dev/../etc/shadow"}}}, f"devices.app.card: {NO_DEVICE}"),
        ({"devices": {"app": {"card": "/dev/a b"}}}, f"devices.app.card: {NO_DEVICE}"),
        ({"devices": {"app": {"card": "/dev/a\0"}}}, f"devices.app.card: {NO_DEVICE}"),
        ({"environment": {"app": {"A": None}}}, "environment.app.A: must be text."),
        ({"environment": {"app": {"A": ["x"]}}}, "environment.app.A: must be text."),
        ({"environment": {"app": {"A": "x\0"}}}, f"environment.app.A: {NO_VALUE}"),
        ({"environment": {"app": {"A": "\ud83d"}}}, f"environment.app.A: {NO_VALUE}"),
        ({"shares": {"app": {"/a": ""}}}, f'shares.app./a: "" {NO_NAME}'),
        ({"shares": {"app": {"/a": "s/../t"}}}, 'shares.app./a: "../t" is not a folder inside a share.'),
        ({"storage": {"app": {"films": "films"}}}, f"storage.app.films: {NO_PATH}"),
        ({"storage": {"app": {"/": "films"}}}, f"storage.app./: {NO_PATH}"),
        ({"storage": {"app": {"/films:ro": "films"}}}, f"storage.app./films:ro: {NO_PATH}"),
        ({"storage": {"app": {"/a": "films"}}}, "storage.app./a: the definition mounts a share there itself."),
        ({"storage": {"app": {"/films": "/mnt"}}}, f'storage.app./films: "/mnt" {NO_NAME}'),
        ({"storage": {"app": ["/films"]}}, "storage.app: must be an object."),
        ({"labels": {"app": "a"}}, "labels.app: must be a list."),
        ({"labels": {"app": [""]}}, 'labels.app: "" ' + NO_LABEL),
        ({"labels": {"app": ["=x"]}}, 'labels.app: "=x" ' + NO_LABEL),
        ({"labels": {"app": ["a b=x"]}}, 'labels.app: "a b=x" ' + NO_LABEL),
        ({"labels": {"app": ["rockonweb.rockon=Other"]}}, 'labels.app: "rockonweb.rockon=Other" ' + NO_LABEL),
        ({"networks": {"app": ["--gpus"]}}, 'networks.app: "--gpus" is not a network that a container can join.'),
        ({"networks": {"app": ["host"]}}, 'networks.app: "host" is not a network that a container can join.'),
        ({"networks": {"web": ["lan"]}}, 'networks.web: Sample has no container "web".'),
        ({"custom_config": {"other": "x"}}, "custom_config.other: nothing of this name is asked."),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_answer_is_said_with_its_path(given: dict[str, Any], fault: str):
    app = {"volumes": {"/a": {}}, "environment": {"A": {}}, "devices": {"card": {}}, "ports": {"80": {}}}
    sample = build_definition({"app": app})
    complete = {"shares": {"app": {"/a": "a"}}, "environment": {"app": {"A": "1"}}}
    if fault:
        assert faults(sample, {**complete, **given}) == [fault]
    else:
        assert read_answers(sample, {**complete, **given}, default_port(sample)).ports == {"app": {80: 80}}


def test_a_port_of_thousands_of_digits_is_a_fault_and_no_crash():
    sample = build_definition({"app": {"ports": {"80": {}}}})
    assert len(faults(sample, {"ports": {"app": {"80": "9" * 5000}}})) == 1


def test_numbers_and_flags_are_taken_as_text_where_text_is_meant():
    sample = build_definition({"app": {"environment": {"PUID": {}, "DEBUG": {}, "VERSION": {}}, "ports": {"80": {}}}})
    given = parse_answers_json(
        '{"environment": {"app": {"PUID": 1000, "DEBUG": true, "VERSION": 1.10}}, "ports": {"app": {"80": "8080"}}}'
    )
    answers = read_answers(sample, given, default_port(sample))
    assert answers.environment == {"app": {"PUID": "1000", "DEBUG": "true", "VERSION": "1.10"}}
    assert answers.ports == {"app": {80: 8080}}


def test_null_for_a_device_is_none_and_null_for_a_port_is_not_published():
    sample = build_definition({"app": {"devices": {"card": {}}, "ports": {"80": {}}}})
    given = {"devices": {"app": {"card": None}}, "ports": {"app": {"80": None}}}
    answers = read_answers(sample, given, default_port(sample))
    assert (answers.devices, answers.ports) == ({"app": {"card": ""}}, {"app": {80: None}})


def test_a_blank_variable_is_an_answer():
    sample = build_definition({"app": {"environment": {"A": {}}}})
    assert read_answers(sample, {"environment": {"app": {"A": ""}}}, default_port(sample)).environment == {
        "app": {"A": ""}
    }


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '"x"', "[" * 100_000])
def test_a_file_that_holds_no_object_is_bad_input(text: str):
    with pytest.raises(BadInput):
        parse_answers_json(text)


# Shares, folders, ports


@pytest.mark.parametrize("place", ["media", "a", "A.b-c_d", "media/films", "media/a b/ü", "x" * 254])
def test_these_are_places_for_data(place: str):
    assert share_fault(place) == ""


@pytest.mark.parametrize(
    "place",
    [
        *("", "/", "/media", ".", "..", "../x", ".hidden", "-v", "a b", "a:b", "a\n", "x" * 255, "media/.."),
        *("media/./x", "media//x", "media/x/", "media/a:b", "media/\n", "media/ ", "m/../../etc", "ü"),
    ],
)  # fmt: skip
def test_these_are_not(place: str):
    assert share_fault(place)


def test_a_place_is_a_share_and_perhaps_a_folder():
    assert split_share_path("media") == ("media", "")
    assert split_share_path("media/a/b") == ("media", "a/b")


@given(st.text())
def test_a_place_that_passes_stays_inside_the_shares_root(place: str):
    if not share_fault(place):
        parts = place.split("/")
        assert parts[0]
        assert not {".", ".."} & set(parts)
        assert ":" not in place


@pytest.mark.parametrize("port", [1, 80, 65535])
def test_these_are_ports(port: int):
    assert host_port_fault(port) == ""


@pytest.mark.parametrize("port", [0, -1, 65536, "80", 80.0, True, None, [80]])
def test_these_are_no_ports(port: object):
    assert host_port_fault(port) == f"{port!r} is not a port: a port must be a number from 1 to 65535."


def test_used_shares_are_named_once_in_the_order_of_use():
    answers = Answers(shares={"a": {"/x": "one/p", "/y": "two"}, "b": {"/z": "one"}}, storage={"b": {"/s": "three"}})
    assert answers.used_shares() == ["one", "two", "three"]


# Round trip


@pytest.mark.parametrize("name", NAMES)
def test_complete_answers_of_every_fixture_have_no_fault(name: str):
    sample = load_definition(name)
    assert list(answer_faults(sample, complete_answers(sample))) == []


KEYED = build_definition(
    {
        "app": {
            "volumes": {"/a": {}, "/b": {}},
            "ports": {"80": {"host_default": 8080}, "53": {}},
            "environment": {"A": {}, "TOKEN": {}},
            "devices": {"card": {}},
        },
        "db": {"volumes": {"/a": {}}, "ports": {"80": {}}, "environment": {"A": {}}},
    },
    custom_config={"name": {}},
)
PLACE = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}(/[a-z ]{0,3}[a-z])?", fullmatch=True)
VALUE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
HOST = st.none() | st.integers(1, 65535)
DEVICE = st.just("") | st.from_regex(r"/dev/[a-z0-9]{1,5}(:/dev/x)?", fullmatch=True)
ANSWERS = st.builds(
    Answers,
    shares=st.fixed_dictionaries(
        {"app": st.fixed_dictionaries({"/a": PLACE, "/b": PLACE}), "db": st.fixed_dictionaries({"/a": PLACE})}
    ),
    ports=st.fixed_dictionaries(
        {"app": st.fixed_dictionaries({80: HOST, 53: HOST}), "db": st.fixed_dictionaries({80: HOST})}
    ),
    devices=st.fixed_dictionaries({"app": st.fixed_dictionaries({"card": DEVICE})}),
    environment=st.fixed_dictionaries(
        {"app": st.fixed_dictionaries({"A": VALUE, "TOKEN": VALUE}), "db": st.fixed_dictionaries({"A": VALUE})}
    ),
    custom_config=st.fixed_dictionaries({"name": VALUE}),
    storage=st.dictionaries(st.sampled_from(["app", "db"]), st.dictionaries(st.sampled_from(["/x", "/y"]), PLACE)),
    labels=st.dictionaries(st.sampled_from(["app", "db"]), st.lists(st.sampled_from(["a", "b=c=d"]))),
    networks=st.dictionaries(st.sampled_from(["app", "db"]), st.lists(st.sampled_from(["lan", "my.net"]))),
)


@given(ANSWERS)
def test_what_is_written_reads_the_same_again(answers: Answers):
    text = json.dumps(answers.to_dict())
    once = build_answers(flatten_answers(answers))  # each label and network, and no container that has none
    assert answers_equal(once, answers)
    assert read_answers(KEYED, parse_answers_json(text), default_port(KEYED)) == once


@given(
    st.dictionaries(
        st.sampled_from(
            ["shares", "ports", "devices", "environment", "custom_config", "storage", "labels", "networks", "x"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.floats(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["app", "db", "/a", "80", "A", "card", "name", "\ud800"]), inner, max_size=4
                )
            ),
            max_leaves=10,
        ),
    )
)
def test_whatever_is_given_it_is_read_or_bad_input(given: dict[str, Any]):
    try:
        answers = read_answers(KEYED, given, default_port(KEYED))
    except BadInput as error:
        assert all(isinstance(fault, str) for fault in error.faults)  # noqa: PT017
    else:
        assert read_answers(KEYED, answers.to_dict(), default_port(KEYED)) == answers


def test_optional_parts_that_are_empty_are_not_written():
    assert set(Answers().to_dict()) == {"shares", "ports", "devices", "environment", "custom_config"}
    assert Answers(labels={"app": ["x"]}).to_dict()["labels"] == {"app": ["x"]}


@pytest.mark.parametrize(
    ("typed", "shown", "text"),
    [
        ("a\r\nb\r\n", "", "a\nb\n"),
        ("a\rb", "", "a\nb"),
        ("a\r\n\r\n", "", "a"),
        ("\r\na", "", "\na"),
        (" a ", "", " a "),
        ("a\r\nb\r\n", "a\r\nb\n", "a\r\nb\n"),
        ("a\r\n", "a\n", "a\n"),
        ("b\r\n", "a\n", "b"),
    ],
)
def test_typed_text_has_line_feeds_unless_it_was_not_changed(typed: str, shown: str, text: str) -> None:
    assert read_typed_text(typed, shown) == text


def test_what_is_longer_than_a_word_of_a_command_is_refused():
    box = load_definition("everything")
    long = "x" * 131_072
    given = {
        **BOX,
        "environment": {"box": {**BOX["environment"]["box"], "ZONE": long}, "box-store": {"STORE_PASSWORD": "p"}},
        "custom_config": {**BOX["custom_config"], "region": long},
        "devices": {"box": {"video": "/" + long}},
        "storage": {"box": {"/" + long: "films"}},
        "variables": {"box": {"LOG": long}},
        "labels": {"box": ["a=" + long]},
    }
    told = faults(box, given)
    assert [fault.partition(":")[0][:30] for fault in told] == [
        "devices.box.video",
        "environment.box.ZONE",
        "custom_config.region",
        "storage.box./xxxxxxxxxxxxxxxxx",
        "variables.box.LOG",
        "labels.box",
    ]
    assert all(fault.endswith("bytes, and Linux allows 131071.") for fault in told)
