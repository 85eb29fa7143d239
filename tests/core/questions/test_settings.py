"""Settings of an installed rock-on: what typed rows come to, what differs, what a person should know before."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rockonweb.core.answers.answers import (
    Answers,
    answers_equal,
    answers_from_json,
    build_answers,
    flatten_answers,
    rebase_answers,
)
from rockonweb.core.plan.change import describe_downtime
from rockonweb.core.questions import settings
from rockonweb.core.questions.settings import ALL_CONTAINERS, TypedRow
from rockonweb.core.questions.wizard import page_questions
from rockonweb.core.secret import MASK
from tests.support.samples import build_definition, complete_answers, label_questions, load_definition

NOTES = build_definition(
    {
        "web": {
            "volumes": label_questions({"/data/": "Notes"}),
            "ports": {"80": {"label": "Page", "ui": True, "protocol": "tcp"}, "9000": {"label": "Sync"}},
            "environment": label_questions(TITLE="Title", PASSWORD="Password"),
            "opts": [["-v", "/run/docker.sock:/var/run/docker.sock:ro"], ["--mount", "type=tmpfs,target=/scratch"]],
        },
        "db": {"opts": [["--tmpfs", "/run"]]},
    },
    name="Notes",
)
MIXED = build_definition({"web": {}, "vpn": {"opts": [["--net=host", ""]], "ports": {"53": {}}}}, name="Mixed")
OLD = complete_answers(NOTES)


def told(rows: settings.ParsedRows) -> list[tuple[str, str, str]]:
    return [(one.name, one.column, one.sentence) for one in rows.faults]


def with_(answers: Answers, **parts: Any) -> Answers:
    return Answers(**{**vars(answers), **parts})


# -- pages and questions ----------------------------------------------------------------------------------------------


def test_pages_where_nothing_can_be_added_apply_only_where_something_is_asked() -> None:
    assert settings.settings_pages(NOTES) == ["shares", "storage", "ports", "environment", "labels", "networks"]
    assert settings.settings_pages(load_definition("bare")) == ["storage", "environment", "labels", "networks"]


def test_added_variables_are_questions_after_the_definitions_own_and_may_be_blank() -> None:
    asked = page_questions(
        settings.add_variable_questions(NOTES, {"web": ["LOG", "API_TOKEN", "TITLE"]}), "environment"
    )
    assert [(ask.name, ask.optional, ask.secret) for ask in asked] == [
        ("environment-web-TITLE", False, False),
        ("environment-web-PASSWORD", False, True),
        ("environment-web-LOG", True, False),
        ("environment-web-API_TOKEN", True, True),
    ]


def test_fields_hold_what_was_answered_and_a_port_that_is_not_published_is_blank() -> None:
    answers = with_(OLD, ports={"web": {80: None, 9000: 9001}}, variables={"web": {"LOG": "debug"}})
    found = settings.settings_values(settings.add_variable_questions(NOTES, answers.variables), answers)
    assert found == {
        "shares-web-/data/": "web-data-",
        "ports-web-80": "",
        "ports-web-9000": "9001",
        "environment-web-TITLE": "title-value",
        "environment-web-PASSWORD": "password-value",
        "environment-web-LOG": "debug",
    }


def test_a_variable_that_was_never_answered_has_no_value_and_none_is_made_up() -> None:
    fresh = with_(OLD, environment={"web": {"TITLE": "Ours"}})
    assert "environment-web-PASSWORD" not in settings.settings_values(NOTES, fresh)


def test_fixed_ports_stay_as_they_were_given_whatever_is_typed() -> None:
    assert settings.keep_fixed_ports(MIXED, {"vpn": {53: 53}}, {"vpn": {53: None}}) == {"vpn": {53: None}}
    assert settings.keep_fixed_ports(NOTES, {"web": {80: 81, 9000: None}}, {"web": {80: 80, 9000: 1}}) == {
        "web": {80: 81, 9000: None}
    }


# -- rows -------------------------------------------------------------------------------------------------------------


def test_storage_of_one_container_and_of_all() -> None:
    rows = settings.parse_storage(
        NOTES,
        [
            TypedRow("one", "web", " /films//old/./ ", "films"),
            TypedRow("two", ALL_CONTAINERS, "/music", "music/old"),
            TypedRow("blank", "web", "", ""),
        ],
    )
    assert told(rows) == []
    assert rows.values_by_container == {
        "web": {"/films/old": "films", "/music": "music/old"},
        "db": {"/music": "music/old"},
    }


NO_PATH = "A path in the app must start with a slash and can't contain a colon, for example /photos."


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("films", NO_PATH),
        ("/", NO_PATH),
        ("/a:b", NO_PATH),
        ("/a/../etc", NO_PATH),
        ("/a\tb", NO_PATH),
        ("/data", "The definition already mounts something at /data. Choose another path."),
        ("/data//", "The definition already mounts something at /data. Choose another path."),
        ("/etc/localtime", "The definition already mounts something at /etc/localtime. Choose another path."),
        (
            "/var/run/docker.sock",
            "The definition already mounts something at /var/run/docker.sock. Choose another path.",
        ),
        ("/scratch", "The definition already mounts something at /scratch. Choose another path."),
        ("", "Enter the path where the app sees it, such as /photos."),
    ],
)
def test_paths_that_can_not_be_had(path: str, sentence: str) -> None:
    assert told(settings.parse_storage(NOTES, [TypedRow("new-1", "web", path, "films")])) == [
        ("new-1", "key", sentence)
    ]


def test_a_path_is_used_once_in_a_container_but_in_each() -> None:
    rows = settings.parse_storage(NOTES, [TypedRow("a", "web", "/x", "one"), TypedRow("b", "db", "/x", "one")])
    assert told(rows) == []
    rows = settings.parse_storage(
        NOTES, [TypedRow("a", "web", "/x", "one"), TypedRow("b", ALL_CONTAINERS, "/x/", "two")]
    )
    assert told(rows) == [("b", "key", "/x is listed twice for web.")]
    assert settings.parse_storage(NOTES, [TypedRow("a", "db", "/run", "one")]).faults


def test_a_container_that_there_is_not() -> None:
    for kind, key in ((settings.parse_storage, "/x"), (settings.parse_labels, "a"), (settings.parse_variables, "A")):
        rows = kind(NOTES, [TypedRow("new-1", "nobody", key, "x")])
        assert told(rows) == [("new-1", "container", 'Notes has no container "nobody".')]
        assert rows.values_by_container == {}


def test_added_variables() -> None:
    rows = settings.parse_variables(
        NOTES, [TypedRow("a", ALL_CONTAINERS, " LOG ", " as typed "), TypedRow("b", "db", "TITLE", "")]
    )
    assert rows.values_by_container == {"web": {"LOG": " as typed "}, "db": {"LOG": " as typed ", "TITLE": ""}}
    faults = settings.parse_variables(
        NOTES,
        [
            TypedRow("a", "web", "TITLE", "x"),
            TypedRow("b", "web", "A B", "x"),
            TypedRow("c", "web", "A=B", ""),
            TypedRow("d", "web", "", "x"),
        ],
    )
    assert told(faults) == [
        ("a", "key", "The definition already asks for TITLE: change it above."),
        (
            "b",
            "key",
            '"A B" is not a valid name for a variable: use printable characters without spaces or equals signs.',
        ),
        (
            "c",
            "key",
            '"A=B" is not a valid name for a variable: use printable characters without spaces or equals signs.',
        ),
        ("d", "key", "Enter the name of the variable."),
    ]


def test_labels() -> None:
    rows = settings.parse_labels(
        NOTES, [TypedRow("a", "web", "traefik.enable=true"), TypedRow("b", ALL_CONTAINERS, "mine")]
    )
    assert told(rows) == []
    assert rows.keys_by_container == {"web": ["traefik.enable=true", "mine"], "db": ["mine"]}


@pytest.mark.parametrize("label", ["=x", "a b", "a b=c", "rockonweb.rockon=Other", "a\tb=c"])
def test_labels_that_docker_refuses_or_that_are_ours(label: str) -> None:
    [(name, part, sentence)] = told(settings.parse_labels(NOTES, [TypedRow("new-1", "web", label)]))
    assert (name, part) == ("new-1", "key")
    assert "is not a valid label: use KEY or KEY=VALUE" in sentence


def test_a_labels_value_may_have_several_lines_but_not_its_key() -> None:
    assert settings.parse_labels(NOTES, [TypedRow("new-1", "web", "a=b\nc=d")]).keys_by_container == {
        "web": ["a=b\nc=d"]
    }
    for label in ("a=b\0", "a\nc=d"):
        faults = settings.parse_labels(NOTES, [TypedRow("x", "web", label)]).faults
        assert [(fault.name, fault.column) for fault in faults] == [("x", "key")]


def test_a_key_of_a_label_is_there_once() -> None:
    rows = settings.parse_labels(NOTES, [TypedRow("a", "web", "x=1"), TypedRow("b", "web", "x=2")])
    assert told(rows) == [("b", "key", 'web would also have "x=1": a key can be used only once.')]


def test_networks_for_all_means_for_those_that_can_join() -> None:
    assert settings.parse_networks(MIXED, [TypedRow("a", ALL_CONTAINERS, "lan")]).keys_by_container == {"web": ["lan"]}
    rows = settings.parse_networks(MIXED, [TypedRow("a", "vpn", "lan")])
    assert told(rows) == [("a", "key", "It uses the host network, so Docker doesn't let it join any other network.")]


@pytest.mark.parametrize("name", ["host", "none", "-lan", "a b", "lan/1", "é"])
def test_names_of_networks_that_docker_refuses(name: str) -> None:
    [(_, part, sentence)] = told(settings.parse_networks(NOTES, [TypedRow("a", "web", name)]))
    assert part == "key"
    assert sentence.startswith(f'"{name}" is not a network that a container can join')


# -- answers, one by one ----------------------------------------------------------------------------------------------

NAMES = st.sampled_from(["a", "b", "c"])
TEXTS = st.dictionaries(NAMES, st.dictionaries(NAMES, st.text(max_size=3), min_size=1))
LISTS = st.dictionaries(NAMES, st.lists(NAMES, unique=True, min_size=1))
PORTS = st.dictionaries(NAMES, st.dictionaries(st.integers(1, 5), st.none() | st.integers(1, 9), min_size=1))
ANSWERS = st.builds(
    Answers,
    shares=TEXTS,
    ports=PORTS,
    devices=TEXTS,
    environment=TEXTS,
    custom_config=st.dictionaries(NAMES, st.text(max_size=3)),
    storage=TEXTS,
    variables=TEXTS,
    labels=LISTS,
    networks=LISTS,
)


@given(ANSWERS)
def test_answers_are_the_same_after_json_and_after_being_taken_apart(answers: Answers) -> None:
    assert answers_from_json(json.loads(json.dumps(answers.to_dict()))) == answers
    assert build_answers(flatten_answers(answers)) == answers


@given(ANSWERS, ANSWERS, ANSWERS)
def test_what_was_not_changed_follows_what_others_change(base: Answers, wanted: Answers, current: Answers) -> None:
    assert answers_equal(rebase_answers(base, base, current), current)
    assert answers_equal(rebase_answers(base, wanted, base), wanted)


def test_the_changes_of_two_people_meet() -> None:
    mine = with_(OLD, ports={"web": {80: 81, 9000: 9000}}, labels={"web": ["mine"]})
    theirs = with_(OLD, environment={"web": {"TITLE": "Theirs", "PASSWORD": "p"}}, labels={"db": ["theirs"]})
    merged = rebase_answers(OLD, mine, theirs)
    assert merged.ports == mine.ports
    assert merged.environment == theirs.environment
    assert merged.labels == {"db": ["theirs"], "web": ["mine"]}


def test_a_change_of_what_is_no_longer_asked_is_left_out() -> None:
    mine = with_(OLD, environment={"web": {"TITLE": "Mine", "PASSWORD": "new"}})
    newer = with_(OLD, environment={"web": {"PASSWORD": "password-value"}})
    assert rebase_answers(OLD, mine, newer).environment == {"web": {"PASSWORD": "new"}}


# -- what differs, and what to know -----------------------------------------------------------------------------------


def test_differences_are_in_the_order_of_the_pages_and_hide_secrets() -> None:
    new = with_(
        OLD,
        networks={"db": ["lan"]},
        labels={"web": ["a=b"]},
        environment={"web": {"TITLE": "Ours", "PASSWORD": "blue horses"}},
        variables={"web": {"API_TOKEN": "red horses"}},
        ports={"web": {80: None, 9000: 9000}},
    )
    assert [(one.page, one.key, one.before, one.after) for one in settings.diff_settings(NOTES, OLD, new)] == [
        ("ports", "80", "80", "not published"),
        ("environment", "TITLE", "title-value", "Ours"),
        ("environment", "PASSWORD", MASK, MASK),
        ("environment", "API_TOKEN", None, MASK),
        ("labels", "a=b", None, ""),
        ("networks", "lan", None, ""),
    ]
    assert settings.diff_settings(NOTES, OLD, OLD) == []


def warned(new: Answers, old: Answers = OLD, one: Any = NOTES) -> list[str]:
    return [f"{finding.level}: {finding}" for finding in settings.change_warnings(one, old, new)]


def test_another_share_for_a_volume_leaves_the_files_behind() -> None:
    assert warned(with_(OLD, shares={"web": {"/data/": "other"}})) == [
        'warn: "Notes" moves from web-data- to other. The files in web-data- stay there and are not copied: '
        "the app starts with what is in other. They are available again as soon as you choose web-data- again."
    ]


def test_storage_that_is_removed_or_replaced_keeps_its_files() -> None:
    old = with_(OLD, storage={"web": {"/films": "media/films", "/music": "music"}})
    new = with_(OLD, storage={"web": {"/music": "songs"}})
    assert warned(new, old) == [
        "warn: /music in web will show songs instead of music. The files in music stay there and are not "
        "copied: the app starts with what is in songs. They are available again as soon as you choose music again.",
        "note: web will no longer see media/films at /films. The files in the share media stay where they are.",
    ]


def test_more_storage_than_the_definition_speaks_of() -> None:
    new = with_(OLD, storage={"db": {"/films": "films"}})
    assert [line.partition(".")[0] for line in warned(new)] == [
        "note: The definition of Notes does not say that the app can use additional storage"
    ]
    open_to_more = build_definition({"web": {}}, volume_add_support=True)
    assert warned(Answers(storage={"web": {"/films": "films"}}), Answers(), open_to_more) == []


def test_the_port_of_the_apps_own_page_is_moved_or_hidden() -> None:
    assert warned(with_(OLD, ports={"web": {80: 81, 9000: 1}}))[0].startswith(
        "warn: The app's page moves from port 80 to port 81."
    )
    assert warned(with_(OLD, ports={"web": {80: None, 9000: 9000}}))[0].startswith(
        "warn: The page of Notes will no longer be reachable at this server's address."
    )
    assert warned(with_(OLD, ports={"web": {80: 80, 9000: None}})) == []


def test_a_password_may_be_kept_by_the_app() -> None:
    [line] = warned(with_(OLD, environment={"web": {"TITLE": "title-value", "PASSWORD": "another"}}))
    assert line.startswith('note: "Password" gets a new value.')
    assert "another" not in line.partition("value.")[2].partition("Some")[0]


def test_notes_beside_ports() -> None:
    page, sync = page_questions(NOTES, "ports")
    fixed = page_questions(MIXED, "ports")[0]
    assert settings.port_notes(MIXED, fixed, "53", Answers(), 53) == []
    assert settings.port_notes(NOTES, sync, "9000", OLD, 9000) == []
    assert settings.port_notes(NOTES, sync, "", OLD, 9002) == [
        "Not published: not reachable from outside Docker. Port 9002 is free."
    ]
    assert settings.port_notes(NOTES, page, "81", OLD, 80)[0] == "The app's page moves from port 80 to port 81."
    assert len(settings.port_notes(NOTES, page, "", OLD, 80)) == 3
    assert "bookmarks" in settings.port_notes(NOTES, page, "80", OLD, 80)[0]


@pytest.mark.parametrize(
    ("rebuilt", "running", "begin"),
    [
        (["a"], False, "The app is stopped now and stays stopped"),
        ([], True, "Nothing is recreated: the app keeps running"),
        (["a"], True, "1 of 2 containers are replaced; the others keep running."),
        (["a", "b"], True, "The app is unavailable from the moment its old containers stop"),
    ],
)
def test_how_long_it_is_down(rebuilt: list[str], running: bool, begin: str) -> None:
    assert describe_downtime(rebuilt, 2, running=running).startswith(begin)
