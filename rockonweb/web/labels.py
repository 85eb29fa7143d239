"""Labels, colours and icons for states, and Jinja filters that format values in the language of the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flask import request
from flask_babel import (
    LazyString,
    format_date,
    format_decimal,
    format_time,
    format_timedelta,
    gettext,
    ngettext,
)
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from rockonweb.catalog.report import explain_starters
from rockonweb.core import text
from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.core.secret import MASK
from rockonweb.languages import translate, translate_markup
from rockonweb.models import (
    CustomConfig,
    Environment,
    Episode,
    Installation,
    Operation,
    Problem,
    Progress,
    RefreshReport,
    State,
    Status,
    utc_now,
)
from rockonweb.work import heartbeat, labels, rehearsal


@dataclass(frozen=True)
class StatusPill:
    """A state as a page shows it: a label, a tone (the colour) and an icon. `detail` may be blank."""

    words: str | LazyString
    tone: str  # good, busy, bad, quiet
    icon: str
    detail: str = ""


@dataclass(frozen=True)
class BadgeTag:
    """A badge as a page shows it: a short label, the sentence that explains it, and an icon."""

    words: LazyString
    why: LazyString
    icon: str


BADGE_TAGS = {
    Badge.UI: BadgeTag(_l("Web page"), _l("It has its own page that you open in the browser."), "window"),
    Badge.CONTAINERS: BadgeTag(
        _l("Several containers"),
        _l("It consists of several containers, which are installed, started and stopped together."),
        "boxes",
    ),
    Badge.HOST_NETWORK: BadgeTag(
        _l("Host network"),
        _l("It uses this machine's network directly: it can listen on any port, and its ports are fixed."),
        "ethernet",
    ),
    Badge.PRIVILEGED: BadgeTag(
        _l("Privileged"),
        _l(
            "It has almost full access to this machine, including its disks and devices. Install it only if you "
            "trust it."
        ),
        "shield-lock",
    ),
    Badge.DOCKER_SOCKET: BadgeTag(
        _l("Controls Docker"),
        _l(
            "It can control Docker itself, and through it do anything on this machine. Install it only if you trust it."
        ),
        "key",
    ),
    Badge.LOCAL: BadgeTag(
        _l("Local"), _l("Its definition comes from this machine's own folder, not from a metastore."), "house"
    ),
}
CATEGORY_LABELS = {
    Category.MEDIA: _l("Media"),
    Category.PHOTOS: _l("Photos"),
    Category.FILES: _l("Files and sync"),
    Category.DOCUMENTS: _l("Documents and notes"),
    Category.DOWNLOADS: _l("Downloads"),
    Category.HOME: _l("Home automation"),
    Category.NETWORK: _l("Network"),
    Category.SECURITY: _l("Passwords and logins"),
    Category.MONITORING: _l("Monitoring"),
    Category.BACKUP: _l("Backup"),
    Category.COMMUNICATION: _l("Communication"),
    Category.WEB: _l("Websites"),
    Category.DEVELOPMENT: _l("Development"),
    Category.DATABASES: _l("Databases"),
    Category.GAMES: _l("Games"),
    Category.OTHER: _l("Other"),
}
# The checks of the doctor; its text and JSON output have the keys.
CHECK_LABELS = {
    "program": _l("program"),
    "files": _l("files"),
    "database": _l("database"),
    "schema": _l("schema"),
    "queue": _l("queue"),
    "parts": _l("parts"),
    "web": _l("web server"),
    "workers": _l("workers"),
    "watcher": _l("watcher"),
    "operations": _l("operations"),
    "room": _l("free space"),
    "clock": _l("clock"),
    "ports": _l("ports"),
    "copies": _l("copies"),
    "containers": _l("containers"),
    "container": _l("Rockonweb's container"),
    "apps": _l("apps"),
    "catalogue": _l("catalogue"),
    "secrets": _l("secrets"),
    "stored data": _l("stored data"),
    "certificate": _l("certificate"),
    "settings": _l("settings"),
    "data backups": _l("data backups"),
}
STATE_PILLS = {
    State.AVAILABLE: StatusPill(_l("Not installed"), "quiet", "box-seam"),
    State.PENDING_INSTALL: StatusPill(_l("Installing"), "busy", "hourglass-split"),
    State.INSTALL_FAILED: StatusPill(_l("Install failed"), "bad", "exclamation-triangle"),
    State.PENDING_UPDATE: StatusPill(_l("Updating"), "busy", "hourglass-split"),
    State.PENDING_UNINSTALL: StatusPill(_l("Uninstalling"), "busy", "hourglass-split"),
}
STATUS_PILLS = {
    Status.STOPPED: StatusPill(_l("Stopped"), "quiet", "stop-fill"),
    Status.PENDING_START: StatusPill(_l("Starting"), "busy", "hourglass-split"),
    Status.STARTED: StatusPill(_l("Running"), "good", "play-fill"),
    Status.START_FAILED: StatusPill(_l("Start failed"), "bad", "exclamation-triangle"),
    Status.PENDING_STOP: StatusPill(_l("Stopping"), "busy", "hourglass-split"),
    Status.STOP_FAILED: StatusPill(_l("Stop failed"), "bad", "exclamation-triangle"),
}
# Of a rock-on that runs, or should; one that ended otherwise shows its exit code.
PROBLEM_PILLS = {
    Problem.MISSING: StatusPill(_l("Container missing"), "bad", "exclamation-triangle"),
    Problem.OUT_OF_MEMORY: StatusPill(_l("Out of memory"), "bad", "exclamation-triangle"),
    Problem.RESTARTING: StatusPill(_l("Keeps restarting"), "bad", "exclamation-triangle"),
    Problem.STOPPED: StatusPill(_l("Partly running"), "bad", "exclamation-triangle"),
    Problem.UNHEALTHY: StatusPill(_l("Unhealthy"), "bad", "exclamation-triangle"),
    Problem.NOT_ANSWERING: StatusPill(_l("Not answering"), "bad", "exclamation-triangle"),
    Problem.SHARE_ABSENT: StatusPill(_l("Share absent"), "bad", "exclamation-triangle"),
    Problem.STARTING: StatusPill(_l("Starting"), "busy", "hourglass-split"),
}
CODE_LINE = "code_line"  # the name of its place in a hint
_AGE_KEY = "rockonweb.status_age"  # of the request's environment
PROGRESS_PILLS = {
    Progress.QUEUED: StatusPill(_l("Waiting"), "quiet", "hourglass-split"),
    Progress.RUNNING: StatusPill(_l("Running"), "busy", "arrow-repeat"),
    Progress.DONE: StatusPill(_l("Done"), "good", "check-circle"),
    Progress.FAILED: StatusPill(_l("Failed"), "bad", "x-circle"),
    Progress.CANCELLED: StatusPill(_l("Cancelled"), "quiet", "x-circle"),
    Progress.INTERRUPTED: StatusPill(_l("Interrupted"), "bad", "exclamation-triangle"),
    Progress.UNDONE: StatusPill(_l("Rolled back"), "quiet", "arrow-clockwise"),
    Progress.SKIPPED: StatusPill(_l("Skipped"), "quiet", "chevron-right"),
}


def status_pill(installation: Installation) -> StatusPill:
    """Return the pill for a rock-on's state, or for its status where it is installed.

    While Docker does not answer, that is the status of a while ago.
    """
    if installation.state is not State.INSTALLED:
        return STATE_PILLS[installation.state]
    pill = _known_status_pill(installation)
    if pill.tone == "busy" or not (age := status_age()):
        return pill
    return replace(pill, words=gettext("%(status)s (%(age)s)", status=pill.words, age=age), tone="quiet")


def down_reason(installation: Installation) -> str:
    """Return why a rock-on does not do what it should: what is wrong with it, else what its pill says."""
    pill = status_pill(installation)
    if installation.is_down and pill.detail:
        return pill.detail
    return text.join_texts(" – ", (str(pill.words), installation.error or ""))


def status_age() -> str:
    """Return how old the statuses of apps are while Docker does not answer, rounded; blank while it does."""
    if _AGE_KEY not in request.environ:
        engine = heartbeat.engine_status()
        answered_at = engine.answered_at
        age = gettext("last known") if answered_at is None else ago(datetime.fromtimestamp(answered_at, UTC))
        request.environ[_AGE_KEY] = age if engine.reachable is False else ""
    known_age: str = request.environ[_AGE_KEY]
    return known_age


def _known_status_pill(installation: Installation) -> StatusPill:
    if installation.status in (Status.EXITED, Status.STARTED) and installation.problem in PROBLEM_PILLS:
        return replace(PROBLEM_PILLS[installation.problem], detail=installation.status_error)
    if installation.status is Status.EXITED:
        label = gettext(
            "Ended with exit code %(code)s", code="?" if installation.exit_code is None else installation.exit_code
        )
        return StatusPill(label, "bad", "exclamation-triangle", installation.status_error)
    if installation.problem is Problem.SHARE_ABSENT:
        return replace(STATUS_PILLS[Status.STOPPED], detail=installation.status_error)
    return STATUS_PILLS[installation.status]


def episode_pill(episode: Episode) -> StatusPill:
    """Return the pill for an episode: what was wrong last."""
    return PROBLEM_PILLS.get(episode.problem, StatusPill(_l("Ended"), "bad", "exclamation-triangle"))


def rehearsal_result(operation: Operation) -> str:
    """Return what a rehearsal that has ended has proved."""
    return translate(rehearsal.describe_result(operation))


def title_of(operation: Operation) -> str:
    """Return an operation's title: `Install: Immich`."""
    return translate(labels.describe_operation(operation))


