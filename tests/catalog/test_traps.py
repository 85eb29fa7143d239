"""Traps of the framework that this catalogue is compatible with: what it gets wrong, and what happens here."""

import json
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.catalog import refresh_catalogue, replacements
from rockonweb.core.answers.answers import Answers
from rockonweb.core.errors import Conflict
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.models import (
    Base,
    Container,
    Installation,
    Kind,
    Operation,
    Progress,
    RockOn,
    State,
    Status,
    db,
    repository,
    transaction,
)
from rockonweb.web import catalogue_listing
from rockonweb.work.review import prepare_review
from tests.support.app import installation_of
from tests.support.metastore import MetastoreServer
from tests.support.samples import label_questions, port_question, rockon_body

OURS = Answers(shares={"app": {"/data": "ours"}}, ports={"app": {80: 8080}}, environment={"app": {"TITLE": "Ours"}})

pytestmark = pytest.mark.usefixtures("app")


def app_of(name: str, container: str, image: str = "example/shared:1", **more: Any) -> dict[str, Any]:
    """A definition file with one rock-on of one container."""
    spec = {
        "image": image,
        "ports": {"80": port_question(8080, ui=True)},
        "volumes": label_questions({"/data": "Data"}),
        "environment": label_questions(TITLE="Title"),
        **more,
    }
    return {name: rockon_body({container: spec})}


def named(name: str) -> RockOn:
    db.session.rollback()
    return db.session.scalars(select(RockOn).where(RockOn.name == name)).one()


def app_named(name: str) -> Installation:
    """The app of a rock-on, as pages have it."""
    db.session.rollback()
    found = repository.find_installation_by_name(name)
    assert found
    return found


def install(name: str) -> int:
    """Let the rows say that a rock-on is installed with `OURS`; returns its id."""
    with transaction():
        rockon = installation_of(named(name))
        rockon.state, rockon.status, rockon.installed_source = State.INSTALLED, Status.STARTED, rockon.entry.source
        repository.store_answers(rockon, OURS)
        return rockon.id


def dump(*but: str) -> list[tuple[Any, ...]]:
    """Every row of rock-ons and of what belongs to them, without the rock-ons `but`."""
    db.session.rollback()
    containers = {one.id: (one.installation.name in but) for one in db.session.scalars(select(Container))}
    found = []
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        for row in db.session.execute(select(table)).mappings():
            if table.name == "rockon":
                theirs = row["name"] in but
            elif table.name == "container":
                theirs = containers[row["id"]]
            elif "container_id" in row:
                theirs = containers[row["container_id"]]
            else:
                continue
            if not theirs:
                found.append((table.name, *row.values()))
    return sorted(found, key=repr)


# 7. One bad file aborts the whole refresh; only the last error is told.


def test_bad_files_are_all_told_with_all_reasons_and_the_others_load(store: MetastoreServer) -> None:
    bad = app_of("Bad", "bad", launch_order="soon", uid="me")
    store.publish_files(one=app_of("One", "app-one"), bad=bad, html="<html>", two=app_of("Two", "app-two"))
    report = refresh_catalogue()
    assert report.added == ["One", "Two"]
    told = {file: "\n".join(reasons) for file, reasons in report.faulty}
    assert set(told) == {"bad.json", "html.json"}
    assert "launch_order" in told["bad.json"]
    assert "uid" in told["bad.json"]
    assert "not JSON" in told["html.json"]


def test_a_file_that_turns_bad_costs_nothing_of_what_it_brought(store: MetastoreServer) -> None:
    store.publish_files(one=app_of("One", "app"), two=app_of("Two", "app-two"))
    refresh_catalogue()
    install("One")
    before = dump()
    store.publish_files(one="{", two=app_of("Two", "app-two"))
    assert [file for file, _ in refresh_catalogue().faulty] == ["one.json"]
    assert dump() == before


# 9. A catalogue rename (same containers, new rock-on name) breaks the refresh for those who have it installed.


def test_a_rename_breaks_no_refresh_and_what_is_installed_stays(store: MetastoreServer) -> None:
    store.publish_files(old=app_of("Old Name", "app"), other=app_of("Other", "other"))
    refresh_catalogue()
    rockon_id = install("Old Name")
    store.publish_files(new=app_of("New Name", "app"), other=app_of("Other", "other"))
    for _ in range(2):
        report = refresh_catalogue()
        assert (report.loaded, report.faulty) == (True, [])
    old, new = app_named("Old Name"), app_named("New Name")
    assert (old.id, old.state, old.status, old.entry.in_catalogue) == (rockon_id, "installed", "started", False)
    assert repository.load_answers(old) == OURS
    assert (new.state, new.entry.in_catalogue) == ("available", True)
    assert [one.name for one in replacements.find_replacements(old).candidates] == ["New Name"]
    assert replacements.replaceable_apps(new) == [old]
    assert replacements.replaceable_apps(app_named("Other")) == []


