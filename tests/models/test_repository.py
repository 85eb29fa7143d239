"""Definitions to rows and answers on rows: what a refresh keeps, drops, suggests and leaves alone."""

import time
from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition import catalogue_columns
from rockonweb.core.definition.definition import Parsed
from rockonweb.core.errors import Conflict
from rockonweb.models import Container, Environment, Installation, Port, RockOn, State, Volume, db, repository, writing
from rockonweb.models.repository import (
    Suggestions,
    answers_of,
    describe_again,
    forget_added,
    put,
    store,
    suggested_port,
)
from tests.support.app import installation_of
from tests.support.samples import NAMES, answer, definition, parsed, parsed_file


def ports(**numbers: Any) -> dict[str, Any]:
    """Return a container with ports: `p80=8080`, or `p53=(53, "udp")` with a protocol."""
    found = {}
    for key, value in numbers.items():
        default, protocol = value if isinstance(value, tuple) else (value, "tcp")
        found[key[1:]] = {"host_default": default, "protocol": protocol}
    return {"ports": found}


def refresh(*found: Parsed) -> dict[str, str]:
    """Bring definitions into the catalogue in one unit of work; returns what happened to each."""
    outcomes = {}
    with writing() as session:
        suggestions = Suggestions.load(session)
        for position, one in enumerate(found):
            row, outcome = put(
                session,
                session.scalar(select(RockOn).where(RockOn.name == one.definition.name)),
                one.definition,
                one.source,
                suggestions,
                origin="remote",
                position=position,
            )
            outcomes[row.name] = outcome
    return outcomes


def entry(name: str = "Sample") -> RockOn:
    """Return a rock-on's entry in the catalogue."""
    return db.session.execute(select(RockOn).where(RockOn.name == name)).scalar_one()


def rockon(name: str = "Sample") -> Installation:
    """Return the app of a rock-on, with its row."""
    return installation_of(entry(name))


def suggestions(name: str = "Sample") -> dict[str, int]:
    """Return the suggested host port of each port of a rock-on, by container and number."""
    return {f"{c.name} {p.number}": p.suggested for c in rockon(name).containers for p in c.ports}


def count(model: type[Any]) -> int:
    """Return how many rows a table has."""
    return db.session.execute(select(func.count()).select_from(model)).scalar_one()


# What a definition becomes


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_a_definition_becomes_rows_in_the_order_of_its_questions():
    refresh(parsed_file("everything")[0])
    box = rockon("Everything Box")
    assert (box.state, box.entry.in_catalogue, box.entry.origin, box.entry.has_ui) == (
        State.AVAILABLE,
        True,
        "remote",
        True,
    )
    assert box.definition == definition("everything")
    store_row, app_row = box.containers
    assert [c.name for c in box.containers] == ["box-store", "box"]
    assert [c.image for c in box.containers] == [
        "registry.example.org/box/store:15-slim",
        "box.example/example/box:latest",
    ]
    assert [e.key for e in app_row.environment] == ["OWNER", "ZONE", "API_KEY"]
    assert [d.name for d in app_row.devices] == ["serial", "video"]
    assert [v.destination for v in app_row.volumes] == ["/config", "/data"]
    assert [(p.number, p.protocol, p.suggested, p.ui) for p in app_row.ports] == [
        (8443, "tcp", 8443, True),
        (5353, "udp", 5353, False),
        (9000, None, 9000, False),
    ]
    assert [c.key for c in box.custom_config] == ["nickname", "region"]
    assert store_row.volumes[0].min_size == 1073741824
    assert answers_of(box) == Answers(
        ports={"box": dict.fromkeys((8443, 5353, 9000))},
        devices={"box": {"serial": "", "video": ""}},
        environment={"box": {}, "box-store": {}},
    )


