"""The report of a refresh: what it changed in the catalogue, and what was wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from rockonweb.core.text import each_string, t, to_stored


class FaultyFile(NamedTuple):
    """A file that could not be used, with every reason."""

    file: str
    reasons: list[str]


@dataclass
class Changes:
    """Names of rock-ons by what happened to them, and what was faulty."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    faulty: list[FaultyFile] = field(default_factory=list)

    def fault(self, file: str, reasons: Iterable[str]) -> None:
        """Note what is wrong with a file, if anything is."""
        if found := [*reasons]:
            self.faulty.append(FaultyFile(file, found))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        found = {one.name: getattr(self, one.name) for one in fields(Changes)}
        return {**found, "faulty": [one._asdict() for one in self.faulty]}


@dataclass
class Part(Changes):
    """What one metastore had to do with it; `rockons` counts what it offers, also what a later one replaces."""

    origin: str = ""
    place: str = ""
    rockons: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        return {"origin": self.origin, "place": self.place, "rockons": self.rockons, **super().to_json()}

    def __str__(self) -> str:
        """Return it for a terminal: a line, and one for each fault."""
        counts = (
            (t("%(count)d rock-ons", count=self.rockons), True),
            (t("%(count)d added", count=len(self.added)), self.added),
            (t("%(count)d changed", count=len(self.changed)), self.changed),
            (t("%(count)d removed", count=len(self.removed)), self.removed),
            (t("%(count)d faulty", count=len(self.faulty)), self.faulty),
        )
        words = ", ".join(str(words) for words, shown in counts if shown)
        return t("%(place)s: %(words)s", place=self.place, words=words)


@dataclass
class Report(Changes):
    """The whole refresh. `loaded` is false when no metastore gave any rock-on; `parts` are the metastores, in order."""

    loaded: bool = False
    parts: list[Part] = field(default_factory=list)

    def sheets(self, origin: str) -> list[Changes]:
        """Return where something about a rock-on of this origin is noted: here, and in its metastore's part."""
        return [self, *(part for part in self.parts if part.origin == origin)]

    def to_json(self) -> dict[str, Any]:
        """Return what `catalog refresh --json` prints."""
        return {**super().to_json(), "metastores": [part.to_json() for part in self.parts]}

    def content(self) -> str:
        """Return it as JSON text, for keeping: its sentences with template and values."""
        return json.dumps(each_string(self.to_json(), to_stored))

    def __str__(self) -> str:
        """Return it for a terminal, a line for each thing."""
        lines: list[str] = [] if self.loaded else [t("No catalogue could be loaded. What was loaded before stays.")]
        for words, names in (
            ("%(count)d added: %(names)s", self.added),
            ("%(count)d changed: %(names)s", self.changed),
            ("%(count)d removed: %(names)s", self.removed),
        ):
            lines += [t(words, count=len(names), names=", ".join(names))] if names else []
        lines.append(t("%(count)d unchanged", count=self.unchanged))
        for file, reasons in self.faulty:
            lines += [t("%(file)s: %(reason)s", file=file, reason=reason) for reason in reasons]
        told = [part for part in self.parts if part.rockons or part.removed or part.faulty]
        lines += [str(part) for part in told] if len(told) > 1 else []
        return "\n".join(lines)
