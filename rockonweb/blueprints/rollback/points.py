"""What pages show of rollback points: what was changed after each, its images, and of which shares there is data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rockonweb.core.facts import HostFacts
from rockonweb.core.plan.rollback import PreviousImage, SnapshotScope, restorable_scopes
from rockonweb.core.text import t
from rockonweb.host import get_host
from rockonweb.models import Installation, RollbackPoint
from rockonweb.work import rollback
from rockonweb.work.collect_facts import other_users


@dataclass(frozen=True)
class RollbackRow:
    """A rollback point; `was_rollback` tells that the change after it was itself a way back."""

    point: RollbackPoint
    version: str
    was_rollback: bool
    images: tuple[tuple[str, PreviousImage], ...]
    shares: tuple[str, ...]


def list_rollback_rows(installation: Installation) -> list[RollbackRow]:
    """Return the rollback points of an installed rock-on, the newest first."""
    return (
        [build_rollback_row(point) for point in rollback.list_points(installation)] if installation.is_installed else []
    )


def build_rollback_row(point: RollbackPoint) -> RollbackRow:
    """Return what is shown of a point."""
    definition, _ = rollback.load_point(point)
    was_rollback = point.operation is not None and point.operation.is_rollback
    return RollbackRow(point, definition.version, was_rollback, tuple(point.kept.items()), tuple(sorted(point.shares)))


def snapshot_scopes_of(point: RollbackPoint) -> list[SnapshotScope]:
    """Return the shares that the rock-on had then, and whether the data of each can be put back."""
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
            SnapshotScope(share, why_not=t("There is no snapshot of it from then."))
            for share in answers.used_shares()
            if share not in point.shares
        ),
    ]