@pytest.mark.usefixtures("app")
def test_a_refresh_says_what_it_did():
    first, other = parsed({"app": {}}), parsed({"app": {}}, version="2")
    assert refresh(first) == {"Sample": "added"}
    assert refresh(first) == {"Sample": "unchanged"}
    assert refresh(other) == {"Sample": "changed"}
    assert entry().version == "2"
    with writing():
        entry().in_catalogue = False
    assert refresh(other) == {"Sample": "added"}
    assert entry().in_catalogue


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("name", NAMES)
def test_every_fixture_goes_in_twice_without_a_change(name: str):
    found = parsed_file(name)
    assert set(refresh(*found).values()) == {"added"}
    before = suggestions(found[0].definition.name)
    assert set(refresh(*found).values()) == {"unchanged"}
    assert suggestions(found[0].definition.name) == before


# Answers under a refresh


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_answers_are_kept_by_key_and_what_is_gone_is_dropped():
    old = {
        **ports(p80=8080, p81=8081),
        "volumes": {"/a": {}, "/b": {}},
        "environment": {"KEEP": {}, "GO": {}},
        "devices": {"card": {}, "stick": {}},
    }
    refresh(parsed({"app": old, "db": {"environment": {"PW": {}}}}, custom_config={"stay": {}, "leave": {}}))
    with writing():
        store(
            rockon(),
            Answers(
                shares={"app": {"/a": "a", "/b": "b"}},
                ports={"app": {80: 9080, 81: None}},
                devices={"app": {"card": "/dev/card", "stick": "/dev/stick"}},
                environment={"app": {"KEEP": "1", "GO": "2"}, "db": {"PW": "x"}},
                custom_config={"stay": "s", "leave": "l"},
            ),
        )
    new = {
        **ports(p82=8082, p80=8080),
        "volumes": {"/c": {}, "/b": {"label": "New label"}},
        "environment": {"NEW": {}, "KEEP": {}},
        "devices": {"card": {}},
    }
    refresh(parsed({"app": new, "web": {}}, custom_config={"stay": {"label": "S"}, "come": {}}))
    assert answers_of(rockon()) == Answers(
        shares={"app": {"/b": "b"}},
        ports={"app": {82: None, 80: 9080}},
        devices={"app": {"card": "/dev/card"}},
        environment={"app": {"KEEP": "1"}},
        custom_config={"stay": "s"},
    )
    app_row = rockon().containers[0]
    assert [(v.destination, v.label) for v in app_row.volumes] == [("/c", ""), ("/b", "New label")]
    assert [c.name for c in rockon().containers] == ["app", "web"]
    assert (count(Container), count(Port), count(Volume), count(Environment)) == (2, 2, 2, 2)


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_rows_that_stay_keep_their_ids():
    refresh(parsed({"app": {"environment": {"A": {}}, **ports(p80=80)}}))
    before = [(c.id, c.environment[0].id, c.ports[0].id) for c in rockon().containers]
    refresh(parsed({"app": {"environment": {"B": {}, "A": {}}, **ports(p81=81, p80=80)}}, version="2"))
    assert [(c.id, c.environment[1].id, c.ports[1].id) for c in rockon().containers] == before


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_containers_follow_a_new_launch_order():
    refresh(parsed({"aa": {"launch_order": 1}, "bb": {"launch_order": 2}}))
    refresh(parsed({"aa": {"launch_order": 2}, "bb": {"launch_order": 1}}))
    assert [c.name for c in rockon().containers] == ["bb", "aa"]


# An installed rock-on


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "state", [State.INSTALLED, State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL]
)
def test_what_runs_is_untouched_by_a_new_definition(state: State):
    old = parsed({"app": {"environment": {"OLD": {}}, **ports(p80=8080)}})
    refresh(old)
    with writing():
        store(rockon(), Answers(environment={"app": {"OLD": "1"}}, ports={"app": {80: 9080}}))
        rockon().state, rockon().installed_source = state, old.source
    before = answers_of(rockon()), suggestions(), [c.image for c in rockon().containers]
    new = parsed({"app": {"image": "example/new", "environment": {"NEW": {}}, **ports(p80=8090)}, "db": {}})
    assert refresh(new) == {"Sample": "changed"}
    assert (answers_of(rockon()), suggestions(), [c.image for c in rockon().containers]) == before
    assert rockon().definition == old.definition
    assert entry().source == new.source


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("state", [State.AVAILABLE, State.INSTALL_FAILED])
def test_what_is_not_installed_follows_its_new_definition(state: State):
    refresh(parsed({"app": {}}))
    with writing():
        rockon().state = state
    refresh(parsed({"app": {}, "db": {}}))
    assert [c.name for c in rockon().containers] == ["app", "db"]


