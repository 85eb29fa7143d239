"""What the instance keeps: its files, its database and what is stored there, and the disks."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from rockonweb.core.instance.diagnosis.results import CheckResult, Level, list_first
from rockonweb.core.text import format_size, join_texts, t

NON_OWNER_BITS = 0o077  # permissions of group and others, which files of the instance must not have
CRITICAL_BYTES, LOW_BYTES = 100 * 10**6, 10**9  # bytes that are free
_KEY_HINT = t(
    "Restore the file secret.key that belongs to this database. Without a copy, `rockonweb forget-secrets` creates a "
    "new one, and secrets must be entered again."
)


@dataclass(frozen=True)
class FileFacts:
    """A file or folder of the instance."""

    name: str
    mode: int
    uid: int


def diagnose_files(instance: str, files: Sequence[FileFacts] | None, *, writable: bool) -> CheckResult:
    """Check who owns the instance's files and who else may read them; the first is the folder itself."""
    if files is None:
        return CheckResult(
            "files",
            "fail",
            t("The instance folder %(path)s does not exist or can't be read.", path=instance),
            t(
                "`rockonweb up` creates it. Check that ROCKONWEB_INSTANCE is set as it is for the service, and that "
                "you are the service's user."
            ),
        )
    too_open = [file.name for file in files if file.mode & NON_OWNER_BITS]
    make_result = partial(CheckResult, "files", facts={"instance": instance, "writable": writable, "loose": too_open})
    if not writable:
        return make_result(
            "fail",
            t("Rockonweb can't write to %(path)s.", path=instance),
            t(
                "Run this as the service's user (UID %(uid)s), or make that user the owner of the folder.",
                uid=files[0].uid,
            ),
        )
    foreign = [file.name for file in files if file.uid != files[0].uid]
    if foreign:
        return make_result(
            "warn",
            t("Not everything belongs to the folder's owner: %(names)s.", names=list_first(foreign)),
            t(
                "Make one user the owner of everything: chown -R %(uid)s %(path)s",
                uid=files[0].uid,
                path=shlex.quote(instance),
            ),
        )
    if too_open:
        return make_result(
            "warn",
            t("Other users have access to: %(names)s.", names=list_first(too_open)),
            t("Restrict access: chmod -R go= %(path)s", path=instance),
        )
    return make_result("ok", t("%(path)s belongs to one user, and only that user has access.", path=instance))


@dataclass(frozen=True)
class DatabaseFacts:
    """The database: its kind and location, and what it reports about itself."""

    kind: str
    location: str
    version: str = ""
    encoding: str = ""
    damage: tuple[str, ...] = ()
    dangling: int = 0  # rows that refer to rows that do not exist


def diagnose_database(database: DatabaseFacts) -> CheckResult:
    """Check a database that answers."""
    facts = {
        "kind": database.kind,
        "place": database.location,
        "version": database.version,
        "encoding": database.encoding,
    }
    make_result = partial(CheckResult, "database", facts=facts)
    if database.damage:
        return make_result(
            "fail",
            t("%(place)s is damaged: %(what)s.", place=database.location, what=list_first(database.damage)),
            t("Stop Rockonweb, keep a copy of the file, and restore the newest before-….db or a backup."),
        )
    if database.encoding.upper().replace("-", "") not in ("UTF8", "UTF16LE", "UTF16BE"):
        return make_result(
            "fail",
            t("The database has the encoding %(name)s, which can't store all names.", name=database.encoding),
            t("Create one with the encoding UTF8: createdb --encoding=UTF8 --template=template0"),
        )
    if database.dangling:
        return make_result(
            "fail",
            t("Rows refer to rows that do not exist: %(count)s.", count=database.dangling),
            t("Restore the newest before-….db or a backup; the file was changed outside Rockonweb."),
        )
    title = t("%(kind)s %(version)s, %(place)s", kind=database.kind, version=database.version, place=database.location)
    return make_result("ok", t("%(named)s; no damage found.", named=title))


def diagnose_schema(revision: str | None, revisions: Sequence[str]) -> CheckResult:
    """Check the database's revision against those that the program knows, the newest first."""
    head = revisions[0]
    make_result = partial(CheckResult, "schema", facts={"revision": revision, "head": head})
    if revision == head:
        return make_result("ok", t("It is up to date: %(head)s.", head=head))
    if revision is None:
        return make_result("fail", t("The database is empty."), t("`rockonweb up` creates its tables."))
    if revision not in revisions:
        return make_result(
            "fail",
            t("The database belongs to a newer version of Rockonweb: %(revision)s.", revision=revision),
            t("Install that version again, or restore an earlier copy, before-….db in the instance folder."),
        )
    return make_result(
        "fail",
        t("It is at %(revision)s, but this version of Rockonweb needs %(head)s.", revision=revision, head=head),
        t("Start `rockonweb up` again: it updates the database and keeps a copy of it from before."),
    )


@dataclass(frozen=True)
class DiskSpaceFacts:
    """The disk of a path. `free` is None where it can't be read."""

    label: str
    path: str
    free: int | None
    warn_below: int = LOW_BYTES


def diagnose_disks(disks: Sequence[DiskSpaceFacts]) -> CheckResult:
    """Check the free space of disks."""
    make_result = partial(
        CheckResult, "room", facts={disk.label: {"path": disk.path, "free": disk.free} for disk in disks}
    )
    visible = [(disk, disk.free) for disk in disks if disk.free is not None]
    summary = join_texts(
        "; ", (t("%(what)s %(free)s", what=disk.label, free=format_size(free)) for disk, free in visible)
    )
    low = [disk for disk, free in visible if free < disk.warn_below]
    if low:
        level: Level = "fail" if any(free < CRITICAL_BYTES for _, free in visible) else "warn"
        paths = list_first(dict.fromkeys(disk.path for disk in low))
        return make_result(
            level, t("Little free space: %(said)s.", said=summary), t("Free up space at %(places)s.", places=paths)
        )
    return make_result("ok", t("Free: %(said)s.", said=summary or "?"))


def diagnose_stored_data(unreadable: Sequence[str]) -> CheckResult:
    """Check whether stored values can be read; `unreadable` names the rows of those that can't."""
    make_result = partial(CheckResult, "stored data", facts={"unreadable": [*unreadable]})
    if not unreadable:
        return make_result("ok", t("All of it can be read."))
    return make_result(
        "warn",
        t("Some stored values can't be read: %(rows)s.", rows=list_first(unreadable)),
        t("What they belong to can still be stopped, removed and entered again."),
    )


def diagnose_secrets(total: int, unreadable: Sequence[str], *, key: bool) -> CheckResult:
    """Check whether stored secrets can be read with the instance's key; `unreadable` names the rows of those that can't
    be.
    """
    make_result = partial(CheckResult, "secrets", facts={"stored": total, "unreadable": len(unreadable), "key": key})
    if not key:
        level: Level = "fail" if total else "warn"
        return make_result(level, t("The instance's key, secret.key, is missing."), _KEY_HINT)
    if unreadable:
        sentence = t("%(bad)s of %(total)s can't be read with the instance's key.", bad=len(unreadable), total=total)
        if len(unreadable) < total:  # the key is right, then, and the rows are damaged
            rows = t("Affected: %(rows)s.", rows=list_first(unreadable))
            return make_result("fail", join_texts(" ", (sentence, rows)), t("Enter these values again."))
        return make_result("fail", sentence, _KEY_HINT)
    if not total:
        return make_result("ok", t("None is stored yet."))
    return make_result("ok", t("All %(total)s can be read with the instance's key.", total=total))
