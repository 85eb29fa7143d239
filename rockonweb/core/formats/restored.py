"""What became of each part of a backup that is restored, as it is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rockonweb.core.formats.backup import SecretLocation
from rockonweb.core.packed import StoredSentence


@dataclass(frozen=True)
class RestoredPart:
    """Something other than a rock-on: what is or was done about it, in a sentence. `well`: that is as it should be."""

    kind: str  # definition, metastore, network, share
    name: str
    sentence: StoredSentence
    well: bool = True
    new: bool = True  # it is not there yet


@dataclass(frozen=True)
class RestoredRockOn:
    """A rock-on: the `operation` that installs it, or why there is none.

    `left`: it is left alone; `told`: it could not be begun; `hidden`: these secrets must be typed first.
    """

    operation: int | None = None
    left: StoredSentence = ""
    told: tuple[StoredSentence, ...] = ()
    hidden: tuple[SecretLocation, ...] = ()


@dataclass(frozen=True)
class RestoreOutcome:
    """The parts, None before they are put back; and the rock-ons, by name."""

    parts: tuple[RestoredPart, ...] | None = None
    rockons: Mapping[str, RestoredRockOn] = field(default_factory=dict)
