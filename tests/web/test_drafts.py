"""Drafts: what was typed is kept per person and rock-on, over restarts and changed definitions."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.definition import Definition
from rockonweb.core.definition.parser import ParsedDefinition
from rockonweb.core.questions import wizard
from rockonweb.models import Draft, Installation, db, repository, transaction
from rockonweb.web import drafts
from tests.support.app import add_parsed_rockon, create_test_user, make_app, put_definitions
from tests.support.samples import parse_rockon, port_question


def sample(**body: Any) -> ParsedDefinition:
    web = {"ports": {"80": port_question(8080, ui=True)}, "volumes": {"/data": {}}, "environment": {"API_KEY": {}}}
    return parse_rockon({"web": {**web, **body}})


@pytest.fixture
def anna(app: Flask) -> int:
    return create_test_user("anna").id


@pytest.fixture
def rockon(app: Flask) -> Installation:
    return add_parsed_rockon(sample())


@pytest.fixture
def definition(rockon: Installation) -> Definition:
    return drafts.catalogue_definition(rockon)


def test_without_a_draft_nothing_is_kept_and_nothing_is_written(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    assert drafts.load_draft(rockon, definition, anna) == drafts.StoredDraft()
    assert db.session.query(Draft).count() == 0


def test_what_was_typed_comes_back(rockon: Installation, definition: Definition, anna: int) -> None:
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True,
                new_shares=frozenset({"box"}))  # fmt: skip
    drafts.save_draft(rockon, definition, anna, "ports", {"ports-web-80": "nonsense"}, accepted=False)
    kept = drafts.load_draft(rockon, definition, anna)
    assert kept.values == {"shares-web-/data": "box", "ports-web-80": "nonsense"}
    assert kept.done == ("shares",)
    assert kept.new_shares == {"box"}


def test_a_draft_survives_a_restart(rockon: Installation, definition: Definition, anna: int, tmp_path: Path) -> None:
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
    with make_app(tmp_path).app_context():
        again = db.session.get_one(Installation, rockon.id)
        assert drafts.load_draft(again, definition, anna).values == {"shares-web-/data": "box"}


def test_people_have_drafts_of_their_own(rockon: Installation, definition: Definition, anna: int) -> None:
    ben = create_test_user("ben").id
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "annas"}, accepted=True)
    drafts.save_draft(rockon, definition, ben, "shares", {"shares-web-/data": "bens"}, accepted=True)
    assert drafts.load_draft(rockon, definition, anna).values == {"shares-web-/data": "annas"}
    assert drafts.load_draft(rockon, definition, ben).values == {"shares-web-/data": "bens"}
    assert db.session.query(Draft).count() == 2


def test_what_was_typed_is_encrypted_in_the_database(
    rockon: Installation, definition: Definition, anna: int, tmp_path: Path
) -> None:
    drafts.save_draft(rockon, definition, anna, "environment", {"environment-web-API_KEY": "hush-hush"}, accepted=True)
    for file in (tmp_path / "instance").glob("rockonweb.db*"):
        assert b"hush-hush" not in file.read_bytes()


def test_an_answer_that_an_older_version_kept_for_two_questions_is_neithers(app: Flask, anna: int) -> None:
    found = parse_rockon({"web": {"environment": {"db-X": {}, "ZONE": {}}}, "web-db": {"environment": {"X": {}},
                    "volumes": {"/data": {}}}}, "Pair")  # fmt: skip
    pair = add_parsed_rockon(found)
    definition = drafts.catalogue_definition(pair)
    older = {"shares-web-db-/data": "box", "environment-web-ZONE": "here", "environment-web-db-X": "whose?"}
    drafts.save_draft(pair, definition, anna, "shares", older, accepted=True)
    drafts.save_draft(pair, definition, anna, "environment", older, accepted=True)
    kept = drafts.load_draft(pair, definition, anna)
    assert kept.values == {"shares-web-db-/data": "box", "environment-web-ZONE": "here"}
    assert kept.done == ("shares",)
    each = {"environment-web-db-X": "one", "environment-/web/db-X": "other"}
    drafts.save_draft(pair, definition, anna, "environment", each, accepted=True)
    kept = drafts.load_draft(pair, definition, anna)
    assert kept.done == ("environment", "shares")
    assert wizard.answers_from_values(definition, kept.values).environment == {
        "web": {"db-X": "other", "ZONE": "here"},
        "web-db": {"X": "one"},
    }


def test_back_without_a_change_leaves_a_page_done(rockon: Installation, definition: Definition, anna: int) -> None:
    typed = {"shares-web-/data": "box"}
    drafts.save_draft(rockon, definition, anna, "shares", typed, accepted=True)
    drafts.save_draft(rockon, definition, anna, "shares", typed, accepted=None)
    assert drafts.load_draft(rockon, definition, anna).done == ("shares",)


def test_back_with_a_change_or_an_error_makes_a_page_undone(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    for accepted in (None, False):
        drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
        drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "../x"}, accepted=accepted)
        kept = drafts.load_draft(rockon, definition, anna)
        assert kept.done == ()
        assert kept.values == {"shares-web-/data": "../x"}


def change(rockon: Installation, found: ParsedDefinition) -> Definition:
    put_definitions(found)
    db.session.expire_all()
    return drafts.catalogue_definition(rockon)


def test_after_a_change_of_the_definition_answers_are_kept_by_key_and_the_dropped_ones_named(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
    drafts.save_draft(rockon, definition, anna, "ports", {"ports-web-80": "8080"}, accepted=True)
    changed = change(rockon, sample(volumes={"/data": {}, "/more": {}}, ports={}))
    kept = drafts.load_draft(rockon, changed, anna)
    assert kept.values == {"shares-web-/data": "box"}
    assert kept.outdated
    assert kept.dropped == ("ports-web-80",)
    assert kept.done == ()


def test_answers_are_those_to_the_definition_that_was_shown(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    assert rockon.entry.source
    with db.engine.connect() as other, other.begin():  # a refresh, while the page is being sent
        source = sample(ports={}).source
        other.connection.cursor().execute("UPDATE rockon SET source = ?", (source,))
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
    db.session.expire_all()
    assert drafts.load_draft(rockon, drafts.catalogue_definition(rockon), anna).outdated


def test_the_notice_of_a_change_ends_with_the_next_post(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    drafts.save_draft(rockon, definition, anna, "ports", {"ports-web-80": "8080"}, accepted=True)
    changed = change(rockon, sample(ports={}))
    drafts.save_draft(rockon, changed, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
    kept = drafts.load_draft(rockon, changed, anna)
    assert not kept.outdated
    assert kept.values == {"shares-web-/data": "box"}


def test_the_draft_wins_over_the_answers_of_an_earlier_install(
    rockon: Installation, definition: Definition, anna: int
) -> None:
    earlier = Answers({"web": {"/data": "old"}}, {"web": {80: 8181}}, {}, {"web": {"API_KEY": "abc"}})
    with transaction():
        repository.store_answers(rockon, earlier)
    drafts.save_draft(rockon, definition, anna, "shares", {"shares-web-/data": "box"}, accepted=True)
    kept = drafts.load_draft(rockon, definition, anna)
    assert drafts.prefill_fields(rockon, definition, kept) == {
        "shares-web-/data": "box",
        "ports-web-80": "8181",
        "environment-web-API_KEY": "abc",
    }


def test_a_complete_draft_amounts_to_answers(rockon: Installation, definition: Definition, anna: int) -> None:
    typed = {"shares-web-/data": "box", "ports-web-80": "8080", "environment-web-API_KEY": "abc"}
    drafts.save_draft(rockon, definition, anna, "environment", typed, accepted=True)
    answers = wizard.answers_from_values(definition, drafts.load_draft(rockon, definition, anna).values)
    assert json.loads(json.dumps(answers.to_dict())) == {
        "shares": {"web": {"/data": "box"}},
        "ports": {"web": {"80": 8080}},
        "devices": {},
        "environment": {"web": {"API_KEY": "abc"}},
        "custom_config": {},
    }
