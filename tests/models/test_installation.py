"""Apps beside the entries of the catalogue that they were installed from."""

import pytest
from flask import Flask
from sqlalchemy.exc import IntegrityError

from rockonweb.core.answers.answers import Answers
from rockonweb.models import Container, Installation, RockOn, State, db, repository, transaction
from tests.support.app import add_rockon, mark_installed, put_definitions
from tests.support.samples import parse_rockon, port_question

WEB = {"web": {"ports": {"80": port_question(8080, ui=True)}, "volumes": {"/data": {}}, "environment": {"TITLE": {}}}}


@pytest.mark.both_databases
def test_an_entry_may_have_several_apps_with_containers_of_the_same_names(app: Flask) -> None:
    first = mark_installed(add_rockon("Notes", WEB))
    with transaction() as session:
        second = Installation(name="Notes of Eve", entry=first.entry, state=State.INSTALLED)
        second.containers = [Container(name="web", image="example/web:latest")]
        session.add(second)
    assert [one.name for one in db.session.query(Installation).filter_by(entry_id=first.entry_id)] == [
        "Notes",
        "Notes of Eve",
    ]
    assert db.session.query(Container).filter_by(name="web").count() == 2


@pytest.mark.both_databases
def test_a_host_has_one_app_of_a_name(app: Flask) -> None:
    first = mark_installed(add_rockon("Notes", WEB))
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Installation(name="Notes", entry=first.entry))
    with transaction() as session:
        session.add(Installation(name="Notes", host="the attic", entry=first.entry))


def test_what_is_not_installed_has_the_newest_questions_and_the_answers_of_last_time(app: Flask) -> None:
    known = add_rockon("Notes", WEB)
    with transaction():
        repository.store_answers(
            known, Answers(shares={"web": {"/data": "notes"}}, environment={"web": {"TITLE": "Ours"}})
        )
    web = {**WEB["web"], "environment": {"TITLE": {}, "REALM": {}}, "image": "example/newer"}
    put_definitions(parse_rockon({"web": web, "more": {}}, "Notes"))
    found = repository.find_installation(known.id)
    assert found
    assert found not in db.session
    assert [(one.name, one.image) for one in found.containers] == [
        ("web", "example/newer:latest"),
        ("more", "example/more:latest"),
    ]
    assert repository.load_answers(found).environment["web"] == {"TITLE": "Ours"}
    assert repository.load_answers(found).shares == {"web": {"/data": "notes"}}
    web, more = found.containers
    assert web.id == known.containers[0].id
    assert more.id >= repository.FIRST_DERIVED_ID
    db.session.commit()  # it may be looked at without being written


def test_what_was_never_installed_has_no_row_until_it_is_begun(app: Flask) -> None:
    entry = add_rockon("Notes", WEB).entry
    with transaction() as session:
        session.delete(session.get_one(Installation, entry.id))
    found = repository.find_installation_by_name("Notes")
    assert found
    assert (found.id, found.state, found.entry) == (entry.id, State.AVAILABLE, entry)
    assert repository.port_suggester(found)("web", 80) == 8080
    assert db.session.query(Installation).count() == 0
    with transaction() as session:
        assert repository.ensure_installation(session, found).id == entry.id
    assert db.session.query(Installation).count() == 1


def test_nothing_is_found_where_nothing_is(app: Flask) -> None:
    assert repository.find_installation(7) is None
    assert repository.find_installation_by_name("Nothing") is None
    assert db.session.query(RockOn).count() == 0
