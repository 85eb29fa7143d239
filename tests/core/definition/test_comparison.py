"""Two definitions compared in words."""

from typing import Any

import pytest

from rockonweb.core.definition.comparison import compare_definitions
from rockonweb.core.definition.parser import definition_from_body
from tests.support import samples
from tests.support.samples import build_definition, label_questions


def told(old: dict[str, Any], new: dict[str, Any], **keys: tuple[Any, Any]) -> list[str]:
    """What differs, a line each."""
    before, after = ({key: pair[side] for key, pair in keys.items()} for side in (0, 1))
    found = compare_definitions(build_definition(old, **before), build_definition(new, **after))
    return [
        f"{one.kind} {one.container or '*'}: {one.what}"
        + (f": {one.before or '…'} -> {one.after or '…'}" if one.before or one.after else "")
        for one in found
    ]


def test_a_definition_differs_from_itself_in_nothing():
    for name in samples.NAMES:
        one = samples.load_definition(name)
        assert compare_definitions(one, one) == []


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ({"tag": "1"}, {"tag": "2"}, "changed web: image version changed: example/web:1 -> example/web:2"),
        (
            {"image": "a/web"},
            {"image": "b/web"},
            "changed web: image changed: a/web:latest -> b/web:latest",
        ),
        (
            {},
            {"uid": -1, "gid": 100},
            "changed web: run-as user changed: as set in the image -> the owner of its first share : 100",
        ),
        ({}, {"environment": label_questions(A="Ä")}, "added web: variable added: … -> A (Ä)"),
        ({"environment": {"A": {}}}, {}, "removed web: variable removed: A -> …"),
        (
            {"environment": label_questions(A="x")},
            {"environment": label_questions(A="y")},
            "changed web: variable changed: A: label x -> A: label y",
        ),
        (
            {"ports": {"80": {"protocol": "tcp"}}},
            {"ports": {"80": {"host_default": 1, "ui": True}}},
            "changed web: port changed: 80: suggested port none; protocol tcp; the app's page no"
            " -> 80: suggested port 1; protocol tcp+udp; the app's page yes",
        ),
        ({"volumes": {"/a": {}}}, {"volumes": {"/a": {}, "/b": {}}}, "added web: app folder added: … -> /b"),
        ({}, {"devices": {"video": {}}}, "added web: device added: … -> video"),
        ({}, {"opts": [["--cap-add", "NET_RAW"]]}, "added web: Docker option: … -> --cap-add NET_RAW"),
        ({"opts": [["-a", ""], ["-b", ""]]}, {"opts": [["-b", ""]]}, "removed web: Docker option: -a -> …"),
        ({"opts": [["-a", ""], ["-b", ""]]}, {"opts": [["-b", ""], ["-a", ""]]},
         "changed web: Docker option: -a -b -> -b -a"),
        ({"cmd_arguments": [["a", "b"]]}, {}, "removed web: command argument: a b -> …"),
    ],
)  # fmt: skip
def test_what_a_container_consists_of(before: dict[str, Any], after: dict[str, Any], line: str):
    [found] = told({"web": before}, {"web": after})
    assert found == line


def test_containers_come_go_and_change_places():
    assert told({"one": {}, "two": {}, "six": {}}, {"two": {}, "one": {}, "ten": {}}) == [
        "added ten: container added: … -> example/ten:latest",
        "removed six: container removed: example/six:latest -> …",
        "changed *: start order changed: one, two -> two, one",
    ]


def test_what_concerns_the_whole_rock_on():
    link = {"two": [{"name": "net", "source_container": "one"}]}
    both: dict[str, Any] = {"one": {}, "two": {}}
    assert told(both, both, container_links=({}, link)) == ["added *: network between containers: … -> net: one, two"]
    assert told(both, both, version=("1", "2")) == ["changed *: version changed: 1 -> 2"]
    assert told(both, both, description=("a", "b")) == ["changed *: description changed"]
    assert told(both, both, custom_config=({}, {"zone": {}})) == ["added *: setting added: … -> zone"]
    [page] = told(both, both, ui=({}, {"slug": "x", "https": True}))
    assert page == "changed *: address of the app's page changed: http://…/ -> https://…/x"
    [support] = told(both, both, volume_add_support=(False, True))
    assert support == "changed *: additional storage allowed"


def test_another_name():
    body = samples.rockon_body({"one": {}})
    [found] = compare_definitions(definition_from_body("Old", body), definition_from_body("New", body))
    assert (found.what, found.before, found.after) == ("name changed", "Old", "New")
