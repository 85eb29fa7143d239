"""Of several copies of an instance the one whose lease is the oldest looks after the engine."""

from dataclasses import replace

import pytest

from rockonweb.core.instance.lease import (
    LEASE_SECONDS,
    RENEW_SECONDS,
    RETURN_SECONDS,
    Lease,
    end_lease,
    find_master,
    renew_lease,
)

FIRST = Lease("first", "nas:/srv", since=100, until=100 + LEASE_SECONDS)
SECOND = replace(FIRST, holder="second", since=150, until=150 + LEASE_SECONDS)


@pytest.mark.parametrize(
    ("leases", "now", "holder"),
    [
        ([], 160, None),
        ([SECOND], 160, "second"),
        ([SECOND, FIRST], 160, "first"),
        ([SECOND, FIRST], 100 + LEASE_SECONDS, "second"),  # the first has ended
        ([SECOND, FIRST], 10_000, None),
        ([replace(FIRST, until=10_000_000), SECOND], 160, "second"),  # of a clock that was wrong
        ([replace(SECOND, since=100), FIRST], 160, "first"),  # both at once: one of them, the same for both
    ],
)
def test_the_oldest_lease_that_runs_is_the_masters(leases: list[Lease], now: float, holder: str | None) -> None:
    master = find_master(leases, now)
    assert (master.holder if master else None) == holder


def test_a_lease_is_renewed_in_time_and_keeps_its_beginning() -> None:
    assert renew_lease([FIRST], "first", "nas:/srv", 110) is None
    late = 100 + RENEW_SECONDS + 1
    assert renew_lease([FIRST], "first", "nas:/srv", late) == replace(FIRST, until=late + LEASE_SECONDS)
    assert renew_lease([], "first", "nas:/srv", 100) == FIRST
    gone = 10_000
    assert renew_lease([FIRST], "first", "nas:/srv", gone) == replace(FIRST, since=gone, until=gone + LEASE_SECONDS)


def test_one_that_ends_may_come_back_to_its_place_for_a_moment() -> None:
    held = Lease("a", "here", since=1, until=1000 + LEASE_SECONDS)
    assert end_lease([held], 1000) == Lease("a", "here", since=1, until=1000 + RETURN_SECONDS)
    assert end_lease([], 1000) is None
    assert end_lease([Lease("a", "here", since=1, until=1010)], 1000) is None  # ends sooner
