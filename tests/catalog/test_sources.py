"""Several metastores: their order, who replaces whom, and each one's own part of the report."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from rockonweb.catalog import refresh_catalogue, sources
from rockonweb.catalog.sources import Source, prefix_of_key
from rockonweb.config import Config
from rockonweb.core.errors import BadInput
from rockonweb.models import Metastore as Row
from rockonweb.models import MetastoreFile, RefreshReport, RockOn, State, db, transaction
from tests.catalog.test_catalog import app_of, changes, rockons
from tests.support.app import installation_of
from tests.support.metastore import MetastoreServer


@pytest.fixture
def other() -> Iterator[MetastoreServer]:
    """One that an owner adds."""
    store = MetastoreServer({})
    yield store
    store.close()


def configured(app: Flask) -> Config:
    settings: Config = app.config["SETTINGS"]
    return settings


def ids() -> list[int]:
    return list(db.session.scalars(select(Row.id).order_by(Row.position)))


def rockon(name: str) -> RockOn:
    db.session.rollback()
    return db.session.scalars(select(RockOn).where(RockOn.name == name)).one()


def part(report: Any, origin: str) -> dict[str, Any]:
    (found,) = [one for one in report.to_json()["metastores"] if one["origin"] == origin]
    return {key: value for key, value in found.items() if key not in ("origin", "place")}


@pytest.mark.both_databases
def test_the_configured_ones_are_first_and_last(app: Flask, store: MetastoreServer, other: MetastoreServer) -> None:
    sources.add_metastore(other.url)
    found = sources.list_sources(configured(app))
    assert [one.shown for one in found] == [store.url, other.url, str(configured(app).local_metastore)]
    assert [one.configured for one in found] == [True, False, True]
    assert [one.remote for one in found] == [True, True, False]


def test_a_later_metastore_replaces_a_rock_on_of_the_same_name(
    app: Flask, store: MetastoreServer, other: MetastoreServer, tmp_path: Path
) -> None:
    store.publish_files(a=app_of("A", version="first"), b=app_of("B", version="first"))
    other.publish_files(b=app_of("B", version="second"), c=app_of("C", version="second"))
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "c.json").write_text(_text(app_of("C", version="third")))
    for place in (other.url, str(folder)):
        sources.add_metastore(place)
    report = refresh_catalogue()
    assert {name: row.version for name, row in rockons().items()} == {"A": "first", "B": "second", "C": "third"}
    assert report.added == ["A", "B", "C"]
    assert part(report, "remote") == _part(2, added=["A"])
    assert part(report, f"metastore-{ids()[0]}") == _part(2, added=["B"])
    assert part(report, f"metastore-{ids()[1]}") == _part(1, added=["C"])
    assert part(report, "local") == _part(0)
    again = refresh_catalogue()
    assert (changes(again)["unchanged"], part(again, f"metastore-{ids()[0]}")["unchanged"]) == (3, 1)


@pytest.mark.both_databases
def test_the_order_can_be_changed(app: Flask, store: MetastoreServer, other: MetastoreServer, tmp_path: Path) -> None:
    store.publish_files(a=app_of("A"))
    other.publish_files(b=app_of("B", version="other"))
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "b.json").write_text(_text(app_of("B", version="folder")))
    for place in (other.url, str(folder)):
        sources.add_metastore(place)
    refresh_catalogue()
    first, second = ids()
    assert rockon("B").version == "folder"
    sources.move_metastore(first, 1)
    assert ids() == [second, first]
    refresh_catalogue()
    assert rockon("B").version == "other"
    sources.move_metastore(first, 1)  # the last one can't go further
    sources.move_metastore(99, 1)
    assert ids() == [second, first]
    sources.move_metastore(first, -1)
    assert ids() == [first, second]


def test_each_ones_faults_stand_in_its_own_part(app: Flask, store: MetastoreServer, other: MetastoreServer) -> None:
    store.publish_files(a=app_of("A"), bad="{")
    other.publish_files(b=app_of("B"), worse="<html>")
    sources.add_metastore(other.url)
    report = refresh_catalogue()
    assert [one.file for one in report.faulty] == ["bad.json", "worse.json"]
    assert [one["file"] for one in part(report, "remote")["faulty"]] == ["bad.json"]
    assert [one["file"] for one in part(report, f"metastore-{ids()[0]}")["faulty"]] == ["worse.json"]
    lines = str(report).splitlines()
    assert f"{store.url}: 1 rock-ons, 1 added, 1 faulty" in lines
    assert f"{other.url}: 1 rock-ons, 1 added, 1 faulty" in lines


def test_what_one_metastore_had_stays_while_it_is_out_of_reach(
    app: Flask, store: MetastoreServer, other: MetastoreServer
) -> None:
    store.publish_files(a=app_of("A"), b=app_of("B", version="first"))
    other.publish_files(b=app_of("B", version="second"), c=app_of("C"))
    sources.add_metastore(other.url)
    refresh_catalogue()
    other.statuses["root.json"] = 500
    report = refresh_catalogue()
    assert (report.added, report.changed, report.removed) == ([], [], [])
    assert (rockon("B").version, rockon("B").origin) == ("second", f"metastore-{ids()[0]}")
    assert set(rockons()) == {"A", "B", "C"}
    assert [one["file"] for one in part(report, f"metastore-{ids()[0]}")["faulty"]] == ["root.json"]


def test_a_later_one_gets_a_place_whose_earlier_one_is_out_of_reach(
    app: Flask, store: MetastoreServer, other: MetastoreServer
) -> None:
    store.publish_files(b=app_of("B", version="first"))
    refresh_catalogue()
    store.statuses["root.json"] = 500
    other.publish_files(b=app_of("B", version="second"))
    sources.add_metastore(other.url)
    assert refresh_catalogue().changed == ["B"]
    assert rockon("B").version == "second"


@pytest.mark.both_databases
def test_a_removed_or_disabled_one_takes_its_rock_ons_along_but_not_the_installed(
    app: Flask, store: MetastoreServer, other: MetastoreServer
) -> None:
    store.publish_files(a=app_of("A"))
    other.publish_files(b=app_of("B"), c=app_of("C"))
    sources.add_metastore(other.url)
    refresh_catalogue()
    with transaction() as session:
        app = installation_of(session.scalars(select(RockOn).where(RockOn.name == "C")).one())
        app.state, app.installed_source = State.INSTALLED, app.entry.source
    (one,) = ids()
    assert sources.metastore_rockons(f"metastore-{one}") == (["B"], ["C"])
    sources.enable_metastore(one, False)
    assert set(refresh_catalogue().removed) == {"B", "C"}
    assert set(rockons()) == {"A"}
    assert rockon("C").in_catalogue is False
    sources.enable_metastore(one, True)
    assert set(refresh_catalogue().added) == {"B", "C"}
    sources.remove_metastore(one)
    assert all(prefix_of_key(key) == f"{store.url}/" for key in db.session.scalars(select(MetastoreFile.url)))
    assert set(refresh_catalogue().removed) == {"B", "C"}
    assert rockon("C").in_catalogue is False
    sources.remove_metastore(one)
    sources.enable_metastore(one, True)


def test_a_new_metastore_with_the_number_of_a_removed_one_does_not_keep_its_rock_ons(
    app: Flask, store: MetastoreServer, other: MetastoreServer
) -> None:
    store.publish_files(a=app_of("A"))
    other.publish_files(b=app_of("B"))
    sources.add_metastore(other.url)
    refresh_catalogue()
    before = ids()
    sources.remove_metastore(before[0])
    sources.add_metastore("http://127.0.0.1:9")
    assert ids() == before
    assert refresh_catalogue().removed == ["B"]


def test_a_folder_that_is_gone_is_reported_and_loses_nothing(
    app: Flask, store: MetastoreServer, tmp_path: Path
) -> None:
    store.publish_files(a=app_of("A"))
    folder = tmp_path / "more"
    folder.mkdir()
    (folder / "b.json").write_text(_text(app_of("B")))
    sources.add_metastore(str(folder))
    refresh_catalogue()
    folder.rename(tmp_path / "away")
    report = refresh_catalogue()
    assert dict(report.faulty) == {str(folder): ["the folder does not exist"]}
    assert set(rockons()) == {"A", "B"}


def test_two_folders_may_have_files_of_the_same_name(app: Flask, store: MetastoreServer, tmp_path: Path) -> None:
    store.publish_files(a=app_of("A"))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.json").write_text(_text(app_of(name)))
        sources.add_metastore(str(tmp_path / name))
    refresh_catalogue()
    for name in ("one", "two"):  # what was kept of each is its own
        (tmp_path / name / "x.json").write_text("{")
    assert refresh_catalogue().removed == []
    assert set(rockons()) == {"A", "one", "two"}


def test_a_slow_metastore_does_not_hold_up_the_others(
    app: Flask, store: MetastoreServer, other: MetastoreServer
) -> None:
    import time

    store.publish_files(a=app_of("A"))
    other.publish_files(b=app_of("B"))
    store.delay = other.delay = 0.5
    sources.add_metastore(other.url)
    begin = time.monotonic()
    assert refresh_catalogue().added == ["A", "B"]
    assert time.monotonic() - begin < 1.8  # one after another: 2


def test_a_password_is_used_but_shown_nowhere(app: Flask, store: MetastoreServer, other: MetastoreServer) -> None:
    other.publish_files(b=app_of("B"))
    sources.add_metastore(other.url.replace("//", "//me:hush@"))
    report = refresh_catalogue()
    assert "B" in report.added
    kept = db.session.scalars(select(RefreshReport.content)).one() + str(report)
    assert "hush" not in kept
    assert other.url in kept
    assert "hush" not in str(db.session.connection().exec_driver_sql("SELECT place FROM metastore").all())


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        (" https://Example.org/rockons/ ", "https://Example.org/rockons"),
        ("HTTPS://example.org/rockons/root.json", "https://example.org/rockons"),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
    ],
)
def test_an_address_is_taken_in_one_spelling(app: Flask, typed: str, kept: str) -> None:
    assert sources.parse_place(typed, configured(app)) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "", "ftp://example.org", "example.org", "https://", "http://[::1", "http://a:99999", "http://a b/", "rockons",
        "javascript:alert(1)", "https://a/?x=1", "https://a/#x", "https://a/\x00", "/no/such/folder",
        "http://" + "a" * 300, "\\\\server\\share", "http://a\\b/",
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused_with_a_sentence(app: Flask, typed: str) -> None:
    with pytest.raises(BadInput):
        sources.parse_place(typed, configured(app))


def test_a_place_that_is_there_already_is_refused(app: Flask, store: MetastoreServer, tmp_path: Path) -> None:
    configured(app).local_metastore.mkdir()
    sources.add_metastore("http://example.org/x")
    for place in (store.url + "/", str(configured(app).local_metastore), "http://me:pw@example.org/x/root.json"):
        with pytest.raises(BadInput, match="already in the list"):
            sources.parse_place(place, configured(app))


@pytest.mark.both_databases
def test_there_is_a_limit(app: Flask) -> None:
    for number in range(sources.MAX_ADDED):
        sources.add_metastore(f"http://example.org/{number}")
    with pytest.raises(BadInput, match="There are already 20 metastores"):
        sources.add_metastore("http://example.org/more")


def test_the_addresses_that_configurations_may_hold_never_raise(app: Flask) -> None:
    for place in ("http://[::1", "nonsense", "", "http://me:pw@[::1"):
        source = Source("remote", place)
        assert "pw" not in source.shown + source.key_prefix
        app.config["SETTINGS"] = replace(configured(app), remote_metastore=place)
        refresh_catalogue()


def _part(rockons: int, **keys: Any) -> dict[str, Any]:
    return {"rockons": rockons, "added": [], "changed": [], "removed": [], "unchanged": 0, "faulty": [], **keys}


def _text(content: dict[str, Any]) -> str:
    import json

    return json.dumps(content)
