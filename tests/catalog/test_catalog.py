"""The catalogue: refresh, starter, lint."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import event, select

from rockonweb import catalog
from rockonweb.catalog import load_starter, offers, refresh_catalogue
from rockonweb.catalog.linter import check_file
from rockonweb.core.definition.parser import MAX_BYTES, parse_definitions
from rockonweb.models import Installation, Kind, MetastoreFile, Operation, RefreshReport, RockOn, State, db, transaction
from tests.support import samples
from tests.support.app import installation_of
from tests.support.claims import free_port
from tests.support.metastore import MetastoreServer
from tests.support.samples import rockon_body

STARTER = sorted(
    one.definition.name for path in offers.STARTER_FOLDER.glob("*.json") for one in parse_definitions(path.read_bytes())
)

pytestmark = [pytest.mark.usefixtures("app"), pytest.mark.waits]


def app_of(name: str, port: int = 8080, container: str = "", **keys: Any) -> dict[str, Any]:
    """A definition file with a rock-on of one container and one port."""
    container = container or f"the-{name.lower().replace(' ', '-')}"
    return {name: rockon_body({container: {"ports": {"80": samples.port_question(port, ui=True)}}}, **keys)}


@pytest.fixture
def local(app: Flask) -> Path:
    folder: Path = app.config["SETTINGS"].local_metastore
    folder.mkdir()
    return folder


def configure(app: Flask, **settings: Any) -> None:
    from dataclasses import replace

    app.config["SETTINGS"] = replace(app.config["SETTINGS"], **settings)


def rockons() -> dict[str, RockOn]:
    """What is in the catalogue, in its order."""
    db.session.rollback()
    found = db.session.scalars(select(RockOn).where(RockOn.in_catalogue).order_by(RockOn.position))
    return {row.name: row for row in found}


def rockon(name: str) -> RockOn | None:
    db.session.rollback()
    return db.session.scalar(select(RockOn).where(RockOn.name == name))


def app_named(name: str) -> Installation:
    """The app of a rock-on, with its row."""
    found = rockon(name)
    assert found
    return installation_of(found)


def suggestions() -> dict[str, int]:
    db.session.rollback()
    return {row.name: port.suggested for row in db.session.scalars(select(RockOn)) for port in row.ports}


def install(name: str, state: State = State.INSTALLED) -> None:
    """Let the rows say that a rock-on is installed, or on its way."""
    with transaction():
        app = app_named(name)
        app.state, app.installed_source = state, app.entry.source


def changes(report: catalog.CatalogueReport) -> dict[str, Any]:
    """The report without the part of each metastore."""
    return {key: value for key, value in report.to_json().items() if key != "metastores"}


def faulty(report: catalog.CatalogueReport) -> dict[str, list[str]]:
    return dict(report.faulty)


# -- the remote metastore ----------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_refresh_adds_what_the_remote_metastore_offers_in_its_order(app, store):
    store.publish_files(zoo=app_of("Zoo"), ant=app_of("Ant", description="<p>small<script>x</script></p>"))
    report = refresh_catalogue()
    assert report.loaded
    assert changes(report) == {"added": ["Zoo", "Ant"], "changed": [], "removed": [], "unchanged": 0, "faulty": []}
    assert [(row.name, row.origin) for row in rockons().values()] == [
        ("Zoo", "remote"),
        ("Ant", "remote"),
    ]
    assert rockons()["Ant"].description == "<p>small</p>"
    assert suggestions() == {"Zoo": 8080, "Ant": 8081}


def test_an_unchanged_catalogue_is_asked_conditionally_and_stays(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    ids = {row.name: row.id for row in rockons().values()}
    report = refresh_catalogue()
    assert changes(report) == {"added": [], "changed": [], "removed": [], "unchanged": 2, "faulty": []}
    assert store.count_requests(status=304) == 3
    assert {row.name: row.id for row in rockons().values()} == ids


def test_only_what_changed_is_changed(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    store.publish_files(a=app_of("A"), b=app_of("B", version="2"), c=app_of("C"))
    report = refresh_catalogue()
    assert (report.added, report.changed, report.removed, report.unchanged) == (["C"], ["B"], [], 1)
    assert rockon("B").version == "2"


def test_a_suggested_port_does_not_change_under_a_refresh(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"), c=app_of("C"))
    refresh_catalogue()
    store.publish_files(c=app_of("C", version="2"), b=app_of("B"), new=app_of("New"))
    refresh_catalogue()
    assert suggestions() == {"B": 8081, "C": 8082, "New": 8080}


def test_a_file_may_hold_several_rock_ons(app, store):
    store.publish_files(both=app_of("A") | app_of("B"))
    assert refresh_catalogue().added == ["A", "B"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "not JSON"),
        ("<html>", "not JSON"),
        ("[1, 2", "not JSON"),
        ("[]", "must be an object"),
        (b"\xff\xfe\x00", "is not UTF-8 text"),
        (b" " * (MAX_BYTES + 1), "is larger than"),
        ("[" * 200_000, ""),
        ('{"A": 1}', "must be an object"),
        ('{"A": {"version": "\\ud800"}}', "surrogate"),
        ('{"A": {}, "A": {}}', "is not a rock-on"),
        (app_of("A", container="x/y"), "container's name"),
        (app_of("A") | {"B": {}}, "is required"),
        ({"A": rockon_body({"a1": {"launch_order": 10**30}})}, "launch_order"),
    ],
)
def test_a_bad_file_is_reported_and_the_others_load(app, store, content, words):
    store.publish_files(before=app_of("Before"), bad=content, after=app_of("After"))
    report = refresh_catalogue()
    assert report.loaded
    assert report.added == ["Before", "After"]
    [(file, reasons)] = report.faulty
    assert file == "bad.json"
    assert reasons
    assert any(words in reason for reason in reasons)
    assert list(rockons()) == ["Before", "After"]


def test_every_reason_of_a_bad_file_is_told_with_its_path(app, store):
    bad = app_of("A")
    del bad["A"]["version"]
    bad["A"]["containers"]["the-a"]["ports"]["80"]["protocol"] = "icmp"
    bad["A"]["containers"]["the-a"]["ports"]["99999"] = {}
    store.publish_files(bad=bad)
    [(_, reasons)] = refresh_catalogue().faulty
    assert len(reasons) >= 3
    for path in ("version", "containers.the-a.ports.80.protocol", "containers.the-a.ports.99999"):
        assert any(reason.startswith(f"{path}: ") for reason in reasons)


def test_a_missing_file_is_reported_and_the_others_load(app, store):
    store.publish_files(a=app_of("A"), gone=app_of("Gone"), b=app_of("B"))
    store.statuses["gone.json"] = 404
    report = refresh_catalogue()
    assert report.added == ["A", "B"]
    assert faulty(report) == {"gone.json": ["is missing: the metastore returned 404 Not Found"]}


def test_a_file_name_with_a_path_is_reported_and_not_fetched(app, store):
    store.publish_files(a=app_of("A"))
    store.files["root.json"] = {"a": "a.json", "b": "../b.json", "c": "http://127.0.0.1:9/c.json", "d": 4}
    report = refresh_catalogue()
    assert report.added == ["A"]
    assert set(faulty(report)) == {"../b.json", "http://127.0.0.1:9/c.json", "d"}
    assert {name for name, _ in store.requests} == {"root.json", "a.json"}


@pytest.mark.both_databases
def test_two_files_with_the_same_rock_on_make_the_second_one_faulty(app, store):
    store.publish_files(one=app_of("A", version="first"), two=app_of("A", version="second") | app_of("B"))
    for added in (["A", "B"], []):
        report = refresh_catalogue()
        assert report.added == added
        assert report.changed == []
        assert faulty(report) == {"two.json": ['the rock-on "A" is already in one.json']}
        assert rockon("A").version == "first"


def test_a_rock_on_that_moves_to_another_file_stays(app, store):
    store.publish_files(one=app_of("A"), two=app_of("B"))
    refresh_catalogue()
    row = rockon("A").id
    store.publish_files(two=app_of("B"), three=app_of("A"))
    assert changes(refresh_catalogue()) == {"added": [], "changed": [], "removed": [], "unchanged": 2, "faulty": []}
    assert rockon("A").id == row


def test_a_file_that_can_be_had_counts_before_the_memory_of_one_that_can_not(app, store):
    store.publish_files(one=app_of("A", version="old"))
    refresh_catalogue()
    store.publish_files(one=app_of("A", version="old"), two=app_of("A", version="new"))
    store.statuses["one.json"] = 404
    report = refresh_catalogue()
    assert report.changed == ["A"]
    assert set(faulty(report)) == {"one.json"}
    store.statuses.clear()
    report = refresh_catalogue()
    assert report.changed == ["A"]
    assert set(faulty(report)) == {"two.json"}
    assert rockon("A").version == "old"


# -- what was loaded stays ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("broken", ["answer", "content"])
def test_a_rock_on_whose_file_is_faulty_this_time_stays_as_it_was(app, store, broken):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    if broken == "answer":
        store.statuses["a.json"] = 500
    else:
        store.files["a.json"] = "no JSON any more"
    for _ in range(2):
        report = refresh_catalogue()
        assert report.loaded
        assert (report.removed, report.changed, report.unchanged) == ([], [], 1)
        assert set(faulty(report)) == {"a.json"}
        assert list(rockons()) == ["A", "B"]
    store.statuses.clear()
    store.files["a.json"] = app_of("A", version="2")
    assert refresh_catalogue().changed == ["A"]


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("<html>Welcome to the hotel's network</html>", "is a web page"),
        ("", "is empty"),
        ("[]", "must be an object"),
        ("{}", "lists no rock-ons"),
        (None, "is missing"),
    ],
)
def test_a_metastore_without_a_usable_root_json_loses_nothing(app, store, root, words):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    if root is None:
        del store.files["root.json"]
    else:
        store.files["root.json"] = root
    report = refresh_catalogue()
    assert not report.loaded
    assert (report.added, report.changed, report.removed) == ([], [], [])
    [(file, [reason])] = report.faulty
    assert file == "root.json"
    assert words in reason
    assert list(rockons()) == ["A", "B"]


def test_without_a_network_nothing_is_lost(app, store):
    store.publish_files(a=app_of("A"))
    refresh_catalogue()
    configure(app, remote_metastore=f"http://127.0.0.1:{free_port()}")
    report = refresh_catalogue()
    assert not report.loaded
    assert faulty(report) == {"root.json": ["could not be downloaded: the metastore refuses connections"]}
    assert list(rockons()) == ["A"]


def test_when_every_file_is_faulty_nothing_is_loaded_and_nothing_lost(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    store.publish_files(a="nothing", c="nothing")
    report = refresh_catalogue()
    assert not report.loaded
    assert report.removed == []
    assert list(rockons()) == ["A", "B"]


def test_the_local_metastore_loads_also_when_the_remote_one_is_out_of_reach(app, store, local):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    (local / "own.json").write_text(json.dumps(app_of("Own")))
    refresh_catalogue()
    configure(app, remote_metastore=f"http://127.0.0.1:{free_port()}")
    (local / "own.json").unlink()
    (local / "other.json").write_text(json.dumps(app_of("Other")))
    report = refresh_catalogue()
    assert (report.loaded, report.offline) == (True, True)
    assert (report.added, report.removed) == (["Other"], ["Own"])
    assert list(rockons()) == ["A", "B", "Other"]


def test_another_remote_metastore_replaces_the_first(app, store, metastore):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    other = metastore({})
    other.publish_files(b=app_of("B"), c=app_of("C"))
    configure(app, remote_metastore=other.url)
    report = refresh_catalogue()
    assert (report.added, report.removed, report.unchanged) == (["C"], ["A"], 1)
    assert all(url.startswith(other.url) for url in db.session.scalars(select(MetastoreFile.url)))


def test_without_a_remote_metastore_only_the_local_one_counts(app, store, local):
    store.publish_files(a=app_of("A"))
    refresh_catalogue()
    configure(app, remote_metastore="")
    assert not refresh_catalogue().loaded
    assert list(rockons()) == ["A"]
    (local / "own.json").write_text(json.dumps(app_of("Own")))
    report = refresh_catalogue()
    assert (report.added, report.removed, report.offline) == (["Own"], ["A"], False)


# -- the local metastore -----------------------------------------------------------------------------------------------


def test_local_rock_ons_come_after_the_remote_ones_by_file_name(app, store, local):
    store.publish_files(z=app_of("Z"))
    (local / "b.json").write_text(json.dumps(app_of("First by name")))
    (local / "c.json").write_text(json.dumps(app_of("Second")))
    assert refresh_catalogue().added == ["Z", "First by name", "Second"]
    assert list(rockons()) == ["Z", "First by name", "Second"]
    assert refresh_catalogue().unchanged == 3


def test_a_local_rock_on_replaces_the_remote_one_of_its_name(app, store, local):
    store.publish_files(a=app_of("A", version="remote"), b=app_of("B"))
    refresh_catalogue()
    own = local / "whatever.json"
    own.write_text(json.dumps(app_of("A", version="local")))
    report = refresh_catalogue()
    assert (report.added, report.changed, report.faulty) == ([], ["A"], [])
    assert (rockon("A").version, rockon("A").origin) == ("local", "local")
    own.unlink()
    assert refresh_catalogue().changed == ["A"]
    assert (rockon("A").version, rockon("A").origin) == ("remote", "remote")


def test_a_bad_local_file_is_reported_and_what_it_had_stays(app, store, local):
    store.publish_files(a=app_of("A"))
    own = local / "own.json"
    own.write_text(json.dumps(app_of("Own")))
    refresh_catalogue()
    own.write_text("{")
    (local / "more.json").write_text(json.dumps(app_of("More")))
    report = refresh_catalogue()
    assert report.added == ["More"]
    assert report.removed == []
    assert set(faulty(report)) == {"own.json"}
    assert list(rockons()) == ["A", "More", "Own"]
    own.unlink()
    assert refresh_catalogue().removed == ["Own"]


def test_a_local_folder_that_can_not_be_read_is_reported_and_loses_nothing(app, store, local):
    store.publish_files(a=app_of("A"))
    (local / "own.json").write_text(json.dumps(app_of("Own")))
    refresh_catalogue()
    not_a_folder = local / "own.json"
    configure(app, local_metastore=not_a_folder)
    report = refresh_catalogue()
    assert set(faulty(report)) == {str(not_a_folder)}
    assert set(rockons()) == {"A", "Own"}


# -- what leaves -------------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_rock_on_that_was_never_installed_leaves_without_a_trace(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    store.publish_files(b=app_of("B"))
    report = refresh_catalogue()
    assert report.removed == ["A"]
    assert rockon("A") is None
    assert set(suggestions()) == {"B"}
    assert db.session.query(Installation).count() == 0
    assert {url.rsplit("/", 1)[1] for url in db.session.scalars(select(MetastoreFile.url))} == {"root.json", "b.json"}
    assert refresh_catalogue().removed == []


@pytest.mark.both_databases
@pytest.mark.parametrize(
    "state", [State.INSTALLED, State.PENDING_INSTALL, State.PENDING_UNINSTALL, State.INSTALL_FAILED]
)
def test_an_installed_rock_on_stays_when_it_leaves_the_catalogue(app, store, state):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    install("A", state)
    store.publish_files(b=app_of("B"))
    assert refresh_catalogue().removed == ["A"]
    assert list(rockons()) == ["B"]
    gone = db.session.query(Installation).one()
    assert (gone.state, gone.entry.in_catalogue, len(gone.containers)) == (state, False, 1)
    assert changes(refresh_catalogue()) == {"added": [], "changed": [], "removed": [], "unchanged": 1, "faulty": []}
    store.publish_files(a=app_of("A"), b=app_of("B"))
    assert refresh_catalogue().added == ["A"]
    assert rockon("A").id == gone.entry_id


@pytest.mark.both_databases
def test_a_rock_on_with_a_history_is_only_marked(app, store):
    store.publish_files(a=app_of("A"), b=app_of("B"))
    refresh_catalogue()
    with transaction() as session:
        session.add(Operation(installation_id=app_named("A").id, kind=Kind.INSTALL, progress="DONE"))
    store.publish_files(b=app_of("B"))
    assert refresh_catalogue().removed == ["A"]
    assert rockon("A").in_catalogue is False


@pytest.mark.both_databases
def test_a_new_rock_on_may_take_the_place_and_ports_of_one_that_left(app, store):
    store.publish_files(a=app_of("A"))
    refresh_catalogue()
    store.publish_files(b=app_of("B"))
    report = refresh_catalogue()
    assert (report.added, report.removed) == (["B"], ["A"])
    assert suggestions() == {"B": 8080}


@pytest.mark.both_databases
@pytest.mark.parametrize("installed", [False, True])
def test_a_renamed_rock_on_with_the_same_containers_breaks_nothing(app, store, installed):
    store.publish_files(a=app_of("Old name", container="app"), b=app_of("B"))
    refresh_catalogue()
    if installed:
        install("Old name")
    store.publish_files(a=app_of("New name", container="app"), b=app_of("B"))
    report = refresh_catalogue()
    assert (report.added, report.removed, report.faulty) == (["New name"], ["Old name"], [])
    assert list(rockons()) == ["New name", "B"]
    assert (rockon("Old name") is not None) is installed
    assert rockon("New name").containers == ("app",)
    if installed:
        assert [c.name for c in app_named("Old name").containers] == ["app"]


@pytest.mark.both_databases
def test_a_refresh_does_not_touch_what_an_installed_rock_on_runs_on(app, store):
    store.publish_files(a=app_of("A", port=8080))
    refresh_catalogue()
    before = rockon("A").source
    install("A")
    store.publish_files(a=app_of("A", port=9090, container="another"))
    assert refresh_catalogue().changed == ["A"]
    app = app_named("A")
    assert app.installed_source == before
    assert app.entry.source != before
    assert [(c.name, c.ports[0].suggested) for c in app.containers] == [("the-a", 8080)]
    assert suggestions() == {"A": 9090}


# -- large catalogues and reports --------------------------------------------------------------------------------------


@pytest.mark.both_databases
def test_a_large_catalogue_is_stored_in_several_transactions(app, store, monkeypatch):
    monkeypatch.setattr(catalog, "BATCH_SIZE", 7)
    store.publish_files(**{f"f{n:02}": app_of(f"App {n}") for n in range(30)})
    assert len(refresh_catalogue().added) == 30
    assert sorted(suggestions().values()) == list(range(8080, 8110))
    assert refresh_catalogue().unchanged == 30
    store.publish_files(**{f"f{n:02}": app_of(f"App {n}", version="2") for n in range(29)})
    report = refresh_catalogue()
    assert (len(report.changed), report.removed) == (29, ["App 29"])
    assert db.session.query(RefreshReport).count() == 3


@pytest.mark.both_databases
def test_no_transaction_is_open_while_the_network_is_used(app, store, monkeypatch):
    store.publish_files(a=app_of("A"))
    refresh_catalogue()
    seen = []
    fetch = offers.RemoteMetastore.fetch_root

    def root(self):
        seen.append(db.session().in_transaction())
        with transaction() as session:  # would wait and fail were one open elsewhere
            session.add(Operation(kind=Kind.REFRESH))
        return fetch(self)

    monkeypatch.setattr(offers.RemoteMetastore, "fetch_root", root)
    assert refresh_catalogue().loaded
    assert seen == [False]


@pytest.mark.both_databases
def test_the_last_twenty_reports_are_kept_as_they_are_printed(app, store):
    store.publish_files(a=app_of("A"))
    first = refresh_catalogue().to_json()
    kept = db.session.scalars(select(RefreshReport)).one()
    assert kept.report_data == first
    for _ in range(22):
        last = refresh_catalogue()
    reports = db.session.scalars(select(RefreshReport).order_by(RefreshReport.id)).all()
    assert len(reports) == 20
    assert reports[-1].report_data == last.to_json()


def test_a_report_prints_for_a_terminal():
    report = catalog.CatalogueReport(added=["A", "B"], removed=["C"], unchanged=3, loaded=True)
    report.add_faulty_file("bad.json", ["version: is required", "100% wrong"])
    assert str(report).splitlines() == [
        "2 added: A, B",
        "1 removed: C",
        "3 unchanged",
        "bad.json: version: is required",
        "bad.json: 100% wrong",
    ]
    assert str(catalog.CatalogueReport()).startswith("No catalogue could be loaded.")


@pytest.mark.both_databases
def test_a_name_with_control_characters_can_be_printed(app, store):
    store.publish_files(a=app_of("A"))
    store.files["root.json"] = json.dumps({"a": "a.json", "\x1b[31mred": "\x1b[31m/../\ud800.json"})
    report = refresh_catalogue()
    assert "\x1b" not in str(report)
    str(report).encode()


# -- the starter catalogue ---------------------------------------------------------------------------------------------


def test_the_starter_catalogue_has_what_a_home_server_wants():
    assert 8 <= len(STARTER) == len(set(STARTER))
    for path in offers.STARTER_FOLDER.glob("*.json"):
        [one] = parse_definitions(path.read_bytes())
        assert check_file(path).faults == []
        assert one.definition.ui_port
        assert one.definition.website.startswith("https://")
        assert all(spec.volumes for spec in one.definition.containers.values())
        for spec in one.definition.containers.values():
            for part in (spec.ports, spec.volumes, spec.environment, spec.devices):
                assert all(question.label and question.description for question in part.values())


def test_no_two_starter_rock_ons_want_the_same_port_or_container_name():
    found = [
        one.definition for path in offers.STARTER_FOLDER.glob("*.json") for one in parse_definitions(path.read_bytes())
    ]
    ports = [s.host_default for d in found for c in d.containers.values() for s in c.ports.values()]
    names = [name for d in found for name in d.containers]
    assert len(ports) == len(set(ports))
    assert len(names) == len(set(names))


def test_the_starter_catalogue_serves_at_the_first_start(app, store):
    for _ in range(2):
        load_starter()
        assert sorted(rockons()) == STARTER
        assert {row.origin for row in rockons().values()} == {"starter"}


def test_the_starter_catalogue_serves_until_a_remote_one_was_loaded(app, store):
    load_starter()
    report = refresh_catalogue()  # there is no root.json
    assert not report.loaded
    assert (report.added, report.changed, report.removed, report.unchanged) == ([], [], [], 0)
    assert sorted(rockons()) == STARTER
    row = rockon("Syncthing").id
    install("Jellyfin")
    store.publish_files(a=app_of("A"), own=app_of("Syncthing", version="remote"))
    report = refresh_catalogue()
    assert changes(report) == {
        "added": ["A", "Syncthing"],
        "changed": [],
        "removed": ["Jellyfin"],  # the one that was installed
        "unchanged": 0,
        "faulty": [],
    }
    gone = [name for name in STARTER if name != "Syncthing"]
    assert report.starters_replaced == ["Syncthing"]
    assert sorted(report.starters_gone) == gone
    said = str(report).splitlines()
    assert [line for line in said if "has given way" in line and "Gitea" in line]
    stored = RefreshReport.load_latest(db.session())
    assert stored.report_data["starters_replaced"] == ["Syncthing"]
    assert rockon("Syncthing").id == row
    again = refresh_catalogue()
    assert again.unchanged == 2
    assert not again.starters_replaced + again.starters_gone  # it is said once
    assert "has given way" not in str(again)
    assert list(rockons()) == ["A", "Syncthing"]
    assert rockon("Gitea") is None
    assert app_named("Jellyfin").is_installed
    load_starter()
    assert list(rockons()) == ["A", "Syncthing"]
    store.statuses["root.json"] = 500
    refresh_catalogue()
    assert list(rockons()) == ["A", "Syncthing"]


def test_the_starter_catalogue_stays_while_the_remote_one_has_only_faulty_files(app, store):
    load_starter()
    store.publish_files(a="nothing")
    assert not refresh_catalogue().loaded
    assert sorted(rockons()) == STARTER


def test_a_local_rock_on_replaces_one_of_the_starter_catalogue(app, store, local):
    (local / "own.json").write_text(json.dumps(app_of("Gitea", version="own")))
    load_starter()
    report = refresh_catalogue()
    assert (report.added, report.changed, report.unchanged) == (["Gitea"], [], 0)
    assert sorted(rockons()) == STARTER
    assert rockon("Gitea").version == "own"
    assert not report.starters_replaced + report.starters_gone
    load_starter()
    assert rockon("Gitea").version == "own"
    (local / "own.json").unlink()
    (local / "other.json").write_text(json.dumps(app_of("Other")))
    refresh_catalogue()
    assert rockon("Gitea").origin == "starter"
    assert sorted(rockons()) == sorted([*STARTER, "Other"])


# -- lint --------------------------------------------------------------------------------------------------------------


def test_lint_finds_nothing_in_a_good_file(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(app_of("A")))
    assert check_file(tmp_path / "a.json").faults == []


def test_lint_names_each_fault_with_its_path(tmp_path):
    bad = app_of("Web app", container="web")
    bad["Web app"]["containers"]["web"]["ports"]["80"]["label"] = ["no", "text"]
    del bad["Web app"]["website"]
    path = tmp_path / "bad.json"
    path.write_text(json.dumps(bad))
    found = {fault.path: fault for fault in check_file(path).faults}
    assert set(found) == {"containers.web.ports.80.label", "website"}
    assert all(fault.file == str(path) and fault.message for fault in found.values())


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "the file does not exist"), (b"", "not JSON"), (b"\xff", "UTF-8"), (b" " * (MAX_BYTES + 1), "larger than")],
)
def test_lint_names_what_is_wrong_with_the_whole_file(tmp_path, content, words):
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    [fault] = check_file(path).faults
    assert (fault.file, fault.path) == (str(path), "")
    assert words in fault.message


@pytest.mark.registry
def test_the_published_metastore_loads_whole(app):
    import os

    store = MetastoreServer(Path(os.environ["ROCKONWEB_TEST_REGISTRY"]))
    try:
        configure(app, remote_metastore=store.url)
        report = refresh_catalogue()
        assert report.faulty == []
        assert len(report.added) == len(json.loads(store.files["root.json"]))
        assert refresh_catalogue().unchanged == len(report.added)
    finally:
        store.close()


# -- entries alone -----------------------------------------------------------------------------------------------------


@pytest.mark.both_databases
@pytest.mark.parametrize("state", list(State))
def test_a_refresh_writes_entries_and_nothing_of_an_app_in_whatever_state(app, store, state):
    store.publish_files(a=app_of("A"), b=app_of("B"), c=app_of("C"))
    refresh_catalogue()
    install("A", state)
    install("B", state)
    written = set()

    def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if found := re.match(r"(?:INSERT INTO|UPDATE|DELETE FROM) \"?(\w+)", statement):
            written.add(found[1])

    event.listen(db.engine, "before_cursor_execute", note)
    store.publish_files(a=app_of("A", port=9090, container="another"), c=app_of("C", version="2"), d=app_of("D"))
    assert changes(refresh_catalogue()) == {
        "added": ["D"],
        "changed": ["A", "C"],
        "removed": ["B"],
        "unchanged": 0,
        "faulty": [],
    }
    event.remove(db.engine, "before_cursor_execute", note)
    assert written == {"rockon", "metastore_file", "refresh_report"}
