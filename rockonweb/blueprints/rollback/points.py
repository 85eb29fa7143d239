"""What pages show of rollback points: what was changed after each, its images, and of which shares there is data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from rockonweb.core.facts import HostFacts
from rockonweb.core.plan.rollback import Cover, Kept, restorable
from rockonweb.core.text import t
from rockonweb.host import host_of
from rockonweb.models import Installation, RollbackPoint
from rockonweb.work import rollback
from rockonweb.work.collect_facts import other_users


@dataclass(frozen=True)
class Row:
    """A rollback point; `back` tells that the change after it was itself a way back."""

    point: RollbackPoint
    version: str
    back: bool
    images: tuple[tuple[str, Kept], ...]
    shares: tuple[str, ...]


def rows(rockon: Installation) -> list[Row]:
    """Return the rollback points of an installed rock-on, the newest first."""
    return [row(point) for point in rollback.points(rockon)] if rockon.installed else []


def row(point: RollbackPoint) -> Row:
    """Return what is shown of a point."""
    definition, _ = rollback.made_from(point)
    back = point.operation is not None and point.operation.goes_back
    return Row(point, definition.version, back, tuple(point.kept.items()), tuple(sorted(point.shares)))


def shares(point: RollbackPoint) -> list[Cover]:
    """Return the shares that the rock-on had then, and whether the data of each can be put back."""
    host = host_of(point.installation)
    known = {
        name: replace(facts, nested=host.snapshots.nested(name)) if facts.snapshots else facts
        for name, facts in host.shares.listing().items()
        if name in point.shares
    }
    facts = HostFacts(shares=known, share_users=other_users(point.installation))
    _, answers = rollback.made_from(point)
    return [
        *restorable(point.shares, facts),
        *(
            Cover(share, why_not=t("There is no snapshot of it from then."))
            for share in answers.used_shares()
            if share not in point.shares
        ),
    ]
