"""Which version of a database wrote the files of a folder, and which version an image has."""

import pytest

from rockonweb.core import databases
from rockonweb.core.databases import (
    ELASTICSEARCH,
    MARIADB,
    MONGODB,
    MYSQL,
    OPENSEARCH,
    POSTGRESQL,
    REDIS,
    VALKEY,
    DatabaseServer,
    StoredData,
    image_versions,
    recognise_data,
)


def node_metadata(number: int) -> bytes:
    """Return the beginning of a node's metadata as Elasticsearch writes it: SMILE with a zigzag integer."""
    zigzag, numbers = number << 1, bytearray()
    last, zigzag = 0x80 | zigzag & 0x3F, zigzag >> 6
    while zigzag:
        numbers.insert(0, zigzag & 0x7F)
        zigzag >>= 7
    return b"?\xd7l\x17\x05state\0\0\0\x01:)\n\x05\xfa\x8bnode_version\x24" + numbers + bytes([last]) + b"\xfb"


FTDC = b"\x1f\x05\0\0\x09_id\0........\x10type\0\0\0\0\0\x03doc\0..\x03buildInfo\0\x11\x06\0\0\x02version\0\x06\0\0\0"


@pytest.mark.parametrize(
    ("path", "content", "stored"),
    [
        ("PG_VERSION", b"15\n", StoredData(POSTGRESQL, "15")),
        ("data/PG_VERSION", b"9.6\n", StoredData(POSTGRESQL, "9.6", "data")),
        ("18/docker/PG_VERSION", b"18\n", StoredData(POSTGRESQL, "18", "18/docker")),
        ("PG_VERSION", b"\0\xff!", StoredData(POSTGRESQL, "")),
        ("PG_VERSION", b"", StoredData(POSTGRESQL, "")),
        ("mariadb_upgrade_info", b"11.4.2-MariaDB", StoredData(MARIADB, "11.4.2")),
        ("mariadb_upgrade_info", b"", StoredData(MARIADB, "")),
        ("databases/mysql_upgrade_info", b"10.6.12-MariaDB-log", StoredData(MARIADB, "10.6.12", "databases")),
        ("mysql_upgrade_info", b"5.7.44", StoredData(MYSQL, "5.7.44")),
        ("mysql_upgrade_info", b"who knows", StoredData(MYSQL, "")),
        (
            "mysql_upgrade_history",
            b'{"file_format":"1","upgrade_history":[{"version":"8.0.36"},{"date":"2025-01-01","version":"8.4.0"}]}',
            StoredData(MYSQL, "8.4.0"),
        ),
        ("diagnostic.data/metrics.2*", FTDC + b"6.0.5\0", StoredData(MONGODB, "6.0.5")),
        ("dump.rdb", b"REDIS0011\xfa\x09redis-ver\x057.2.4\xfa", StoredData(REDIS, "7.2.4")),
        ("dump.rdb", b"REDIS0009\xff", StoredData(REDIS, "5.0")),
        ("dump.rdb", b"REDIS0011\xfa\x0avalkey-ver\x058.0.1\xfa", StoredData(VALKEY, "8.0.1")),
        ("appendonlydir/*.base.rdb", b"VALKEY080\xfa", StoredData(VALKEY, "9.0")),
        ("dump.rdb", b"", StoredData(REDIS, "")),
        ("_state/node-*.st", node_metadata(8_11_00_99), StoredData(ELASTICSEARCH, "8.11.0")),
        ("nodes/0/_state/node-*.st", node_metadata(7_17_09_99), StoredData(ELASTICSEARCH, "7.17.9")),
        ("nodes/0/_state/node-*.st", node_metadata(2_11_01_99 ^ 0x08000000), StoredData(OPENSEARCH, "2.11.1")),
        ("_state/node-*.st", b"not at all", StoredData(ELASTICSEARCH, "")),
    ],
)
def test_data_tells_which_server_and_version_wrote_it(path: str, content: bytes, stored: StoredData):
    assert path in databases.data_files()
    assert recognise_data({path: content}) == (stored,)


def test_a_folder_without_a_database_tells_nothing():
    assert recognise_data({}) == ()


def test_the_data_of_the_newest_version_counts_beside_what_an_upgrade_left():
    files = {"data/PG_VERSION": b"17\n", "18/docker/PG_VERSION": b"18\n", "19/docker/PG_VERSION": b"19\n"}
    assert recognise_data(files) == (StoredData(POSTGRESQL, "19", "19/docker"),)


def test_a_version_that_can_be_read_counts_more_than_one_that_can_not():
    assert recognise_data({"PG_VERSION": b"", "data/PG_VERSION": b"16\n"}) == (StoredData(POSTGRESQL, "16", "data"),)


@pytest.mark.parametrize(
    ("name", "config", "server", "version"),
    [
        ("example/app:1", {"Env": ["PATH=/bin", "PG_MAJOR=17", "PG_VERSION=17.2-1.pgdg"]}, POSTGRESQL, "17"),
        ("mariadb:lts", {"Env": ["MARIADB_VERSION=1:11.4.2+maria~ubu2404"]}, MARIADB, "1:11.4.2+maria~ubu2404"),
        ("search/elasticsearch:x", {"Labels": {"org.label-schema.version": "8.11.0"}}, ELASTICSEARCH, "8.11.0"),
        ("local/postgresql:16-alpine", {}, POSTGRESQL, "16-alpine"),
        ("127.0.0.1:5000/mongo:7.0", {"Env": None, "Labels": None}, MONGODB, "7.0"),
    ],
)
def test_an_image_tells_its_version_by_its_variables_then_its_label_then_its_tag(
    name: str, config: object, server: DatabaseServer, version: str
):
    assert image_versions(config, name) == {server: version}


@pytest.mark.parametrize(
    ("name", "config"),
    [
        ("example/app:3", {"Labels": {"org.opencontainers.image.version": "3.1"}}),  # the version of the app
        ("postgres:latest", {}),
        ("postgres@sha256:16aa", {}),
        ("postgres:latest", "what a stranger sent"),
        ("pgautoupgrade/pgautoupgrade:17", {"Env": ["PG_MAJOR=17", "PGTARGET=17"]}),  # it takes any older data along
    ],
)
def test_an_image_that_does_not_tell_has_no_version(name: str, config: object):
    assert image_versions(config, name) == {}


@pytest.mark.parametrize(
    ("server", "version", "label"),
    [
        (POSTGRESQL, "17.2-1", "PostgreSQL 17"),
        (MARIADB, "1:11.4.2+maria", "MariaDB 11.4"),
        (MYSQL, "", "MySQL"),
        (POSTGRESQL, "9.6.24", "PostgreSQL 9.6"),
        (MYSQL, "8.4.0", "MySQL 8.4"),
    ],
)
def test_people_name_a_version_by_its_first_numbers(server: DatabaseServer, version: str, label: str):
    assert server.label(version) == label
