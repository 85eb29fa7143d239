"""The report of a refresh: what it changed in the catalogue, and what was wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rockonweb.core.text import t


class FaultyFile(NamedTuple):
    """A file that could not be used, with every reason."""

    file: str
    reasons: list[str]


@dataclass
class Report:
    """Names of rock-ons by what happened to them. `loaded` is false when no metastore gave any rock-on."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    faulty: list[FaultyFile] = field(default_factory=list)
    loaded: bool = False

    def fault(self, file: str, reasons: Iterable[str]) -> None:
        """Note what is wrong with a file, if anything is."""
        if found := [str(reason) for reason in reasons]:
            self.faulty.append(FaultyFile(file, found))

    def to_json(self) -> dict[str, Any]:
        """Return what `catalog refresh --json` prints."""
        return {
            "added": self.added,
            "changed": self.changed,
            "removed": self.removed,
            "unchanged": self.unchanged,
            "faulty": [{"file": file, "reasons": reasons} for file, reasons in self.faulty],
        }

    def content(self) -> str:
        """Return it as JSON text, for keeping."""
        return json.dumps(self.to_json())

    def __str__(self) -> str:
        """Return it for a terminal, a line for each thing."""
        lines = [] if self.loaded else [t("No catalogue could be loaded. What was loaded before stays.")]
        for words, names in (
            ("%(count)d added: %(names)s", self.added),
            ("%(count)d changed: %(names)s", self.changed),
            ("%(count)d removed: %(names)s", self.removed),
        ):
            lines += [t(words, count=len(names), names=", ".join(names))] if names else []
        lines.append(t("%(count)d unchanged", count=self.unchanged))
        for file, reasons in self.faulty:
            lines += [t("%(file)s: %(reason)s", file=file, reason=reason) for reason in reasons]
        return "\n".join(lines)
