"""A stored definition is read whatever today's rules of input are; one that can't be read says so."""

import json
import time
from typing import Any

import pytest

from rockonweb.core.definition.parser import (
    InvalidDefinition,
    definition_from_source,
    find_input_fault,
    parse_definitions,
    shorten_markup,
)

BASE = {"description": "What it does.", "version": "1", "website": ""}

LONG = "<p>" + "words and <b>more</b> words " * 2_000 + "</p>"


def container(**keys: Any) -> dict[str, Any]:
    return {"containers": {"app": {"image": "example/app", "launch_order": 1, **keys}}}


@pytest.mark.parametrize(
    "changed",
    [
        {"more_info": LONG},
        {"description": LONG},
        container(image="https://Example/APP"),
        container(image="example/app:1", tag="2"),
        container(tag="not a tag!"),
        container(uid=-7),
        container(opts=[["-e", str(number)] for number in range(1_001)]),
        container(opts=[["", "value"]]),
        container(ports={"99999": {}}),
        container(volumes={"data": {}, "/": {}}),
        container(environment={f"KEY_{number}": {} for number in range(1_100)}),
        container(environment={"A=B": {}}),
        {"containers": {"a": {"image": "example/app", "launch_order": 1}}},
        {"containers": {f"app-{number}": {"image": "example/app", "launch_order": 1} for number in range(101)}},
    ],
    ids=lambda changed: json.dumps(changed)[:40],
)
def test_what_a_new_file_may_not_say_a_stored_definition_may(changed: dict[str, Any]) -> None:
    body = {**BASE, **container(), **changed}
    with pytest.raises(InvalidDefinition):
        parse_definitions(json.dumps({"App": body}))
    source = json.dumps(body)
    definition = definition_from_source("App", source)
    assert (definition.unreadable, definition.name) == ("", "App")
    assert [*definition.containers] == [*body["containers"]]
    assert find_input_fault("App", source)


def test_texts_may_be_missing_from_a_stored_one() -> None:
    definition = definition_from_source("App", json.dumps(container()))
    assert (definition.unreadable, definition.description) == ("", "")


def test_a_text_that_is_too_long_is_shown_without_its_markup_and_quickly() -> None:
    started = time.monotonic()
    nested = "<b>" * 200_000 + "<script>alert(1)</script>words" + "</b>" * 200_000
    definition = definition_from_source("App", json.dumps({**BASE, **container(), "more_info": nested}))
    assert definition.more_info.split() == ["alert(1)", "words"]
    assert time.monotonic() - started < 2


def test_in_a_backup_it_is_one_that_a_restore_accepts() -> None:
    source = json.dumps({**BASE, **container(), "more_info": LONG})
    (restored,) = parse_definitions(f'{{"App": {shorten_markup(source)}}}')
    assert restored.definition.more_info.split()[:3] == ["words", "and", "more"]
    fine = json.dumps({**BASE, **container()}, separators=(",", ":"))
    assert shorten_markup(fine) == fine


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{broken", "not JSON: "),
        ("", "not JSON: "),
        ("[5]", "not JSON: "),
        ("[" * 100_000, "not JSON: "),
        ("{}", "containers: is required"),
        ('{"containers": 5}', "containers: must be an object"),
        ('{"containers": {"app": 5}}', "containers.app: must be an object"),
        (json.dumps(container(ports={"web": {}})), "containers.app.ports.web: a port must be a number"),
        (json.dumps({**container(), "container_links": {"db": []}}), "container_links.db: is not a container"),
    ],
)
def test_one_that_means_nothing_has_no_containers_and_says_why(source: str, why: str) -> None:
    definition = definition_from_source("App", source)
    assert definition.unreadable.startswith(why)
    assert (definition.name, definition.containers, definition.launch_order) == ("App", {}, [])
    assert find_input_fault("App", source)
