"""The texts of notifications, which targets get them, and how targets are displayed. Pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rockonweb.core.instance.attention import describe_down
from rockonweb.core.secret import MASK
from rockonweb.core.text import t

OUTAGE_SECONDS = 300  # that Docker may be unreachable before it is reported
RECOVERED_FACTOR = 1.25  # times the low limit: free space from which it is enough again
MAX_NAME = 80  # characters of a name from outside
MAX_SENTENCE = 600
MAX_LINE = 2_000  # of a notification, which may list names
MAX_LOG_LINES, MAX_LOG_LINE = 10, 200  # of an app, and characters of each
MANY_APPS = 3  # that are down or well at the same time are one notification
# Apprise's schemes for a log, a screen or a light of this machine, which need no host.
LOCAL_SCHEMES = frozenset(("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"))
_CHAT_MARKUP = re.compile(r"[<>\[\]{}`*|\\~]")  # what chats read as markup


class NoticeChannel(enum.StrEnum):
    """How a notification is sent."""

    HOOK = "hook"
    MAIL = "mail"
    APPRISE = "apprise"


class NoticeEvent(enum.StrEnum):
    """What a notification may be about."""

    FAILED = "failed"
    ENDED = "ended"
    IMAGES = "images"
    TROUBLE = "trouble"
    DOWN = "down"


@dataclass(frozen=True)
class NoticeContent:
    """A notification: its title, further lines, the address of a page, and the last lines of an app's log. Its
    sentences are not translated yet.
    """

    title: str
    lines: tuple[str, ...]
    link: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class RenderedNotice:
    """A notification in the recipient's language, as it is sent."""

    title: str
    body: str


@dataclass(frozen=True)
class DownApp:
    """An app that is down: why, a cause that others may share (blank: none is known), what is done about it, its page,
    and the last lines of its log.
    """

    name: str
    reason: str
    cause: str = ""
    step: str = ""
    link: str = ""
    log: tuple[str, ...] = ()


@dataclass(frozen=True)
class TroubleState:
    """What is remembered of an outage of Docker and of low disk space: since when, and whether it was reported."""

    away_since: float | None = None
    away_told: bool = False
    room_told: bool = False


def wants_event(events: Collection[str], event: NoticeEvent) -> bool:
    """Whether a target that subscribed to `events` is notified of one."""
    return event in events or (event is NoticeEvent.FAILED and NoticeEvent.ENDED in events)


def defuse_text(text: str, limit: int = MAX_NAME) -> str:
    """Return text from outside, harmless for chat and mail: one line, no markup, link, mention, invisible character."""
    clean = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    clean = _CHAT_MARKUP.sub("", clean).replace("@", "(at)").replace("://", ": ")
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def render_notice(message: NoticeContent, translate: Callable[[str], str]) -> RenderedNotice:
    """Return a notification as it is sent; `translate` translates a sentence into the recipient's language."""
    lines = [defuse_text(translate(line), MAX_LINE) for line in message.lines]
    log = [defuse_text(line[: 2 * MAX_LOG_LINE], MAX_LOG_LINE) for line in message.log[-MAX_LOG_LINES:]]
    return RenderedNotice(
        defuse_text(translate(message.title), 2 * MAX_NAME), "\n".join(filter(None, [*lines, message.link, *log]))
    )


def _list_names(names: Iterable[str]) -> str:
    clean_names = [defuse_text(name) for name in sorted(names)]
    return ", ".join(clean_names[:20]) + (" …" if len(clean_names) > 20 else "")


def newer_images_notice(names: Collection[str], link: str) -> NoticeContent:
    """Return the notification of newer images that were found."""
    title = (
        t("Update available for %(names)s", names=_list_names(names))
        if len(names) == 1
        else t("Updates available for several apps")
    )
    sentence = t("Newer images are available for: %(names)s.", names=_list_names(names))
    return NoticeContent(title, (sentence, t("Check what changed, and update when it suits you.")), link)


def overdue_backups_notice(names: Collection[str], link: str) -> NoticeContent:
    """Return the notification that data has not been backed up for too long."""
    sentence = t("There is no recent data backup of: %(names)s.", names=_list_names(names))
    return NoticeContent(t("Data backups are overdue"), (sentence, t("Check the repository and its disk.")), link)


def newer_definitions_notice(names: Collection[str], link: str) -> NoticeContent:
    """Return the notification of newer definitions that a refresh of the catalogue brought."""
    sentence = t("The catalogue has newer definitions of: %(names)s.", names=_list_names(names))
    hint = t("Check what changed before you accept or ignore it.")
    return NoticeContent(t("The catalogue has newer definitions"), (sentence, hint), link)


def refused_logins_notice(registries: Collection[str], link: str) -> NoticeContent:
    """Return the notification of registries that refuse their stored login from now on."""
    sentence = t("The stored login is refused by: %(names)s.", names=_list_names(registries))
    hint = t("Enter a new password or token, before the next update of an app needs it.")
    return NoticeContent(t("A registry refuses its login"), (sentence, hint), link)


def fallen_apps_notice(names: Collection[str], link: str, *, started: bool) -> NoticeContent:
    """Return the notification of apps that went down with Docker; `started`: they are being started again."""
    sentence = t("Docker was restarted, and these apps did not start with it: %(names)s.", names=_list_names(names))
    hint = t("They are being started now.") if started else t("Start them in Rockonweb.")
    return NoticeContent(t("Apps are not running"), (sentence, hint), link)


