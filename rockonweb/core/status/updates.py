"""Whether an image is the newest under its name, when that is looked up, and when it may be taken by itself."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection

DAY = 24 * 60  # minutes
SPREAD = 0.1  # of the time between two looks: so much earlier or later, so that not all are due at once
_GOLDEN = 0.6180339887  # its multiples fill the span between 0 and 1 evenly


class Outcome(enum.StrEnum):
    """What is known of a container's image beside the one that its name means in the registry."""

    CURRENT = "current"
    NEWER = "newer"
    GONE = "gone"  # the registry has no image of that name any more
    UNKNOWN = "unknown"  # the registry refused, was silent, or was not asked yet


def compare(image: str, digests: Collection[str], told: Collection[str]) -> Outcome:
    """Return whether the image that runs is the one that the registry tells of.

    `image` is its id and `digests` those that Docker records for its pulls; `told` are those of what the name means
    now: of the index of all platforms, and of this machine's manifest and configuration. An index may be made anew
    around the same image, so one in common is enough. An image that was not pulled has none to compare.
    """
    if {image, *digests} & set(told):
        return Outcome.CURRENT
    return Outcome.NEWER if digests and told else Outcome.UNKNOWN


def due(age: float | None, hours: int, number: int) -> bool:
    """Whether it is time to look again after `age` seconds (None: never looked) where the rule is every `hours`.

    `number` tells rock-ons apart: each has its own place in the spread. 0 hours mean never.
    """
    if not hours:
        return False
    if age is None:
        return True
    place = number * _GOLDEN % 1
    return age >= hours * 3600 * (1 - SPREAD + 2 * SPREAD * place)


def in_window(minute: int, start: int, until: int) -> bool:
    """Whether a minute of the day lies in a window, which may go past midnight; the same start and end mean all day."""
    return (minute - start) % DAY < ((until - start) % DAY or DAY)


def clock(minute: int) -> str:
    """Return a minute of the day as `03:30`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def minute_of(words: str) -> int | None:
    """Return the minute of the day that `03:30` means; None for what is no time of day."""
    found = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", words)
    return int(found[1]) * 60 + int(found[2]) if found else None
