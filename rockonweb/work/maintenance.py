"""Maintenance, set by an owner: until its end nothing is told and nothing is restarted automatically."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete

from rockonweb.accounts import audit
from rockonweb.core.errors import BadInput
from rockonweb.models import Maintenance, transaction, utc_now
from rockonweb.models.episode import LONGEST_MAINTENANCE

MAX_MINUTES = LONGEST_MAINTENANCE // timedelta(minutes=1)


def set_maintenance(minutes: int, user: str) -> datetime | None:
    """Let maintenance last for so many minutes from now, 0 to end it; return its end. Raises BadInput."""
    if not 0 <= minutes <= MAX_MINUTES:
        raise BadInput(f"Maintenance can't last for {minutes} minutes.", f"Enter a number from 0 to {MAX_MINUTES}.")
    until = utc_now() + timedelta(minutes=minutes) if minutes else None
    with transaction() as session:
        session.execute(delete(Maintenance))
        if until:
            session.add(Maintenance(until=until, user=user))
        audit.record("maintenance.begin" if until else "maintenance.end", user=user)
    return until
