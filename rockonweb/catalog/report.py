"""The report of a refresh: its changes to the catalogue, and faulty files."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from rockonweb.core.text import join_texts, map_strings, t, to_stored


class FaultyFile(NamedTuple):
    """A file that could not be used, with every reason."""

    file: str
    reasons: list[str]


@dataclass
class CatalogueChanges:
    """Names of added, changed and removed rock-ons, and faulty files."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    faulty: list[FaultyFile] = field(default_factory=list)

    def add_faulty_file(self, file: str, reasons: Iterable[str]) -> None:
        """Add a file with its faults, if there are any."""
        if collected := [*reasons]:
            self.faulty.append(FaultyFile(file, collected))

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        values = {item.name: getattr(self, item.name) for item in fields(CatalogueChanges)}
        return {**values, "faulty": [item._asdict() for item in self.faulty]}


@dataclass
class MetastoreReport(CatalogueChanges):
    """The changes from one metastore; `rockons` counts all it offers, even those that a later one replaces."""

    origin: str = ""
    place: str = ""
    rockons: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON data."""
        return {"origin": self.origin, "place": self.place, "rockons": self.rockons, **super().to_json()}

    def __str__(self) -> str:
        """Return a line for a terminal."""
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
    """The whole refresh. `loaded` is false when no metastore gave any rock-on, `offline` true when none of those on the
    network could be loaded, though there is one; `metastores` are the metastores, in order. Of the starter catalogue,
    which gives way to the first one that is loaded, some rock-ons have been replaced by those of the same name, and
    others are gone.
    """

    loaded: bool = False
    offline: bool = False
    starters_replaced: list[str] = field(default_factory=list)
    starters_gone: list[str] = field(default_factory=list)
    metastores: list[MetastoreReport] = field(default_factory=list)

    def changes_for(self, origin: str) -> list[CatalogueChanges]:
        """Return the records to which changes of this origin are added: this one and its metastore's."""
        return [self, *(metastore for metastore in self.metastores if metastore.origin == origin)]

    def to_json(self) -> dict[str, Any]:
        """Return what `catalog refresh --json` prints."""
        return {**super().to_json(), "metastores": [metastore.to_json() for metastore in self.metastores]}

    def to_stored_json(self) -> str:
        """Return JSON text for the database, with sentences as template and values, to translate later."""
        starters = {"starters_replaced": self.starters_replaced, "starters_gone": self.starters_gone}
        shown = {key: names for key, names in starters.items() if names}
        return json.dumps(map_strings({**self.to_json(), **shown}, to_stored))

    def __str__(self) -> str:
        """Return the text for a terminal."""
        lines: list[str] = [] if self.loaded else [t("No catalogue could be loaded. The previous catalogue is kept.")]
        for template, names in (
            ("%(count)d added: %(names)s", self.added),
            ("%(count)d changed: %(names)s", self.changed),
            ("%(count)d removed: %(names)s", self.removed),
        ):
            lines += [t(template, count=len(names), names=", ".join(names))] if names else []
        if self.starters_replaced or self.starters_gone:
            lines.append(join_texts(" ", explain_starters(self.starters_gone)))
        lines.append(t("%(count)d unchanged", count=self.unchanged))
        for file, reasons in self.faulty:
            lines += [t("%(file)s: %(reason)s", file=file, reason=reason) for reason in reasons]
        reports = [
            metastore for metastore in self.metastores if metastore.rockons or metastore.removed or metastore.faulty
        ]
        lines += [str(metastore) for metastore in reports] if len(reports) > 1 else []
        return "\n".join(lines)


def explain_starters(gone: Iterable[str]) -> tuple[str, str]:
    """Return a sentence on a starter catalogue that gave way, and which of its rock-ons (`gone`) the new one lacks."""
    names = ", ".join(gone)
    return (
        t("The catalogue to start with has given way to the one that was loaded."),
        t("No longer offered: %(names)s.", names=names) if names else "",
    )
