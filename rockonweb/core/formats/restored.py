"""The outcome of a restore for each part of a backup, as it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from rockonweb.core.packed import StoredSentence


class SecretLocation(NamedTuple):
    """Where a secret belongs. Of a metastore, `part` is "metastores" and `key` its address without the password."""

    rockon: str
    part: str
    container: str
    key: str


@dataclass(frozen=True)
class RestoredPart:
    """A part other than a rock-on: what will be or was done, in a sentence. `well` is False for a problem."""

    kind: str  # definition, metastore, network, share
    name: str
    sentence: StoredSentence
    well: bool = True
    new: bool = True  # it does not exist yet


@dataclass(frozen=True)
class RestoredRockOn:
    """A rock-on: the `operation` that installs it, or why there is none.

    `left`: why it is skipped; `told`: why it could not be submitted; `hidden`: the secrets that must be typed first.
    """

    operation: int | None = None
    left: StoredSentence = ""
    told: tuple[StoredSentence, ...] = ()
    hidden: tuple[SecretLocation, ...] = ()


@dataclass(frozen=True)
class RestoreOutcome:
    """The parts, None before they are restored; and the rock-ons, by name."""

    parts: tuple[RestoredPart, ...] | None = None
    rockons: Mapping[str, RestoredRockOn] = field(default_factory=dict)
