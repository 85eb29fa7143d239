"""What a person wants for an installed rock-on and has not applied yet."""

import pytest
from flask import Flask

from rockonweb.blueprints.settings import pending_changes
from rockonweb.core.answers.answers import Answers
from rockonweb.models import Draft, Installation, State, db, repository, transaction
from rockonweb.web import drafts
from tests.support.app import add_rockon, create_test_user, mark_installed
from tests.support.samples import label_questions

CONTAINERS = {"web": {"volumes": label_questions({"/data": "Data"}), "environment": label_questions(TITLE="Title")}}
LABELLED = {"labels": {"web": ["a=b"]}}


@pytest.fixture(autouse=True)
def otto(app: Flask) -> None:
    """Another owner."""
    create_test_user("otto")


@pytest.fixture
def rockon(app: Flask) -> Installation:
    made = mark_installed(add_rockon("Notes", CONTAINERS))
    with transaction():
        repository.store_answers(
            made, Answers(shares={"web": {"/data": "data"}}, environment={"web": {"TITLE": "Ours"}})
        )
    return made


def changed(rockon: Installation, **parts: object) -> Answers:
    return Answers(**{**vars(repository.load_answers(rockon)), **parts})


def test_without_a_draft_it_is_what_stands_on_the_rows(rockon: Installation) -> None:
    found = pending_changes.load_pending(rockon, 1)
    assert found.answers == found.current == repository.load_answers(rockon)
    assert not found.has_changes


def test_it_is_kept_for_one_person(rockon: Installation) -> None:
    pending_changes.save_pending(rockon, 1, changed(rockon, **LABELLED))
    assert pending_changes.load_pending(rockon, 1).answers.labels == {"web": ["a=b"]}
    assert pending_changes.load_pending(rockon, 1).has_changes
    assert not pending_changes.load_pending(rockon, 2).has_changes
    assert repository.load_answers(rockon).labels == {}


def test_new_shares_are_remembered_while_they_are_used(rockon: Installation) -> None:
    answers = changed(rockon, shares={"web": {"/data": "fresh"}})
    pending_changes.save_pending(rockon, 1, answers, frozenset({"fresh", "unused"}))
    assert pending_changes.load_pending(rockon, 1).new_shares == {"fresh"}


def test_what_is_taken_back_leaves_no_draft(rockon: Installation) -> None:
    pending_changes.save_pending(rockon, 1, changed(rockon, **LABELLED))
    pending_changes.save_pending(rockon, 1, changed(rockon))
    assert db.session.scalar(db.select(Draft)) is None
    pending_changes.save_pending(rockon, 1, changed(rockon, **LABELLED))
    pending_changes.discard_pending(rockon, 1)
    pending_changes.discard_pending(rockon, 1)
    assert db.session.scalar(db.select(Draft)) is None


def test_it_is_done_when_the_rows_say_so(rockon: Installation) -> None:
    answers = changed(rockon, **LABELLED)
    pending_changes.save_pending(rockon, 1, answers)
    with transaction():
        repository.store_answers(rockon, answers)
    assert not pending_changes.load_pending(rockon, 1).has_changes


def test_what_others_apply_meanwhile_comes_with_it(rockon: Installation) -> None:
    pending_changes.save_pending(rockon, 1, changed(rockon, **LABELLED))
    with transaction():
        repository.store_answers(rockon, changed(rockon, environment={"web": {"TITLE": "Theirs"}}))
    found = pending_changes.load_pending(rockon, 1).answers
    assert found.environment == {"web": {"TITLE": "Theirs"}}
    assert found.labels == {"web": ["a=b"]}


def test_the_wizard_takes_no_harm_after_an_uninstall(rockon: Installation) -> None:
    pending_changes.save_pending(rockon, 1, changed(rockon, **LABELLED))
    with transaction():
        rockon.state, rockon.installed_source = State.AVAILABLE, None
    definition = drafts.catalogue_definition(rockon)
    kept = drafts.load_draft(rockon, definition, 1)
    assert (dict(kept.values), kept.done) == ({}, ())
    drafts.save_draft(rockon, definition, 1, "shares", {"shares-web-/data": "x"}, accepted=True)
    kept = drafts.load_draft(rockon, definition, 1)
    assert (dict(kept.values), kept.done) == ({"shares-web-/data": "x"}, ("shares",))
