"""Two images compared by their configurations: what an app's author changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

from rockonweb.core.secret import MASK, is_secret
from rockonweb.core.text import Text, t

Kind = Literal["added", "removed", "changed"]
VERSION_LABEL = "org.opencontainers.image.version"
LONGEST = 300  # characters of a value that are shown

# What each part is called: when it is new, gone, and changed.
_WORDS: dict[str, tuple[Text, Text, Text]] = {
    "version": (t("a version"), t("the version is gone"), t("the version")),
    "created": (t("a date"), t("the date is gone"), t("made on")),
    "port": (t("a new port"), t("a port is gone"), t("a port")),
    "volume": (t("a new folder for data"), t("a folder for data is gone"), t("a folder for data")),
    "variable": (t("a new variable"), t("a variable is gone"), t("a variable")),
    "user": (t("a user that it runs as"), t("it runs as root again"), t("the user that it runs as")),
    "entrypoint": (t("a program that it starts"), t("its program is gone"), t("the program that it starts")),
    "command": (t("a command"), t("its command is gone"), t("its command")),
    "folder": (t("a folder that it works in"), t("its working folder is gone"), t("the folder that it works in")),
    "health": (t("a check of its own health"), t("the check of its health is gone"), t("the check of its health")),
}


@dataclass(frozen=True)
class Difference:
    """One thing that differs; `before` and `after` are short texts, blank where there was or is none."""

    kind: Kind
    part: str
    before: str = ""
    after: str = ""

    @property
    def what(self) -> Text:
        """What it is, in words."""
        return _WORDS[self.part][("added", "removed", "changed").index(self.kind)]


def compare(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return what differs between two images, each as Docker's `inspect` tells it. No secret is in the answer."""
    before, after = old.get("Config") or {}, new.get("Config") or {}
    return [
        *_single("version", _version(before), _version(after)),
        *_single("created", str(old.get("Created") or "")[:10], str(new.get("Created") or "")[:10]),
        *_several("port", before.get("ExposedPorts") or (), after.get("ExposedPorts") or ()),
        *_several("volume", before.get("Volumes") or (), after.get("Volumes") or ()),
        *_variables(_environment(before), _environment(after)),
        *_single("user", str(before.get("User") or ""), str(after.get("User") or "")),
        *_single("entrypoint", _line(before.get("Entrypoint")), _line(after.get("Entrypoint"))),
        *_single("command", _line(before.get("Cmd")), _line(after.get("Cmd"))),
        *_single("folder", str(before.get("WorkingDir") or ""), str(after.get("WorkingDir") or "")),
        *_single("health", _check(before), _check(after)),
    ]


def pack(differences: Iterable[Difference]) -> str:
    """Return differences as a text that `unpack` reads."""
    return json.dumps([astuple(one) for one in differences])


def unpack(text: str) -> list[Difference]:
    """Return the differences of a text of `pack`; none of a blank one."""
    return [Difference(*one) for one in json.loads(text or "[]")]


def _single(part: str, before: str, after: str) -> Iterator[Difference]:
    if before != after:
        kind: Kind = "changed" if before and after else "added" if after else "removed"
        yield Difference(kind, part, _short(before), _short(after))


def _several(part: str, before: Iterable[str], after: Iterable[str]) -> Iterator[Difference]:
    had, has = set(before), set(after)
    yield from (Difference("added", part, after=_short(one)) for one in sorted(has - had))
    yield from (Difference("removed", part, before=_short(one)) for one in sorted(had - has))


def _variables(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Difference]:
    for key in sorted({*before, *after}):
        if before.get(key) != after.get(key):
            kind: Kind = "added" if key not in before else "removed" if key not in after else "changed"
            yield Difference(kind, "variable", _variable(key, before.get(key)), _variable(key, after.get(key)))


def _variable(key: str, value: str | None) -> str:
    if value is None:
        return ""
    return f"{key}={MASK if value and is_secret(key) else _short(value)}"


def _environment(config: Mapping[str, Any]) -> dict[str, str]:
    pairs = (str(line).partition("=") for line in config.get("Env") or ())
    return {key: value for key, _, value in pairs}


def _version(config: Mapping[str, Any]) -> str:
    return str((config.get("Labels") or {}).get(VERSION_LABEL) or "")


def _check(config: Mapping[str, Any]) -> str:
    return _line((config.get("Healthcheck") or {}).get("Test"))


def _line(words: Sequence[str] | str | None) -> str:
    return words if isinstance(words, str) else " ".join(map(str, words or ()))


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
