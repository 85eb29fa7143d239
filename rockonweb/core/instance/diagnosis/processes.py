"""What runs of the instance: the queue and its parts, by which clock and certificate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Literal

from rockonweb.core.instance.diagnosis.results import CheckResult
from rockonweb.core.text import t

CLOCK_WARN_SECONDS, CLOCK_FAIL_SECONDS = 5, 60  # seconds between two clocks
CERTIFICATE_WARN_DAYS = 30  # days until a certificate ends


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
