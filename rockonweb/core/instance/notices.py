"""What notices say, to whom they matter, and how their targets are shown. Pure."""

from __future__ import annotations

import enum
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from rockonweb.core.secret import MASK
from rockonweb.core.text import t

OUTAGE_SECONDS = 300  # that Docker may be away before it is told
RECOVERED_FACTOR = 1.25  # times the room that is little: then it is enough again
MAX_NAME = 80  # characters of a name that somebody else made up
MAX_SENTENCE = 600
MAX_LINE = 2_000  # of a notice, which may list names
# Apprise's schemes that write a log of this machine, or to a screen or a light of it: they need no host.
LOCAL_SCHEMES = frozenset(("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"))
_CHAT_MARKUP = re.compile(r"[<>\[\]{}`*|\\~]")  # what chats take for their own markup


class NoticeChannel(enum.StrEnum):
    """How a notice goes."""

    HOOK = "hook"
    MAIL = "mail"
    APPRISE = "apprise"


class NoticeEvent(enum.StrEnum):
    """What a notice may be about."""

    FAILED = "failed"
    ENDED = "ended"
    IMAGES = "images"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class NoticeContent:
    """A notice: a line, what there is to say besides, and where to look. Its sentences are still to be said."""

    title: str
    lines: tuple[str, ...]
    link: str = ""


@dataclass(frozen=True)
class RenderedNotice:
    """A notice in somebody's language, as it is sent."""

    title: str
    body: str


@dataclass(frozen=True)
class TroubleState:
    """What is remembered of Docker's absence and of the room: since when, and whether it was told."""

    away_since: float | None = None
    away_told: bool = False
    room_told: bool = False


def wants_event(events: Collection[str], event: NoticeEvent) -> bool:
    """Whether a target that asked for `events` is told of one."""
    return event in events or (event is NoticeEvent.FAILED and NoticeEvent.ENDED in events)


def defuse_text(text: str, limit: int = MAX_NAME) -> str:
    """Return a text of somebody else so that a chat or a mail shows it and does nothing: no markup, no link, nobody
    called by a name, nothing unseen, one line.
    """
    clean = "".join(" " if unicodedata.category(character)[0] in "CZ" else character for character in text)
    clean = _CHAT_MARKUP.sub("", clean).replace("@", "(at)").replace("://", ": ")
    clean = " ".join(clean.split())
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def render_notice(message: NoticeContent, translate: Callable[[str], str]) -> RenderedNotice:
    """Return a notice as it is sent; `translate` puts a sentence into the language of whoever gets it."""
    lines = [defuse_text(translate(line), MAX_LINE) for line in message.lines]
    return RenderedNotice(
        defuse_text(translate(message.title), 2 * MAX_NAME), "\n".join(filter(None, [*lines, message.link]))
    )


def newer_images_notice(names: Collection[str], link: str) -> NoticeContent:
    """Return the notice of newer images that were found."""
    clean_names = [defuse_text(name) for name in sorted(names)]
    name_list = ", ".join(clean_names[:20]) + (" …" if len(clean_names) > 20 else "")
    title = (
        t("Newer images of %(names)s", names=clean_names[0])
        if len(clean_names) == 1
        else t("Newer images of several apps")
    )
    sentence = t("Newer images were found of: %(names)s.", names=name_list)
    return NoticeContent(title, (sentence, t("Look at what they bring, and update when it suits you.")), link)


def trial_notice(link: str) -> NoticeContent:
    """Return the notice that a person sends to try a target."""
    return NoticeContent(
        t("A test of Rockonweb"), (t("If you can read this, notices of Rockonweb arrive here."),), link
    )


def track_trouble(
    previous: TroubleState, at: float, *, away: bool, free: int | None, low_bytes: int, link: str
) -> tuple[TroubleState, list[NoticeContent]]:
    """Return what to remember, and the notices that are due: once when it begins, once when it is over.

    `free` are the bytes that images have, None where that is not known; `low_bytes` is what counts as little.
    """
    notices = []
    away_since = (previous.away_since if previous.away_since is not None else at) if away else None
    outage_announced = previous.away_told
    if away_since is not None and not outage_announced and at - away_since >= OUTAGE_SECONDS:
        sentence = t("Docker has not answered for %(n)s minutes.", n=int((at - away_since) // 60))
        hint = t("Look at this machine: `systemctl status docker` tells how the service is.")
        notices.append(NoticeContent(t("Docker does not answer"), (sentence, hint), link))
        outage_announced = True
    elif away_since is None and outage_announced:
        notices.append(NoticeContent(t("Docker answers again"), (t("Nothing needs to be done."),), link))
        outage_announced = False
    low_space_announced = previous.room_told
    if free is not None and free < low_bytes and not low_space_announced:
        sentence = t("%(gb)s GB are left where images live.", gb=round(free / 10**9, 1))
        hint = t("Remove images that nothing uses, or make room on that disk.")
        notices.append(NoticeContent(t("There is little room for images"), (sentence, hint), link))
        low_space_announced = True
    elif free is not None and free >= low_bytes * RECOVERED_FACTOR:
        low_space_announced = False
    return TroubleState(away_since, outage_announced, low_space_announced), notices


def is_local_service(url: str) -> bool:
    """Whether an address of Apprise leads to this machine itself and not into a network."""
    return url.partition("://")[0].strip().lower() in LOCAL_SCHEMES


def mask_target(channel: NoticeChannel, parts: Mapping[str, str]) -> str:
    """Return a target as pages show it: whom it reaches, and nothing by which one could send there."""
    if channel is NoticeChannel.MAIL:
        return f"{parts['to']} ({parts['server']}:{parts['port']})"
    url = urlsplit(parts["url"])
    if channel is NoticeChannel.APPRISE:
        return f"{url.scheme}://{MASK}"
    host = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}/" + (MASK if url.path.strip("/") or url.query else "")


def address_secrets(parts: Mapping[str, str]) -> list[str]:
    """Return the words of an address that must not be seen, the longest first."""
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
    """Return why something was not sent, without what is secret of its address."""
    for secret in address_secrets(parts):
        text = text.replace(secret, MASK)
    return text
