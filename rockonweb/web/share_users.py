"""Which rock-ons keep data in which share."""

from __future__ import annotations

from sqlalchemy import select

from rockonweb.core.answers import split_share
from rockonweb.models import Container, Installation, State, Volume, db


def share_users() -> dict[str, list[tuple[int, str]]]:
    """Return who uses which share: the rock-ons by id and name."""
    query = select(Volume.share, Installation.id, Installation.name).join(
        Container, Volume.container_id == Container.id
    )
    rows = db.session.execute(
        query.join(Installation, Container.installation_id == Installation.id)
        .where(Volume.share.is_not(None), Installation.state.not_in((State.AVAILABLE, State.INSTALL_FAILED)))
        .distinct()
        .order_by(Installation.name)
    )
    found: dict[str, list[tuple[int, str]]] = {}
    for place, rockon_id, name in rows:
        users = found.setdefault(split_share(place or "")[0], [])
        users += [(rockon_id, name)] if (rockon_id, name) not in users else []
    return found


def other_users(rockon: Installation) -> dict[str, list[str]]:
    """Return the names of the other rock-ons that use each share; none for one that this one has for itself."""
    return {share: [name for id_, name in users if id_ != rockon.id] for share, users in share_users().items()}
