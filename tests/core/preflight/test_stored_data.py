"""Another version of a database than the one that wrote the data in a share."""

import pytest

from rockonweb.core.answers.answers import Answers
from rockonweb.core.databases import (
    ELASTICSEARCH,
    MARIADB,
    MONGODB,
    MYSQL,
    POSTGRESQL,
    REDIS,
    VALKEY,
    DatabaseServer,
    StoredData,
)
from rockonweb.core.facts import HostFacts
from rockonweb.core.preflight import Finding
from rockonweb.core.preflight.stored_data import check_stored_data
from tests.support.samples import build_definition

APP = build_definition({"db": {"volumes": {"/data": {}}}, "web": {"volumes": {"/db": {}}}})
MOUNTED = Answers(shares={"db": {"/data": "notes"}})


def find(data: StoredData, image: dict[DatabaseServer, str], answers: Answers = MOUNTED, **others: object):
    facts = HostFacts(databases={"notes": (data,)}, new_images={"db": image, **others})  # type: ignore[dict-item]
    return list(check_stored_data(APP, answers, facts))


def test_postgresql_of_another_major_version_does_not_start_and_it_is_said_what_to_do():
    (finding,) = find(StoredData(POSTGRESQL, "15", "pgdata"), {POSTGRESQL: "17.2"})
    assert (finding.level, finding.by_hand) == ("block", True)
    assert str(finding).startswith(
        "db has data of PostgreSQL 15 in notes/pgdata, and its image has PostgreSQL 17, which does not start with it."
    )
    (finding,) = find(StoredData(POSTGRESQL, "17"), {POSTGRESQL: "15"})
    assert str(finding) == (
        "db has data of PostgreSQL 17 in notes, and its image has PostgreSQL 15, which can't read it."
        " Use an image with PostgreSQL 17 or newer, or restore a backup that PostgreSQL 15 made."
    )


@pytest.mark.parametrize(
    ("server", "old", "new", "level"),
    [
        (POSTGRESQL, "9.6", "9.6.24", None),
        (POSTGRESQL, "9.5", "9.6", "block"),
        (POSTGRESQL, "9.6", "10", "block"),
        (MARIADB, "10.11.6", "1:10.11.8+maria", None),
        (MARIADB, "10.11.6", "10", None),  # it is not known which one
        (MARIADB, "10.6.1", "11.4.2", "warn"),
        (MARIADB, "11.4.2", "10.11.8", "block"),
        (MYSQL, "5.7.44", "8.0.36", "warn"),
        (MYSQL, "5.7.44", "8.4.0", "block"),
        (MYSQL, "8.0.36", "8.4.0", "warn"),
        (MYSQL, "8.4.0", "9.1.0", "warn"),
        (MYSQL, "8.0.36", "9.1.0", "block"),
        (MONGODB, "4.4.1", "5.0.2", "warn"),
        (MONGODB, "4.4.1", "6.0.2", "block"),
        (MONGODB, "7.0.1", "8.0.2", "warn"),
        (MONGODB, "7.0.1", "6.0.2", "block"),
        (REDIS, "7.2.4", "7.2.5", None),
        (REDIS, "6.2.1", "7.0.5", "warn"),
        (REDIS, "7.4.1", "7.2.4", "block"),
        (ELASTICSEARCH, "7.17.9", "8.11.0", "warn"),
        (ELASTICSEARCH, "6.8.0", "8.11.0", "block"),
        (ELASTICSEARCH, "8.11.0", "8.12.1", None),
    ],
)
def test_each_server_reads_what_is_as_old_as_its_makers_say(
    server: DatabaseServer, old: str, new: str, level: str | None
):
    assert [finding.level for finding in find(StoredData(server, old), {server: new})] == ([level] if level else [])


def test_what_is_converted_has_no_way_back():
    (finding,) = find(StoredData(MONGODB, "7.0.2"), {MONGODB: "8.0.1"})
    assert finding == Finding(
        "warn",
        "db has data of MongoDB 7.0 in notes. Its image has MongoDB 8.0, which converts it: afterwards there is no way "
        "back to MongoDB 7.0.",
        "Make a backup of it first.",
        by_hand=True,
    )


def test_what_a_dump_takes_along_has_a_way_back_by_a_button_or_by_hand():
    (finding,) = find(StoredData(MARIADB, "10.6.1"), {MARIADB: "11.4.2"})
    assert "rockonweb update Sample --move-data" in finding.hint
    for old in ("8.0.36", "5.7.44"):
        (finding,) = find(StoredData(MYSQL, old), {MYSQL: "8.4.0-1.el9"})
        assert "docker exec db mysqldump" in finding.hint


def test_valkey_reads_what_redis_wrote_as_long_as_both_had_one_format():
    assert find(StoredData(REDIS, "7.2.4"), {VALKEY: "8.0.1"}) == []
    assert [finding.level for finding in find(StoredData(REDIS, "7.4.1"), {VALKEY: "8.0.1"})] == ["block"]


def test_what_is_not_known_is_said_as_such():
    (finding,) = find(StoredData(POSTGRESQL, ""), {POSTGRESQL: "17"})
    assert (finding.level, finding.by_hand) == ("warn", True)
    assert "but which version wrote it can't be read" in finding.sentence
    (finding,) = find(StoredData(POSTGRESQL, "15"), {})
    assert str(finding) == (
        "db has data of PostgreSQL 15 in notes. Which version its image has is not known."
        " Make sure that it is the same one."
    )


def test_a_container_beside_the_database_that_has_its_folder_too_is_no_finding():
    both = Answers(shares={"db": {"/data": "notes"}, "web": {"/db": "notes"}})
    assert find(StoredData(POSTGRESQL, "15"), {POSTGRESQL: "15"}, both, web={}) == []


def test_a_container_that_keeps_its_image_is_not_looked_at():
    facts = HostFacts(databases={"notes": (StoredData(POSTGRESQL, "15"),)})
    assert list(check_stored_data(APP, MOUNTED, facts)) == []
