"""What a newer definition takes over of the answers, and what it asks."""

from typing import Any

from rockonweb.core.answers.answers import Answers, check
from rockonweb.core.plan.plan import install
from rockonweb.core.questions.migrate_answers import Carried, carry, only_new, with_new
from rockonweb.core.questions.wizard import all_asks, answers
from rockonweb.core.secret import MASK
from tests.support.samples import answer, host, port, questions, rockon

WEB: dict[str, Any] = {
    "ports": {"80": port(8080, ui=True)},
    "volumes": questions({"/data": "Data"}),
    "environment": questions(USER="User"),
}


def names(carried: Carried) -> list[str]:
    return [ask.name for ask in carried.asks]


def dropped(carried: Carried) -> list[tuple[str, str, str, str]]:
    return [(one.part, one.container, one.key, one.value) for one in carried.dropped]


def web(**changes: Any) -> dict[str, Any]:
    return {"web": {**WEB, **changes}}


def test_the_same_questions_keep_their_answers_and_ask_nothing():
    old = rockon(web(), custom_config=questions(zone="Zone"))
    given = answer(old, labels={"web": ["a=b"]}, storage={"web": {"/more": "more"}}, variables={"web": {"X": "1"}})
    assert carry(old, given, old) == Carried(given)


def test_a_new_variable_is_asked_for_and_has_no_value_until_it_is_answered():
    old = rockon(web())
    new = rockon(web(environment=questions(USER="User", TOKEN="Token")))
    carried = carry(old, answer(old), new)
    assert names(carried) == ["environment-web-TOKEN"]
    [(_, argv)] = install(new, carried.answers, host(carried.answers)).containers
    assert "USER=user-value" in argv
    assert not any("TOKEN" in word or "None" in word for word in argv)


def test_a_question_that_was_never_answered_is_new_whatever_was_asked():
    old = rockon(web())
    given = Answers(**{**vars(answer(old)), "environment": {}, "shares": {}})
    assert names(carry(old, given, old)) == ["shares-web-/data", "environment-web-USER"]


def test_new_questions_of_every_page_and_of_a_new_container():
    old = rockon(web())
    more = {
        "ports": {**WEB["ports"], "81": {"label": "Admin"}},
        "volumes": questions({"/data": "Data", "/cache": "Cache"}),
        "devices": questions(video="Video"),
    }
    new = rockon({**web(**more), "db": {"volumes": {"/db": {}}}}, custom_config=questions(zone="Zone"))
    carried = carry(old, answer(old), new)
    assert names(carried) == [
        "shares-web-/cache", "shares-db-/db", "ports-web-81", "devices-web-video", "custom-config-zone",
    ]  # fmt: skip
    assert [ask.name for ask in all_asks(only_new(new, carried))] == names(carried)


def test_what_the_user_added_becomes_the_answer_that_is_asked_for_now():
    old = rockon(web())
    given = answer(
        old, variables={"web": {"LANG": "nl", "OWN": "1"}}, storage={"web": {"/media": "films", "/own": "own"}}
    )
    new = rockon(
        web(
            environment=questions(USER="User", LANG="Language"),
            volumes=questions({"/data": "Data", "/media": "Media"}),
        )
    )
    carried = carry(old, given, new)
    assert carried.asks == ()
    assert [ask.name for ask in carried.adopted] == ["shares-web-/media", "environment-web-LANG"]
    assert carried.answers.environment == {"web": {"USER": "user-value", "LANG": "nl"}}
    assert carried.answers.variables == {"web": {"OWN": "1"}}
    assert carried.answers.shares["web"]["/media"] == "films"
    assert carried.answers.storage == {"web": {"/own": "own"}}
    assert carried.dropped == ()
    assert list(check(new, carried.answers)) == []


def test_what_is_gone_is_named_with_its_answer_secrets_masked():
    old = rockon(
        web(environment=questions(USER="User", PASSWORD="Password")),
        custom_config=questions(zone="Zone"),
    )
    new = rockon({"web": {}})
    carried = carry(old, answer(old), new)
    assert dropped(carried) == [
        ("shares", "web", "/data", "web-data"),
        ("ports", "web", "80", "8080"),
        ("environment", "web", "USER", "user-value"),
        ("environment", "web", "PASSWORD", MASK),
        ("custom_config", "", "zone", "zone-value"),
    ]
    assert carried.answers == Answers()


def test_a_container_that_is_gone_takes_what_was_added_to_it():
    old = rockon({**web(), "db": {}})
    given = answer(
        old,
        labels={"db": ["a=b"]},
        networks={"db": ["lan"], "web": ["lan"]},
        variables={"db": {"DB_PASSWORD": "x"}},
        storage={"db": {"/more": "more"}},
    )
    carried = carry(old, given, rockon(web()))
    assert dropped(carried) == [
        ("storage", "db", "/more", "more"),
        ("variables", "db", "DB_PASSWORD", MASK),
        ("labels", "db", "a=b", "a=b"),
        ("networks", "db", "lan", "lan"),
    ]
    assert carried.answers.networks == {"web": ["lan"]}


def test_a_port_that_is_not_published_stays_so_but_a_new_page_of_the_app_needs_one():
    ports = {"80": {"label": "Page", "protocol": "tcp", "ui": True}, "81": {"label": "Admin"}}
    old = rockon(web(ports=ports))
    given = answer(old, ports={"web": {"80": None, "81": None}})
    assert carry(old, given, old).asks == ()
    new = rockon(web(ports={"80": {"label": "Page"}, "81": {"label": "Admin", "ui": True}}))
    carried = carry(old, given, new)
    assert names(carried) == ["ports-web-81"]
    assert carried.answers.ports == {"web": {80: None}}


def test_a_container_that_moves_to_the_hosts_network_has_its_own_ports():
    old = rockon(web())
    carried = carry(old, answer(old), rockon(web(opts=[["--net", "host"]])))
    assert carried.answers.ports == {"web": {80: 80}}


def test_the_new_answers_go_beside_the_carried_ones():
    old = rockon(web())
    new = rockon(
        {**web(environment=questions(USER="User", TOKEN="Token")), "db": {"volumes": {"/db": {}}}},
        custom_config=questions(zone="Zone"),
    )
    carried = carry(old, answer(old, labels={"web": ["a=b"]}), new)
    typed = answers(
        only_new(new, carried), {"environment-web-TOKEN": "t", "shares-db-/db": "db", "custom-config-zone": "z"}
    )
    whole = with_new(carried, typed)
    assert whole.environment == {"web": {"USER": "user-value", "TOKEN": "t"}}
    assert whole.shares == {"web": {"/data": "web-data"}, "db": {"/db": "db"}}
    assert whole.ports == {"web": {80: 8080}}
    assert (whole.custom_config, whole.labels) == ({"zone": "z"}, {"web": ["a=b"]})
