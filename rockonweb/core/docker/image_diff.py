"""Two images compared by their configurations: what an app's author changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
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
_PARTS = list(_WORDS)


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
    before, after = _values(old), _values(new)
    differing = [place for place in sorted({*before, *after}) if before.get(place) != after.get(place)]
    found = [_difference(*place, before.get(place), after.get(place)) for place in differing]
    # What is gone comes last of its part; but variables stay in their order, which people look them up by.
    return sorted(found, key=lambda one: (_PARTS.index(one.part), one.kind == "removed" and one.part != "variable"))


def pack(differences: Iterable[Difference]) -> str:
    """Return differences as a text that `unpack` reads."""
    return json.dumps([astuple(one) for one in differences])


def unpack(text: str) -> list[Difference]:
    """Return the differences of a text of `pack`; none of a blank one."""
    return [Difference(*one) for one in json.loads(text or "[]")]


def _values(image: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return what counts of an image, by part and key; the key is blank for a part that there is but one of."""
    config = image.get("Config") or {}
    single = {
        "version": str((config.get("Labels") or {}).get(VERSION_LABEL) or ""),
        "created": str(image.get("Created") or "")[:10],
        "user": str(config.get("User") or ""),
        "entrypoint": _line(config.get("Entrypoint")),
        "command": _line(config.get("Cmd")),
        "folder": str(config.get("WorkingDir") or ""),
        "health": _line((config.get("Healthcheck") or {}).get("Test")),
    }
    variables = (str(line).partition("=") for line in config.get("Env") or ())
    return {
        **{(part, ""): value for part, value in single.items() if value},
        **{("port", port): port for port in config.get("ExposedPorts") or ()},
        **{("volume", path): path for path in config.get("Volumes") or ()},
        **{("variable", key): value for key, _, value in variables},
    }


def _difference(part: str, key: str, before: str | None, after: str | None) -> Difference:
    kind: Kind = "added" if before is None else "removed" if after is None else "changed"
    return Difference(kind, part, _shown(part, key, before), _shown(part, key, after))


def _shown(part: str, key: str, value: str | None) -> str:
    if value is None or part != "variable":
        return _short(value or "")
    return f"{key}={MASK if value and is_secret(key) else _short(value)}"


def _line(words: Sequence[str] | str | None) -> str:
    return words if isinstance(words, str) else " ".join(map(str, words or ()))


def _short(value: str) -> str:
    return value if len(value) <= LONGEST else f"{value[:LONGEST]}…"
