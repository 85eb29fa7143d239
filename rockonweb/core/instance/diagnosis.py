"""What is well with an instance and what is not: facts that were gathered go in, findings in words come out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from rockonweb.core.docker.daemon_settings import DockerSettings
from rockonweb.core.facts import Listener
from rockonweb.core.text import joined, size, t

Level = Literal["ok", "warn", "fail"]
MARKS: dict[Level, str] = {"ok": "[ok]  ", "warn": "[warn]", "fail": "[FAIL]"}
PRIVATE = 0o077  # what others may do with a file of the instance: nothing
FULL, LITTLE = 100 * 10**6, 10**9  # bytes that are free
LATE, WRONG = 5, 60  # seconds between two clocks
SOON = 30  # days until a certificate ends
OLD = 30  # days since the catalogue was refreshed
SHOWN = 5  # of a list


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, how it is, and what to do. `facts` has the numbers behind it, as JSON has them."""

    about: str
    level: Level
    sentence: str
    hint: str = ""
    facts: dict[str, Any] | None = None

    def __str__(self) -> str:
        lines = f"{MARKS[self.level]} {self.about}: {self.sentence}"
        return f"{lines}\n       {self.hint}" if self.hint else lines


def failed(findings: Iterable[Finding]) -> bool:
    """Whether something is broken; warnings are not."""
    return any(one.level == "fail" for one in findings)


def report(findings: Sequence[Finding], *, as_json: bool = False) -> str:
    """Return findings as they are printed, downloaded and sent to a supporter."""
    if not as_json:
        return "\n".join(map(str, findings))
    told = [{**vars(one), "facts": one.facts or {}} for one in findings]
    return json.dumps({"ok": not failed(findings), "findings": told}, indent=2)


@dataclass(frozen=True)
class FileFacts:
    """A file or folder of the instance."""

    name: str
    mode: int
    uid: int


def files(instance: str, found: Sequence[FileFacts] | None, *, writable: bool) -> Finding:
    """Judge whose the instance's files are, and who else may read them; the first is the folder itself."""
    if found is None:
        return Finding(
            "files",
            "fail",
            t("The folder %(path)s of the instance is not there, or can't be read.", path=instance),
            t("`rockonweb up` makes it. Is ROCKONWEB_INSTANCE set as it is for the service, and are you its user?"),
        )
    loose = [one.name for one in found if one.mode & PRIVATE]
    say = partial(Finding, "files", facts={"instance": instance, "writable": writable, "loose": loose})
    if not writable:
        return say(
            "fail",
            t("Rockonweb may not write into %(path)s.", path=instance),
            t("Run this as the user of the service (number %(uid)s), or give that user the folder.", uid=found[0].uid),
        )
    strange = [one.name for one in found if one.uid != found[0].uid]
    if strange:
        return say(
            "warn",
            t("Not everything belongs to the folder's owner: %(names)s.", names=_some(strange)),
            t("Give it all to one user: chown -R %(uid)s %(path)s", uid=found[0].uid, path=instance),
        )
    if loose:
        return say(
            "warn",
            t("Others may read: %(names)s.", names=_some(loose)),
            t("Close it: chmod -R go= %(path)s", path=instance),
        )
    return say("ok", t("%(path)s belongs to one user, and only to that one.", path=instance))


@dataclass(frozen=True)
class DatabaseFacts:
    """The database: what and where it is, and what it says of itself."""

    kind: str
    place: str
    version: str = ""
    encoding: str = ""
    damage: tuple[str, ...] = ()
    dangling: int = 0  # rows that refer to rows that are not there


