"""The apps, their operations, the catalogue and the backups of their data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from rockonweb.core.instance.attention import explain_waiting
from rockonweb.core.instance.diagnosis.results import CheckResult, list_first
from rockonweb.core.text import join_texts, t

CATALOGUE_WARN_DAYS = 30  # days since the catalogue was refreshed


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
            t("No process is working on: %(names)s.", names=list_first(map(str, stuck))),
            t(
                "The watcher fixes this within a minute of `rockonweb up`. If it does not, cancel the operations on "
                "their pages."
            ),
        )
    if failures:
        return make_result(
            "warn",
            t("The last operation of a rock-on failed: %(names)s.", names=list_first(map(str, failures))),
            t("Their pages under Operations show the reason and have Repeat."),
        )
    return make_result("ok", t("No operation is stuck, and no rock-on's last operation failed."))


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
        sentence = t("The last refresh (%(day)s) could not use: %(names)s.", day=day, names=list_first(faulty))
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
                               version=version, names=list_first(repositories)))  # fmt: skip
