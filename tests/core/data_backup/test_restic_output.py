"""What restic prints, of the oldest version that is used and of newer ones."""

from datetime import UTC, datetime

import pytest

from rockonweb.core.data_backup import restic_output
from rockonweb.core.data_backup.restic_output import (
    BackupSummary,
    DataProgress,
    NoRepository,
    RepositoryLocked,
    WrongPassphrase,
)
from rockonweb.core.errors import DiskFull

OLD_LOCK = """unable to create lock in backend: repository is already locked exclusively by PID 12 on nas by root
lock was created at 2026-12-01 00:00:00 (1h2m3s ago)
storage ID 0123abcd
the `unlock` command can be used to remove stale locks"""


def test_a_version_is_compared_as_numbers() -> None:
    assert restic_output.parse_version("restic 0.14.0 compiled with go1.19.8 on linux/amd64") == (0, 14, 0)
    assert restic_output.parse_version("restic 0.9.6 (v0.9.6) compiled") < restic_output.OLDEST
    assert restic_output.parse_version("bash: restic: not found") == ()


def test_progress_is_that_of_a_backup_and_of_a_newer_restore() -> None:
    read = restic_output.read_json('{"message_type":"status","bytes_done":5,"total_bytes":9,"files_done":2}')
    assert restic_output.read_progress(read) == DataProgress(5, 9, 2)
    read = restic_output.read_json('{"message_type":"status","bytes_restored":5,"total_bytes":9,"files_restored":2}')
    assert restic_output.read_progress(read) == DataProgress(5, 9, 2)
    read = restic_output.read_json('{"message_type":"status","percent_done":0}')
    assert restic_output.read_progress(read) == DataProgress(0, None, 0)
    assert restic_output.read_progress(restic_output.read_json("warning: x")) is None


def test_files_that_were_not_read_are_named_and_counted() -> None:
    old = '{"message_type":"error","error":{"Op":"open","Path":"/a","Err":13},"during":"archival","item":"/a"}'
    new = '{"message_type":"error","error":{"message":"open: denied"},"during":"archival","item":"/b"}'
    unread = [*restic_output.find_unread([old, new, "Warning: 2 errors", "{}"])]
    assert unread == ["/a", "/b"]
    line = {"message_type": "summary", "snapshot_id": "ab", "total_files_processed": 3, "total_bytes_processed": 7}
    assert restic_output.read_summary(line, unread) == BackupSummary("ab", 3, 7, 0, ("/a", "/b"), 2)
    many = restic_output.read_summary(line, (str(n) for n in range(1000)))
    assert many
    assert (len(many.unread), many.unread_count) == (restic_output.MAX_NAMED, 1000)


def test_snapshots_are_listed_the_newest_first() -> None:
    rows = """[{"time":"2026-12-01T00:52:15.419156977Z","paths":["/mnt2/a"],"hostname":"h","id":"1",
      "tags":["rockonweb","app=A b"]},{"time":"2026-12-01T03:52:15.4+01:00","paths":null,"hostname":"h","id":"2"}]"""
    newest, older = restic_output.parse_snapshots(rows)
    assert (newest.id, newest.app, newest.time) == ("2", "", datetime(2026, 12, 1, 2, 52, 15, 400000, UTC))
    assert (older.id, older.app, older.paths) == ("1", "A b", ("/mnt2/a",))
    assert restic_output.parse_snapshots("null") == restic_output.parse_snapshots("") == []


@pytest.mark.parametrize(
    ("status", "output", "kind"),
    [
        (1, "Fatal: wrong password or no key found", WrongPassphrase),
        (12, '{"message_type":"exit_error","code":12,"message":"Fatal: wrong password"}', WrongPassphrase),
        (1, OLD_LOCK, RepositoryLocked),
        (11, "Fatal: unable to create lock", RepositoryLocked),
        (1, "Fatal: unable to open config file: no\nIs there a repository at the following", NoRepository),
        (10, "Fatal: repository does not exist", NoRepository),
        (1, "Fatal: unable to save snapshot: write /x/data: no space left on device", DiskFull),
        (1, "pack 0123 contains 1 errors\nFatal: repository contains errors", restic_output.RepositoryFailed),
    ],
)  # fmt: skip
def test_each_failure_has_an_error_of_its_own(status: int, output: str, kind: type[Exception]) -> None:
    assert type(restic_output.explain_failure(status, output)) is kind


def test_a_lock_tells_whose_it_is_and_since_when() -> None:
    error = restic_output.explain_failure(1, OLD_LOCK)
    assert str(error.sentence) == "The repository is locked: PID 12 on nas by root, 1h2m3s ago."
