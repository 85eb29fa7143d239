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
from rockonweb.core.definition.parser import ParsedDefinition
from rockonweb.core.errors import Conflict
from rockonweb.models import (
    Container,
    Environment,
    Installation,
    Port,
    RockOn,
    State,
    Volume,
    db,
    repository,
    transaction,
)
from rockonweb.models.port_suggestions import PortSuggestions
from rockonweb.models.repository import (
    describe_outdated,
    discard_added,
    load_answers,
    port_suggester,
    store_answers,
    upsert_entry,
)
from rockonweb.models.rockon import SuggestedPort
from tests.support.app import installation_of
from tests.support.samples import (
    NAMES,
    build_definition,
    complete_answers,
    load_definition,
    parse_rockon,
    parsed_file,
    port_question,
)


def ports(**numbers: Any) -> dict[str, Any]:
    """Return a container with ports: `p80=8080`, or `p53=(53, "udp")` with a protocol."""
    found = {}
    for key, value in numbers.items():
        default, protocol = value if isinstance(value, tuple) else (value, "tcp")
        found[key[1:]] = {"host_default": default, "protocol": protocol}
    return {"ports": found}


def refresh(*found: ParsedDefinition) -> dict[str, str]:
    """Bring definitions into the catalogue in one unit of work; returns what happened to each."""
    outcomes = {}
    with transaction() as session:
        suggestions = PortSuggestions.load_taken(session)
        for position, one in enumerate(found):
            row, outcome = upsert_entry(
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
    assert box.current_definition == load_definition("everything")
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
    assert load_answers(box) == Answers(
        ports={"box": dict.fromkeys((8443, 5353, 9000))},
        devices={"box": {"serial": "", "video": ""}},
        environment={"box": {}, "box-store": {}},
    )


@pytest.mark.usefixtures("app")
def test_a_refresh_says_what_it_did():
    first, other = parse_rockon({"app": {}}), parse_rockon({"app": {}}, version="2")
    assert refresh(first) == {"Sample": "added"}
    assert refresh(first) == {"Sample": "unchanged"}
    assert refresh(other) == {"Sample": "changed"}
    assert entry().version == "2"
    with transaction():
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
    refresh(parse_rockon({"app": old, "db": {"environment": {"PW": {}}}}, custom_config={"stay": {}, "leave": {}}))
    with transaction():
        store_answers(
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
    refresh(parse_rockon({"app": new, "web": {}}, custom_config={"stay": {"label": "S"}, "come": {}}))
    assert load_answers(rockon()) == Answers(
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
    refresh(parse_rockon({"app": {"environment": {"A": {}}, **ports(p80=80)}}))
    before = [(c.id, c.environment[0].id, c.ports[0].id) for c in rockon().containers]
    refresh(parse_rockon({"app": {"environment": {"B": {}, "A": {}}, **ports(p81=81, p80=80)}}, version="2"))
    assert [(c.id, c.environment[1].id, c.ports[1].id) for c in rockon().containers] == before


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_containers_follow_a_new_launch_order():
    refresh(parse_rockon({"aa": {"launch_order": 1}, "bb": {"launch_order": 2}}))
    refresh(parse_rockon({"aa": {"launch_order": 2}, "bb": {"launch_order": 1}}))
    assert [c.name for c in rockon().containers] == ["bb", "aa"]


# An installed rock-on


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize(
    "state", [State.INSTALLED, State.PENDING_INSTALL, State.PENDING_UPDATE, State.PENDING_UNINSTALL]
)
def test_what_runs_is_untouched_by_a_new_definition(state: State):
    old = parse_rockon({"app": {"environment": {"OLD": {}}, **ports(p80=8080)}})
    refresh(old)
    with transaction():
        store_answers(rockon(), Answers(environment={"app": {"OLD": "1"}}, ports={"app": {80: 9080}}))
        rockon().state, rockon().installed_source = state, old.source
    before = load_answers(rockon()), suggestions(), [c.image for c in rockon().containers]
    new = parse_rockon({"app": {"image": "example/new", "environment": {"NEW": {}}, **ports(p80=8090)}, "db": {}})
    assert refresh(new) == {"Sample": "changed"}
    assert (load_answers(rockon()), suggestions(), [c.image for c in rockon().containers]) == before
    assert rockon().current_definition == old.definition
    assert entry().source == new.source


@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("state", [State.AVAILABLE, State.INSTALL_FAILED])
def test_what_is_not_installed_follows_its_new_definition(state: State):
    refresh(parse_rockon({"app": {}}))
    with transaction():
        rockon().state = state
    refresh(parse_rockon({"app": {}, "db": {}}))
    assert [c.name for c in rockon().containers] == ["app", "db"]


# Suggested host ports


@pytest.mark.usefixtures("app")
def test_the_first_to_come_gets_its_default_and_the_others_the_next_free_port():
    refresh(
        *(
            parse_rockon({"app": ports(p80=8080)}, name="First"),
            parse_rockon({"app": ports(p80=8080, p81=8081)}, name="Second"),
        ),
        parse_rockon({"app": ports(p80=8080)}, name="Third"),
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
        parse_rockon({"app": ports(p53=(53, "tcp"))}, name="Tcp"),
        parse_rockon({"app": ports(p53=(53, "udp"))}, name="Udp"),
        parse_rockon({"app": ports(p53=(53, None))}, name="Both"),
        parse_rockon({"app": ports(p53=(54, "udp"))}, name="After both"),
        parse_rockon({"app": ports(p53=(53, "sctp"))}, name="Sctp"),
    )
    found = {name: suggestions(name)["app 53"] for name in ("Tcp", "Udp", "Both", "After both", "Sctp")}
    assert found == {"Tcp": 53, "Udp": 53, "Both": 54, "After both": 55, "Sctp": 53}


@pytest.mark.usefixtures("app")
def test_without_a_default_the_ports_own_number_is_suggested():
    refresh(parse_rockon({"app": {"ports": {"8123": {}}}}))
    assert suggestions() == {"app 8123": 8123}
    assert port_suggester(rockon())("app", 8123) == 8123
    assert port_suggester(rockon())("app", 99) == 99


@pytest.mark.usefixtures("app")
def test_a_suggestion_stays_under_a_refresh():
    first, second = (
        parse_rockon({"app": ports(p80=8080)}, name="First"),
        parse_rockon({"app": ports(p80=8080)}, name="Second"),
    )
    refresh(first, second)
    refresh(second, first)
    refresh(parse_rockon({"app": ports(p80=8080)}, name="First", version="2"), second)
    refresh(parse_rockon({"app": ports(p81=9000)}, name="First", version="3"), second)  # 8080 is free again
    refresh(
        parse_rockon({"app": ports(p81=9000)}, name="First"),
        parse_rockon({"app": ports(p80=8080)}, "Second", version="2"),
    )
    assert suggestions("Second") == {"app 80": 8081}


@pytest.mark.usefixtures("app")
def test_a_suggestion_stays_when_only_the_protocol_changes():
    refresh(parse_rockon({"app": ports(p80=(8080, None))}))
    refresh(parse_rockon({"app": ports(p80=(8080, "tcp"))}))
    assert suggestions() == {"app 80": 8080}
    refresh(
        parse_rockon({"app": ports(p80=(8080, "udp"))}), parse_rockon({"app": ports(p80=(8080, "udp"))}, name="Next")
    )
    assert (suggestions(), suggestions("Next")) == ({"app 80": 8080}, {"app 80": 8081})


@pytest.mark.usefixtures("app")
def test_a_new_default_gives_a_new_suggestion_and_ones_own_old_one_is_in_nobodys_way():
    refresh(parse_rockon({"app": ports(p80=8080)}, name="First"), parse_rockon({"app": ports(p80=8080)}))
    assert suggestions() == {"app 80": 8081}
    refresh(parse_rockon({"app": ports(p80=8081)}))
    assert suggestions() == {"app 80": 8081}
    refresh(parse_rockon({"app": ports(p80=9000)}), parse_rockon({"app": ports(p80=8081)}, name="Third"))
    assert (suggestions(), suggestions("Third")) == ({"app 80": 9000}, {"app 80": 8081})


@pytest.mark.usefixtures("app")
def test_a_port_that_somebody_chose_is_not_suggested_to_a_newcomer():
    refresh(parse_rockon({"app": ports(p80=8080)}))
    with transaction():
        store_answers(rockon(), Answers(ports={"app": {80: 9090}}))
    refresh(parse_rockon({"app": ports(p80=9090, p81=8080)}, name="New"))
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
    suggestions = PortSuggestions([(8081, "tcp")])
    given = [(8081, "tcp")]
    for default, protocols in takes:
        port = suggestions.take_port(default, protocols)
        assert 1 <= port <= 65535
        given += [(port, protocol) for protocol in protocols]
    assert len(set(given)) == len(given)


@pytest.mark.both_databases
@given(TAKES, TAKES)
def test_a_released_port_is_suggested_again_and_the_others_still_once(first: Any, second: Any):
    suggestions = PortSuggestions()
    held = [(suggestions.take_port(*take), take[1]) for take in first]
    for port, protocols in held[::2]:
        suggestions.release_port(port, protocols)
    held = held[1::2] + [(suggestions.take_port(*take), take[1]) for take in second]
    pairs = [(port, protocol) for port, protocols in held for protocol in protocols]
    assert len(set(pairs)) == len(pairs)


def test_no_port_that_browsers_block_is_suggested_for_a_page_or_in_the_place_of_another():
    suggestions = PortSuggestions()
    assert suggestions.take_port(5060, ("tcp",), ui=True) == 5062
    assert suggestions.take_port(5060, ("tcp",)) == 5060  # a telephone's own port is no page
    assert suggestions.take_port(5060, ("tcp",)) == 5063
    assert [suggestions.take_port(5059, ("tcp",)) for _ in range(2)] == [5059, 5064]
    assert PortSuggestions([(65535, "tcp")]).take_port(65535, ("tcp",), ui=True) == 1024


def test_a_blocked_port_that_an_older_version_suggested_is_suggested_no_more():
    suggestions = PortSuggestions([(5060, "tcp")])
    definition = build_definition({"web": {"ports": {"80": port_question(5060, ui=True)}}})
    former = SuggestedPort("web", 80, "tcp", 5060, 5060)
    [port] = repository._suggest_ports([former], definition, suggestions)
    assert (port.default, port.suggested) == (5060, 5062)
    assert +suggestions.taken == {(5062, "tcp"): 1}


def test_ports_that_options_publish_are_held_once_and_released_again():
    suggestions = PortSuggestions()
    options = [["-p", "53:53/tcp"], ["-p", "53:53/udp"], ["-p", "9000:80"]]
    definition = build_definition({"web": {"ports": {"80": port_question(8080)}, "opts": options}})
    ports = repository._suggest_ports((), definition, suggestions)
    held = {(53, "tcp"): 1, (53, "udp"): 1, (9000, "tcp"): 1, (8080, "tcp"): 1}
    assert suggestions.taken == held
    assert repository._suggest_ports(ports, definition, suggestions) == ports
    assert suggestions.taken == held
    without = build_definition({"web": {"ports": {"80": port_question(8080)}}})
    [left] = repository._suggest_ports(ports, without, suggestions)
    assert (left.number, left.suggested) == (80, 8080)
    assert +suggestions.taken == {(8080, "tcp"): 1}


def test_when_all_ports_are_gone_the_default_is_better_than_none():
    full = PortSuggestions((port, "tcp") for port in range(1, 65536))
    assert full.take_port(8080, ("tcp",)) == 8080


def test_ten_thousand_rockons_that_want_the_same_port_take_no_time():
    suggestions = PortSuggestions()
    begin = time.monotonic()
    assert [suggestions.take_port(8080, ("tcp",)) for _ in range(10_000)] == [
        *range(8080, 10_080),
        *range(10_081, 18_081),
    ]
    assert time.monotonic() - begin < 2


# Answers on rows


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
@pytest.mark.parametrize("name", NAMES)
def test_answers_that_are_stored_are_read_again(name: str):
    one = parsed_file(name)[0]
    refresh(one)
    container = next(iter(one.definition.containers))
    answers = complete_answers(
        one.definition,
        storage={container: {"/films": "films/old", "/music": "music"}},
        labels={container: ["b=2", "a"]},
        networks={container: ["lan", "guests"]},
    )
    with transaction():
        store_answers(rockon(one.definition.name), answers)
    db.session.expire_all()
    assert load_answers(rockon(one.definition.name)) == answers
    with transaction():
        store_answers(rockon(one.definition.name), answers)
    assert load_answers(rockon(one.definition.name)) == answers


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_answers_that_are_left_out_are_taken_away():
    refresh(parse_rockon({"app": {"volumes": {"/a": {}}, "environment": {"A": {}}, **ports(p80=80)}}))
    with transaction():
        store_answers(
            rockon(), Answers(shares={"app": {"/a": "a"}}, environment={"app": {"A": "1"}}, ports={"app": {80: 80}})
        )
    with transaction():
        store_answers(rockon(), Answers(labels={"app": ["x"]}))
    assert load_answers(rockon()) == Answers(ports={"app": {80: None}}, environment={"app": {}}, labels={"app": ["x"]})


@pytest.mark.both_databases
@pytest.mark.usefixtures("app")
def test_what_was_added_after_the_install_is_forgotten_and_the_answers_stay():
    refresh(parse_rockon({"app": {"volumes": {"/a": {}}}}))
    asked = Answers(shares={"app": {"/a": "a"}})
    added = {"storage": {"app": {"/b": "b"}}, "labels": {"app": ["x"]}, "networks": {"app": ["lan"]}}
    with transaction():
        store_answers(rockon(), Answers(**{**vars(asked), **added}))
    with transaction():
        discard_added(rockon())
    assert load_answers(rockon()) == asked
    assert count(Volume) == 1


@pytest.mark.usefixtures("app")
def test_a_variable_that_is_new_in_a_definition_has_no_answer_instead_of_none():
    refresh(parse_rockon({"app": {"environment": {"OLD": {}}}}))
    with transaction():
        store_answers(rockon(), Answers(environment={"app": {"OLD": "1"}}))
    refresh(parse_rockon({"app": {"environment": {"OLD": {}, "NEW": {}}}}))
    assert load_answers(rockon()).environment == {"app": {"OLD": "1"}}


def test_suggestions_take_no_longer_when_nearly_all_ports_are_taken() -> None:
    suggestions = PortSuggestions()
    begin = time.monotonic()
    found = [suggestions.take_port(1 + number * 7 % 65_535, ("tcp", "udp")) for number in range(64_000)]
    assert len(set(found)) == 64_000
    for number in range(20_000):  # more than there are
        suggestions.take_port(1 + number * 3, ("tcp",))
    assert time.monotonic() - begin < 5
    suggestions.release_port(30_000, ("tcp", "udp"))
    suggestions.release_port(30_000, ("tcp",))
    assert 1 <= suggestions.take_port(80, ("tcp", "udp")) <= 65_535


@pytest.mark.both_databases
def test_what_a_list_shows_is_written_with_the_definition(app: Flask) -> None:
    one = parse_rockon(
        {"web": {"image": "box.example/x/y"}}, description="<p>Films</p>", icon="https://example.org/a.png"
    )
    refresh(one)
    row = db.session.scalars(select(RockOn)).one()
    assert (row.sort_name, row.search, row.summary) == ("sample", "sample\nfilms\nbox.example/x/y", "Films")
    assert (row.badges, row.categories, row.icon) == ((), ("other",), "https://example.org/a.png")


@pytest.mark.both_databases
def test_another_origin_or_edition_describes_a_rockon_again(app: Flask) -> None:
    one = parse_rockon({"web": {}})
    refresh(one)
    with transaction() as session:
        row = session.scalars(select(RockOn)).one()
        upsert_entry(session, row, one.definition, one.source, PortSuggestions(), origin="local", position=0)
    assert row.badges == ("local",)
    with transaction():
        row.described, row.summary = catalogue_columns.SUMMARY_VERSION - 1, "stale"
    assert refresh(one) == {"Sample": "unchanged"}
    assert (row.described, row.summary) == (catalogue_columns.SUMMARY_VERSION, "A sample.")


@pytest.mark.both_databases
def test_a_rockon_of_another_version_that_had_the_ports_of_an_older_definition_offers_those_of_its_newest(
    app: Flask,
) -> None:
    refresh(parse_rockon({"first": ports(p80=8080)}, "First"), parse_rockon({"second": ports(p80=8081)}, "Second"))
    newer = parse_rockon({"second": ports(p80=8081, p90=8080)}, "Second")
    with transaction() as session:
        second = session.query(RockOn).filter_by(name="Second").one()
        second.source, second.described = newer.source, 2
    with transaction() as session:
        describe_outdated(session)
    offered = [(port.number, port.suggested) for port in db.session.query(RockOn).filter_by(name="Second").one().ports]
    assert offered == [(80, 8081), (90, 8082)]


def test_rows_of_another_version_are_described_again_also_one_that_is_refused_now(app: Flask) -> None:
    refresh(parse_rockon({"web": {}}, "Good", description="fine"), parse_rockon({"web": {}}, "Bad"))
    with transaction() as session:
        for row in session.scalars(select(RockOn)):
            row.described, row.search, row.sort_name = 0, "", ""
            row.source = row.source if row.name == "Good" else "{}"
        session.flush()
        describe_outdated(session)
    found = {row.name: (row.sort_name, row.search) for row in db.session.scalars(select(RockOn))}
    assert found == {"Good": ("good", "good\nfine\nexample/web"), "Bad": ("bad", "bad")}


def test_a_rockon_that_left_the_catalogue_since_it_was_looked_at_gets_no_row(app: Flask) -> None:
    refresh(parse_rockon({"first": {}}, "First"))
    looked_at = repository.find_installation_by_name("First")
    assert looked_at
    with transaction() as session:
        session.delete(session.get_one(RockOn, looked_at.entry_id))
    with pytest.raises(Conflict, match="nothing was done"), transaction() as session:
        repository.ensure_installation(session, looked_at)
    assert db.session.query(Installation).count() == 0
