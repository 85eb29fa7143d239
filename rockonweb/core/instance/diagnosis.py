"""What is well with an instance and what is not: facts that were gathered go in, findings in words come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import PortListener
from rockonweb.core.text import format_size, join_texts, t

Level = Literal["ok", "warn", "fail"]
LEVEL_MARKS: dict[Level, str] = {"ok": "[ok]  ", "warn": "[warn]", "fail": "[FAIL]"}
NON_OWNER_BITS = 0o077  # what others may do with a file of the instance: nothing
CRITICAL_BYTES, LOW_BYTES = 100 * 10**6, 10**9  # bytes that are free
CLOCK_WARN_SECONDS, CLOCK_FAIL_SECONDS = 5, 60  # seconds between two clocks
CERTIFICATE_WARN_DAYS = 30  # days until a certificate ends
CATALOGUE_WARN_DAYS = 30  # days since the catalogue was refreshed
MAX_LISTED = 5  # of a list


@dataclass(frozen=True)
class CheckResult:
    """One line: what was looked at, how it is, and what to do. `facts` has the numbers behind it, as JSON has them."""

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
    """Return findings as they are printed, downloaded and sent to a supporter."""
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
    """Judge whose the instance's files are, and who else may read them; the first is the folder itself."""
    if files is None:
        return CheckResult(
            "files",
            "fail",
            t("The folder %(path)s of the instance is not there, or can't be read.", path=instance),
            t("`rockonweb up` makes it. Is ROCKONWEB_INSTANCE set as it is for the service, and are you its user?"),
        )
    too_open = [file.name for file in files if file.mode & NON_OWNER_BITS]
    make_result = partial(CheckResult, "files", facts={"instance": instance, "writable": writable, "loose": too_open})
    if not writable:
        return make_result(
            "fail",
            t("Rockonweb may not write into %(path)s.", path=instance),
            t("Run this as the user of the service (number %(uid)s), or give that user the folder.", uid=files[0].uid),
        )
    foreign = [file.name for file in files if file.uid != files[0].uid]
    if foreign:
        return make_result(
            "warn",
            t("Not everything belongs to the folder's owner: %(names)s.", names=_list_first(foreign)),
            t("Give it all to one user: chown -R %(uid)s %(path)s", uid=files[0].uid, path=instance),
        )
    if too_open:
        return make_result(
            "warn",
            t("Others may read: %(names)s.", names=_list_first(too_open)),
            t("Close it: chmod -R go= %(path)s", path=instance),
        )
    return make_result("ok", t("%(path)s belongs to one user, and only to that one.", path=instance))


@dataclass(frozen=True)
class DatabaseFacts:
    """The database: what and where it is, and what it says of itself."""

    kind: str
    location: str
    version: str = ""
    encoding: str = ""
    damage: tuple[str, ...] = ()
    dangling: int = 0  # rows that refer to rows that are not there


def diagnose_database(database: DatabaseFacts) -> CheckResult:
    """Judge a database that answers."""
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
            t("Stop Rockonweb, keep a copy of the file, and put back the newest before-….db or a backup."),
        )
    if database.encoding.upper().replace("-", "") not in ("UTF8", "UTF16LE", "UTF16BE"):
        return make_result(
            "fail",
            t("The database has the encoding %(name)s, which can't hold all names.", name=database.encoding),
            t("Make one with the encoding UTF8: createdb --encoding=UTF8 --template=template0"),
        )
    if database.dangling:
        return make_result(
            "fail",
            t("%(count)s rows refer to rows that are not there.", count=database.dangling),
            t("Put back the newest before-….db or a backup; the file was changed from outside."),
        )
    title = t("%(kind)s %(version)s, %(place)s", kind=database.kind, version=database.version, place=database.location)
    return make_result("ok", t("%(named)s; nothing in it is damaged.", named=title))


