"""The diagnosis of an instance: collected facts go in, results of checks come out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import PortListener
from rockonweb.core.instance.lease import explain_other_copy
from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import format_size, join_texts, t

Level = Literal["ok", "warn", "fail"]
LEVEL_MARKS: dict[Level, str] = {"ok": "[ok]  ", "warn": "[warn]", "fail": "[FAIL]"}
NON_OWNER_BITS = 0o077  # permissions of group and others, which files of the instance must not have
CRITICAL_BYTES, LOW_BYTES = 100 * 10**6, 10**9  # bytes that are free
CLOCK_WARN_SECONDS, CLOCK_FAIL_SECONDS = 5, 60  # seconds between two clocks
CERTIFICATE_WARN_DAYS = 30  # days until a certificate ends
CATALOGUE_WARN_DAYS = 30  # days since the catalogue was refreshed
MAX_LISTED = 5  # of a list


@dataclass(frozen=True)
class CheckResult:
    """The result of a check: its subject, level, a sentence, and what to do. `facts` has the JSON data behind it."""

    about: str
    level: Level
    sentence: str
    hint: str = ""
    facts: dict[str, Any] | None = None

    def __str__(self) -> str:
        text = f"{LEVEL_MARKS[self.level]} {self.about}: {self.sentence}"
        return f"{text}\n       {self.hint}" if self.hint else text


def has_failure(results: Iterable[CheckResult]) -> bool:
    """Whether something is broken; warnings are not."""
    return any(result.level == "fail" for result in results)


def format_report(results: Sequence[CheckResult], *, as_json: bool = False) -> str:
    """Return results as text or JSON, to be printed, downloaded and sent to support."""
    if not as_json:
        return "\n".join(map(str, results))
    entries = [{**vars(result), "facts": result.facts or {}} for result in results]
    return json.dumps({"ok": not has_failure(results), "findings": entries}, indent=2)


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
            t("Not everything belongs to the folder's owner: %(names)s.", names=_list_first(foreign)),
            t(
                "Make one user the owner of everything: chown -R %(uid)s %(path)s",
                uid=files[0].uid,
                path=shlex.quote(instance),
            ),
        )
    if too_open:
        return make_result(
            "warn",
            t("Other users have access to: %(names)s.", names=_list_first(too_open)),
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
            t("%(place)s is damaged: %(what)s.", place=database.location, what=_list_first(database.damage)),
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


def diagnose_queue(place: str, version: str, *, persistent: bool, writes: bool, waiting: int = 0) -> CheckResult:
    """Check the queue server, which answered; `writes` is whether its last write to the disk succeeded."""
    facts = {"place": place, "version": version, "persistent": persistent, "waiting": waiting}
    make_result = partial(CheckResult, "queue", facts=facts)
    if not writes:
        return make_result(
            "fail",
            t("The queue server could not write to its disk."),
            t("Free up space where it stores its data; see its log for details."),
        )
    if not persistent:
        return make_result(
            "warn",
            t(
                "The queue server does not store its data on disk: after a restart, waiting jobs are queued again "
                "later."
            ),
            t("Set `appendonly yes` in its configuration."),
        )
    return make_result(
        "ok", t("Version %(version)s at %(place)s answers and stores its data on disk.", version=version, place=place)
    )


def diagnose_roles(
    url: str,
    web: Literal["ours", "another", "nothing"],
    workers: int | None,
    most: int,
    watcher: bool | None,
    failing: Mapping[str, str] | None = None,
) -> list[CheckResult]:
    """Check the processes of `rockonweb up`; `failing` has the reasons of those that end at each start, by their names.

    `web` is what answered at Rockonweb's address. `workers` and `watcher` are None where unknown; `most` is the
    configured number of workers, which run only while there are jobs for them, but for one.
    """
    start_hint = t("Start it with `rockonweb up`. If that is already running, its output shows why this part is not.")
    if failing:
        start_hint = t("See why under: parts.")
    unknown_sentence = t("Unknown while the queue server does not answer.")
    web_result = {
        "ours": CheckResult("web", "ok", t("%(url)s answers.", url=url)),
        "another": CheckResult(
            "web",
            "fail",
            t("Another program answers at %(url)s.", url=url),
            t("Stop it, or set another address with ROCKONWEB_BIND."),
        ),
        "nothing": CheckResult("web", "fail", t("Nothing answers at %(url)s.", url=url), start_hint),
    }[web]
    if workers is None:
        workers_result = CheckResult("workers", "warn", unknown_sentence)
    elif not workers:
        workers_result = CheckResult(
            "workers", "fail", t("None is running: nothing is installed, started or stopped."), start_hint
        )
    else:
        sentence = t("Up to %(most)s run while there is work.", most=max(most, workers))
        workers_result = CheckResult("workers", "ok", sentence)
    if watcher is None:
        watcher_result = CheckResult("watcher", "warn", unknown_sentence)
    elif watcher:
        watcher_result = CheckResult("watcher", "ok", t("It reported the state of Docker less than 30 seconds ago."))
    else:
        watcher_result = CheckResult(
            "watcher", "fail", t("It is not reporting: the status of apps is out of date."), start_hint
        )
    return [*_diagnose_failing(failing or {}), web_result, workers_result, watcher_result]


def _diagnose_failing(failing: Mapping[str, str]) -> Iterator[CheckResult]:
    for sentence, hint in explain_failing_roles(failing):
        yield CheckResult("parts", "fail", sentence, hint, {"failing": [*failing]})


def explain_failing_roles(failing: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return a sentence for each reason for which roles end at each start, with their names, and what to do."""
    names: dict[str, list[str]] = {}
    for name, reason in failing.items():
        names.setdefault(reason, []).append(name)
    hint = t("It is tried again every half minute, and goes on by itself once the reason is gone.")
    return [
        (t("This part ends each time it is started: %(part)s. %(reason)s", part=", ".join(parts), reason=reason), hint)
        for reason, parts in names.items()
    ]


