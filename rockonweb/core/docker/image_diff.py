"""Two images compared by their configurations: what an app's author changed between them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any, Literal

from rockonweb.core.databases import VERSION_LABEL
from rockonweb.core.packed import unpack_or
from rockonweb.core.secret import MASK, is_secret
from rockonweb.core.text import TranslatableText, t

ImageDifferenceKind = Literal["added", "removed", "changed"]
MAX_VALUE_SHOWN = 300  # characters of a value that are shown

# The labels of each part: when it was added, removed, and changed.
_PART_LABELS: dict[str, tuple[TranslatableText, TranslatableText, TranslatableText]] = {
    "version": (t("version added"), t("version removed"), t("version changed")),
    "created": (t("creation date added"), t("creation date removed"), t("creation date changed")),
    "port": (t("port added"), t("port removed"), t("port changed")),
    "volume": (t("data folder added"), t("data folder removed"), t("data folder changed")),
    "variable": (t("variable added"), t("variable removed"), t("variable changed")),
    "user": (t("run-as user added"), t("runs as root again"), t("run-as user changed")),
    "entrypoint": (t("entrypoint added"), t("entrypoint removed"), t("entrypoint changed")),
    "command": (t("command added"), t("command removed"), t("command changed")),
    "folder": (t("working directory added"), t("working directory removed"), t("working directory changed")),
    "health": (t("health check added"), t("health check removed"), t("health check changed")),
}
DifferenceRow = tuple[ImageDifferenceKind, str, str, str]  # as it is stored
_PART_ORDER = list(_PART_LABELS)


@dataclass(frozen=True)
class ImageDifference:
    """One thing that differs; `before` and `after` are short texts, blank where there was or is none."""

    kind: ImageDifferenceKind
    part: str
    before: str = ""
    after: str = ""

    @property
    def what(self) -> TranslatableText:
        """The label of the difference."""
        return _PART_LABELS[self.part][("added", "removed", "changed").index(self.kind)]


def compare_images(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[ImageDifference]:
    """Return what differs between two images, each as `docker image inspect` reports it, secrets masked."""
    before, after = _comparable_values(old), _comparable_values(new)
    changed_keys = [part_key for part_key in sorted({*before, *after}) if before.get(part_key) != after.get(part_key)]
    differences = [_make_difference(*part_key, before.get(part_key), after.get(part_key)) for part_key in changed_keys]
    # Removed entries come last in their part, except variables, which stay in alphabetical order.
    return sorted(
        differences,
        key=lambda difference: (
            _PART_ORDER.index(difference.part),
            difference.kind == "removed" and difference.part != "variable",
        ),
    )


def pack_differences(differences: Iterable[ImageDifference]) -> str:
    """Return differences as a text that `unpack_differences` reads."""
    return json.dumps([astuple(difference) for difference in differences])


def unpack_differences(text: str) -> list[ImageDifference]:
    """Return the differences of a text of `pack_differences`; none of any other text."""
    rows: list[DifferenceRow] = unpack_or(list[DifferenceRow], text, [])
    return [ImageDifference(*row) for row in rows if row[1] in _PART_LABELS]


def _comparable_values(image: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """Return the compared values of an image, by part and key; the key is blank for a part with one value only."""
    config = image.get("Config") or {}
    single_values = {
        "version": str((config.get("Labels") or {}).get(VERSION_LABEL) or ""),
        "created": str(image.get("Created") or "")[:10],
        "user": str(config.get("User") or ""),
        "entrypoint": _join_command(config.get("Entrypoint")),
        "command": _join_command(config.get("Cmd")),
        "folder": str(config.get("WorkingDir") or ""),
        "health": _join_command((config.get("Healthcheck") or {}).get("Test")),
    }
    variables = (str(line).partition("=") for line in config.get("Env") or ())
    return {
        **{(part, ""): value for part, value in single_values.items() if value},
        **{("port", port): port for port in config.get("ExposedPorts") or ()},
        **{("volume", path): path for path in config.get("Volumes") or ()},
        **{("variable", key): value for key, _, value in variables},
    }


def _make_difference(part: str, key: str, before: str | None, after: str | None) -> ImageDifference:
    kind: ImageDifferenceKind = "added" if before is None else "removed" if after is None else "changed"
    return ImageDifference(kind, part, _display_value(part, key, before), _display_value(part, key, after))


def _display_value(part: str, key: str, value: str | None) -> str:
    if value is None or part != "variable":
        return _shorten_value(value or "")
    return f"{key}={MASK if value and is_secret(key) else _shorten_value(value)}"


def _join_command(command: Sequence[str] | str | None) -> str:
    return command if isinstance(command, str) else " ".join(map(str, command or ()))


def _shorten_value(value: str) -> str:
    return value if len(value) <= MAX_VALUE_SHOWN else f"{value[:MAX_VALUE_SHOWN]}…"
