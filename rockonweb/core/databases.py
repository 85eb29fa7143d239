"""Database servers whose data is recognised by its files: which version wrote it, and which version an image has.

By what lies in a folder and not by the name of an image: apps bring their database under any name.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

VERSION_LABEL = "org.opencontainers.image.version"
VERSION_LABELS = (VERSION_LABEL, "org.label-schema.version")
MAX_BYTES = 16_384  # of a file that are read
# Folders of a share in which images keep a database, besides the share itself. PostgreSQL's from 18 on are by version,
# the newest first: an upgrade leaves the data of the version before beside its own.
DATA_FOLDERS = (
    *(f"{major}/docker" for major in range(30, 17, -1)),
    *("", "data", "pgdata", "db", "database", "databases", "mysql", "postgres", "postgresql", "redis"),
)

Version = tuple[int, ...]
ReadVersion = Callable[[bytes], str | None]


@dataclass(frozen=True, eq=False)
class DatabaseServer:
    """A database server. `word` is part of the names of its images; those of one `family` read each other's data.

    `files` are the files of its data that tell its version, with how: a function of the first bytes of a file that
    returns the version, None where another server wrote it, and blank where it is damaged. The last part of a path is a
    pattern; the last file by name counts. `variables` are those of an image that have its version. `generation` numbers
    the formats of its data: a version starts on what is at most `steps` older, and on nothing newer. `series` is how
    many numbers of a version people name. An image with the variable `upgrades_itself` reads older data, whatever its
    server does.
    """

    name: str
    word: str
    files: Mapping[str, ReadVersion]
    variables: tuple[str, ...]
    generation: Callable[[Version], float]
    steps: float
    series: int = 1
    family: str = ""
    upgrades_itself: str = ""

    def label(self, version: str) -> str:
        """Return its name with the part of a version that people name: below 10 always two numbers."""
        parts = parse_version(version)
        return f"{self.name} {'.'.join(map(str, parts[: self.series if parts >= (10,) else 2]))}".rstrip()


@dataclass(frozen=True)
class StoredData:
    """Data of a server in a folder, relative to a share path. `version` is blank where it can't be read."""

    server: DatabaseServer
    version: str
    folder: str = ""


def parse_version(text: str) -> Version:
    """Return the numbers that a version begins with, without the epoch of a package."""
    match = re.match(r"\s*(?:\d+:)?v?(\d+(?:\.\d+){0,3})", text)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def data_files() -> Iterator[str]:
    """Yield the path patterns, relative to a share path, of all files that `recognise_data` knows."""
    for folder in DATA_FOLDERS:
        yield from dict.fromkeys(_join(folder, path) for server in SERVERS for path in server.files)


def recognise_data(files: Mapping[str, bytes]) -> tuple[StoredData, ...]:
    """Return the data of each server that files tell of: by pattern of `data_files` their first bytes, blank for one
    that can't be read.
    """
    return tuple(data for server in SERVERS if (data := _recognise_server(server, files)))


def image_versions(config: object, name: str) -> dict[DatabaseServer, str]:
    """Return the version of each server that an image has, by its configuration (`Config` as Docker reports it).

    Its labels and its tag count only where its `name` tells of the server: else they are the version of something else.
    """
    config = config if isinstance(config, Mapping) else {}  # strangers wrote it
    variables = dict(str(line).partition("=")[::2] for line in config.get("Env") or ())
    labels: Mapping[str, Any] = config.get("Labels") or {}
    repository, _, tag = name.partition("@")[0].rpartition("/")[2].partition(":")
    versions = {}
    for server in SERVERS:
        if server.upgrades_itself in variables:
            continue
        candidates = [variables.get(variable, "") for variable in server.variables]
        if server.word in repository.lower():
            candidates += [*(str(labels.get(label) or "") for label in VERSION_LABELS), tag]
        if version := next(filter(parse_version, candidates), ""):
            versions[server] = version
    return versions