def diagnose_schema(revision: str | None, revisions: Sequence[str]) -> CheckResult:
    """Judge the database's revision beside those that the program knows, the newest first."""
    head = revisions[0]
    make_result = partial(CheckResult, "schema", facts={"revision": revision, "head": head})
    if revision == head:
        return make_result("ok", t("It is the newest, %(head)s.", head=head))
    if revision is None:
        return make_result("fail", t("The database is empty."), t("`rockonweb up` makes its tables."))
    if revision not in revisions:
        return make_result(
            "fail",
            t("The database is of a newer Rockonweb: %(revision)s.", revision=revision),
            t("Install that one again, or put back a copy from before, before-….db in the instance's folder."),
        )
    return make_result(
        "fail",
        t("It is %(revision)s, and this program needs %(head)s.", revision=revision, head=head),
        t("Start `rockonweb up` again: it brings the database up to date, and keeps a copy from before."),
    )


def diagnose_queue(place: str, version: str, *, persistent: bool, writes: bool, waiting: int = 0) -> CheckResult:
    """Judge the queue's server, which answered; `writes` is whether its last write to the disk succeeded."""
    facts = {"place": place, "version": version, "persistent": persistent, "waiting": waiting}
    make_result = partial(CheckResult, "queue", facts=facts)
    if not writes:
        return make_result(
            "fail",
            t("The queue's server could not write to its disk."),
            t("Make room where it keeps its data; its log says more."),
        )
    if not persistent:
        return make_result(
            "warn",
            t("The queue's server keeps nothing on a disk: when it restarts, waiting jobs are queued again later."),
            t("Set `appendonly yes` in its configuration."),
        )
    return make_result(
        "ok", t("Version %(version)s at %(place)s answers and keeps its data.", version=version, place=place)
    )


def diagnose_roles(
    url: str, web: Literal["ours", "another", "nothing"], workers: int | None, expected: int, watcher: bool | None
) -> list[CheckResult]:
    """Judge the processes of `rockonweb up`.

    `web` is what answered at our address: ours, another program, or nothing; None: can't be known.
    """
    start_hint = t("Start it: `rockonweb up`. If it runs, its output says why this part does not.")
    unknown_sentence = t("It can't be known while the queue's server does not answer.")
    web_result = {
        "ours": CheckResult("web", "ok", t("%(url)s answers.", url=url)),
        "another": CheckResult(
            "web",
            "fail",
            t("At %(url)s another program answers.", url=url),
            t("End it, or choose another address by ROCKONWEB_BIND."),
        ),
        "nothing": CheckResult("web", "fail", t("Nothing answers at %(url)s.", url=url), start_hint),
    }[web]
    if workers is None:
        workers_result = CheckResult("workers", "warn", unknown_sentence)
    elif not workers:
        workers_result = CheckResult(
            "workers", "fail", t("None is listening: nothing is installed, started or stopped."), start_hint
        )
    elif workers < expected:
        sentence = t("%(count)s of %(wanted)s are listening.", count=workers, wanted=expected)
        workers_result = CheckResult("workers", "warn", sentence, start_hint)
    else:
        workers_result = CheckResult("workers", "ok", t("%(count)s are listening.", count=workers))
    if watcher is None:
        watcher_result = CheckResult("watcher", "warn", unknown_sentence)
    elif watcher:
        watcher_result = CheckResult("watcher", "ok", t("It told how Docker is within the last half minute."))
    else:
        watcher_result = CheckResult(
            "watcher", "fail", t("It is silent: the status of apps is out of date."), start_hint
        )
    return [web_result, workers_result, watcher_result]


