"""When a backup is due and when it is overdue."""

from datetime import UTC, datetime, timedelta

import pytest

from rockonweb.core.data_backup.schedule import BackupSchedule

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)


def ago(**duration: float) -> datetime:
    return NOW - timedelta(**duration)


@pytest.mark.parametrize(
    ("last_good", "last_try", "due"),
    [
        (None, None, True),
        (ago(hours=23), ago(hours=23), False),
        (ago(hours=24), ago(hours=24), True),
        (ago(days=9), ago(minutes=30), False),  # it has just failed
        (ago(days=9), ago(hours=5), False),
        (ago(days=9), ago(hours=6), True),
        (ago(days=-30), ago(days=-30), True),  # the clock was set back
    ],
)
def test_a_backup_is_due_by_the_last_good_one_and_the_last_try(
    last_good: datetime | None, last_try: datetime | None, due: bool
) -> None:
    assert BackupSchedule(24).is_due(last_good, last_try, NOW) is due
    assert BackupSchedule(1).is_due(ago(hours=2), ago(hours=1), NOW)
    assert BackupSchedule(0).is_due(last_good, last_try, NOW) is False


def test_a_window_may_go_over_midnight() -> None:
    night = BackupSchedule(24, 22, 4)
    assert [hour for hour in range(24) if night.includes(NOW.replace(hour=hour))] == [0, 1, 2, 3, 22, 23]
    assert [hour for hour in range(24) if BackupSchedule(24, 1, 3).includes(NOW.replace(hour=hour))] == [1, 2]
    assert all(BackupSchedule(24, 5, 5).includes(NOW.replace(hour=hour)) for hour in range(24))


def test_one_is_overdue_a_day_after_its_time() -> None:
    daily = BackupSchedule(24)
    assert daily.is_overdue(ago(hours=48), ago(days=99), NOW)
    assert not daily.is_overdue(ago(hours=47), ago(days=99), NOW)
    assert not daily.is_overdue(None, ago(hours=47), NOW)  # the app is new
    assert daily.is_overdue(None, ago(hours=48), NOW)
    assert not BackupSchedule(0).is_overdue(None, ago(days=99), NOW)
