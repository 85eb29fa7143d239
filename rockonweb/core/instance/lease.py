"""Which of several copies of an instance looks after an engine: the one whose lease is the oldest of those that run.

A copy of the instance's folder has the same key, and so the same labels: each would take the other's containers for its
own, and what the other has set aside for leftovers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from rockonweb.core.text import t

LEASE_SECONDS = 180  # for which a copy holds a lease
RENEW_SECONDS = 60  # that a lease has at least left, else it is renewed
RETURN_SECONDS = 30  # for which a copy that has ended keeps its place: it may only be restarted


@dataclass(frozen=True)
class Lease:
    """The claim of one copy: who holds it, where that is for display, since when and until when (Unix seconds)."""

    holder: str
    place: str
    since: float
    until: float
    name: str = ""  # of the object in the engine that stands for it


def find_master(leases: Iterable[Lease], now: float) -> Lease | None:
    """Return the lease of the copy that looks after the engine; None where none runs any more.

    One that ends later than a lease can is from a clock that was wrong, and does not count.
    """
    current = [lease for lease in leases if now < lease.until <= now + LEASE_SECONDS]
    return min(current, key=lambda lease: (lease.since, lease.holder), default=None)


def explain_other_copy(place: str) -> tuple[str, str]:
    """Return a sentence with a hint on the copy at this place that looks after the engine instead of this one."""
    return (
        t("Another copy of this Rockonweb looks after this Docker: %(place)s. This one only watches.", place=place),
        t("Stop the other one and wait three minutes, or stop this one. To try a copy, give it a Docker of its own."),
    )


def renew_lease(own: Iterable[Lease], holder: str, place: str, now: float) -> Lease | None:
    """Return the lease that a copy has to write now, with the beginning of its `own` one; None while that suffices."""
    current = [lease for lease in own if now < lease.until <= now + LEASE_SECONDS]
    if any(lease.until - now > LEASE_SECONDS - RENEW_SECONDS for lease in current):
        return None
    return Lease(holder, place, min((lease.since for lease in current), default=now), now + LEASE_SECONDS)


def end_lease(own: Iterable[Lease], now: float) -> Lease | None:
    """Return the lease that a copy has to write as it ends; None where its `own` one ends as soon, or there is none."""
    until = now + RETURN_SECONDS
    return next((replace(lease, until=until) for lease in own if until < lease.until <= now + LEASE_SECONDS), None)
