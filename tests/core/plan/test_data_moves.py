"""Which data a dump takes along to another major version, and where it goes."""

from dataclasses import replace
from itertools import islice

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.databases import MARIADB, MYSQL, POSTGRESQL, StoredData
from rockonweb.core.facts import HostFacts
from rockonweb.core.plan.data_moves import DataMove, apply_moves, find_moves
from tests.support.samples import build_definition

APP = build_definition({"db": {"volumes": {"/data": {}}}, "copier": {"volumes": {"/db": {}}}})
BOTH = Answers(shares={"db": {"/data": "notes/db"}, "copier": {"/db": "notes/db", "/own": "copies"}})
MOVE = DataMove("db", "notes/db", POSTGRESQL, "15", "17.2")


def find(data: StoredData, version: str, app=APP, answers: Answers = BOTH) -> list[DataMove]:
    image = {data.server: version}
    return find_moves(app, answers, HostFacts(databases={"notes/db": (data,)}, new_images={"db": image, "copier": {}}))


def test_data_is_taken_along_to_a_newer_major_version_alone():
    assert find(StoredData(POSTGRESQL, "15"), "17.2") == [MOVE]
    assert find(StoredData(POSTGRESQL, "15"), "15.9") == []
    assert find(StoredData(POSTGRESQL, "17"), "15.9") == []
    assert find(StoredData(POSTGRESQL, ""), "15.9") == []
    assert find(StoredData(MARIADB, "10.6"), "11.4.2") == [DataMove("db", "notes/db", MARIADB, "10.6", "11.4.2")]
    assert find(StoredData(MARIADB, "10.6.1"), "10.6.9") == []
    assert find(StoredData(MYSQL, "5.7.44"), "8.0.36") == []


def test_a_database_that_can_not_be_started_alone_is_not():
    app = build_definition({"vpn": {}, "db": {"volumes": {"/data": {}}, "opts": [["--net=container:vpn", ""]]}})
    assert find(StoredData(POSTGRESQL, "15"), "17", app, Answers(shares={"db": {"/data": "notes/db"}})) == []


@pytest.mark.parametrize(
    ("share_path", "path"),
    [
        ("notes", "notes/postgresql-17"),
        ("notes/db", "notes/postgresql-17"),
        ("notes/a/db", "notes/a/postgresql-17"),
        ("notes/postgresql-15", "notes/postgresql-17"),
    ],
)
def test_the_new_folder_is_in_the_same_share(share_path: str, path: str):
    move = DataMove("db", share_path, POSTGRESQL, "15", "17.2")
    assert list(islice(move.possible_paths(), 3)) == [path, f"{path}-2", f"{path}-3"]
    assert move.new_share is None


def test_mariadb_gets_no_folder_in_its_old_data_but_a_share():
    def find_in(data: StoredData, share_path: str) -> DataMove:
        answers = Answers(shares={"db": {"/data": share_path}})
        facts = HostFacts(databases={share_path: (data,)}, new_images={"db": {MARIADB: "11.8.2"}})
        return find_moves(APP, answers, facts)[0]

    move = find_in(StoredData(MARIADB, "10.11.6"), "notes")
    paths = list(islice(move.possible_paths(), 2))
    assert paths == ["notes-mariadb/mariadb-11.8", "notes-mariadb-2/mariadb-11.8"]
    assert replace(move, new_path=paths[0]).new_share == "notes-mariadb"
    for data, share_path in (
        (StoredData(MARIADB, "10.11.6"), "notes/db"),
        (StoredData(MARIADB, "10.11.6", "databases"), "notes"),
    ):
        assert next(find_in(data, share_path).possible_paths()) == "notes/mariadb-11.8"


def test_all_containers_that_had_the_old_folder_get_the_new_one():
    move = DataMove("db", "notes/db", POSTGRESQL, "15", "17", new_path="notes/postgresql-17")
    assert apply_moves(BOTH, [move]).shares == {
        "db": {"/data": "notes/postgresql-17"},
        "copier": {"/db": "notes/postgresql-17", "/own": "copies"},
    }
