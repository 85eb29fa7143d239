"""What a newer definition takes over of the answers, and what it asks."""

from typing import Any

from rockonweb.core.answers.answers import Answers, answer_faults
from rockonweb.core.plan.plan import plan_install
from rockonweb.core.questions.migrate_answers import (
    MigratedAnswers,
    merge_new_answers,
    migrate_answers,
    new_questions_only,
)
from rockonweb.core.questions.wizard import all_questions, answers_from_values
from rockonweb.core.secret import MASK
from tests.support.samples import build_definition, complete_answers, label_questions, make_host_facts, port_question

WEB: dict[str, Any] = {
    "ports": {"80": port_question(8080, ui=True)},
    "volumes": label_questions({"/data": "Data"}),
    "environment": label_questions(USER="User"),
}


def names(carried: MigratedAnswers) -> list[str]:
    return [ask.name for ask in carried.new_questions]


def dropped(carried: MigratedAnswers) -> list[tuple[str, str, str, str]]:
    return [(one.part, one.container, one.key, one.value) for one in carried.dropped]


def web(**changes: Any) -> dict[str, Any]:
    return {"web": {**WEB, **changes}}


def test_the_same_questions_keep_their_answers_and_ask_nothing():
    old = build_definition(web(), custom_config=label_questions(zone="Zone"))
    given = complete_answers(
        old, labels={"web": ["a=b"]}, storage={"web": {"/more": "more"}}, variables={"web": {"X": "1"}}
    )
    assert migrate_answers(old, given, old) == MigratedAnswers(given)


def test_a_new_variable_is_asked_for_and_has_no_value_until_it_is_answered():
    old = build_definition(web())
    new = build_definition(web(environment=label_questions(USER="User", TOKEN="Token")))
    carried = migrate_answers(old, complete_answers(old), new)
    assert names(carried) == ["environment-web-TOKEN"]
    [(_, argv)] = plan_install(new, carried.answers, make_host_facts(carried.answers)).containers
    assert "USER=user-value" in argv
    assert not any("TOKEN" in word or "None" in word for word in argv)


def test_a_question_that_was_never_answered_is_new_whatever_was_asked():
    old = build_definition(web())
    given = Answers(**{**vars(complete_answers(old)), "environment": {}, "shares": {}})
    assert names(migrate_answers(old, given, old)) == ["shares-web-/data", "environment-web-USER"]


def test_new_questions_of_every_page_and_of_a_new_container():
    old = build_definition(web())
    more = {
        "ports": {**WEB["ports"], "81": {"label": "Admin"}},
        "volumes": label_questions({"/data": "Data", "/cache": "Cache"}),
        "devices": label_questions(video="Video"),
    }
    new = build_definition({**web(**more), "db": {"volumes": {"/db": {}}}}, custom_config=label_questions(zone="Zone"))
    carried = migrate_answers(old, complete_answers(old), new)
    assert names(carried) == [
        "shares-web-/cache", "shares-db-/db", "ports-web-81", "devices-web-video", "custom-config-zone",
    ]  # fmt: skip
    assert [ask.name for ask in all_questions(new_questions_only(new, carried))] == names(carried)


def test_what_the_user_added_becomes_the_answer_that_is_asked_for_now():
    old = build_definition(web())
    given = complete_answers(
        old, variables={"web": {"LANG": "nl", "OWN": "1"}}, storage={"web": {"/media": "films", "/own": "own"}}
    )
    new = build_definition(
        web(
            environment=label_questions(USER="User", LANG="Language"),
            volumes=label_questions({"/data": "Data", "/media": "Media"}),
        )
    )
    carried = migrate_answers(old, given, new)
    assert carried.new_questions == ()
    assert [ask.name for ask in carried.adopted] == ["shares-web-/media", "environment-web-LANG"]
    assert carried.answers.environment == {"web": {"USER": "user-value", "LANG": "nl"}}
    assert carried.answers.variables == {"web": {"OWN": "1"}}
    assert carried.answers.shares["web"]["/media"] == "films"
    assert carried.answers.storage == {"web": {"/own": "own"}}
    assert carried.dropped == ()
    assert list(answer_faults(new, carried.answers)) == []


def test_what_is_gone_is_named_with_its_answer_secrets_masked():
    old = build_definition(
        web(environment=label_questions(USER="User", PASSWORD="Password")),
        custom_config=label_questions(zone="Zone"),
    )
    new = build_definition({"web": {}})
    carried = migrate_answers(old, complete_answers(old), new)
    assert dropped(carried) == [
        ("shares", "web", "/data", "web-data"),
        ("ports", "web", "80", "8080"),
        ("environment", "web", "USER", "user-value"),
        ("environment", "web", "PASSWORD", MASK),
        ("custom_config", "", "zone", "zone-value"),
    ]
    assert carried.answers == Answers()


def test_a_container_that_is_gone_takes_what_was_added_to_it():
    old = build_definition({**web(), "db": {}})
    given = complete_answers(
        old,
        labels={"db": ["a=b"]},
        networks={"db": ["lan"], "web": ["lan"]},
        variables={"db": {"DB_PASSWORD": "x"}},
        storage={"db": {"/more": "more"}},
    )
    carried = migrate_answers(old, given, build_definition(web()))
    assert dropped(carried) == [
        ("storage", "db", "/more", "more"),
        ("variables", "db", "DB_PASSWORD", MASK),
        ("labels", "db", "a=b", "a=b"),
        ("networks", "db", "lan", "lan"),
    ]
    assert carried.answers.networks == {"web": ["lan"]}


def test_a_port_that_is_not_published_stays_so_but_a_new_page_of_the_app_needs_one():
    ports = {"80": {"label": "Page", "protocol": "tcp", "ui": True}, "81": {"label": "Admin"}}
    old = build_definition(web(ports=ports))
    given = complete_answers(old, ports={"web": {"80": None, "81": None}})
    assert migrate_answers(old, given, old).new_questions == ()
    new = build_definition(web(ports={"80": {"label": "Page"}, "81": {"label": "Admin", "ui": True}}))
    carried = migrate_answers(old, given, new)
    assert names(carried) == ["ports-web-81"]
    assert carried.answers.ports == {"web": {80: None}}


def test_a_container_that_moves_to_the_hosts_network_has_its_own_ports():
    old = build_definition(web())
    carried = migrate_answers(old, complete_answers(old), build_definition(web(opts=[["--net", "host"]])))
    assert carried.answers.ports == {"web": {80: 80}}


def test_the_new_answers_go_beside_the_carried_ones():
    old = build_definition(web())
    new = build_definition(
        {**web(environment=label_questions(USER="User", TOKEN="Token")), "db": {"volumes": {"/db": {}}}},
        custom_config=label_questions(zone="Zone"),
    )
    carried = migrate_answers(old, complete_answers(old, labels={"web": ["a=b"]}), new)
    typed = answers_from_values(
        new_questions_only(new, carried),
        {"environment-web-TOKEN": "t", "shares-db-/db": "db", "custom-config-zone": "z"},
    )
    whole = merge_new_answers(carried, typed)
    assert whole.environment == {"web": {"USER": "user-value", "TOKEN": "t"}}
    assert whole.shares == {"web": {"/data": "web-data"}, "db": {"/db": "db"}}
    assert whole.ports == {"web": {80: 8080}}
    assert (whole.custom_config, whole.labels) == ({"zone": "z"}, {"web": ["a=b"]})
