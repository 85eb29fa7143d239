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

AWAY_SECONDS = 300  # that Docker may be away before it is told
ROOM_AGAIN = 1.25  # times the room that is little: then it is enough again
NAME = 80  # characters of a name that somebody else made up
SENTENCE = 600
LINE = 2_000  # of a notice, which may list names
# Apprise's schemes that write a log of this machine, or to a screen or a light of it: they need no host.
LOCAL_SCHEMES = frozenset(("blink1", "dbus", "gio", "glib", "gnome", "kde", "macosx", "qt", "syslog", "windows"))
_STEERS = re.compile(r"[<>\[\]{}`*|\\~]")  # what chats take for their own markup


class Way(enum.StrEnum):
    """How a notice goes."""

    HOOK = "hook"
    MAIL = "mail"
    APPRISE = "apprise"


class Event(enum.StrEnum):
    """What a notice may be about."""

    FAILED = "failed"
    ENDED = "ended"
    IMAGES = "images"
    TROUBLE = "trouble"


@dataclass(frozen=True)
class Message:
    """A notice: a line, what there is to say besides, and where to look. Its sentences are still to be said."""

    title: str
    lines: tuple[str, ...]
    link: str = ""


@dataclass(frozen=True)
class Words:
    """A notice in somebody's language, as it is sent."""

    title: str
    body: str


@dataclass(frozen=True)
class Trouble:
    """What is remembered of Docker's absence and of the room: since when, and whether it was told."""

    away_since: float | None = None
    away_told: bool = False
    room_told: bool = False


def wanted(events: Collection[str], event: Event) -> bool:
    """Whether a target that asked for `events` is told of one."""
    return event in events or (event is Event.FAILED and Event.ENDED in events)


def inert(text: str, limit: int = NAME) -> str:
    """Return a text of somebody else so that a chat or a mail shows it and does nothing: no markup, no link, nobody
    called by a name, nothing unseen, one line.
    """
    plain = "".join(" " if unicodedata.category(one)[0] in "CZ" else one for one in text)
    plain = _STEERS.sub("", plain).replace("@", "(at)").replace("://", ": ")
    plain = " ".join(plain.split())
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"


def words(message: Message, say: Callable[[str], str]) -> Words:
    """Return a notice as it is sent; `say` puts a sentence into the language of whoever gets it."""
    lines = [inert(say(line), LINE) for line in message.lines]
    return Words(inert(say(message.title), 2 * NAME), "\n".join(filter(None, [*lines, message.link])))


def of_images(names: Collection[str], link: str) -> Message:
    """Return the notice of newer images that were found."""
    shown = [inert(name) for name in sorted(names)]
    listed = ", ".join(shown[:20]) + (" …" if len(shown) > 20 else "")
    title = t("Newer images of %(names)s", names=shown[0]) if len(shown) == 1 else t("Newer images of several apps")
    said = t("Newer images were found of: %(names)s.", names=listed)
    return Message(title, (said, t("Look at what they bring, and update when it suits you.")), link)


def of_test(link: str) -> Message:
    """Return the notice that a person sends to try a target."""
    return Message(t("A test of Rockonweb"), (t("If you can read this, notices of Rockonweb arrive here."),), link)


def watch_trouble(
    before: Trouble, at: float, *, away: bool, free: int | None, tight: int, link: str
) -> tuple[Trouble, list[Message]]:
    """Return what to remember, and the notices that are due: once when it begins, once when it is over.

    `free` are the bytes that images have, None where that is not known; `tight` is what counts as little.
    """
    found = []
    since = (before.away_since if before.away_since is not None else at) if away else None
    told = before.away_told
    if since is not None and not told and at - since >= AWAY_SECONDS:
        sentence = t("Docker has not answered for %(n)s minutes.", n=int((at - since) // 60))
        hint = t("Look at this machine: `systemctl status docker` tells how the service is.")
        found.append(Message(t("Docker does not answer"), (sentence, hint), link))
        told = True
    elif since is None and told:
        found.append(Message(t("Docker answers again"), (t("Nothing needs to be done."),), link))
        told = False
    room = before.room_told
    if free is not None and free < tight and not room:
        sentence = t("%(gb)s GB are left where images live.", gb=round(free / 10**9, 1))
        hint = t("Remove images that nothing uses, or make room on that disk.")
        found.append(Message(t("There is little room for images"), (sentence, hint), link))
        room = True
    elif free is not None and free >= tight * ROOM_AGAIN:
        room = False
    return Trouble(since, told, room), found


def stays_here(url: str) -> bool:
    """Whether an address of Apprise leads to this machine itself and not into a network."""
    return url.partition("://")[0].strip().lower() in LOCAL_SCHEMES


def shown(way: Way, parts: Mapping[str, str]) -> str:
    """Return a target as pages show it: whom it reaches, and nothing by which one could send there."""
    if way is Way.MAIL:
        return f"{parts['to']} ({parts['server']}:{parts['port']})"
    url = urlsplit(parts["url"])
    if way is Way.APPRISE:
        return f"{url.scheme}://{MASK}"
    host = url.netloc.rpartition("@")[2]
    return f"{url.scheme}://{host}/" + (MASK if url.path.strip("/") or url.query else "")


def unmasked_words(parts: Mapping[str, str]) -> list[str]:
    """Return the words of an address that must not be seen, the longest first."""
    found = {parts.get("password", ""), parts.get("url", "")}
    url = urlsplit(parts.get("url", ""))
    found |= {
        url.path,
        url.query,
        url.password or "",
        url.username or "",
        *re.split(r"[/&=?]", url.path + "?" + url.query),
    }
    if url.scheme not in ("http", "https", ""):
        found.add(url.netloc)
    return sorted((word for word in found if len(word) > 3), key=len, reverse=True)


def without_secrets(text: str, parts: Mapping[str, str]) -> str:
    """Return why something was not sent, without what is secret of its address."""
    for word in unmasked_words(parts):
        text = text.replace(word, MASK)
    return text