def ended_title(operation: Operation) -> str:
    """Return the outcome of an operation that has ended: `Immich was installed`."""
    return translate(labels.describe_outcome(operation))


def state_title(operation: Operation, percent: int | None = None) -> str:
    """Return an operation's title and progress for the browser's tab: `Install: Immich · 40 %`, at the end
    `✓ Immich was installed`.
    """
    if operation.is_active:
        percentage = percent_words(percent) if operation.progress is Progress.RUNNING else ""
        state = percentage or PROGRESS_PILLS[operation.progress].words
        return f"{title_of(operation)} · {state}"
    return f"{mark_of(operation)} {ended_title(operation)}"


def mark_of(operation: Operation) -> str:
    """Return a check mark or cross for an operation that has ended."""
    return "✓" if operation.progress is Progress.DONE else "✗"


def percent_words(percent: int | None) -> str:
    """Return a percentage; blank where it is unknown."""
    return "" if percent is None else f"{percent} %"


def masked_answer(row: Environment | CustomConfig, installation: Installation, container: str = "") -> str:
    """Return an answer, masked where it is a secret."""
    if not row.value:
        return ""
    return MASK if installation.is_secret_answer(row, container) else row.value


def moment(value: datetime | None, *, near: bool = False) -> Markup:
    """Return a time as a `<time>` element in the server's time zone; with `near`, also as `today, 14:03`."""
    if value is None:
        return Markup("")
    local_time = value.astimezone()
    time_text = format_time(local_time, "short", rebase=False)
    days = (utc_now().astimezone().date() - local_time.date()).days
    if near and days == 0:
        text_value = gettext("today, %(time)s", time=time_text)
    elif near and days == 1:
        text_value = gettext("yesterday, %(time)s", time=time_text)
    else:
        text_value = gettext("%(date)s, %(time)s", date=format_date(local_time, "medium", rebase=False), time=time_text)
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(timespec="seconds"), text_value)


