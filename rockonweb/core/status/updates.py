"""Whether an image is the newest of its name, when that is checked, and when it may be updated automatically."""

from __future__ import annotations

import enum
import re
from collections.abc import Collection

MINUTES_PER_DAY = 24 * 60
CHECK_JITTER = 0.1  # of the time between two checks: up to so much earlier or later, so that not all are due at once
_GOLDEN_RATIO = 0.6180339887  # its multiples fill the span between 0 and 1 evenly


class UpdateStatus(enum.StrEnum):
    """A container's image compared with the one that its name means in the registry."""

    CURRENT = "current"
    NEWER = "newer"
    GONE = "gone"  # the registry has no image of that name any more
    UNKNOWN = "unknown"  # the registry refused, did not answer, or was not queried yet


def compare_digests(image_id: str, digests: Collection[str], registry_digests: Collection[str]) -> UpdateStatus:
    """Return whether the image that runs is the one in the registry.

    `image_id` is its id and `digests` those that Docker records for its pulls; `registry_digests` are those of what the
    name means now: of the index of all platforms, and of this machine's manifest and configuration. An index may be
    rebuilt around the same image, so one in common is enough. An image that was not pulled has none to compare.
    """
    if {image_id, *digests} & set(registry_digests):
        return UpdateStatus.CURRENT
    return UpdateStatus.NEWER if digests and registry_digests else UpdateStatus.UNKNOWN


def is_check_due(age: float | None, hours: int, rockon_id: int) -> bool:
    """Whether a check is due `age` seconds after the last one (None: never checked), when it is made every `hours`.

    `rockon_id` gives each rock-on its own jitter offset. 0 hours mean never. A last check in the future (the clock was
    wrong then) counts as none.
    """
    if not hours:
        return False
    if age is None or age < 0:
        return True
    offset = rockon_id * _GOLDEN_RATIO % 1
    return age >= hours * 3600 * (1 - CHECK_JITTER + 2 * CHECK_JITTER * offset)


def is_refresh_due(age: float | None, hours: int, failures: int, instance: int) -> bool:
    """Whether the catalogue is to be refreshed `age` seconds after the last try, when that is done every `hours`.

    After `failures` in a row it is tried again sooner: after 1 hour, then 2, 4 and so on. `instance` gives each one its
    own jitter offset.
    """
    return is_check_due(age, min(hours, 2 ** (min(failures, 10) - 1)) if failures else hours, instance)


def in_window(minute: int, start: int, until: int) -> bool:
    """Whether a minute of the day lies in a window, which may go past midnight; the same start and end mean all day."""
    return (minute - start) % MINUTES_PER_DAY < ((until - start) % MINUTES_PER_DAY or MINUTES_PER_DAY)


def format_time_of_day(minute: int) -> str:
    """Return a minute of the day as `03:30`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def parse_time_of_day(text: str) -> int | None:
    """Return the minute of the day that `03:30` means; None for what is no time of day."""
    match = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    return int(match[1]) * 60 + int(match[2]) if match else None