def test_a_renamed_file_without_a_new_name_is_no_rename(store: MetastoreServer) -> None:
    store.publish_files(old=app_of("App", "app"))
    refresh_catalogue()
    install("App")
    store.publish_files(new=app_of("App", "app"))
    assert refresh_catalogue().unchanged == 1
    assert named("App").in_catalogue


def test_a_name_that_was_taken_over_is_the_catalogues_from_then_on(store: MetastoreServer) -> None:
    store.publish_files(old=app_of("Old Name", "app"))
    refresh_catalogue()
    rockon_id = install("Old Name")
    store.publish_files(new=app_of("New Name", "app"))
    refresh_catalogue()
    with transaction() as session:
        repository.replace_entry(session, app_named("Old Name"), named("New Name"))
    report = refresh_catalogue()
    assert (report.unchanged, report.added, report.removed, report.faulty) == (1, [], [], [])
    [one] = db.session.scalars(select(RockOn).where(RockOn.in_catalogue))
    app = app_named("New Name")
    assert (app.id, app.entry, app.state) == (rockon_id, one, "installed")
    assert repository.load_answers(app) == OURS


def test_a_name_that_is_being_taken_over_does_not_leave_meanwhile(store: MetastoreServer) -> None:
    store.publish_files(old=app_of("Old Name", "app"), other=app_of("Other", "other"))
    refresh_catalogue()
    rockon_id = install("Old Name")
    store.publish_files(new=app_of("New Name", "app"), other=app_of("Other", "other"))
    refresh_catalogue()
    successor = named("New Name").id
    with transaction() as session:
        running = Operation(
            kind=Kind.CHANGE, installation_id=rockon_id, parameters=json.dumps({"successor": successor})
        )
        session.add(running)
    store.publish_files(other=app_of("Other", "other"))
    refresh_catalogue()
    assert named("New Name").id == successor
    with transaction():
        running.mark_finished(Progress.FAILED)
    refresh_catalogue()
    assert sorted(db.session.scalars(select(RockOn.name))) == ["Old Name", "Other"]
    with pytest.raises(Conflict, match="no longer in the catalogue"):
        prepare_review(app_named("Old Name"), ChangeRequest(source=named("Old Name").source, successor=successor), None)


def test_one_that_left_and_was_never_installed_is_gone_and_one_that_is_uninstalled_then_is_not_listed(
    store: MetastoreServer,
) -> None:
    store.publish_files(a=app_of("Here", "here"), b=app_of("Gone", "gone"), c=app_of("Kept", "app"))
    refresh_catalogue()
    install("Kept")
    store.publish_files(a=app_of("Here", "here"))
    assert sorted(refresh_catalogue().removed) == ["Gone", "Kept"]
    assert sorted(db.session.scalars(select(RockOn.name))) == ["Here", "Kept"]
    with transaction():
        app_named("Kept").state = State.AVAILABLE
    refresh_catalogue()
    assert sorted(db.session.scalars(select(RockOn.name).where(RockOn.in_catalogue))) == ["Here"]
    assert [
        card.rockon.name
        for card in catalogue_listing.list_catalogue(
            catalogue_listing.CatalogueQuery(tab=catalogue_listing.ALL), "box"
        ).cards
    ] == ["Here"]


# 3. A changed image in one rock-on deletes containers of other rock-ons that share the image record.


def test_a_changed_image_touches_no_other_rock_on(store: MetastoreServer) -> None:
    store.publish_files(a=app_of("First", "first"), b=app_of("Second", "app"), c=app_of("Third", "third"))
    refresh_catalogue()
    install("Second")
    for changed in (app_of("First", "first", "example/other:9"), app_of("First", "first", "example/shared:1")):
        before = dump("First")
        store.publish_files(a=changed, b=app_of("Second", "app"), c=app_of("Third", "third"))
        assert refresh_catalogue().changed == ["First"]
        assert dump("First") == before
        assert app_named("First").containers[0].image == next(iter(changed["First"]["containers"].values()))["image"]
    store.publish_files(b=app_of("Second", "app"), c=app_of("Third", "third"))
    assert refresh_catalogue().removed == ["First"]
    assert {row[0] for row in dump()} >= {"container", "port", "volume"}
    assert repository.load_answers(app_named("Second")) == OURS


# 5. A variable that is new in an installed rock-on's definition becomes `-e KEY=None` at its next update.


def test_a_new_variable_of_an_installed_rock_on_is_not_on_its_rows(store: MetastoreServer) -> None:
    store.publish_files(a=app_of("App", "app"))
    refresh_catalogue()
    install("App")
    before = dump()
    store.publish_files(a=app_of("App", "app", environment=label_questions(TITLE="Title", REALM="Realm")))
    assert refresh_catalogue().changed == ["App"]
    rockon = app_named("App")
    assert repository.load_answers(rockon) == OURS
    assert [one.key for one in rockon.containers[0].environment] == ["TITLE"]
    assert rockon.has_newer_definition
    assert [row for row in dump() if row[0] != "rockon"] == [row for row in before if row[0] != "rockon"]