# Suggested host ports


@pytest.mark.usefixtures("app")
def test_the_first_to_come_gets_its_default_and_the_others_the_next_free_port():
    refresh(
        *(parsed({"app": ports(p80=8080)}, name="First"), parsed({"app": ports(p80=8080, p81=8081)}, name="Second")),
        parsed({"app": ports(p80=8080)}, name="Third"),
    )
    assert [suggestions(name) for name in ("First", "Second", "Third")] == [
        {"app 80": 8080},
        {"app 80": 8081, "app 81": 8082},
        {"app 80": 8083},
    ]


@pytest.mark.usefixtures("app")
def test_two_containers_of_a_rockon_do_not_get_the_same_port():
    refresh(parsed_file("same-inner-port")[0])
    assert suggestions("Same inner port") == {"front 80": 8080, "back 80": 8081}


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_tcp_and_udp_are_counted_apart_and_no_protocol_is_both():
    refresh(
        parsed({"app": ports(p53=(53, "tcp"))}, name="Tcp"),
        parsed({"app": ports(p53=(53, "udp"))}, name="Udp"),
        parsed({"app": ports(p53=(53, None))}, name="Both"),
        parsed({"app": ports(p53=(54, "udp"))}, name="After both"),
        parsed({"app": ports(p53=(53, "sctp"))}, name="Sctp"),
    )
    found = {name: suggestions(name)["app 53"] for name in ("Tcp", "Udp", "Both", "After both", "Sctp")}
    assert found == {"Tcp": 53, "Udp": 53, "Both": 54, "After both": 55, "Sctp": 53}


@pytest.mark.usefixtures("app")
def test_without_a_default_the_ports_own_number_is_suggested():
    refresh(parsed({"app": {"ports": {"8123": {}}}}))
    assert suggestions() == {"app 8123": 8123}
    assert suggested_port(rockon())("app", 8123) == 8123
    assert suggested_port(rockon())("app", 99) == 99


@pytest.mark.usefixtures("app")
def test_a_suggestion_stays_under_a_refresh():
    first, second = parsed({"app": ports(p80=8080)}, name="First"), parsed({"app": ports(p80=8080)}, name="Second")
    refresh(first, second)
    refresh(second, first)
    refresh(parsed({"app": ports(p80=8080)}, name="First", version="2"), second)
    refresh(parsed({"app": ports(p81=9000)}, name="First", version="3"), second)  # 8080 is free again
    refresh(parsed({"app": ports(p81=9000)}, name="First"), parsed({"app": ports(p80=8080)}, "Second", version="2"))
    assert suggestions("Second") == {"app 80": 8081}


@pytest.mark.usefixtures("app")
def test_a_suggestion_stays_when_only_the_protocol_changes():
    refresh(parsed({"app": ports(p80=(8080, None))}))
    refresh(parsed({"app": ports(p80=(8080, "tcp"))}))
    assert suggestions() == {"app 80": 8080}
    refresh(parsed({"app": ports(p80=(8080, "udp"))}), parsed({"app": ports(p80=(8080, "udp"))}, name="Next"))
    assert (suggestions(), suggestions("Next")) == ({"app 80": 8080}, {"app 80": 8081})


@pytest.mark.usefixtures("app")
def test_a_new_default_gives_a_new_suggestion_and_ones_own_old_one_is_in_nobodys_way():
    refresh(parsed({"app": ports(p80=8080)}, name="First"), parsed({"app": ports(p80=8080)}))
    assert suggestions() == {"app 80": 8081}
    refresh(parsed({"app": ports(p80=8081)}))
    assert suggestions() == {"app 80": 8081}
    refresh(parsed({"app": ports(p80=9000)}), parsed({"app": ports(p80=8081)}, name="Third"))
    assert (suggestions(), suggestions("Third")) == ({"app 80": 9000}, {"app 80": 8081})


