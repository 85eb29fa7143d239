"""The report of a refresh: what it changed in the catalogue, and what was wrong."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from rockonweb.core.text import map_strings, t, to_stored


class FaultyFile(NamedTuple):
    """A file that could not be used, with every reason."""

    file: str
    reasons: list[str]


@dataclass
class CatalogueChanges:
    """Names of rock-ons by what happened to them, and what was faulty."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    faulty: list[FaultyFile] = field(default_factory=list)

    def add_faulty_file(self, file: str, reasons: Iterable[str]) -> None:
        """Note what is wrong with a file, if anything is."""
        if collected := [*reasons]:
            self.faulty.append(FaultyFile(file, collected))

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        values = {item.name: getattr(self, item.name) for item in fields(CatalogueChanges)}
        return {**values, "faulty": [item._asdict() for item in self.faulty]}


@dataclass
class MetastoreReport(CatalogueChanges):
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
        summary = ", ".join(str(summary) for summary, is_shown in counts if is_shown)
        return t("%(place)s: %(words)s", place=self.place, words=summary)


@dataclass
class CatalogueReport(CatalogueChanges):
    """The whole refresh. `loaded` is false when no metastore gave any rock-on; `metastores` are the metastores, in
    order.
    """

    loaded: bool = False
    metastores: list[MetastoreReport] = field(default_factory=list)

    def changes_for(self, origin: str) -> list[CatalogueChanges]:
        """Return where something about a rock-on of this origin is noted: here, and in its metastore's part."""
        return [self, *(metastore for metastore in self.metastores if metastore.origin == origin)]

    def to_json(self) -> dict[str, Any]:
        """Return what `catalog refresh --json` prints."""
        return {**super().to_json(), "metastores": [metastore.to_json() for metastore in self.metastores]}

    def to_stored_json(self) -> str:
        """Return it as JSON text, for keeping: its sentences with template and values."""
        return json.dumps(map_strings(self.to_json(), to_stored))

    def __str__(self) -> str:
        """Return it for a terminal, a line for each thing."""
        lines: list[str] = [] if self.loaded else [t("No catalogue could be loaded. What was loaded before stays.")]
        for template, names in (
            ("%(count)d added: %(names)s", self.added),
            ("%(count)d changed: %(names)s", self.changed),
            ("%(count)d removed: %(names)s", self.removed),
        ):
            lines += [t(template, count=len(names), names=", ".join(names))] if names else []
        lines.append(t("%(count)d unchanged", count=self.unchanged))
        for file, reasons in self.faulty:
            lines += [t("%(file)s: %(reason)s", file=file, reason=reason) for reason in reasons]
        reports = [
            metastore for metastore in self.metastores if metastore.rockons or metastore.removed or metastore.faulty
        ]
        lines += [str(metastore) for metastore in reports] if len(reports) > 1 else []
        return "\n".join(lines)
