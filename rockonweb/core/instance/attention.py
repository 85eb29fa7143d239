"""Alerts about what needs attention, from facts about the host and the apps. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rockonweb.core.errors import UnreadableDefinition
from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import TranslatableText, join_texts, t

LOW_BYTES = 10 * 10**9  # bytes; a few more images or films fill it
CRITICAL_BYTES = 10**9  # bytes; apps start to fail
SHARE_HINT = t("Mount its disk: apps that wait for it then start by themselves.")
LOW_MEMORY = 0.07  # fraction of the memory that is free


class Severity(enum.StrEnum):
    """How urgent it is."""

    DANGER = "danger"
    WARNING = "warning"
    INFO = "info"


class AlertTarget(enum.StrEnum):
    """The page where it can be fixed."""

    NOWHERE = ""
    ROCKON = "rockon"
    OPERATION = "operation"
    UPDATES = "updates"
    DEFINITION = "definition"
    IMAGES = "images"
    SHARES = "shares"
    DATA_BACKUPS = "data_backups"


@dataclass(frozen=True)
class Alert:
    """A sentence, what to do, and the page for it; `id` is that of the row, where the page is one of many."""

    severity: Severity
    sentence: str
    hint: str = ""
    target: AlertTarget = AlertTarget.NOWHERE
    id: int = 0


@dataclass(frozen=True)
class Capacity:
    """Free and total bytes of a disk or of memory; None where unknown."""

    free: int | None = None
    total: int | None = None

    @property
    def used_fraction(self) -> float | None:
        """The fraction that is used, from 0 to 1."""
        return 1 - self.free / self.total if self.free is not None and self.total else None


@dataclass(frozen=True)
class InstalledApp:
    """An app that is installed, or failed to install. `exit_reason` is why it ended unexpectedly, blank for others;
    `has_fallen`: it is stopped, though a person last asked it to run; `waits`: for a share that is absent;
    `unreadable`: why its definition can't be read.
    """

    id: int
    name: str
    exit_reason: str = ""
    has_fallen: bool = False
    waits: bool = False
    newer_images: bool = False
    newer_definition: bool = False
    unreadable: str = ""


@dataclass(frozen=True)
class FailedOperation:
    """A failed operation without a later success that supersedes it; its title says that it failed."""

    id: int
    title: str
    error: str = ""
    hint: str = ""
    rockon_id: int | None = None


@dataclass(frozen=True)
class ProgramFacts:
    """What runs, and what is installed: their versions; whether the code on the disk is another one; whether the
    database has a schema that what runs does not know; how to restart it.
    """

    running: str
    installed: str
    is_replaced: bool
    has_newer_schema: bool
    restart: str


@dataclass(frozen=True)
class AlertFacts:
    """What alerts depend on. `workers` is None where unknown; `busy_rockons` are the ids of those being worked on."""

    workers: int | None = None
    shares: Capacity = Capacity()
    images: Capacity = Capacity()
    memory: Capacity = Capacity()
    apps: Sequence[InstalledApp] = ()
    failures: Sequence[FailedOperation] = ()
    busy_rockons: frozenset[int] = frozenset()
    program: ProgramFacts | None = None
    maintenance_minutes: int = 0  # for which it lasts
    blind_spots: Iterable[BlindSpot] = ()
    unsaved_apps: Sequence[str] = ()  # whose data is in no backup
    overdue_apps: Sequence[str] = ()  # of which there should be a newer one


def collect_alerts(facts: AlertFacts) -> list[Alert]:
    """Return the alerts, the most urgent first. That the queue or Docker is down, each page reports itself."""
    program = _program_alerts(facts.program) if facts.program else ()
    alerts = [*program, *_host_alerts(facts), *_app_alerts(facts), *_failure_alerts(facts), *_update_alerts(facts.apps),
              *_backup_alerts(facts)]  # fmt: skip
    return sorted(alerts, key=lambda alert: list(Severity).index(alert.severity))


def describe_down(name: str, reason: str) -> TranslatableText:
    """Return the sentence on an app that does not do what it should."""
    why = reason if reason.endswith(".") else join_texts("", (reason, "."))
    return t("%(name)s is not running properly: %(why)s", name=name, why=why)


def explain_waiting(name: str) -> tuple[str, str]:
    """Return a sentence on an app that is kept stopped because its share is absent, and what to do."""
    return t("%(name)s is kept stopped: its share is absent.", name=name), SHARE_HINT


def _program_alerts(program: ProgramFacts) -> Iterable[Alert]:
    if program.has_newer_schema:
        yield Alert(
            Severity.DANGER,
            t("The database belongs to a newer Rockonweb than %(version)s, which runs.", version=program.running),
            t("Install the newer one again, then restart it: %(command)s", command=program.restart),
        )
    elif program.is_replaced:
        sentence = (
            t("Rockonweb was updated on the disk, but what runs is from before.")
            if program.installed in (program.running, "")
            else t(
                "Rockonweb %(installed)s is installed, but %(running)s still runs.",
                installed=program.installed,
                running=program.running,
            )
        )
        hint = t("Restart it: %(command)s. Your apps keep running.", command=program.restart)
        yield Alert(Severity.WARNING, sentence, hint)


def _host_alerts(facts: AlertFacts) -> Iterable[Alert]:
    for spot in facts.blind_spots:
        if spot.breaks:
            yield Alert(Severity.DANGER, spot.sentence, spot.hint)
    if facts.maintenance_minutes:
        sentence = t("Maintenance lasts for %(n)s more minutes.", n=facts.maintenance_minutes)
        yield Alert(
            Severity.INFO, sentence, t("Until then no notifications are sent and nothing is restarted automatically.")
        )
    if facts.workers == 0:
        hint = t("Start Rockonweb with `rockonweb up`, which runs and monitors everything that is needed.")
        yield Alert(Severity.DANGER, t("No worker is running: operations started now have to wait."), hint)
    if (severity := _space_severity(facts.shares.free)) is not None:
        hint = t("Remove what you don't need, or put shares on a larger disk.")
        yield Alert(severity, t("The disk for shares is nearly full."), hint, AlertTarget.SHARES)
    if (severity := _space_severity(facts.images.free)) is not None:
        hint = t("Remove unused images; an update may need 1 to 3 GB.")
        yield Alert(severity, t("The disk for images is nearly full."), hint, AlertTarget.IMAGES)
    memory = facts.memory
    if memory.used_fraction is not None and 1 - memory.used_fraction < LOW_MEMORY:
        hint = t("Stop an app you don't need right now: when memory runs out, Linux ends one automatically.")
        yield Alert(Severity.WARNING, t("Memory is running low."), hint)


def _space_severity(free: int | None) -> Severity | None:
    if free is None or free >= LOW_BYTES:
        return None
    return Severity.DANGER if free < CRITICAL_BYTES else Severity.WARNING


def _failure_alerts(facts: AlertFacts) -> Iterable[Alert]:
    for failure in facts.failures:
        if failure.rockon_id not in facts.busy_rockons:
            yield Alert(
                Severity.DANGER,
                f"{failure.title}.",
                join_texts(" ", (failure.error, failure.hint)),
                AlertTarget.OPERATION,
                failure.id,
            )


def _app_alerts(facts: AlertFacts) -> Iterable[Alert]:
    reported = {failure.rockon_id for failure in facts.failures} | facts.busy_rockons
    for app in facts.apps:
        if app.unreadable:
            error = UnreadableDefinition(app.name, app.unreadable)
            yield Alert(Severity.WARNING, error.sentence, error.hint, AlertTarget.ROCKON, app.id)
        if app.exit_reason and app.id not in reported:
            hint = t("Check its logs, then restart it.")
            sentence = describe_down(app.name, app.exit_reason)
            yield Alert(Severity.DANGER, sentence, hint, AlertTarget.ROCKON, app.id)
        elif app.has_fallen and app.waits and app.id not in reported:
            yield Alert(Severity.DANGER, *explain_waiting(app.name), AlertTarget.SHARES, app.id)
        elif app.has_fallen and app.id not in reported:
            hint = t("Docker or another program stopped it. Start it again.")
            sentence = t("%(name)s should be running, but is stopped.", name=app.name)
            yield Alert(Severity.WARNING, sentence, hint, AlertTarget.ROCKON, app.id)


def _backup_alerts(facts: AlertFacts) -> Iterable[Alert]:
    if facts.overdue_apps:
        names = _shorten_names(facts.overdue_apps)
        yield Alert(
            Severity.WARNING,
            t("There is no recent data backup of: %(names)s.", names=names),
            t("Check the repository and its disk."),
            AlertTarget.DATA_BACKUPS,
        )
    if facts.unsaved_apps:
        names = _shorten_names(facts.unsaved_apps)
        yield Alert(
            Severity.INFO,
            t("The data of these apps is not backed up: %(names)s.", names=names),
            t("When a disk fails, what is only on it is lost."),
            AlertTarget.DATA_BACKUPS,
        )


def _update_alerts(apps: Sequence[InstalledApp]) -> Iterable[Alert]:
    updatable = [app.name for app in apps if app.newer_images]
    if updatable:
        hint = t(
            "Running apps are not changed without your approval, and a failed update is rolled back automatically."
        )
        yield Alert(
            Severity.INFO,
            t("Updates are available for %(names)s.", names=_shorten_names(updatable)),
            hint,
            AlertTarget.UPDATES,
        )
    for app in apps:
        if app.newer_definition:
            hint = t("Check what changed before you accept or ignore it.")
            sentence = t("The catalogue has a newer definition of %(name)s.", name=app.name)
            yield Alert(Severity.INFO, sentence, hint, AlertTarget.DEFINITION, app.id)


def _shorten_names(names: Sequence[str], limit: int = 4) -> str:
    """Return names with commas, and how many more there are."""
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[: limit - 1])} … (+{len(names) - limit + 1})"