def database(found: DatabaseFacts) -> Finding:
    """Judge a database that answers."""
    facts = {"kind": found.kind, "place": found.place, "version": found.version, "encoding": found.encoding}
    say = partial(Finding, "database", facts=facts)
    if found.damage:
        return say(
            "fail",
            t("%(place)s is damaged: %(what)s.", place=found.place, what=_some(found.damage)),
            t("Stop Rockonweb, keep a copy of the file, and put back the newest before-….db or a backup."),
        )
    if found.encoding.upper().replace("-", "") not in ("UTF8", "UTF16LE", "UTF16BE"):
        return say(
            "fail",
            t("The database has the encoding %(name)s, which can't hold all names.", name=found.encoding),
            t("Make one with the encoding UTF8: createdb --encoding=UTF8 --template=template0"),
        )
    if found.dangling:
        return say(
            "fail",
            t("%(count)s rows refer to rows that are not there.", count=found.dangling),
            t("Put back the newest before-….db or a backup; the file was changed from outside."),
        )
    named = t("%(kind)s %(version)s, %(place)s", kind=found.kind, version=found.version, place=found.place)
    return say("ok", t("%(named)s; nothing in it is damaged.", named=named))


def schema(revision: str | None, known: Sequence[str]) -> Finding:
    """Judge the database's revision beside those that the program knows, the newest first."""
    head = known[0]
    say = partial(Finding, "schema", facts={"revision": revision, "head": head})
    if revision == head:
        return say("ok", t("It is the newest, %(head)s.", head=head))
    if revision is None:
        return say("fail", t("The database is empty."), t("`rockonweb up` makes its tables."))
    if revision not in known:
        return say(
            "fail",
            t("The database is of a newer Rockonweb: %(revision)s.", revision=revision),
            t("Install that one again, or put back a copy from before, before-….db in the instance's folder."),
        )
    return say(
        "fail",
        t("It is %(revision)s, and this program needs %(head)s.", revision=revision, head=head),
        t("Start `rockonweb up` again: it brings the database up to date, and keeps a copy from before."),
    )


def queue(place: str, version: str, *, persistent: bool, writes: bool, waiting: int = 0) -> Finding:
    """Judge the queue's server, which answered; `writes` is whether its last write to the disk succeeded."""
    facts = {"place": place, "version": version, "persistent": persistent, "waiting": waiting}
    say = partial(Finding, "queue", facts=facts)
    if not writes:
        return say(
            "fail",
            t("The queue's server could not write to its disk."),
            t("Make room where it keeps its data; its log says more."),
        )
    if not persistent:
        return say(
            "warn",
            t("The queue's server keeps nothing on a disk: when it restarts, waiting jobs are queued again later."),
            t("Set `appendonly yes` in its configuration."),
        )
    return say("ok", t("Version %(version)s at %(place)s answers and keeps its data.", version=version, place=place))


def roles(
    url: str, web: Literal["ours", "another", "nothing"], workers: int | None, wanted: int, watcher: bool | None
) -> list[Finding]:
    """Judge the processes of `rockonweb up`.

    `web` is what answered at our address: ours, another program, or nothing; None: can't be known.
    """
    start = t("Start it: `rockonweb up`. If it runs, its output says why this part does not.")
    unknown = t("It can't be known while the queue's server does not answer.")
    page = {
        "ours": Finding("web", "ok", t("%(url)s answers.", url=url)),
        "another": Finding(
            "web",
            "fail",
            t("At %(url)s another program answers.", url=url),
            t("End it, or choose another address by ROCKONWEB_BIND."),
        ),
        "nothing": Finding("web", "fail", t("Nothing answers at %(url)s.", url=url), start),
    }[web]
    if workers is None:
        crew = Finding("workers", "warn", unknown)
    elif not workers:
        crew = Finding("workers", "fail", t("None is listening: nothing is installed, started or stopped."), start)
    elif workers < wanted:
        said = t("%(count)s of %(wanted)s are listening.", count=workers, wanted=wanted)
        crew = Finding("workers", "warn", said, start)
    else:
        crew = Finding("workers", "ok", t("%(count)s are listening.", count=workers))
    if watcher is None:
        watch = Finding("watcher", "warn", unknown)
    elif watcher:
        watch = Finding("watcher", "ok", t("It told how Docker is within the last half minute."))
    else:
        watch = Finding("watcher", "fail", t("It is silent: the status of apps is out of date."), start)
    return [page, crew, watch]


