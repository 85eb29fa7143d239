"""The ports page: which host ports are free, taken, fixed or not published."""

import pytest

from rockonweb.core.definition.definition import Definition
from rockonweb.core.facts import HostFacts, PortListener
from rockonweb.core.questions.wizard import PortSuggestion, page_questions
from rockonweb.forms import PageForm, ports
from tests.forms.conftest import Posted
from tests.support.samples import load_definition

PAIR = load_definition("same-inner-port")
HOSTLY = load_definition("host-network")
FRONT, BACK = "ports-front-80", "ports-back-80"
QUIET = HostFacts()


def form(one: Definition, facts: HostFacts = QUIET, values: dict[str, str] | None = None, why: str = "") -> PageForm:
    suggested = {ask.name: PortSuggestion(8080 + place, why) for place, ask in enumerate(page_questions(one, "ports"))}
    return ports.build_ports_form(one, values or {}, suggested, facts)


def errors(posted: Posted, fields: dict[str, str], facts: HostFacts = QUIET) -> dict[str, list[str]]:
    with posted(fields):
        bound = form(PAIR, facts)
        bound.validate()
        return {field.name: [str(error) for error in field.errors] for field in bound.answer_fields if field.errors}


def test_suggestions_fill_the_fields_and_say_why(posted: Posted) -> None:
    with posted():
        page = form(PAIR, why="Port 8080 is in use.")
        assert page.typed_values == {FRONT: "8080", BACK: "8081"}
        assert page[FRONT].notes == ["Port 8080 is in use."]


def test_a_suggestion_that_differs_from_the_definition_says_so(posted: Posted) -> None:
    with posted():
        page = form(PAIR)
        assert page[FRONT].notes == []
        assert page[BACK].notes == ["Usually 8080, but that port is suggested for another rock-on in the catalogue."]


def test_what_was_typed_before_wins_over_the_suggestion_a_blank_too(posted: Posted) -> None:
    with posted():
        page = form(PAIR, values={FRONT: "9999", BACK: ""}, why="Taken.")
        assert page.typed_values == {FRONT: "9999", BACK: ""}
        assert page[FRONT].notes == []


def test_two_free_ports_are_accepted(posted: Posted) -> None:
    assert errors(posted, {FRONT: "8080", BACK: " 8081 "}) == {}


def test_a_blank_port_is_not_published_but_the_apps_own_page_needs_one(posted: Posted) -> None:
    assert errors(posted, {FRONT: "8080", BACK: ""}) == {}
    assert errors(posted, {FRONT: "", BACK: "8080"}) == {FRONT: ["The app's own page needs a port."]}


@pytest.mark.parametrize("typed", ["abc", "0", "65536", "-1", "80.5", "1e3", "8 0"])
def test_what_is_not_a_port_is_refused(posted: Posted, typed: str) -> None:
    assert errors(posted, {FRONT: typed, BACK: ""}) == {FRONT: ["A port is a number from 1 to 65535."]}


def test_a_port_given_twice_is_refused_at_both_fields(posted: Posted) -> None:
    found = errors(posted, {FRONT: "8080", BACK: "8080"})
    assert found == {
        FRONT: ['Port 8080 is also assigned to "Back [e.g. 8080]".', "Port 8081 is free."],
        BACK: ['Port 8080 is also assigned to "Front [e.g. 8080]".', "Port 8081 is free."],
    }


def test_one_number_for_two_protocols_is_no_conflict(posted: Posted) -> None:
    box = load_definition("everything")
    with posted({"ports-box-8443": "5000", "ports-box-5353": "5000", "ports-box-9000": ""}):
        assert form(box).validate()


def test_a_port_without_a_protocol_counts_as_both(posted: Posted) -> None:
    box = load_definition("everything")
    with posted({"ports-box-8443": "5000", "ports-box-5353": "5001", "ports-box-9000": "5001"}):
        bound = form(box)
        assert not bound.validate()
        assert [field.name for field in bound.answer_fields if field.errors] == ["ports-box-5353", "ports-box-9000"]


def test_a_port_in_use_names_the_holder_and_offers_one_that_is_free_in_the_form_too(posted: Posted) -> None:
    facts = HostFacts(listening=(PortListener(8080, "tcp", holder="the container web"),))
    assert errors(posted, {FRONT: "8080", BACK: "8081"}, facts) == {
        FRONT: ["Port 8080 (tcp) is in use by the container web.", "Port 8082 is free."]
    }


def test_a_port_that_another_installed_rockon_claims_is_taken_though_it_does_not_run(posted: Posted) -> None:
    facts = HostFacts(claimed=(PortListener(8080, "tcp", holder="the rock-on Ghost", rockon="Ghost"),))
    found = errors(posted, {FRONT: "8080", BACK: ""}, facts)
    assert found[FRONT][0] == "Port 8080 (tcp) is in use by the rock-on Ghost."


def test_a_holder_that_can_not_be_told_is_another_program(posted: Posted) -> None:
    found = errors(posted, {FRONT: "8080", BACK: ""}, HostFacts(listening=(PortListener(8080, "tcp"),)))
    assert found[FRONT][0] == "Port 8080 (tcp) is in use by another program."


def test_its_own_ports_and_another_protocol_are_no_conflict(posted: Posted) -> None:
    facts = HostFacts(listening=(PortListener(8080, "tcp", rockon="Same inner port"), PortListener(8081, "udp")))
    assert errors(posted, {FRONT: "8080", BACK: "8081"}, facts) == {}


def test_a_port_on_the_hosts_network_is_fixed_and_shown_read_only(posted: Posted) -> None:
    with posted({"ports-hostly-80": "1234"}):
        page = form(HOSTLY)
        assert page.validate()
        assert page.typed_values == {"ports-hostly-80": "80"}
        assert "readonly" in str(page["ports-hostly-80"]())
    with posted({"other": ""}):
        assert form(HOSTLY).validate()


def test_a_fixed_port_in_use_is_refused_all_the_same(posted: Posted) -> None:
    facts = HostFacts(listening=(PortListener(80, "tcp", holder="the program nginx (process 7)"),))
    with posted({"ports-hostly-80": "80"}):
        page = form(HOSTLY, facts)
        assert not page.validate()
        assert page["ports-hostly-80"].errors == [
            "Port 80 (tcp) is in use by the program nginx (process 7).",
            "hostly can't use another port: stop what uses this one first.",
        ]