@pytest.mark.usefixtures("app")
def test_a_port_that_somebody_chose_is_not_suggested_to_a_newcomer():
    refresh(parsed({"app": ports(p80=8080)}))
    with writing():
        store(rockon(), Answers(ports={"app": {80: 9090}}))
    refresh(parsed({"app": ports(p80=9090, p81=8080)}, name="New"))
    assert suggestions("New") == {"app 80": 9091, "app 81": 8081}


TAKES = st.lists(
    st.tuples(
        st.sampled_from([80, 8080, 8081, 65534, 65535, 1024]),
        st.sampled_from([("tcp",), ("udp",), ("tcp", "udp"), ("sctp",)]),
    ),
    max_size=30,
)


@given(TAKES)
def test_a_port_and_protocol_is_never_suggested_twice(takes: list[tuple[int, tuple[str, ...]]]):
    suggestions = Suggestions([(8081, "tcp")])
    given = [(8081, "tcp")]
    for default, protocols in takes:
        port = suggestions.take(default, protocols)
        assert 1 <= port <= 65535
        given += [(port, protocol) for protocol in protocols]
    assert len(set(given)) == len(given)


@pytest.mark.both_databases
@given(TAKES, TAKES)
def test_a_released_port_is_suggested_again_and_the_others_still_once(first: Any, second: Any):
    suggestions = Suggestions()
    held = [(suggestions.take(*take), take[1]) for take in first]
    for port, protocols in held[::2]:
        suggestions.release(port, protocols)
    held = held[1::2] + [(suggestions.take(*take), take[1]) for take in second]
    pairs = [(port, protocol) for port, protocols in held for protocol in protocols]
    assert len(set(pairs)) == len(pairs)


def test_when_all_ports_are_gone_the_default_is_better_than_none():
    full = Suggestions((port, "tcp") for port in range(1, 65536))
    assert full.take(8080, ("tcp",)) == 8080


def test_ten_thousand_rockons_that_want_the_same_port_take_no_time():
    suggestions = Suggestions()
    begin = time.monotonic()
    assert [suggestions.take(8080, ("tcp",)) for _ in range(10_000)] == list(range(8080, 18_080))
    assert time.monotonic() - begin < 2


# Answers on rows


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("name", NAMES)
def test_answers_that_are_stored_are_read_again(name: str):
    one = parsed_file(name)[0]
    refresh(one)
    container = next(iter(one.definition.containers))
    answers = answer(
        one.definition,
        storage={container: {"/films": "films/old", "/music": "music"}},
        labels={container: ["b=2", "a"]},
        networks={container: ["lan", "guests"]},
    )
    with writing():
        store(rockon(one.definition.name), answers)
    db.session.expire_all()
    assert answers_of(rockon(one.definition.name)) == answers
    with writing():
        store(rockon(one.definition.name), answers)
    assert answers_of(rockon(one.definition.name)) == answers


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_answers_that_are_left_out_are_taken_away():
    refresh(parsed({"app": {"volumes": {"/a": {}}, "environment": {"A": {}}, **ports(p80=80)}}))
    with writing():
        store(rockon(), Answers(shares={"app": {"/a": "a"}}, environment={"app": {"A": "1"}}, ports={"app": {80: 80}}))
    with writing():
        store(rockon(), Answers(labels={"app": ["x"]}))
    assert answers_of(rockon()) == Answers(ports={"app": {80: None}}, environment={"app": {}}, labels={"app": ["x"]})


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_what_was_added_after_the_install_is_forgotten_and_the_answers_stay():
    refresh(parsed({"app": {"volumes": {"/a": {}}}}))
    asked = Answers(shares={"app": {"/a": "a"}})
    added = {"storage": {"app": {"/b": "b"}}, "labels": {"app": ["x"]}, "networks": {"app": ["lan"]}}
    with writing():
        store(rockon(), Answers(**{**vars(asked), **added}))
    with writing():
        forget_added(rockon())
    assert answers_of(rockon()) == asked
    assert count(Volume) == 1


