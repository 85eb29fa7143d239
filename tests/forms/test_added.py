"""Rows in which storage, variables, labels and networks are added, and the forms of those that there are."""

from typing import Any

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.questions.settings import ALL_CONTAINERS, add_variable_questions
from rockonweb.core.text import t
from rockonweb.forms import added, environment, labels, memberships, shares, storage, variables
from tests.forms.conftest import Posted
from tests.support.samples import build_definition, label_questions

PAIR = build_definition(
    {"db": {}, "web": {"ports": {"80": {"ui": True}}, "environment": label_questions(TITLE="Title")}}
)
ONE = build_definition({"web": {}})
ROOM = shares.ShareContext(existing=["films"])


@pytest.mark.parametrize(
    ("sent", "count"),
    [
        (None, 1),
        ({}, 1),
        ({"Add": "Add"}, 2),
        ({"new-3-key": "x"}, 3),
        ({"new-3-key": "x", "Add": "Add"}, 4),
        ({"new-99-key": "x", "Add": "Add"}, added.MAX_ROWS),
        ({"new-1000-key": "x", "new--1-key": "y", "new-4-nothing": "z"}, 1),
    ],
)
def test_as_many_rows_as_were_sent_and_one_more_when_asked(
    posted: Posted, sent: dict[str, str] | None, count: int
) -> None:
    with posted(sent):
        assert len(added.build_rows_form(PAIR, "labels").rows) == count


def test_the_container_of_the_apps_page_is_chosen_at_first(posted: Posted) -> None:
    with posted():
        row = added.build_rows_form(PAIR, "labels").rows[0]
        assert row.container is not None
        assert row.container.data == "web"
        assert [choice.value for choice in row.container.choices] == ["db", "web", ALL_CONTAINERS]
    with posted({"new-1-key": "x"}):
        assert added.build_rows_form(PAIR, "labels").row_entries[0].container == "web"


def test_where_there_is_one_container_it_is_not_asked_for(posted: Posted) -> None:
    with posted({"new-1-key": " a=b "}):
        rows = added.build_rows_form(ONE, "labels")
        assert [field.name for field in rows.rows[0].fields] == ["new-1-key"]
        assert [(one.container, one.key, one.value) for one in rows.row_entries] == [("web", "a=b", "")]


def test_a_secret_that_was_typed_into_a_row_is_dots_and_stays(posted: Posted) -> None:
    with posted({"new-1-key": "API_TOKEN", "new-1-value": "blue horses", "new-2-key": "LOG", "new-2-value": "debug"}):
        secret, plain = added.build_rows_form(PAIR, "environment").rows
        assert 'type="password"' in str(secret.value)
        assert "blue horses" in str(secret.value)
        assert 'type="text"' in str(plain.value)


def test_the_focus_is_on_a_fault_or_on_the_new_row(posted: Posted) -> None:
    with posted({"Add": "Add", "new-1-key": "x"}):
        assert added.build_rows_form(PAIR, "labels").focused_input.name == "new-2-key"
    with posted({"new-1-key": "x y"}):
        form, rows = labels.build_labels_form(PAIR, []), added.build_rows_form(PAIR, "labels")
        assert labels.merge_labels(form, rows, Answers()) is None
        assert rows.focused_input.name == "new-1-key"
    with posted():
        assert added.build_rows_form(PAIR, "labels").focused_input is None


# -- storage ----------------------------------------------------------------------------------------------------------


def take_storage(posted: Posted, sent: dict[str, str], room: shares.ShareContext = ROOM) -> Any:
    with posted(sent):
        form = storage.build_storage_form(PAIR, {"web": {"/films": "films"}}, room)
        rows = added.build_rows_form(PAIR, "storage")
        found = storage.merge_storage(form, rows, Answers(labels={"web": ["kept"]}))
        faults = [(field.name, [str(one) for one in field.errors]) for field in form.answer_fields if field.errors]
        faults += [(one.name, [str(e) for e in one.errors]) for row in rows.rows for one in row.fields if one.errors]
        return found, faults


