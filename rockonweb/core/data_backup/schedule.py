"""When a backup of an app's data is due, and when it is overdue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

RETRY_HOURS = 6  # after a backup that failed, at most
OVERDUE_HOURS = 24  # beyond its time, in which a machine may have been off


@dataclass(frozen=True)
class BackupSchedule:
    """Every so many hours, 0: never; only from one full hour to another of the machine's day, both the same: always."""

    hours: int = 24
    from_hour: int = 0
    to_hour: int = 0

    def includes(self, local: datetime) -> bool:
        """Whether a local time is within the window."""
        if self.from_hour == self.to_hour:
            return True
        after_start, before_end = local.hour >= self.from_hour, local.hour < self.to_hour
        return after_start and before_end if self.from_hour < self.to_hour else after_start or before_end

    def next_time(self, last_good: datetime | None) -> datetime | None:
        """Return from when on the next backup is due; None for never, or at once."""
        return last_good + timedelta(hours=self.hours) if self.hours and last_good else None

    def is_due(self, last_good: datetime | None, last_try: datetime | None, now: datetime) -> bool:
        """Whether a backup is due. A time in the future, before a clock was set back, counts as long ago."""
        if not self.hours or not self.includes(now.astimezone()):
            return False
        return _is_older(last_good, now, self.hours) and _is_older(last_try, now, min(self.hours, RETRY_HOURS))

    def is_overdue(self, last_good: datetime | None, since: datetime, now: datetime) -> bool:
        """Whether there should have been a backup by now; `since` is when there was none to be expected yet."""
        return bool(self.hours) and _is_older(last_good or since, now, self.hours + OVERDUE_HOURS)


def _is_older(moment: datetime | None, now: datetime, hours: int) -> bool:
    return moment is None or moment > now or now - moment >= timedelta(hours=hours)
