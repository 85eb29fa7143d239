"""What somebody should look at, from how the host and the apps are. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rockonweb.core.text import join_texts, t

LOW_BYTES = 10 * 10**9  # bytes; a few more images or films fill it
CRITICAL_BYTES = 10**9  # bytes; things begin to fail
LOW_MEMORY = 0.07  # of the memory


class Severity(enum.StrEnum):
    """How urgent it is."""

    DANGER = "danger"
    WARNING = "warning"
    INFO = "info"


class AlertTarget(enum.StrEnum):
    """Where it can be mended."""

    NOWHERE = ""
    ROCKON = "rockon"
    OPERATION = "operation"
    UPDATES = "updates"
    DEFINITION = "definition"
    IMAGES = "images"
    SHARES = "shares"


@dataclass(frozen=True)
class Alert:
    """A sentence, what to do, and where; `id` is the row's, where the place has many."""

    severity: Severity
    sentence: str
    hint: str = ""
    target: AlertTarget = AlertTarget.NOWHERE
    id: int = 0


@dataclass(frozen=True)
class Capacity:
    """How much of something is left; None where nobody knows."""

    free: int | None = None
    total: int | None = None

    @property
    def used_fraction(self) -> float | None:
        """The part that is used."""
        return 1 - self.free / self.total if self.free is not None and self.total else None


@dataclass(frozen=True)
class InstalledApp:
    """What is installed, or failed to be. `exit_reason` says why one ended by itself, blank for others."""

    id: int
    name: str
    exit_reason: str = ""
    newer_images: bool = False
    newer_definition: bool = False


@dataclass(frozen=True)
class FailedOperation:
    """An operation that failed and that nothing has made up for since; its title says that it did."""

    id: int
    title: str
    error: str = ""
    hint: str = ""
    rockon_id: int | None = None


@dataclass(frozen=True)
class AlertFacts:
    """What is known. `workers` is None where nobody knows; `busy_rockons` are the rock-ons that are being worked on."""

    workers: int | None = None
    shares: Capacity = Capacity()
    images: Capacity = Capacity()
    memory: Capacity = Capacity()
    apps: Sequence[InstalledApp] = ()
    failures: Sequence[FailedOperation] = ()
    busy_rockons: frozenset[int] = frozenset()


def collect_alerts(facts: AlertFacts) -> list[Alert]:
    """Return what to look at, the most urgent first. That the queue or Docker is down, each page says itself."""
    alerts = [*_host_alerts(facts), *_failure_alerts(facts), *_app_alerts(facts), *_update_alerts(facts.apps)]
    return sorted(alerts, key=lambda alert: list(Severity).index(alert.severity))


def _host_alerts(facts: AlertFacts) -> Iterable[Alert]:
    if facts.workers == 0:
        hint = t("Start Rockonweb with `rockonweb up`, which runs and looks after everything that is needed.")
        yield Alert(Severity.DANGER, t("Nobody does the jobs: what is begun now waits."), hint)
    if (severity := _space_severity(facts.shares.free)) is not None:
        hint = t("Remove what is not needed, or put shares on a larger disk.")
        yield Alert(severity, t("The disk of the shares is nearly full."), hint, AlertTarget.SHARES)
    if (severity := _space_severity(facts.images.free)) is not None:
        hint = t("Remove images that nothing uses; an update may need 1 to 3 GB.")
        yield Alert(severity, t("The disk of the images is nearly full."), hint, AlertTarget.IMAGES)
    memory = facts.memory
    if memory.used_fraction is not None and 1 - memory.used_fraction < LOW_MEMORY:
        hint = t("Stop an app that is not needed now: when memory runs out, Linux ends one by itself.")
        yield Alert(Severity.WARNING, t("There is little memory left."), hint)


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
        if app.exit_reason and app.id not in reported:
            hint = t("Look at its logs, then start it again.")
            why = app.exit_reason if app.exit_reason.endswith(".") else join_texts("", (app.exit_reason, "."))
            sentence = t("%(name)s does not run as it should: %(why)s", name=app.name, why=why)
            yield Alert(Severity.DANGER, sentence, hint, AlertTarget.ROCKON, app.id)


def _update_alerts(apps: Sequence[InstalledApp]) -> Iterable[Alert]:
    updatable = [app.name for app in apps if app.newer_images]
    if updatable:
        hint = t("Nothing that runs is touched before you say so, and a failed update goes back by itself.")
        yield Alert(
            Severity.INFO,
            t("There are newer images of %(names)s.", names=_shorten_names(updatable)),
            hint,
            AlertTarget.UPDATES,
        )
    for app in apps:
        if app.newer_definition:
            hint = t("See what is different before you take it or leave it aside.")
            sentence = t("The catalogue has a newer definition of %(name)s.", name=app.name)
            yield Alert(Severity.INFO, sentence, hint, AlertTarget.DEFINITION, app.id)


def _shorten_names(names: Sequence[str], limit: int = 4) -> str:
    """Return names with commas, and how many more there are."""
    if len(names) <= limit:
        return ", ".join(names)
    return f"{', '.join(names[: limit - 1])} … (+{len(names) - limit + 1})"