def engine(found: DockerSettings) -> Finding:
    """Judge how Docker, which answered, is set up."""
    told = ("version", "api_version", "storage_driver", "rootless", "folder")
    facts = {**{name: getattr(found, name) for name in told}, "cgroup": found.cgroup_version}
    say = partial(Finding, "Docker", facts=facts)
    said = t(
        "Version %(version)s, API %(api)s, storage driver %(driver)s, control groups %(cgroup)s%(rootless)s.",
        version=found.version,
        api=found.api_version,
        driver=found.storage_driver,
        cgroup=found.cgroup_version or "?",
        rootless=t(", rootless") if found.rootless else "",
    )
    if found.storage_driver == "vfs":
        hint = t("This driver copies every layer whole: slow, and it takes many times the room. overlay2 does better.")
        return say("warn", said, hint)
    if found.rootless:
        hint = t("Ports below 1024, the host's devices and some networks are not available to apps.")
        return say("warn", said, hint)
    return say("ok", said)


@dataclass(frozen=True)
class OperationFacts:
    """An operation, by its number, kind and rock-on."""

    id: int
    kind: str
    rockon: str

    def __str__(self) -> str:
        return f"{self.id} ({self.kind} {self.rockon})".replace(" )", ")")


def operations(stuck: Sequence[OperationFacts], failures: Sequence[OperationFacts]) -> Finding:
    """Judge operations: those that run or wait without a process, and the latest of their rock-on that failed."""
    facts = {"stuck": [one.id for one in stuck], "failed": [one.id for one in failures]}
    say = partial(Finding, "operations", facts=facts)
    if stuck:
        return say(
            "fail",
            t("Nobody works on: %(names)s.", names=_some(map(str, stuck))),
            t("The watcher mends this within a minute of `rockonweb up`. If it does not, cancel them on their pages."),
        )
    if failures:
        return say(
            "warn",
            t("The last one of these failed: %(names)s.", names=_some(map(str, failures))),
            t("Their pages under Operations say why, and have Repeat."),
        )
    return say("ok", t("None is stuck, and no rock-on's last one failed."))


@dataclass(frozen=True)
class RoomFacts:
    """The disk below something. `free` is None where it can't be seen."""

    what: str
    path: str
    free: int | None
    little: int = LITTLE


def rooms(found: Sequence[RoomFacts]) -> Finding:
    """Judge the room on disks."""
    say = partial(Finding, "room", facts={one.what: {"path": one.path, "free": one.free} for one in found})
    seen = [(one, one.free) for one in found if one.free is not None]
    said = joined("; ", (t("%(what)s %(free)s", what=one.what, free=size(free)) for one, free in seen))
    tight = [one for one, free in seen if free < one.little]
    if tight:
        level: Level = "fail" if any(free < FULL for _, free in seen) else "warn"
        places = _some(dict.fromkeys(one.path for one in tight))
        return say(level, t("Little is free: %(said)s.", said=said), t("Make room at %(places)s.", places=places))
    return say("ok", t("Free: %(said)s.", said=said or "?"))


def clock(offset: float | None, zone: str, synchronised: bool | None) -> Finding:
    """Judge the clock: `offset` is by how many seconds Docker's is ahead; `synchronised` None where nobody tells."""
    say = partial(Finding, "clock", facts={"offset": offset, "zone": zone, "synchronised": synchronised})
    if offset is not None and abs(offset) > LATE:
        return say(
            "fail" if abs(offset) > WRONG else "warn",
            t("Docker's clock and ours are %(seconds)s s apart.", seconds=round(abs(offset))),
            t("Let both machines take the time from the network: timedatectl set-ntp true"),
        )
    if synchronised is False:
        hint = t("Switch it on: timedatectl set-ntp true. Codes for the login and certificates need the right time.")
        return say("warn", t("It is not synchronised with the network."), hint)
    if offset is None:
        return say("ok", t("Zone %(zone)s.", zone=zone))
    return say("ok", t("In step with Docker's, zone %(zone)s.", zone=zone))