def diagnose_engine(settings: DockerSettings) -> CheckResult:
    """Judge how Docker, which answered, is set up."""
    names = ("version", "api_version", "storage_driver", "rootless", "folder")
    facts = {**{name: getattr(settings, name) for name in names}, "cgroup": settings.cgroup_version}
    make_result = partial(CheckResult, "Docker", facts=facts)
    sentence = t(
        "Version %(version)s, API %(api)s, storage driver %(driver)s, control groups %(cgroup)s%(rootless)s.",
        version=settings.version,
        api=settings.api_version,
        driver=settings.storage_driver,
        cgroup=settings.cgroup_version or "?",
        rootless=t(", rootless") if settings.rootless else "",
    )
    if settings.storage_driver == "vfs":
        hint = t("This driver copies every layer whole: slow, and it takes many times the room. overlay2 does better.")
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
    """Judge operations: those that run or wait without a process, and the latest of their rock-on that failed."""
    facts = {"stuck": [operation.id for operation in stuck], "failed": [operation.id for operation in failures]}
    make_result = partial(CheckResult, "operations", facts=facts)
    if stuck:
        return make_result(
            "fail",
            t("Nobody works on: %(names)s.", names=_list_first(map(str, stuck))),
            t("The watcher mends this within a minute of `rockonweb up`. If it does not, cancel them on their pages."),
        )
    if failures:
        return make_result(
            "warn",
            t("The last one of these failed: %(names)s.", names=_list_first(map(str, failures))),
            t("Their pages under Operations say why, and have Repeat."),
        )
    return make_result("ok", t("None is stuck, and no rock-on's last one failed."))


@dataclass(frozen=True)
class DiskSpaceFacts:
    """The disk below something. `free` is None where it can't be seen."""

    label: str
    path: str
    free: int | None
    warn_below: int = LOW_BYTES


def diagnose_disks(disks: Sequence[DiskSpaceFacts]) -> CheckResult:
    """Judge the room on disks."""
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
            level, t("Little is free: %(said)s.", said=summary), t("Make room at %(places)s.", places=paths)
        )
    return make_result("ok", t("Free: %(said)s.", said=summary or "?"))


def diagnose_clock(offset: float | None, zone: str, synchronised: bool | None) -> CheckResult:
    """Judge the clock: `offset` is by how many seconds Docker's is ahead; `synchronised` None where nobody tells."""
    make_result = partial(CheckResult, "clock", facts={"offset": offset, "zone": zone, "synchronised": synchronised})
    if offset is not None and abs(offset) > CLOCK_WARN_SECONDS:
        return make_result(
            "fail" if abs(offset) > CLOCK_FAIL_SECONDS else "warn",
            t("Docker's clock and ours are %(seconds)s s apart.", seconds=round(abs(offset))),
            t("Let both machines take the time from the network: timedatectl set-ntp true"),
        )
    if synchronised is False:
        hint = t("Switch it on: timedatectl set-ntp true. Codes for the login and certificates need the right time.")
        return make_result("warn", t("It is not synchronised with the network."), hint)
    if offset is None:
        return make_result("ok", t("Zone %(zone)s.", zone=zone))
    return make_result("ok", t("In step with Docker's, zone %(zone)s.", zone=zone))


def diagnose_ports(published: int, taken: Sequence[PortListener]) -> CheckResult:
    """Judge the ports of installed rock-ons; those that are `taken` have the name of who has them instead."""
    entries = [
        {"number": listener.port, "protocol": listener.protocol, "rockon": listener.rockon, "holder": listener.holder}
        for listener in taken
    ]
    make_result = partial(CheckResult, "ports", facts={"wanted": published, "taken": entries})
    if taken:
        names = [
            t("%(port)s/%(protocol)s of %(rockon)s by %(holder)s", port=listener.port, protocol=listener.protocol,
                  rockon=listener.rockon, holder=listener.holder or t("a program that this user may not see"))
            for listener in taken
        ]  # fmt: skip
        hint = t("End what has it, or give the rock-on another port under Settings.")
        return make_result("warn", t("Taken by others: %(names)s.", names=_list_first(names)), hint)
    if not published:
        return make_result("ok", t("No installed rock-on publishes any."))
    return make_result("ok", t("The %(count)s ports of installed rock-ons are free or their own.", count=published))


