"""The bodies of the original's clients, and the answers that they come to."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.errors import BadInput
from rockonweb.core.formats import rockstor_api
from rockonweb.core.formats.rockstor_api import ClientIds
from tests.support.samples import build_definition, complete_answers, default_port, port_question

NUMBERS = ClientIds({11: "db", 12: "web"}, {31: ("web", 80), 32: ("web", 81), 33: ("db", 80)})


@pytest.fixture
def notes() -> Definition:
    """Two containers that both ask for port 80, /data and TZ; db starts first, web asks for more."""
    return build_definition(
        {
            "web": {
                "launch_order": 2,
                "ports": {"80": port_question(8080), "81": port_question(8080)},
                "volumes": {"/data": {}, "/music": {}},
                "environment": {"TZ": {}, "DB_PASSWORD": {}},
                "devices": {"GPU": {}},
            },
            "db": {
                "launch_order": 1,
                "ports": {"80": port_question(8080)},
                "volumes": {"/data": {}},
                "environment": {"TZ": {}},
            },
        },
        name="Notes",
        custom_config={"servername": {}},
    )


def everything(**parts: Any) -> dict[str, Any]:
    """A body that answers everything without naming a container."""
    return {
        "shares": {"files": "/data", "songs": "/music"},
        "ports": {"8001": 80, "8002": 80, "8003": 81},
        "devices": {"GPU": "/dev/dri"},
        "environment": {"TZ": "UTC", "DB_PASSWORD": "word"},
        "cc": {"servername": "home.example"},
        **parts,
    }


def install(definition: Definition, body: dict[str, Any], stored: Answers | None = None) -> Answers:
    return rockstor_api.read_install_answers(definition, NUMBERS, body, stored or Answers(), default_port(definition))


def update(definition: Definition, body: dict[str, Any], present: Answers | None = None) -> Answers:
    known = complete_answers(definition) if present is None else present
    return rockstor_api.read_update_answers(definition, NUMBERS, body, known, default_port(definition))


def faults(act: Callable[..., Answers], *arguments: Any) -> str:
    with pytest.raises(BadInput) as refused:
        act(*arguments)
    return "\n".join(refused.value.faults)


# -- the body itself ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [b"", b" \n", b"{}"])
def test_no_body_says_nothing(body: bytes) -> None:
    assert rockstor_api.parse_body(body) == {}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"{", "is not JSON"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"shares=x", "is not JSON"),
        (b'{"a": NaN}', "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON: a number has 5000 digits"),
        (b"[]", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'{"ports": {"80": 1, "80": 2}}', 'the key "80" stands twice'),
        (b'{"a":' * 100_000, "nested too deeply"),
    ],
)
def test_a_body_that_is_none(body: bytes, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        rockstor_api.parse_body(body)


def test_a_number_with_a_point_stays_as_it_was_written() -> None:
    assert rockstor_api.parse_body(b'{"v": 1.10}') == {"v": "1.10"}


# -- install ------------------------------------------------------------------------------------------------------


def test_what_is_given_as_a_whole_finds_its_containers(notes: Definition) -> None:
    found = install(notes, everything())
    assert found == Answers(
        shares={"web": {"/data": "files", "/music": "songs"}, "db": {"/data": "files"}},
        ports={"web": {80: 8002, 81: 8003}, "db": {80: 8001}},  # in launch order
        devices={"web": {"GPU": "/dev/dri"}},
        environment={"web": {"TZ": "UTC", "DB_PASSWORD": "word"}, "db": {"TZ": "UTC"}},
        custom_config={"servername": "home.example"},
    )


@pytest.mark.parametrize(("web", "db"), [("12", "11"), ("web", "db")])
def test_what_is_given_by_container_stays_there(notes: Definition, web: str, db: str) -> None:
    body = everything(
        shares={web: {"a": "/data", "b": "/music"}, db: {"c": "/data"}},
        ports={web: {"80": 9001, "81": None}, db: {"80": "9002"}},
        devices={web: {"GPU": ""}},
        environment={web: {"TZ": "A", "DB_PASSWORD": "w"}, db: {"TZ": "B"}},
    )
    found = install(notes, body)
    assert found.shares == {"web": {"/data": "a", "/music": "b"}, "db": {"/data": "c"}}
    assert found.ports == {"web": {80: 9001, 81: None}, "db": {80: 9002}}
    assert found.devices == {"web": {"GPU": ""}}
    assert found.environment == {"web": {"TZ": "A", "DB_PASSWORD": "w"}, "db": {"TZ": "B"}}


def test_the_rest_goes_to_those_that_were_not_named(notes: Definition) -> None:
    body = everything(
        shares={"web": {"own": ["/data", "/music"]}, "other": "/data"},
        ports={"12": {"80": 9001}, "9002": 80, "8003": "81"},
        environment={"11": {"TZ": "B"}, "TZ": "A", "DB_PASSWORD": "w"},
    )
    found = install(notes, body)
    assert found.shares == {"web": {"/data": "own", "/music": "own"}, "db": {"/data": "other"}}
    assert found.ports == {"web": {80: 9001, 81: 8003}, "db": {80: 9002}}
    assert found.environment == {"web": {"TZ": "A", "DB_PASSWORD": "w"}, "db": {"TZ": "B"}}


def test_two_shares_for_one_path_go_to_the_containers_in_launch_order(notes: Definition) -> None:
    found = install(notes, everything(shares={"first": "/data", "second": "/data", "songs": "/music"}))
    assert (found.shares["db"]["/data"], found.shares["web"]["/data"]) == ("first", "second")


def test_a_device_that_one_container_lacks_is_no_error(notes: Definition) -> None:
    assert "db" not in install(notes, everything()).devices


def test_numbers_and_truths_are_texts_where_texts_are_asked(notes: Definition) -> None:
    found = install(notes, everything(environment={"TZ": 7, "DB_PASSWORD": True}, cc={"servername": "1.10"}))
    assert found.environment["web"] == {"TZ": "7", "DB_PASSWORD": "true"}


def test_what_is_left_out_is_as_at_the_last_install_and_then_as_suggested(notes: Definition) -> None:
    stored = complete_answers(notes)
    stored.ports["web"].pop(81)
    found = install(notes, {"ports": {"9000": 81}, "environment": {"12": {"TZ": None}}}, stored)
    assert found == replace(stored, ports={"web": {80: 8080, 81: 9000}, "db": {80: 8080}})
    assert install(notes, {}, stored).ports == {"web": {80: 8080, 81: 8080}, "db": {80: 8080}}


def test_stored_answers_to_what_is_no_longer_asked_do_no_harm(notes: Definition) -> None:
    stored = complete_answers(notes)
    stored.environment["web"]["GONE"] = "x"
    stored.environment["old"] = {"TZ": "x"}
    stored.ports["db"][99] = 99
    stored.custom_config["gone"] = "x"
    assert install(notes, {}, stored) == complete_answers(notes)


def test_a_mask_keeps_what_it_stands_for(notes: Definition) -> None:
    stored = complete_answers(notes, environment={"web": {"TZ": "A", "DB_PASSWORD": "kept"}})
    body = {"environment": {"12": {"DB_PASSWORD": "********"}}, "cc": {"servername": "********"}}
    assert install(notes, body, stored) == stored
    assert install(notes, {"environment": {"DB_PASSWORD": "********"}}, stored) == stored


def test_a_mask_without_anything_behind_it_is_refused(notes: Definition) -> None:
    body = everything(environment={"TZ": "A", "DB_PASSWORD": "********"}, cc={"servername": "********"})
    found = faults(install, notes, body)
    assert 'environment.DB_PASSWORD: "********" stands for a stored value, and there is none.' in found
    assert 'cc.servername: "********" stands for a stored value' in found


def test_everything_that_is_missing_is_named(notes: Definition) -> None:
    found = faults(install, notes, {"environment": {"TZ": "A"}})
    for words in ("shares.web./data", "shares.web./music", "shares.db./data", "environment.web.DB_PASSWORD"):
        assert f"{words}: an answer is missing." in found
    assert "custom_config.servername: an answer is missing." in found
    assert "ports" not in found
    assert "devices" not in found


@pytest.mark.parametrize(
    ("parts", "sentence"),
    [
        ({"nonsense": {}}, '"nonsense" is not a key of this body; it has shares, ports, devices, environment, cc.'),
        ({"cnets": {}}, '"cnets" is not a key of this body'),
        ({"shares": []}, "shares: must be an object."),
        ({"ports": "8080"}, "ports: must be an object."),
        ({"shares": {"files": "/nowhere"}}, 'no container of Notes asks for "/nowhere"'),
        ({"shares": {"files": 7}}, "shares.files: must be a path in the container."),
        ({"shares": {"99": {"files": "/data"}}}, 'shares: Notes has no container "99".'),
        ({"shares": {"11": {"files": "/music"}}}, 'db has no volume "/music".'),
        ({"shares": {"11": {"a": "/data", "b": "/data"}}}, 'Several shares are given for the volume "/data" of db.'),
        ({"shares": {"a": "/music", "b": "/music"}}, 'several answers are given to "/music" of web'),
        ({"shares": {"a": "/data", "b": "/data", "c": "/data"}}, '{"shares": {"ID": {share: path}}}'),
        ({"shares": {"../etc": "/music"}}, '".." is not a name for a share'),
        ({"ports": {"8001": 80}}, '{"ports": {"ID": {container port: host port}}}'),
        ({"ports": {"8001": 80, "8002": 80, "8004": 80}}, "it is not clear which of db, web"),
        ({"ports": {"8001": 81, "8002": 81}}, 'several answers are given to "81" of web, which takes one.'),
        ({"ports": {"8001": 99}}, 'no container of Notes asks for "99"'),
        ({"ports": {"http": 81}}, "ports.http: write {host port: container port}"),
        ({"ports": {"0": 81}}, "ports.0: write {host port: container port}"),
        ({"ports": {"8001": None}}, "ports.8001: write {host port: container port}"),
        ({"ports": {"8001": True}}, "ports.8001: write {host port: container port}"),
        ({"ports": {"12": {"99": 1}}}, 'web has no port "99".'),
        ({"ports": {"12": {"81": 70000}}}, "ports.web.81: 70000 is not a port"),
        ({"ports": {"12": {"81": "x"}}}, "ports.web.81: 'x' is not a port"),
        ({"ports": {"12": {"81": True}}}, "ports.web.81: True is not a port"),
        ({"devices": {"TPU": "/dev/x"}}, 'no container of Notes asks for "TPU"'),
        ({"devices": {"GPU": "dri"}}, "a device is an absolute path"),
        ({"devices": {"GPU": []}}, "devices.GPU: must be text."),
        ({"environment": {"NOBODY": "x"}}, 'environment: no container of Notes asks for "NOBODY".'),
        ({"environment": {"11": {"DB_PASSWORD": "x"}}}, 'environment.db: "DB_PASSWORD" is not asked.'),
        ({"environment": {"11": {"TZ": []}}}, "environment.db.TZ: must be text."),
        ({"environment": {"12": {"TZ": "a\0b"}}}, "a value can't contain a NUL character"),
        ({"environment": {"11": {"TZ": "a"}, "12": {"TZ": "b"}, "TZ": "c"}}, "it is not clear which of db, web"),
        ({"cc": {"other": "x"}}, 'cc: "other" is not asked.'),
        ({"cc": {"servername": {}}}, "cc.servername: must be text."),
    ],
)
def test_what_can_t_be_used_is_refused_in_a_sentence(notes: Definition, parts: dict[str, Any], sentence: str) -> None:
    assert sentence in faults(install, notes, everything(**parts))


def test_all_faults_are_told_at_once_and_not_too_many(notes: Definition) -> None:
    found = faults(install, notes, everything(ports={"8001": 99}, cc={"other": "x"}))
    assert "99" in found
    assert "other" in found
    assert len(faults(install, notes, {f"key{n}": 1 for n in range(1000)}).splitlines()) == rockstor_api.MAX_FAULTS


def test_what_the_original_s_own_restore_sends_along_is_passed_over(notes: Definition) -> None:
    body = everything(rname="Notes", new_rid=3, containers=[11, 12])
    assert install(notes, body) == install(notes, everything())


# -- update -------------------------------------------------------------------------------------------------------


def test_a_key_that_is_absent_leaves_its_settings(notes: Definition) -> None:
    present = complete_answers(
        notes,
        storage={"web": {"/photos": "p"}},
        labels={"web": ["a"]},
        networks={"db": ["garden"]},
        variables={"db": {"EXTRA": "x"}},
    )
    for body in ({}, {"update_mode": ""}, {"shares": {}, "labels": None, "cnets": None}):
        assert update(notes, body, present) == present


@pytest.mark.parametrize("mode", ["normal", "live"])
@pytest.mark.parametrize("networks", [{}, {"cnets": None}, {"cnets": {}}])
def test_with_an_update_mode_no_networks_means_none_as_the_original_s_pages_send_it(
    notes: Definition, mode: str, networks: dict[str, Any]
) -> None:
    present = complete_answers(notes, networks={"web": ["a", "b"], "db": ["a"]}, labels={"web": ["kept"]})
    body = {"edit_ports": {"31": "checked"}, "update_mode": mode, **networks}
    assert update(notes, body, present) == replace(present, networks={})


def test_present_answers_are_not_touched_in_place(notes: Definition) -> None:
    present = complete_answers(notes, labels={"web": ["a"]})
    before = json.dumps(present.to_dict())
    update(notes, {"labels": {"b": "web"}, "environment": {"TZ": "New"}, "edit_ports": {"31": "unchecked"}}, present)
    assert json.dumps(present.to_dict()) == before


def test_shares_are_added_to_all_containers_or_to_one(notes: Definition) -> None:
    assert update(notes, {"shares": {"/photos": "p/2020"}}).storage == {
        "web": {"/photos": "p/2020"},
        "db": {"/photos": "p/2020"},
    }
    assert update(notes, {"shares": {"12": {"/photos//": "p"}}}).storage == {"web": {"/photos": "p"}}


def test_a_share_that_is_there_already_is_no_fault(notes: Definition) -> None:
    present = complete_answers(notes, storage={"web": {"/photos": "p"}, "db": {"/photos": "p"}})
    assert update(notes, {"shares": {"/photos/": "p"}}, present) == present


def test_labels_are_added(notes: Definition) -> None:
    present = complete_answers(notes, labels={"web": ["a"]})
    body = {"labels": {"team=home": "web", "a": "12", "b": 11}}
    assert update(notes, body, present).labels == {"web": ["a", "team=home"], "db": ["b"]}


def test_a_port_of_a_container_may_be_text(notes: Definition) -> None:
    assert update(notes, {"ports": {"12": {"81": "9000"}}}, complete_answers(notes)).ports["web"][81] == 9000


def test_ports_are_published_or_not(notes: Definition) -> None:
    present = complete_answers(notes, ports={"web": {"80": 9001, "81": None}})
    body = {"edit_ports": {"31": "unchecked", "32": "checked", "33": "checked"}}
    assert update(notes, body, present).ports == {"web": {80: None, 81: 8080}, "db": {80: 8080}}
    assert update(notes, {"edit_ports": {"31": "checked", "32": "unchecked"}}, present) == present


def test_networks_are_replaced(notes: Definition) -> None:
    present = complete_answers(notes, networks={"web": ["a", "b"], "db": ["a"]})
    assert update(notes, {"cnets": {"web": ["b", "c", "c"]}}, present).networks == {"web": ["b", "c"]}
    assert update(notes, {"cnets": {"12": ["c"], "db": None}}, present).networks == {"web": ["c"]}
    assert update(notes, {"cnets": {}}, present).networks == {}
    assert update(notes, {"cnets": {"web": ["b", "a"], "db": ["a"]}}, present) == present  # their order means nothing


def test_answers_may_be_changed_too(notes: Definition) -> None:
    present = complete_answers(notes, variables={"db": {"EXTRA": "x"}})
    body = {
        "ports": {"9000": 81},
        "devices": {"GPU": "/dev/dri"},
        "environment": {"DB_PASSWORD": "********", "TZ": "New", "EXTRA": "y"},
        "cc": {"servername": "new.example"},
    }
    found = update(notes, body, present)
    assert found.ports["web"] == {80: 8080, 81: 9000}
    assert found.devices == {"web": {"GPU": "/dev/dri"}}
    assert found.environment["web"] == {"TZ": "New", "DB_PASSWORD": present.environment["web"]["DB_PASSWORD"]}
    assert found.variables == {"db": {"EXTRA": "y"}}
    assert found.custom_config == {"servername": "new.example"}


def test_live_is_for_networks_alone(notes: Definition) -> None:
    assert update(notes, {"cnets": {"web": ["a"]}, "update_mode": "live"}).networks == {"web": ["a"]}
    unchanged = {"cnets": {"web": ["a"]}, "edit_ports": {"31": "checked"}, "update_mode": "live"}  # as its pages send
    assert update(notes, unchanged).networks == {"web": ["a"]}
    body = {"labels": {"x": "web"}, "update_mode": "live"}
    assert 'update_mode: "live" changes networks alone' in faults(update, notes, body)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"nonsense": 1}, '"nonsense" is not a key of this body'),
        ({"update_mode": "fast"}, 'update_mode: must be "normal" or "live".'),
        ({"update_mode": 1}, 'update_mode: must be "normal" or "live".'),
        ({"shares": {"photos": "p"}}, "shares.photos: A path in the app must start with a slash"),
        ({"shares": {"/a:b": "p"}}, "shares./a:b: A path in the app must start with a slash"),
        ({"shares": {"/photos": 1}}, "shares./photos: must be the name of a share."),
        ({"shares": {"/photos": "../p"}}, '".." is not a name for a share'),
        ({"shares": {"/data": "p"}}, "shares./data: something is mounted there in db already."),
        ({"shares": {"/data/": "p"}}, "shares./data/: something is mounted there in db already."),
        ({"shares": {"/x": "p", "/x/": "q"}}, "shares./x/: something is mounted there in db already."),
        ({"shares": {"/there": "q"}}, "shares./there: something is mounted there in web already."),
        ({"shares": {"/etc/localtime": "q"}}, "The definition already mounts something at /etc/localtime."),
        ({"shares": {"99": {"/photos": "p"}}}, 'shares: Notes has no container "99".'),
        ({"labels": {"x": "other"}}, 'labels: Notes has no container "other".'),
        ({"labels": {"x": ["web"]}}, "labels: Notes has no container"),
        ({"labels": {"rockonweb.rockon=x": "web"}}, "is not a valid label"),
        ({"labels": {"=x": "web"}}, "is not a valid label"),
        ({"labels": {"k=1": "web", "k=2": "web"}}, "a key can be used only once"),
        ({"edit_ports": {"99": "checked"}}, 'edit_ports: Notes has no port with the id "99".'),
        ({"edit_ports": {"x": "checked"}}, 'edit_ports: Notes has no port with the id "x".'),
        ({"edit_ports": {"31": True}}, 'edit_ports.31: must be "checked" or "unchecked".'),
        ({"edit_ports": {"31": []}}, 'edit_ports.31: must be "checked" or "unchecked".'),
        ({"cnets": {"other": ["a"]}}, 'cnets: Notes has no container "other".'),
        ({"cnets": {"web": "a"}}, "cnets.web: must be a list of names of networks."),
        ({"cnets": {"web": [1]}}, "cnets.web: must be a list of names of networks."),
        ({"cnets": {"web": ["a b"]}}, 'cnets.web: "a b" is not a network that a container can join'),
        ({"cnets": {"web": ["host"]}}, 'cnets.web: "host" is not a network that a container can join'),
        ({"cnets": []}, "cnets: must be an object."),
        ({"environment": {"12": {"NEW": "x"}}}, 'environment.web: "NEW" is not asked.'),
        ({"ports": {"12": {"81": 0}}}, "ports.web.81: 0 is not a port"),
    ],
)
def test_an_update_that_can_t_be_is_refused_in_a_sentence(
    notes: Definition, body: dict[str, Any], sentence: str
) -> None:
    assert sentence in faults(update, notes, body, complete_answers(notes, storage={"web": {"/there": "p"}}))


def test_what_is_on_the_host_s_network_is_left_there() -> None:
    hostly = build_definition(
        {"web": {"ports": {"80": port_question(8080)}, "opts": [["--net=host", ""]]}}, name="Notes"
    )
    numbers = ClientIds({12: "web"}, {31: ("web", 80)})
    present = complete_answers(hostly)
    for body, sentence in (
        ({"cnets": {"web": ["a"]}}, "cnets.web: It uses the host network"),
        ({"edit_ports": {"31": "unchecked"}}, "edit_ports.31: web is on the host's own network"),
    ):
        assert sentence in faults(
            rockstor_api.read_update_answers, hostly, numbers, body, present, default_port(hostly)
        )
    unchanged = {"edit_ports": {"31": "checked"}, "cnets": {}}
    assert rockstor_api.read_update_answers(hostly, numbers, unchanged, present, default_port(hostly)) == present
