"""Rollback points as pages show them: the change after each, its images, and the shares with snapshots."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rockonweb.core.errors import Conflict
from rockonweb.core.facts import HostFacts
from rockonweb.core.plan.rollback import PreviousImage, SnapshotScope, restorable_scopes
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, RollbackPoint
from rockonweb.work import rollback
from rockonweb.work.collect_facts import other_users


@dataclass(frozen=True)
class RollbackRow:
    """A rollback point; `was_rollback` says that the change after it was itself a rollback, `unreadable` that there is
    no rolling back to it.
    """

    point: RollbackPoint
    version: str
    was_rollback: bool
    images: tuple[tuple[str, PreviousImage], ...]
    shares: tuple[str, ...]
    unreadable: bool = False


def list_rollback_rows(installation: Installation) -> list[RollbackRow]:
    """Return the rollback points of a rock-on, the newest first; none where it is not installed."""
    return (
        [build_rollback_row(point) for point in rollback.list_points(installation)] if installation.is_installed else []
    )


def build_rollback_row(point: RollbackPoint) -> RollbackRow:
    """Return the row of a rollback point."""
    try:
        version, unreadable = rollback.load_point(point)[0].version, False
    except Conflict:
        version, unreadable = "", True
    was_rollback = point.operation is not None and point.operation.is_rollback
    images, shares = tuple(point.kept.items()), tuple(sorted(point.shares))
    return RollbackRow(point, version, was_rollback, images, shares, unreadable)


def snapshot_scopes_of(point: RollbackPoint) -> list[SnapshotScope]:
    """Return the shares that the rock-on had at a point, and whether the data of each can be restored."""
    host = get_host(point.installation)
    share_facts = {
        name: replace(facts, nested=host.snapshots.nested_subvolumes(name)) if facts.snapshots else facts
        for name, facts in host.shares.shares_by_name().items()
        if name in point.shares
    }
    facts = HostFacts(shares=share_facts, share_users=other_users(point.installation))
    _, answers = rollback.load_point(point)
    return [
        *restorable_scopes(point.shares, facts),
        *(
            SnapshotScope(share, why_not=t("There is no snapshot of it from that time."))
            for share in answers.used_shares()
            if share not in point.shares
        ),
    ]