def ports(wanted: int, taken: Sequence[Listener]) -> Finding:
    """Judge the ports of installed rock-ons; those that are `taken` have the name of who has them instead."""
    told = [{"number": one.port, "protocol": one.protocol, "rockon": one.rockon, "holder": one.holder} for one in taken]
    say = partial(Finding, "ports", facts={"wanted": wanted, "taken": told})
    if taken:
        names = [
            t("%(port)s/%(protocol)s of %(rockon)s by %(holder)s", port=one.port, protocol=one.protocol,
                  rockon=one.rockon, holder=one.holder or t("a program that this user may not see"))
            for one in taken
        ]  # fmt: skip
        hint = t("End what has it, or give the rock-on another port under Settings.")
        return say("warn", t("Taken by others: %(names)s.", names=_some(names)), hint)
    if not wanted:
        return say("ok", t("No installed rock-on publishes any."))
    return say("ok", t("The %(count)s ports of installed rock-ons are free or their own.", count=wanted))


def rows(strays: Sequence[str], missing: Sequence[str]) -> Finding:
    """Judge rows beside Docker: our containers without an installed rock-on, rock-ons without their containers."""
    say = partial(Finding, "containers", facts={"strays": list(strays), "missing": list(missing)})
    if strays:
        return say(
            "warn",
            t("Containers of this instance that belong to no installed rock-on: %(names)s.", names=_some(strays)),
            t("Remove them when you have no use for them: docker rm NAME"),
        )
    if missing:
        return say(
            "warn",
            t("Containers that installed rock-ons should have, and Docker has not: %(names)s.", names=_some(missing)),
            t("Start the rock-on: that makes them anew."),
        )
    return say("ok", t("Docker has what the installed rock-ons should have."))


def catalogue(day: str, age: float, faulty: Sequence[str]) -> Finding:
    """Judge the last refresh of the catalogue: its day (blank: never), its age in days, and what it could not use."""
    say = partial(Finding, "catalogue", facts={"refreshed": day, "faulty": list(faulty)})
    hint = t("Press Refresh in the catalogue, or: rockonweb catalog refresh")
    if not day:
        return say("warn", t("It was never refreshed."), hint)
    if faulty:
        said = t("The last refresh, %(day)s, could not use: %(names)s.", day=day, names=_some(faulty))
        return say("warn", said, t("The report in the catalogue has every reason."))
    said = t("Refreshed %(day)s without a fault.", day=day)
    return say("warn", said, hint) if age > OLD else say("ok", said)


def secrets(total: int, unreadable: int, *, key: bool) -> Finding:
    """Judge whether stored secrets can be read with the instance's key."""
    say = partial(Finding, "secrets", facts={"stored": total, "unreadable": unreadable, "key": key})
    if not key:
        level: Level = "fail" if total else "warn"
        return say(level, t("The instance has no key, secret.key."), _KEY_HINT)
    if unreadable:
        said = t("%(bad)s of %(total)s can't be read with the instance's key.", bad=unreadable, total=total)
        return say("fail", said, _KEY_HINT)
    if not total:
        return say("ok", t("None is stored yet."))
    return say("ok", t("All %(total)s can be read with the instance's key.", total=total))


_KEY_HINT = t("Restore the file secret.key that belongs to this database; without it, secrets must be typed anew.")


def certificate(path: str, until: str, days: float, trouble: str = "") -> Finding:
    """Judge the certificate that the TLS variables name: the day of its end, and how many days are left."""
    say = partial(Finding, "certificate", facts={"path": path, "until": until})
    if trouble:
        hint = t("Correct ROCKONWEB_TLS_KEY and ROCKONWEB_TLS_CERT, or unset both.")
        return say("fail", t("%(path)s can't be used: %(why)s.", path=path, why=trouble), hint)
    hint = t("Renew it; apps that got it must be rebuilt after that.")
    if days <= 0:
        return say("fail", t("%(path)s ended on %(day)s.", path=path, day=until), hint)
    if days < SOON:
        return say("warn", t("%(path)s ends on %(day)s.", path=path, day=until), hint)
    return say("ok", t("%(path)s is good until %(day)s.", path=path, day=until))


def _some(names: Iterable[str]) -> str:
    """Return the first few of a list."""
    listed = list(names)
    more = [t("%(count)s more", count=len(listed) - SHOWN)] if len(listed) > SHOWN else []
    return joined(", ", [*listed[:SHOWN], *more])