SHARE_HINT = t("Mount its disk: apps that wait for it then start by themselves.")
MISSING_COMMAND = (
    t("The docker command is missing: not every app can be installed."),
    t("Install the package docker-cli; where there is none, as on Debian 12, it is part of docker.io."),
)


def diagnose_engine(settings: DockerSettings, *, has_command: bool) -> CheckResult:
    """Check the settings of Docker, which answered; `has_command`: whether the docker command is on the path."""
    names = ("version", "api_version", "storage_driver", "rootless", "folder")
    facts = {**{name: getattr(settings, name) for name in names}, "cgroup": settings.cgroup_version}
    make_result = partial(CheckResult, "Docker", facts=facts)
    sentence = t(
        "Version %(version)s, API %(api)s, storage driver %(driver)s, cgroup version %(cgroup)s%(rootless)s.",
        version=settings.version,
        api=settings.api_version,
        driver=settings.storage_driver,
        cgroup=settings.cgroup_version or "?",
        rootless=t(", rootless") if settings.rootless else "",
    )
    if not has_command:
        return make_result("fail", *MISSING_COMMAND)
    if settings.storage_driver == "vfs":
        hint = t(
            "This driver copies every layer in full: it is slow and needs many times the space. overlay2 is better."
        )
        return make_result("warn", sentence, hint)
    if settings.rootless:
        hint = t("Ports below 1024, the host's devices and some networks are not available to apps.")
        return make_result("warn", sentence, hint)
    return make_result("ok", sentence)


@dataclass(frozen=True)
class OperationFacts:
    """An operation, by its number, kind and rock-on."""

    id: int
    kind: str
    rockon: str

    def __str__(self) -> str:
        return f"{self.id} ({self.kind} {self.rockon})".replace(" )", ")")