@pytest.mark.usefixtures("app")
def test_a_variable_that_is_new_in_a_definition_has_no_answer_instead_of_none():
    refresh(parsed({"app": {"environment": {"OLD": {}}}}))
    with writing():
        store(rockon(), Answers(environment={"app": {"OLD": "1"}}))
    refresh(parsed({"app": {"environment": {"OLD": {}, "NEW": {}}}}))
    assert answers_of(rockon()).environment == {"app": {"OLD": "1"}}


def test_suggestions_take_no_longer_when_nearly_all_ports_are_taken() -> None:
    suggestions = Suggestions()
    begin = time.monotonic()
    found = [suggestions.take(1 + number * 7 % 65_535, ("tcp", "udp")) for number in range(64_000)]
    assert len(set(found)) == 64_000
    for number in range(20_000):  # more than there are
        suggestions.take(1 + number * 3, ("tcp",))
    assert time.monotonic() - begin < 5
    suggestions.release(30_000, ("tcp", "udp"))
    suggestions.release(30_000, ("tcp",))
    assert 1 <= suggestions.take(80, ("tcp", "udp")) <= 65_535


@pytest.mark.both_databases
def test_what_a_list_shows_is_written_with_the_definition(app: Flask) -> None:
    one = parsed({"web": {"image": "box.example/x/y"}}, description="<p>Films</p>", icon="https://example.org/a.png")
    refresh(one)
    row = db.session.scalars(select(RockOn)).one()
    assert (row.sort_name, row.search, row.summary) == ("sample", "sample\nfilms\nbox.example/x/y", "Films")
    assert (row.badges, row.categories, row.icon) == ((), ("other",), "https://example.org/a.png")


@pytest.mark.both_databases
def test_another_origin_or_edition_describes_a_rockon_again(app: Flask) -> None:
    one = parsed({"web": {}})
    refresh(one)
    with writing() as session:
        row = session.scalars(select(RockOn)).one()
        put(session, row, one.definition, one.source, Suggestions(), origin="local", position=0)
    assert row.badges == ("local",)
    with writing():
        row.described, row.summary = catalogue_columns.EDITION - 1, "stale"
    assert refresh(one) == {"Sample": "unchanged"}
    assert (row.described, row.summary) == (catalogue_columns.EDITION, "A sample.")


@pytest.mark.both_databases
def test_a_rockon_of_another_version_that_had_the_ports_of_an_older_definition_offers_those_of_its_newest(
    app: Flask,
) -> None:
    refresh(parsed({"first": ports(p80=8080)}, "First"), parsed({"second": ports(p80=8081)}, "Second"))
    newer = parsed({"second": ports(p80=8081, p90=8080)}, "Second")
    with writing() as session:
        second = session.query(RockOn).filter_by(name="Second").one()
        second.source, second.described = newer.source, 2
    with writing() as session:
        describe_again(session)
    offered = [(port.number, port.suggested) for port in db.session.query(RockOn).filter_by(name="Second").one().ports]
    assert offered == [(80, 8081), (90, 8082)]


def test_rows_of_another_version_are_described_again_also_one_that_is_refused_now(app: Flask) -> None:
    refresh(parsed({"web": {}}, "Good", description="fine"), parsed({"web": {}}, "Bad"))
    with writing() as session:
        for row in session.scalars(select(RockOn)):
            row.described, row.search, row.sort_name = 0, "", ""
            row.source = row.source if row.name == "Good" else "{}"
        session.flush()
        describe_again(session)
    found = {row.name: (row.sort_name, row.search) for row in db.session.scalars(select(RockOn))}
    assert found == {"Good": ("good", "good\nfine\nexample/web"), "Bad": ("bad", "bad")}


def test_a_rockon_that_left_the_catalogue_since_it_was_looked_at_gets_no_row(app: Flask) -> None:
    refresh(parsed({"first": {}}, "First"))
    looked_at = repository.find_by_name("First")
    assert looked_at
    with writing() as session:
        session.delete(session.get_one(RockOn, looked_at.entry_id))
    with pytest.raises(Conflict, match="nothing was done"), writing() as session:
        repository.stored(session, looked_at)
    assert db.session.query(Installation).count() == 0
