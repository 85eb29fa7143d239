"""The words, colours and icons for states, and other ways in which pages show values. Pure but for the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

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

from rockonweb.core import text
from rockonweb.core.definition.badges import Badge
from rockonweb.core.definition.categories import Category
from rockonweb.core.secret import MASK
from rockonweb.languages import say
from rockonweb.models import CustomConfig, Environment, Installation, Operation, Progress, State, Status, now
from rockonweb.work import labels


@dataclass(frozen=True)
class Pill:
    """A state as a page shows it: words, a tone (the colour) and an icon. `detail` may be blank."""

    words: str | LazyString
    tone: str  # good, busy, bad, quiet
    icon: str
    detail: str = ""


@dataclass(frozen=True)
class Tag:
    """A badge as a page shows it: a short word, the sentence that explains it, and an icon."""

    words: LazyString
    why: LazyString
    icon: str


BADGES = {
    Badge.UI: Tag(_l("Web page"), _l("It has a page of its own that you open in the browser."), "window"),
    Badge.CONTAINERS: Tag(
        _l("Several containers"),
        _l("It consists of several containers, which are installed, started and stopped together."),
        "boxes",
    ),
    Badge.HOST_NETWORK: Tag(
        _l("Host network"),
        _l("It uses this machine's network directly: it may listen on any port, and its ports are fixed."),
        "ethernet",
    ),
    Badge.PRIVILEGED: Tag(
        _l("Privileged"),
        _l("It has nearly all rights on this machine, its disks and devices included. Install it if you trust it."),
        "shield-lock",
    ),
    Badge.DOCKER_SOCKET: Tag(
        _l("Controls Docker"),
        _l("It may command Docker itself, and through it do anything on this machine. Install it if you trust it."),
        "key",
    ),
    Badge.LOCAL: Tag(
        _l("Local"), _l("Its definition comes from this machine's own folder and not from a metastore."), "house"
    ),
}
CATEGORIES = {
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
# What the doctor looks at; its text and JSON have the keys.
DIAGNOSED = {
    "program": _l("program"),
    "files": _l("files"),
    "database": _l("database"),
    "schema": _l("schema"),
    "queue": _l("queue"),
    "web": _l("web server"),
    "workers": _l("workers"),
    "watcher": _l("watcher"),
    "operations": _l("operations"),
    "room": _l("room"),
    "clock": _l("clock"),
    "ports": _l("ports"),
    "containers": _l("containers"),
    "catalogue": _l("catalogue"),
    "secrets": _l("secrets"),
    "certificate": _l("certificate"),
    "settings": _l("settings"),
}
STATES = {
    State.AVAILABLE: Pill(_l("Not installed"), "quiet", "box-seam"),
    State.PENDING_INSTALL: Pill(_l("Installing"), "busy", "hourglass-split"),
    State.INSTALL_FAILED: Pill(_l("Install failed"), "bad", "exclamation-triangle"),
    State.PENDING_UPDATE: Pill(_l("Updating"), "busy", "hourglass-split"),
    State.PENDING_UNINSTALL: Pill(_l("Uninstalling"), "busy", "hourglass-split"),
}
STATUSES = {
    Status.STOPPED: Pill(_l("Stopped"), "quiet", "stop-fill"),
    Status.PENDING_START: Pill(_l("Starting"), "busy", "hourglass-split"),
    Status.STARTED: Pill(_l("Running"), "good", "play-fill"),
    Status.START_FAILED: Pill(_l("Start failed"), "bad", "exclamation-triangle"),
    Status.PENDING_STOP: Pill(_l("Stopping"), "busy", "hourglass-split"),
    Status.STOP_FAILED: Pill(_l("Stop failed"), "bad", "exclamation-triangle"),
}
PROGRESS = {
    Progress.QUEUED: Pill(_l("Waiting"), "quiet", "hourglass-split"),
    Progress.RUNNING: Pill(_l("Running"), "busy", "arrow-repeat"),
    Progress.DONE: Pill(_l("Done"), "good", "check-circle"),
    Progress.FAILED: Pill(_l("Failed"), "bad", "x-circle"),
    Progress.CANCELLED: Pill(_l("Cancelled"), "quiet", "x-circle"),
    Progress.INTERRUPTED: Pill(_l("Interrupted"), "bad", "exclamation-triangle"),
    Progress.UNDONE: Pill(_l("Taken back"), "quiet", "arrow-clockwise"),
    Progress.SKIPPED: Pill(_l("Skipped"), "quiet", "chevron-right"),
}


def pill_of(rockon: Installation) -> Pill:
    """Return how a rock-on is: its state, and where it is installed its status."""
    if rockon.state is not State.INSTALLED:
        return STATES[rockon.state]
    if rockon.status is Status.EXITED:
        words = gettext("Ended with exit code %(code)s", code="?" if rockon.exit_code is None else rockon.exit_code)
        return Pill(words, "bad", "exclamation-triangle", rockon.status_error)
    return STATUSES[rockon.status]


def title_of(operation: Operation) -> str:
    """Return what an operation does, to what."""
    return say(labels.title_of(operation))


def ended_title(operation: Operation) -> str:
    """Return what became of an operation that has ended."""
    return say(labels.ended_title(operation))


def state_title(operation: Operation, percent: int = 0) -> str:
    """Return an operation's title with how it is, for the browser's tab: `Install: Immich · 40 %`, then
    `✓ Immich was installed`.
    """
    if operation.active:
        state = f"{percent} %" if operation.progress is Progress.RUNNING else PROGRESS[operation.progress].words
        return f"{title_of(operation)} · {state}"
    return f"{mark_of(operation)} {ended_title(operation)}"


def mark_of(operation: Operation) -> str:
    """Return the mark of an operation that has ended."""
    return "✓" if operation.progress is Progress.DONE else "✗"


def left_words(seconds: float | None) -> str:
    """Return how long something will still take, coarsely; blank where nobody knows, or where it is nearly over."""
    if seconds is None or seconds < 8:
        return ""
    if seconds < 55:
        return str(gettext("about %(n)s seconds left", n=max(10, round(seconds / 10) * 10)))
    minutes = max(1, round(seconds / 60))
    if minutes < 90:
        return str(ngettext("about %(num)s minute left", "about %(num)s minutes left", minutes))
    return str(ngettext("about %(num)s hour left", "about %(num)s hours left", round(minutes / 60)))


def answer(row: Environment | CustomConfig, rockon: Installation, container: str = "") -> str:
    """Return what was answered, masked where it is a secret."""
    if not row.value:
        return ""
    return MASK if rockon.hides(row, container) else row.value


def moment(value: datetime | None, *, near: bool = False) -> Markup:
    """Return a moment as a `<time>` element, in the server's own time; `near` ones as people say it: today, 14:03."""
    if value is None:
        return Markup("")
    there = value.astimezone()
    time = format_time(there, "short", rebase=False)
    days = (now().astimezone().date() - there.date()).days
    if near and days == 0:
        words = gettext("today, %(time)s", time=time)
    elif near and days == 1:
        words = gettext("yesterday, %(time)s", time=time)
    else:
        words = gettext("%(date)s, %(time)s", date=format_date(there, "medium", rebase=False), time=time)
    return Markup('<time datetime="{}">{}</time>').format(value.isoformat(timespec="seconds"), words)


