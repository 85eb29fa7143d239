"""What restic prints: progress, snapshots, files, and why it failed, of versions from 0.14 on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rockonweb.core.data_backup.repository import app_of_tags
from rockonweb.core.errors import DiskFull, RockonwebError
from rockonweb.core.text import t

OLDEST = (0, 14)
INCOMPLETE = 3  # the exit status of a backup that could not read all files
MAX_NAMED = 10  # files that are named of those that can't be read
_NOT_FOUND, _LOCKED, _WRONG = 10, 11, 12  # exit statuses of 0.17 and later; the texts are in older ones too
_SHORT_FRACTION = re.compile(r"(\.\d{6})\d+")


class RepositoryFailed(RockonwebError):
    """restic failed; `output` is what it printed."""


class ResticMissing(RepositoryFailed):
    """restic is not installed, or too old."""


class NoRepository(RepositoryFailed):
    """There is no repository at the address."""


class WrongPassphrase(RepositoryFailed):
    """The repository has another passphrase."""


class RepositoryLocked(RepositoryFailed):
    """Another restic uses the repository, or has left its lock there."""


@dataclass(frozen=True)
class DataProgress:
    """How far a backup or a restore is; `total` is None while it is not known. `files` counts those that are done."""

    current: int
    total: int | None
    files: int


@dataclass(frozen=True)
class BackupSummary:
    """A backup that was made: the id of its snapshot, its files and bytes, and the bytes that were new.

    `unread` are the first of the files that could not be read, `unread_count` is how many these were.
    """

    snapshot: str
    files: int
    size: int
    added: int
    unread: tuple[str, ...] = ()
    unread_count: int = 0


@dataclass(frozen=True)
class DataSnapshot:
    """A snapshot in a repository; `app` is blank where Rockonweb did not make it. `paths` are those on the machine."""

    id: str
    time: datetime
    app: str
    host: str
    paths: tuple[str, ...] = ()


@dataclass(frozen=True)
class SavedFile:
    """A file or folder of a snapshot; `path` begins with its share."""

    path: str
    kind: str  # restic's word: file, dir, symlink …
    size: int = 0

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]


def parse_version(text: str) -> tuple[int, ...]:
    """Return the version that `restic version` printed; empty where it is none."""
    match = re.match(r"restic (\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number) for number in match.groups() if number) if match else ()


def read_json(line: str) -> dict[str, Any]:
    """Return the object of a line, an empty one for anything else: warnings stand between them."""
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def read_progress(message: dict[str, Any]) -> DataProgress | None:
    """Return the progress of a line's message; None for another one."""
    if message.get("message_type") != "status":
        return None
    done = message.get("bytes_done", message.get("bytes_restored", 0))
    files = message.get("files_done", message.get("files_restored", 0))
    total = message.get("total_bytes")
    return DataProgress(int(done), None if total is None else int(total), int(files))


def read_summary(message: dict[str, Any], unread: Iterable[str]) -> BackupSummary | None:
    """Return the summary of a line's message, with the files that could not be read; None for another one."""
    if message.get("message_type") != "summary" or "snapshot_id" not in message:
        return None
    names = tuple(unread)
    return BackupSummary(
        str(message["snapshot_id"]),
        int(message.get("total_files_processed", 0)),
        int(message.get("total_bytes_processed", 0)),
        int(message.get("data_added_packed", message.get("data_added", 0))),
        names[:MAX_NAMED],
        len(names),
    )


def find_unread(lines: Iterable[str]) -> Iterator[str]:
    """Yield each file that a backup could not read, by what it wrote to stderr."""
    for line in lines:
        message = read_json(line)
        if message.get("during") in ("archival", "scan") and message.get("item"):
            yield str(message["item"])


def parse_snapshots(text: str) -> list[DataSnapshot]:
    """Return the snapshots that `restic snapshots` printed, the newest first."""
    try:
        rows = json.loads(text or "[]") or []
    except ValueError:
        return []
    snapshots = [
        DataSnapshot(
            str(row["id"]),
            parse_time(str(row["time"])),
            app_of_tags(row.get("tags") or []),
            str(row.get("hostname", "")),
            tuple(row.get("paths") or ()),
        )
        for row in rows
    ]
    return sorted(snapshots, key=lambda snapshot: snapshot.time, reverse=True)


def parse_time(text: str) -> datetime:
    """Return a time of restic's, which has nanoseconds."""
    moment = datetime.fromisoformat(_SHORT_FRACTION.sub(r"\1", text).replace("Z", "+00:00"))
    return moment.astimezone(UTC)


def read_file(message: dict[str, Any]) -> SavedFile | None:
    """Return the file of a line's message; None for another one."""
    if message.get("struct_type") != "node" and message.get("message_type") != "node":
        return None
    return SavedFile(str(message["path"]).lstrip("/"), str(message.get("type", "")), int(message.get("size") or 0))


def explain_failure(status: int, output: str) -> RepositoryFailed | DiskFull:
    """Return the error for what restic printed before it ended with a status other than 0."""
    printed = "\n".join(_readable_lines(output))
    text = printed.lower()
    if status == _WRONG or "wrong password" in text or "no key found" in text:
        return WrongPassphrase(
            t("The repository has another passphrase."), t("Enter the one that was written down with its address.")
        )
    if status == _LOCKED or "already locked" in text:
        return RepositoryLocked(
            t("The repository is locked: %(who)s.", who=_find_locker(printed)),
            t("Wait until that has ended. Where nothing uses the repository any more, unlock it."),
            printed,
        )
    if "no space left" in text or "disk quota" in text:
        return DiskFull(t("The disk is full."), t("Free up space there, then try again."), printed)
    if status == _NOT_FOUND or "is there a repository at" in text or "repository does not exist" in text:
        return NoRepository(
            t("There is no repository at this address, or it is not reachable."),
            t("Check that its disk is mounted, or that its server answers."),
            printed,
        )
    if any(word in text for word in ("pack ", "blob", "ciphertext verification", "repository contains errors")):
        return RepositoryFailed(
            t("The repository is damaged."),
            t("What it has of some files can't be read any more. Make a new repository, and keep this one until then."),
            printed,
        )
    return RepositoryFailed(t("restic failed with exit code %(code)s.", code=status), "", printed)


def _readable_lines(output: str) -> Iterator[str]:
    """Yield the lines that are meant for people; newer versions pack the last one as JSON."""
    for line in output.splitlines():
        message = read_json(line)
        if not message:
            yield line
        elif message.get("message_type") == "exit_error":
            yield str(message.get("message", ""))


def _find_locker(output: str) -> str:
    match = re.search(r"already locked (?:exclusively )?by (.+?)(?: \(UID.*)?$", output, re.MULTILINE)
    age = re.search(r"lock was created at .*\((.+ ago)\)", output)
    return ", ".join(found[1] for found in (match, age) if found) or str(t("another program"))