def diagnose_containers(orphans: Sequence[str], missing: Sequence[str]) -> CheckResult:
    """Judge rows beside Docker: our containers without an installed rock-on, rock-ons without their containers."""
    make_result = partial(CheckResult, "containers", facts={"strays": list(orphans), "missing": list(missing)})
    if orphans:
        return make_result(
            "warn",
            t(
                "Containers of this instance that belong to no installed rock-on: %(names)s.",
                names=_list_first(orphans),
            ),
            t("Remove them when you have no use for them: docker rm NAME"),
        )
    if missing:
        return make_result(
            "warn",
            t(
                "Containers that installed rock-ons should have, and Docker has not: %(names)s.",
                names=_list_first(missing),
            ),
            t("Start the rock-on: that makes them anew."),
        )
    return make_result("ok", t("Docker has what the installed rock-ons should have."))


def diagnose_catalogue(day: str, age: float, faulty: Sequence[str]) -> CheckResult:
    """Judge the last refresh of the catalogue: its day (blank: never), its age in days, and what it could not use."""
    make_result = partial(CheckResult, "catalogue", facts={"refreshed": day, "faulty": list(faulty)})
    hint = t("Press Refresh in the catalogue, or: rockonweb catalog refresh")
    if not day:
        return make_result("warn", t("It was never refreshed."), hint)
    if faulty:
        sentence = t("The last refresh, %(day)s, could not use: %(names)s.", day=day, names=_list_first(faulty))
        return make_result("warn", sentence, t("The report in the catalogue has every reason."))
    sentence = t("Refreshed %(day)s without a fault.", day=day)
    return make_result("warn", sentence, hint) if age > CATALOGUE_WARN_DAYS else make_result("ok", sentence)


def diagnose_secrets(total: int, unreadable: int, *, key: bool) -> CheckResult:
    """Judge whether stored secrets can be read with the instance's key."""
    make_result = partial(CheckResult, "secrets", facts={"stored": total, "unreadable": unreadable, "key": key})
    if not key:
        level: Level = "fail" if total else "warn"
        return make_result(level, t("The instance has no key, secret.key."), _KEY_HINT)
    if unreadable:
        sentence = t("%(bad)s of %(total)s can't be read with the instance's key.", bad=unreadable, total=total)
        return make_result("fail", sentence, _KEY_HINT)
    if not total:
        return make_result("ok", t("None is stored yet."))
    return make_result("ok", t("All %(total)s can be read with the instance's key.", total=total))


_KEY_HINT = t("Restore the file secret.key that belongs to this database; without it, secrets must be typed anew.")


def diagnose_certificate(path: str, until: str, days: float, problem: str = "") -> CheckResult:
    """Judge the certificate that the TLS variables name: the day of its end, and how many days are left."""
    make_result = partial(CheckResult, "certificate", facts={"path": path, "until": until})
    if problem:
        hint = t("Correct ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT, or unset both.")
        return make_result("fail", t("%(path)s can't be used: %(why)s.", path=path, why=problem), hint)
    hint = t("Renew it; apps that got it must be rebuilt after that.")
    if days <= 0:
        return make_result("fail", t("%(path)s ended on %(day)s.", path=path, day=until), hint)
    if days < CERTIFICATE_WARN_DAYS:
        return make_result("warn", t("%(path)s ends on %(day)s.", path=path, day=until), hint)
    return make_result("ok", t("%(path)s is good until %(day)s.", path=path, day=until))


def _list_first(names: Iterable[str]) -> str:
    """Return the first few of a list."""
    listed = list(names)
    rest = [t("%(count)s more", count=len(listed) - MAX_LISTED)] if len(listed) > MAX_LISTED else []
    return join_texts(", ", [*listed[:MAX_LISTED], *rest])
