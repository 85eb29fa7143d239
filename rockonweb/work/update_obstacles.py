"""Why automatic updates pass apps over: what a person has to see to, as the review of an update says."""

from __future__ import annotations

from sqlalchemy import select

from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import UpdateRequest
from rockonweb.models import Installation, Operation, State, db, transaction
from rockonweb.work import updates
from rockonweb.work.review import review_request


def note_obstacle_after(operation_id: int) -> None:
    """Store again after an operation why an automatic update passes its app over."""
    operation = db.session.get(Operation, operation_id)
    if operation and operation.installation_id and not operation.is_active:
        note_obstacles(operation.installation_id)


def note_obstacles(rockon_id: int = updates.ALL_ROCKONS) -> None:
    """Store why automatic updates pass one app or all over; blank where nothing is in their way."""
    query = select(Installation).where(Installation.state == State.INSTALLED)
    if rockon_id != updates.ALL_ROCKONS:
        query = query.where(Installation.id == rockon_id)
    obstacles = {installation.id: _find_obstacle(installation) for installation in db.session.scalars(query).all()}
    db.session.rollback()
    with transaction(durable=False) as session:
        for installation_id, obstacle in obstacles.items():
            if row := session.get(Installation, installation_id):
                row.auto_obstacle = obstacle


def _find_obstacle(installation: Installation) -> str:
    if not installation.has_newer_image:
        return ""
    try:
        review = review_request(installation, UpdateRequest())
    except RockonwebError as error:
        return error.sentence
    if review.trouble:
        return review.trouble.sentence
    return next((finding.sentence for finding in review.planned_change.plan.findings if finding.by_hand), "")