def duration(seconds: float | None) -> str:
    """Return a span of time in short."""
    if seconds is None:
        return ""
    if seconds < 10:
        return str(gettext("%(n)s s", n=format_decimal(seconds, "0.0")))
    if seconds < 120:
        return str(gettext("%(n)s s", n=round(seconds)))
    return str(gettext("%(m)s min %(s)s s", m=int(seconds) // 60, s=int(seconds) % 60))


def size(number: int | None) -> str:
    """Return a number of bytes for people."""
    return "" if number is None else say(text.size(number))


def count_words(number: int) -> str:
    """Return how many rock-ons a list has."""
    return str(ngettext("%(num)s rock-on", "%(num)s rock-ons", number))


def report_words(data: Mapping[str, Any]) -> str:
    """Return what a refresh brought, in a few words."""
    numbers = {key: len(data.get(key, ())) for key in ("added", "changed", "removed", "faulty")}
    words = [
        ngettext("%(num)s new", "%(num)s new", numbers["added"]),
        ngettext("%(num)s changed", "%(num)s changed", numbers["changed"]),
        ngettext("%(num)s removed", "%(num)s removed", numbers["removed"]),
        ngettext("%(num)s faulty", "%(num)s faulty", numbers["faulty"]),
    ]
    said = [str(words) for words, number in zip(words, numbers.values(), strict=True) if number]
    return ", ".join(said) or str(gettext("nothing new"))


def ago(value: datetime) -> str:
    """Return how long ago a moment was, coarsely."""
    return format_timedelta(value - now(), add_direction=True)  # type: ignore[no-any-return]


FILTERS: dict[str, Any] = {
    "pill": pill_of,
    "progress_pill": PROGRESS.__getitem__,
    "badge": BADGES.__getitem__,
    "kind_words": labels.KINDS.__getitem__,
    "category_words": lambda category: CATEGORIES.get(category, category),
    "diagnosed": lambda about: DIAGNOSED.get(about, about),
    "day_moment": partial(moment, near=True),
    **{
        one.__name__: one
        for one in (
            answer, title_of, state_title, ended_title, mark_of, left_words, say, moment, duration, size,
            count_words, report_words, ago,
        )
    },
}  # fmt: skip