def test_storage_there_is_and_more(posted: Posted) -> None:
    sent = {"storage-web-/films": "films/old", "new-1-container": "db", "new-1-key": "/x", "new-1-value": "films"}
    found, faults = take_storage(posted, sent)
    assert faults == []
    assert found == Answers(labels={"web": ["kept"]}, storage={"web": {"/films": "films/old"}, "db": {"/x": "films"}})


def test_shares_are_checked_in_old_and_new_rows(posted: Posted) -> None:
    sent = {"storage-web-/films": "", "new-1-container": "db", "new-1-key": "/x", "new-1-value": "a b"}
    found, faults = take_storage(posted, sent)
    assert found is None
    assert [name for name, _ in faults] == ["storage-web-/films", "new-1-value"]
    assert faults[0][1] == ["Choose a share or enter a new name."]


def test_a_share_that_can_not_be_made_is_refused_with_a_way_out(posted: Posted) -> None:
    room = shares.ShareContext(existing=["films"], refusal=t("There is no room."), hint="Mount a disk.")
    sent = {"storage-web-/films": "films", "new-1-container": "db", "new-1-key": "/x", "new-1-value": "new"}
    found, faults = take_storage(posted, sent, room)
    assert found is None
    assert faults == [
        ("new-1-value", ['The share "new" does not exist and can\'t be created.', "There is no room.", "Mount a disk."])
    ]


def test_a_new_share_is_told_with_the_button_that_makes_it(posted: Posted) -> None:
    with posted():
        form = storage.build_storage_form(PAIR, {"web": {"/x": "fresh"}}, shares.ShareContext(button="Apply"))
        assert form.answer_fields[0].notes == [
            'The share "fresh" does not exist yet. It will be created when you press Apply.'
        ]


# -- variables, labels, networks --------------------------------------------------------------------------------------


def test_named_and_added_variables_go_to_their_places(posted: Posted) -> None:
    asked = add_variable_questions(PAIR, {"web": ["LOG"]})
    sent = {
        "environment-web-TITLE": "Ours",
        "environment-web-LOG": "",
        "new-1-container": "db",
        "new-1-key": "TZ",
        "new-1-value": "UTC",
    }
    with posted(sent):
        found = variables.merge_variables(
            PAIR, environment.build_environment_form(asked, {}), added.build_rows_form(PAIR, "environment"), Answers()
        )
    assert found == Answers(environment={"web": {"TITLE": "Ours"}}, variables={"web": {"LOG": ""}, "db": {"TZ": "UTC"}})


def test_a_label_that_is_made_blank_is_removed(posted: Posted) -> None:
    there = labels.name_labels(PAIR, {"web": ["a=1", "b=2"], "db": ["c"]})
    assert [name for name, _, _ in there] == ["labels-web-1", "labels-web-2", "labels-db-1"]
    with posted({"labels-web-1": "", "labels-web-2": "b=3", "labels-db-1": "c"}):
        form = labels.build_labels_form(PAIR, there)
        assert [name for name, _ in form.groups] == ["db", "web"]
        found = labels.merge_labels(form, added.build_rows_form(PAIR, "labels"), Answers())
    assert found == Answers(labels={"db": ["c"], "web": ["b=3"]})


def test_a_container_that_can_join_nothing_has_no_box_but_may_leave(posted: Posted) -> None:
    mixed = build_definition({"web": {}, "vpn": {"opts": [["--net", "host"]]}})
    with posted():
        web, vpn = memberships.build_memberships_form(mixed, {"web": ["old"]}, {"lan"}).memberships
        assert [(network, field.data) for network, field in web.boxes] == [("lan", False), ("old", True)]
        assert web.refusal is None
        assert vpn.boxes == []
        assert "the host network" in str(vpn.refusal)
        assert [
            network
            for network, _ in memberships.build_memberships_form(mixed, {"vpn": ["old"]}, {"lan"}).memberships[1].boxes
        ] == ["old"]


def test_networks_are_joined_and_left(posted: Posted) -> None:
    with posted({"networks-web-lan": "y", "new-1-container": ALL_CONTAINERS, "new-1-key": "attic"}):
        form = memberships.build_memberships_form(PAIR, {"web": ["old"]}, {"lan"})
        found = memberships.merge_memberships(form, added.build_rows_form(PAIR, "networks"), Answers())
    assert found == Answers(networks={"web": ["lan", "attic"], "db": ["attic"]})