def down_notices(apps: Iterable[DownApp], link: str) -> list[NoticeContent]:
    """Return the notifications of apps that are down: one for those with a common cause, and one for many at once."""
    by_cause: dict[str, list[DownApp]] = {}
    for app in apps:
        by_cause.setdefault(app.cause, []).append(app)
    notices = []
    for cause, members in by_cause.items():
        if len(members) >= (2 if cause else MANY_APPS):
            names = t("Affected: %(names)s.", names=_list_names(app.name for app in members))
            why = cause or t("They went down at about the same time; the pages of the apps show why.")
            notices.append(NoticeContent(t("%(n)s apps are down", n=len(members)), (why, names), link))
        else:
            notices += [_down_notice(app) for app in members]
    return notices


def _down_notice(app: DownApp) -> NoticeContent:
    name = defuse_text(app.name)
    why = describe_down(name, app.reason)
    return NoticeContent(t("%(name)s is down", name=name), (why, app.cause, app.step), app.link, app.log)


def gave_up_notice(name: str, link: str) -> NoticeContent:
    """Return the notification that an app is not restarted automatically any more."""
    sentence = t("It was restarted automatically several times and did not stay well, so that is not tried any more.")
    hint = t("Check its logs, then restart it.")
    return NoticeContent(t("%(name)s stays down", name=defuse_text(name)), (sentence, hint), link)


def well_notices(minutes: Mapping[str, int], link: str) -> list[NoticeContent]:
    """Return the notifications of apps that are well again; `minutes` are those for which each was down."""
    if len(minutes) >= MANY_APPS:
        names = t("Affected: %(names)s.", names=_list_names(minutes))
        return [NoticeContent(t("%(n)s apps are well again", n=len(minutes)), (names,), link)]
    return [
        NoticeContent(
            t("%(name)s is well again", name=defuse_text(name)),
            (t("It was not running properly for about %(n)s minutes.", n=max(1, count)),),
            link,
        )
        for name, count in minutes.items()
    ]


def trial_notice(link: str) -> NoticeContent:
    """Return the notification that a user sends to test a target."""
    return NoticeContent(
        t("Test notification from Rockonweb"),
        (t("If you can read this, notifications from Rockonweb arrive here."),),
        link,
    )


def track_trouble(
    previous: TroubleState, at: float, *, away: bool, free: int | None, low_bytes: int, link: str
) -> tuple[TroubleState, list[NoticeContent]]:
    """Return the new state, and the notifications that are due: once when trouble starts, once when it is over.

    `at` is in seconds. `free` are the free bytes of images' disk, None where unknown; below `low_bytes` it is low.
    """
    notices = []
    away_since = None
    if away:  # a clock that was put back does not make it a moment in the future
        away_since = at if previous.away_since is None else min(previous.away_since, at)
    outage_announced = previous.away_told
    if away_since is not None and not outage_announced and at - away_since >= OUTAGE_SECONDS:
        sentence = t("Docker has not answered for %(n)s minutes.", n=int((at - away_since) // 60))
        hint = t("Check this machine: `systemctl status docker` shows the state of the service.")
        notices.append(NoticeContent(t("Docker does not answer"), (sentence, hint), link))
        outage_announced = True
    elif away_since is None and outage_announced:
        notices.append(NoticeContent(t("Docker answers again"), (t("Nothing needs to be done."),), link))
        outage_announced = False
    low_space_announced = previous.room_told
    if free is not None and free < low_bytes and not low_space_announced:
        sentence = t("%(gb)s GB are free on the disk for images.", gb=round(free / 10**9, 1))
        hint = t("Remove unused images, or free up space on that disk.")
        notices.append(NoticeContent(t("Little free space for images"), (sentence, hint), link))
        low_space_announced = True
    elif free is not None and free >= low_bytes * RECOVERED_FACTOR:
        low_space_announced = False
    return TroubleState(away_since, outage_announced, low_space_announced), notices


def is_local_service(url: str) -> bool:
    """Whether an URL of Apprise leads to this machine itself and not into a network."""
    return url.partition("://")[0].strip().lower() in LOCAL_SCHEMES


def mask_target(channel: NoticeChannel, parts: Mapping[str, str]) -> str:
    """Return a target as pages show it: whom it reaches, without the secrets for sending there."""
    if channel is NoticeChannel.MAIL:
        return f"{parts['to']} ({parts['server']}:{parts['port']})"
    url = urlsplit(parts["url"])
    if channel is NoticeChannel.APPRISE:
        return f"{url.scheme}://{MASK}"
    host = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}/" + (MASK if url.path.strip("/") or url.query else "")


def address_secrets(parts: Mapping[str, str]) -> list[str]:
    """Return the secret parts of a target's address, the longest first."""
    secrets = {parts.get("password", ""), parts.get("url", "")}
    url = urlsplit(parts.get("url", ""))
    secrets |= {
        url.path,
        url.query,
        url.password or "",
        url.username or "",
        *re.split(r"[/&=?]", url.path + "?" + url.query),
    }
    if url.scheme not in ("http", "https", ""):
        secrets.add(url.netloc)
    return sorted((secret for secret in secrets if len(secret) > 3), key=len, reverse=True)


def mask_secrets(text: str, parts: Mapping[str, str]) -> str:
    """Return a text, such as why sending failed, with the secret parts of a target's address masked."""
    for secret in address_secrets(parts):
        text = text.replace(secret, MASK)
    return text