def diagnose_operations(stuck: Sequence[OperationFacts], failures: Sequence[OperationFacts]) -> CheckResult:
    """Check operations: those that run or wait without a process, and rock-ons' last ones that failed."""
    facts = {"stuck": [operation.id for operation in stuck], "failed": [operation.id for operation in failures]}
    make_result = partial(CheckResult, "operations", facts=facts)
    if stuck:
        return make_result(
            "fail",
            t("No process is working on: %(names)s.", names=_list_first(map(str, stuck))),
            t(
                "The watcher fixes this within a minute of `rockonweb up`. If it does not, cancel the operations on "
                "their pages."
            ),
        )
    if failures:
        return make_result(
            "warn",
            t("The last operation of a rock-on failed: %(names)s.", names=_list_first(map(str, failures))),
            t("Their pages under Operations show the reason and have Repeat."),
        )
    return make_result("ok", t("No operation is stuck, and no rock-on's last operation failed."))


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
        paths = _list_first(dict.fromkeys(disk.path for disk in low))
        return make_result(
            level, t("Little free space: %(said)s.", said=summary), t("Free up space at %(places)s.", places=paths)
        )
    return make_result("ok", t("Free: %(said)s.", said=summary or "?"))


def diagnose_clock(
    offset: float | None, zone: str, synchronised: bool | None, seconds_behind: float = 0
) -> CheckResult:
    """Check the clock: `offset` is by how many seconds Docker's is ahead; `synchronised` is None where unknown. It is
    `seconds_behind` what was recorded before.
    """
    make_result = partial(CheckResult, "clock", facts={"offset": offset, "zone": zone, "synchronised": synchronised})
    if seconds_behind > CLOCK_FAIL_SECONDS:
        return make_result(
            "fail",
            t("It is %(hours)s hours behind the newest entry of the audit log.", hours=-(-int(seconds_behind) // 3600)),
            t("If it is wrong, set it: timedatectl set-ntp true. If it was wrong before, this passes by itself."),
        )
    if offset is not None and abs(offset) > CLOCK_WARN_SECONDS:
        return make_result(
            "fail" if abs(offset) > CLOCK_FAIL_SECONDS else "warn",
            t("Docker's clock and Rockonweb's are %(seconds)s seconds apart.", seconds=round(abs(offset))),
            t("Synchronise both machines over the network: timedatectl set-ntp true"),
        )
    if synchronised is False:
        hint = t("Turn it on: timedatectl set-ntp true. Login codes and certificates need the correct time.")
        return make_result("warn", t("It is not synchronised over the network."), hint)
    if offset is None:
        return make_result("ok", t("Time zone %(zone)s.", zone=zone))
    return make_result("ok", t("In sync with Docker's clock, time zone %(zone)s.", zone=zone))


def diagnose_ports(published: int, taken: Sequence[PortListener]) -> CheckResult:
    """Check the ports of installed rock-ons; those that are `taken` have the name of what uses them instead."""
    entries = [
        {"number": listener.port, "protocol": listener.protocol, "rockon": listener.rockon, "holder": listener.holder}
        for listener in taken
    ]
    make_result = partial(CheckResult, "ports", facts={"wanted": published, "taken": entries})
    if taken:
        names = [
            t("%(port)s/%(protocol)s of %(rockon)s (%(holder)s)", port=listener.port,
              protocol=listener.protocol, rockon=listener.rockon,
              holder=listener.holder or t("a program not visible to this user"))
            for listener in taken
        ]  # fmt: skip
        hint = t("Stop what uses the port, or give the rock-on another port under Settings.")
        return make_result("warn", t("In use by others: %(names)s.", names=_list_first(names)), hint)
    if not published:
        return make_result("ok", t("No installed rock-on publishes a port."))
    return make_result(
        "ok",
        t("Ports of installed rock-ons: %(count)s, each free or in use by its own rock-on.", count=published),
    )


def diagnose_own_container(name: str, blind_spots: Iterable[BlindSpot]) -> list[CheckResult]:
    """Check what can't be seen of the host from Rockonweb's own container; no result outside of one (blank name)."""
    results = [
        CheckResult(
            "container", "fail" if spot.breaks else "warn", spot.sentence, spot.hint, facts={"unseen": spot.subject}
        )
        for spot in blind_spots
    ]
    if name and not results:
        sentence = t("Rockonweb runs in the container %(name)s and sees this host as it is.", name=name)
        return [CheckResult("container", "ok", sentence, facts={"name": name})]
    return results


def diagnose_copies(place: str) -> CheckResult:
    """Check whether another copy of this instance, at `place` (blank: none), looks after Docker."""
    make_result = partial(CheckResult, "copies", facts={"other": place})
    if place:
        return make_result("fail", *explain_other_copy(place))
    return make_result("ok", t("No other copy of this Rockonweb looks after this Docker."))


def diagnose_containers(
    orphans: Sequence[str],
    missing: Sequence[str],
    cut_off: Sequence[str] = (),
    folders: Sequence[str] = (),
    renamed: Sequence[str] = (),
    unknown: Sequence[str] = (),
) -> CheckResult:
    """Compare database and Docker: managed containers without an installed rock-on, rock-ons without containers.

    `cut_off` are containers that are not on a network on which they belong, `folders` missing ones that are mounted,
    `renamed` containers that were renamed manually, with their new name; `unknown` are those that an operation created
    which is not in the database: an older copy of it was put back.
    """
    facts = {
        "strays": list(orphans),
        "missing": list(missing),
        "cut_off": list(cut_off),
        "folders": list(folders),
        "renamed": list(renamed),
        "unknown": list(unknown),
    }
    make_result = partial(CheckResult, "containers", facts=facts)
    if folders:
        return make_result(
            "fail",
            t("Folders with the data of apps are missing: %(names)s.", names=_list_first(folders)),
            t("Mount their disk, or restore them, before you start these apps."),
        )
    if orphans:
        return make_result(
            "warn",
            t(
                "Containers of this instance that belong to no installed rock-on: %(names)s.",
                names=_list_first(orphans),
            ),
            t("Remove them if you don't need them: docker rm NAME"),
        )
    if missing:
        return make_result(
            "warn",
            t(
                "Containers of installed rock-ons that are missing in Docker: %(names)s.",
                names=_list_first(missing),
            ),
            t("Start the rock-on to recreate them."),
        )
    if cut_off:
        return make_result(
            "warn",
            t("Containers that are not on all of their networks: %(names)s.", names=_list_first(cut_off)),
            t("Restart the rock-on to connect them again."),
        )
    if unknown:
        return make_result(
            "warn",
            t(
                "Containers from operations that are not in this database, so an older copy of it was put back: "
                "%(names)s. They are left as they are.",
                names=_list_first(unknown),
            ),
            t(
                "Check each app's settings, then recreate it. Check the accounts and API tokens too: those removed "
                "since that copy are back."
            ),
        )
    if renamed:
        return make_result(
            "warn",
            t("Containers that were renamed manually: %(names)s.", names=_list_first(renamed)),
            t("Start the rock-on to give them their names back; what runs goes on running."),
        )
    return make_result("ok", t("The containers in Docker match the installed rock-ons."))


@dataclass(frozen=True)
class FallenApp:
    """An app that should run and does not, as it was last seen; `exit_code` is None, and `reason` blank, where unknown.

    The code is negative where no container ended; `runs`: it runs, but not properly; `waits`: for its share.
    """

    name: str
    exit_code: int | None = None
    reason: str = ""
    runs: bool = False
    waits: bool = False


def diagnose_apps(fallen: Sequence[FallenApp]) -> list[CheckResult]:
    """Return a result for each app that a person last asked to run and that does not; none where all run."""
    return [
        CheckResult("apps", "warn", *_explain_fallen(app), {"name": app.name, "exit_code": app.exit_code})
        for app in fallen
    ]


def explain_waiting(name: str) -> tuple[str, str]:
    """Return a sentence on an app that is kept stopped because its share is absent, and what to do."""
    return t("%(name)s is kept stopped: its share is absent.", name=name), SHARE_HINT


def _explain_fallen(app: FallenApp) -> tuple[str, str]:
    """Return a sentence on an app that does not run, and what to do."""
    if app.waits:
        return explain_waiting(app.name)
    logs_hint = t("The logs on its page may show more. Then start it again.")
    if app.runs:
        return t("%(name)s is not running properly: %(why)s", name=app.name, why=app.reason), logs_hint
    ended = app.exit_code is not None and app.exit_code >= 0
    reason = join_texts(": ", (t("exit code %(code)s", code=app.exit_code) if ended else "", app.reason))
    if not reason:
        return (
            t("%(name)s should be running, but is stopped.", name=app.name),
            t("Docker or another program stopped it. Start it again."),
        )
    return (
        t("%(name)s should be running, but is not: %(reason)s", name=app.name, reason=reason),
        logs_hint,
    )


def diagnose_catalogue(day: str, age: float, faulty: Sequence[str]) -> CheckResult:
    """Check the last refresh of the catalogue: its day (blank: never), its age in days, and what it could not use."""
    make_result = partial(CheckResult, "catalogue", facts={"refreshed": day, "faulty": list(faulty)})
    hint = t("Press Refresh in the catalogue, or run: rockonweb catalog refresh")
    if not day:
        return make_result("warn", t("It has never been refreshed."), hint)
    if faulty:
        sentence = t("The last refresh (%(day)s) could not use: %(names)s.", day=day, names=_list_first(faulty))
        return make_result("warn", sentence, t("The refresh report in the catalogue lists every reason."))
    sentence = t("Last refresh: %(day)s, without errors.", day=day)
    outdated = age > CATALOGUE_WARN_DAYS or age < -1  # in the future: the clock was or is wrong
    return make_result("warn", sentence, hint) if outdated else make_result("ok", sentence)


def diagnose_data_backups(version: str, missing: tuple[str, str], repositories: Mapping[str, str]) -> CheckResult:
    """Check restic: its `version`, blank where it is `missing` (sentence and hint), and what is wrong with each data
    repository, blank for nothing.
    """
    make_result = partial(CheckResult, "data backups", facts={"restic": version, "repositories": {**repositories}})
    if not repositories:
        return make_result("ok", t("There is no data repository."))
    if not version:
        return make_result("fail", *missing)
    faulty = {name: error for name, error in repositories.items() if error}
    for name, error in faulty.items():
        return make_result("fail", t("The data repository %(name)s: %(why)s", name=name, why=error))
    return make_result("ok", t("restic %(version)s, data repositories: %(names)s.",
                               version=version, names=_list_first(repositories)))  # fmt: skip


def diagnose_stored_data(unreadable: Sequence[str]) -> CheckResult:
    """Check whether stored values can be read; `unreadable` names the rows of those that can't."""
    make_result = partial(CheckResult, "stored data", facts={"unreadable": [*unreadable]})
    if not unreadable:
        return make_result("ok", t("All of it can be read."))
    return make_result(
        "warn",
        t("Some stored values can't be read: %(rows)s.", rows=_list_first(unreadable)),
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
            rows = t("Affected: %(rows)s.", rows=_list_first(unreadable))
            return make_result("fail", join_texts(" ", (sentence, rows)), t("Enter these values again."))
        return make_result("fail", sentence, _KEY_HINT)
    if not total:
        return make_result("ok", t("None is stored yet."))
    return make_result("ok", t("All %(total)s can be read with the instance's key.", total=total))


_KEY_HINT = t(
    "Restore the file secret.key that belongs to this database. Without a copy, `rockonweb forget-secrets` creates a "
    "new one, and secrets must be entered again."
)


def diagnose_certificate(path: str, until: str, days: float, problem: str = "") -> CheckResult:
    """Check the certificate that the TLS variables name: the day of its end, and how many days are left."""
    make_result = partial(CheckResult, "certificate", facts={"path": path, "until": until})
    if problem:
        hint = t("Correct ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT, or unset both.")
        return make_result("fail", t("%(path)s can't be used: %(why)s.", path=path, why=problem), hint)
    hint = t("Renew it; apps that received it must be recreated afterwards.")
    if days <= 0:
        return make_result("fail", t("%(path)s expired on %(day)s.", path=path, day=until), hint)
    if days < CERTIFICATE_WARN_DAYS:
        return make_result("warn", t("%(path)s expires on %(day)s.", path=path, day=until), hint)
    return make_result("ok", t("%(path)s is valid until %(day)s.", path=path, day=until))


def _list_first(names: Iterable[str]) -> str:
    """Return the first MAX_LISTED names with commas, and how many more there are."""
    listed = list(names)
    rest = [t("%(count)s more", count=len(listed) - MAX_LISTED)] if len(listed) > MAX_LISTED else []
    return join_texts(", ", [*listed[:MAX_LISTED], *rest])