def _join(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


def _recognise_server(server: DatabaseServer, files: Mapping[str, bytes]) -> StoredData | None:
    found = [
        StoredData(server, version, folder)
        for folder in DATA_FOLDERS
        for path, read_version in server.files.items()
        if (content := files.get(_join(folder, path))) is not None and (version := read_version(content)) is not None
    ]
    return next((data for data in found if data.version), next(iter(found), None))


# -- the files --------------------------------------------------------------------------------------------------------


def _find_version(pattern: bytes) -> ReadVersion:
    def read_version(content: bytes) -> str:
        match = re.search(pattern, content, re.DOTALL)
        return match[1].decode("ascii") if match else ""

    return read_version


def _mariadb_version(content: bytes) -> str | None:
    """Return the version in a file that MySQL has too."""
    return _find_version(rb"^(\d+\.\d+\.\d+)-MariaDB")(content) or None


def _mysql_version(content: bytes) -> str | None:
    if _mariadb_version(content):
        return None
    return _find_version(rb'(?:.*"version"\s*:\s*"|^)(\d+\.\d+\.\d+)')(content)


_RDB_RELEASES = {9: "5.0", 10: "7.0", 11: "7.2", 12: "7.4", 80: "9.0"}  # the first release that writes each format


def _redis_version(content: bytes) -> str | None:
    header = re.match(rb"REDIS(\d{4})", content)
    if header is None:
        return None if content.startswith(b"VALKEY") else ""
    if _find_version(rb"(valkey)-ver")(content[:200]):
        return None
    return _find_version(rb"redis-ver.(\d+\.\d+\.\d+)")(content[:200]) or _RDB_RELEASES.get(int(header[1]), "")


def _valkey_version(content: bytes) -> str | None:
    header = re.match(rb"VALKEY(\d{3})", content)
    noted = _find_version(rb"valkey-ver.(\d+\.\d+\.\d+)")(content[:200])
    return noted or (_RDB_RELEASES.get(int(header[1]), "") if header else None)


_OPENSEARCH_BIT = 0x08000000


def _node_id(content: bytes) -> int:
    """Return the version's number in the metadata of a node, 0 where there is none. It is SMILE: after the name of the
    field and a token comes an integer of 7 bits in each byte; the last byte has the highest bit set and 6 bits.
    """
    match = re.search(rb"node_version[\x24\x25]([\0-\x7f]{0,5})([\x80-\xbf])", content, re.DOTALL)
    if match is None:
        return 0
    number = 0
    for byte in match[1]:
        number = number << 7 | byte
    return (number << 6 | match[2][0] & 0x3F) >> 1  # zigzag


def _format_node_id(number: int) -> str:
    return f"{number // 1_000_000}.{number // 10_000 % 100}.{number // 100 % 100}" if number else ""


def _elasticsearch_version(content: bytes) -> str | None:
    number = _node_id(content)
    return None if number & _OPENSEARCH_BIT else _format_node_id(number)


def _opensearch_version(content: bytes) -> str | None:
    number = _node_id(content)
    return _format_node_id(number ^ _OPENSEARCH_BIT) if number & _OPENSEARCH_BIT else None


# -- the servers ------------------------------------------------------------------------------------------------------


def _count_steps(*steps: Version) -> Callable[[Version], float]:
    """Return a function that counts how many of these versions, from which on the data has a new format, are reached;
    of the versions after the last one each first number is one more.
    """

    def number_format(version: Version) -> float:
        return sum(version >= step for step in steps) + max(0, sum(version[:1]) - steps[-1][0])

    return number_format


def _redis_format(version: Version) -> float:
    """Redis 7.2 and Valkey 8 have the same; what Redis writes from 7.4 on no Valkey reads."""
    return 1000 + version[0] if version >= (7, 4) else _count_steps((5,), (7,), (7, 2))(version)


_NODE_FILES = ("_state/node-*.st", "nodes/0/_state/node-*.st")
_RDB_FILES = ("dump.rdb", "appendonlydir/*.base.rdb")
POSTGRESQL = DatabaseServer(
    "PostgreSQL",
    "postgres",
    {"PG_VERSION": _find_version(rb"^(\d\d|9\.\d)\s*$")},
    ("PG_MAJOR", "PG_VERSION", "POSTGRESQL_VERSION", "POSTGRES_VERSION"),
    _count_steps((9,), (9, 1), (9, 2), (9, 3), (9, 4), (9, 5), (9, 6), (10,)),
    steps=0,
    upgrades_itself="PGTARGET",  # pgautoupgrade
)
MARIADB = DatabaseServer(
    "MariaDB",
    "mariadb",
    {
        "mariadb_upgrade_info": lambda content: _mariadb_version(content) or "",
        "mysql_upgrade_info": _mariadb_version,
    },
    ("MARIADB_VERSION",),
    lambda version: version[0] * 1000 + sum(version[1:2]),
    steps=math.inf,
    series=2,
)
MYSQL = DatabaseServer(
    "MySQL",
    "mysql",
    {"mysql_upgrade_history": _mysql_version, "mysql_upgrade_info": _mysql_version},
    ("MYSQL_VERSION", "MYSQL_MAJOR"),
    _count_steps((5, 6), (5, 7), (8, 0), (8, 1)),
    steps=1,
)
MONGODB = DatabaseServer(
    "MongoDB",
    "mongo",
    # The first document of the diagnostic data, which is BSON.
    {"diagnostic.data/metrics.2*": _find_version(rb"buildInfo\0.*?\x02version\0.{4}(\d+\.\d+\.\d+)")},
    ("MONGO_VERSION", "MONGO_MAJOR"),
    _count_steps((3, 6), (4, 0), (4, 2), (4, 4)),
    steps=1,
)
REDIS = DatabaseServer(
    "Redis",
    "redis",
    dict.fromkeys(_RDB_FILES, _redis_version),
    ("REDIS_VERSION",),
    _redis_format,
    steps=math.inf,
    family="redis",
)
VALKEY = DatabaseServer(
    "Valkey",
    "valkey",
    dict.fromkeys(_RDB_FILES, _valkey_version),
    ("VALKEY_VERSION",),
    lambda version: version[0] if version >= (9,) else 3,
    steps=math.inf,
    family="redis",
)
ELASTICSEARCH = DatabaseServer(
    "Elasticsearch",
    "elasticsearch",
    dict.fromkeys(_NODE_FILES, _elasticsearch_version),
    ("ELASTICSEARCH_VERSION",),
    _count_steps((1,)),
    steps=1,
)
OPENSEARCH = DatabaseServer(
    "OpenSearch",
    "opensearch",
    dict.fromkeys(_NODE_FILES, _opensearch_version),
    ("OPENSEARCH_VERSION",),
    _count_steps((1,)),
    steps=1,
)
SERVERS = (POSTGRESQL, MARIADB, MYSQL, MONGODB, REDIS, VALKEY, ELASTICSEARCH, OPENSEARCH)