def duration(seconds: float | None) -> str:
    """Return a duration in short: `1.5 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return ""
    if seconds < 10:
        return str(gettext("%(n)s s", n=format_decimal(seconds, "0.0")))
    if seconds < 120:
        return str(gettext("%(n)s s", n=round(seconds)))
    if seconds >= 3600:
        return str(gettext("%(h)s h %(m)s min", h=int(seconds) // 3600, m=int(seconds) // 60 % 60))
    return str(gettext("%(m)s min %(s)s s", m=int(seconds) // 60, s=int(seconds) % 60))


def size(byte_count: int | None) -> str:
    """Return a number of bytes with a unit."""
    return "" if byte_count is None else translate(text.format_size(byte_count))


def count_words(count: int) -> str:
    """Return a number of rock-ons: `12 rock-ons`."""
    return str(ngettext("%(num)s rock-on", "%(num)s rock-ons", count))


def report_words(data: Mapping[str, Any]) -> str:
    """Return the counts of a refresh report in short: `3 new, 1 changed`."""
    counts = {key: len(data.get(key, ())) for key in ("added", "changed", "removed", "faulty")}
    labels = [
        ngettext("%(num)s new", "%(num)s new", counts["added"]),
        ngettext("%(num)s changed", "%(num)s changed", counts["changed"]),
        ngettext("%(num)s removed", "%(num)s removed", counts["removed"]),
        ngettext("%(num)s faulty", "%(num)s faulty", counts["faulty"]),
    ]
    nonzero_labels = [str(labels) for labels, count in zip(labels, counts.values(), strict=True) if count]
    return ", ".join(nonzero_labels) or str(gettext("no changes"))


def starter_words(report: RefreshReport) -> tuple[str, str] | None:
    """Return a sentence and what it means where the starter catalogue gave way in a refresh; None where it did not."""
    data = report.report_data
    if not (data.get("starters_replaced") or data.get("starters_gone")):
        return None
    return explain_starters(data.get("starters_gone", ()))


def hint_markup(hint: str) -> str:
    """Translate a hint; a line that is to be put into a file is an element of its own, which is not broken."""
    if not isinstance(hint, text.TranslatableText) or CODE_LINE not in hint.values:
        return translate(hint)
    line = Markup('<code class="code-line" tabindex="0">%s</code>') % hint.values[CODE_LINE]
    return translate_markup(hint.template, **{CODE_LINE: line})


def ago(value: datetime) -> str:
    """Return how long ago a time was, rounded."""
    return format_timedelta(value - utc_now(), add_direction=True)  # type: ignore[no-any-return]


FILTERS: dict[str, Any] = {
    "pill": status_pill,
    "progress_pill": PROGRESS_PILLS.__getitem__,
    "badge": BADGE_TAGS.__getitem__,
    "kind_words": labels.KIND_TITLES.__getitem__,
    "category_words": lambda category: CATEGORY_LABELS.get(category, category),
    "diagnosed": lambda about: CHECK_LABELS.get(about, about),
    "day_moment": partial(moment, near=True),
    **{
        one.__name__: one
        for one in (
            masked_answer, episode_pill, rehearsal_result,
            title_of, state_title, ended_title, mark_of, percent_words, translate, moment,
            duration, size, count_words, report_words, starter_words, ago, hint_markup,
        )
    },
}  # fmt: skip
