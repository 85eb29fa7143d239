"""Trims the history: operations that ended long ago are removed with their steps and outputs."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, delete, func, select

from rockonweb.config import current_config
from rockonweb.host import Engine
from rockonweb.models import ACTIVE_PROGRESS, Episode, Operation, RollbackPoint, db, transaction, utc_now
from rockonweb.work import runner

MIN_KEPT = 50  # of each rock-on and each network, however old
BATCH_SIZE = 500  # removed in one transaction, so that others need not wait for long


def trim_operations(docker: Engine) -> int:
    """Remove operations that ended more than `history_days` ago, and return how many.

    Kept are the last `MIN_KEPT` of each rock-on and network, and whatever else is still needed: the last of each kind
    and outcome, the last one of a rock-on that changed something, those with a rollback point, and those that created
    what Docker has now. Does nothing while an operation waits or runs. Raises EngineError.
    """
    candidates = db.session.execute(_expired_operations()).all()
    active = select(Operation.id).where(Operation.progress.in_(ACTIVE_PROGRESS)).limit(1)
    if not candidates or db.session.scalar(active) is not None:
        db.session.rollback()
        return 0
    rockon_ids = {rockon_id for _, _, rockon_id in candidates if rockon_id is not None}
    effective = {operation.id for rockon_id in rockon_ids if (operation := runner.last_effective_operation(rockon_id))}
    db.session.rollback()
    present = _present_operations(docker)
    ids = [number for number, uid, _ in candidates if uid not in present and number not in effective]
    for start in range(0, len(ids), BATCH_SIZE):
        with transaction() as session:
            session.execute(delete(Operation).where(Operation.id.in_(ids[start : start + BATCH_SIZE])))
    return len(ids)


def trim_episodes() -> None:
    """Remove episodes that ended more than `history_days` ago."""
    with transaction() as session:
        session.execute(
            delete(Episode).where(Episode.ended < utc_now() - timedelta(days=current_config().history_days))
        )


def _expired_operations() -> Select[int, str, int | None]:
    """Return the query for the operations (id, random id, rock-on) that are old, not among the last ones of their
    rock-on or network, and have no rollback point.
    """
    subject = (Operation.installation_id, Operation.network)
    newest_first = Operation.id.desc()
    ranked = select(
        Operation.id,
        func.row_number().over(partition_by=subject, order_by=newest_first).label("rank"),
        func.row_number()
        .over(partition_by=(*subject, Operation.kind, Operation.progress), order_by=newest_first)
        .label("rank_among_alike"),
    ).subquery()
    points = select(RollbackPoint.operation_id).where(RollbackPoint.operation_id.is_not(None))
    return (
        select(Operation.id, Operation.uid, Operation.installation_id)
        .join(ranked, ranked.c.id == Operation.id)
        .where(
            ranked.c.rank > MIN_KEPT,
            ranked.c.rank_among_alike > 1,
            Operation.progress.not_in(ACTIVE_PROGRESS),
            Operation.finished < utc_now() - timedelta(days=current_config().history_days),
            Operation.id.not_in(points),
        )
        .order_by(Operation.id)
    )


def _present_operations(docker: Engine) -> set[str]:
    """Return the random ids of the operations that created what Docker has: containers and networks."""
    containers = docker.list_containers()
    networks = docker.list_networks(containers).values()
    return {container.operation for container in containers.values()} | {network.operation for network in networks}
