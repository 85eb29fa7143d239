"""What is said of the instance's files, database, secrets and disks."""

from dataclasses import replace
from typing import Any

import pytest

from rockonweb.core.instance.diagnosis.storage import (
    DatabaseFacts,
    DiskSpaceFacts,
    FileFacts,
    diagnose_database,
    diagnose_disks,
    diagnose_files,
    diagnose_schema,
    diagnose_secrets,
    diagnose_stored_data,
)

GOOD = DatabaseFacts("SQLite", "/i/rockonweb.db", "3.40", "UTF-8")
FOLDER = FileFacts(".", 0o700, 1000)


@pytest.mark.parametrize(
    ("found", "writable", "level", "words"),
    [
        ([FOLDER, FileFacts("secret.key", 0o600, 1000)], True, "ok", "/i belongs to one user"),
        (None, False, "fail", "The instance folder /i does not exist"),
        ([FOLDER], False, "fail", "can't write to /i"),
        ([FOLDER, FileFacts("secret.key", 0o640, 1000)], True, "warn", "Other users have access to: secret.key."),
        ([FileFacts(".", 0o755, 1000)], True, "warn", "Other users have access to: .."),
        (
            [FOLDER, FileFacts("up.lock", 0o600, 0)],
            True,
            "warn",
            "Not everything belongs to the folder's owner: up.lock",
        ),
    ],
)
def test_files(found: list[FileFacts] | None, writable: bool, level: str, words: str) -> None:
    finding = diagnose_files("/i", found, writable=writable)
    assert (finding.level, words in finding.sentence) == (level, True), finding
    assert finding.hint or level == "ok"


@pytest.mark.parametrize(
    ("changes", "level", "words"),
    [
        ({}, "ok", "SQLite 3.40, /i/rockonweb.db; no damage found."),
        ({"damage": ("row 3 missing from index x",)}, "fail", "is damaged: row 3 missing from index x."),
        ({"dangling": 2}, "fail", "Rows refer to rows that do not exist: 2"),
        ({"encoding": "SQL_ASCII"}, "fail", "encoding SQL_ASCII"),
        ({"encoding": "UTF8", "kind": "PostgreSQL"}, "ok", "PostgreSQL 3.40"),
    ],
)
def test_database(changes: dict[str, Any], level: str, words: str) -> None:
    found = diagnose_database(replace(GOOD, **changes))
    assert (found.level, words in found.sentence) == (level, True), found


@pytest.mark.parametrize(
    ("revision", "level", "words"),
    [
        ("0012", "ok", "It is up to date: 0012."),
        (None, "fail", "The database is empty."),
        ("0011", "fail", "It is at 0011, but this version of Rockonweb needs 0012."),
        ("0099", "fail", "belongs to a newer version of Rockonweb: 0099"),
    ],
)
def test_schema(revision: str | None, level: str, words: str) -> None:
    found = diagnose_schema(revision, ["0012", "0011"])
    assert (found.level, words in found.sentence) == (level, True), found
    assert found.facts == {"revision": revision, "head": "0012"}


@pytest.mark.parametrize(
    ("free", "little", "level"),
    [(10**12, 10**9, "ok"), (5 * 10**9, 10**10, "warn"), (10**8 - 1, 10**9, "fail"), (None, 10**9, "ok")],
)
def test_room(free: int | None, little: int, level: str) -> None:
    found = diagnose_disks([DiskSpaceFacts("images", "/d", free, little)])
    assert found.level == level
    assert ("Free up space at /d." in found.hint) == (level != "ok")


@pytest.mark.parametrize(
    ("total", "bad", "key", "level"),
    [(3, 0, True, "ok"), (3, 1, True, "fail"), (3, 3, False, "fail"), (0, 0, False, "warn")],
)
def test_secrets(total: int, bad: int, key: bool, level: str) -> None:
    assert diagnose_secrets(total, ["row"] * bad, key=key).level == level


def test_the_rows_of_secrets_are_named_where_only_some_can_not_be_read() -> None:
    assert "Affected: draft 7 (content)." in diagnose_secrets(3, ["draft 7 (content)"], key=True).sentence
    assert "Affected" not in diagnose_secrets(1, ["draft 7 (content)"], key=True).sentence


def test_stored_data() -> None:
    assert diagnose_stored_data([]).level == "ok"
    found = diagnose_stored_data([f"rockon {number} (ports)" for number in range(7)])
    assert (found.level, "rockon 4 (ports), 2 more." in found.sentence) == ("warn", True)
