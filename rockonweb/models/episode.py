"""The times in which apps were down, and the maintenance during which nobody is told of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, Index, String, Text, select, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.status.status import Problem
from rockonweb.models.base import NumberedBase, StoredEnum, TranslatableString, UTCDateTime, db, utc_now
from rockonweb.models.installation import Installation

IS_OPEN = text("ended IS NULL")


class Episode(NumberedBase):
    """A time in which an app was down, from the first sign until it has been well for a while; see
    core/status/episodes.py. An app has one that is open at most.
    """

    __table_args__ = (Index("uq_episode_open", "installation_id", unique=True, sqlite_where=IS_OPEN),)

    installation_id: Mapped[int] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    problem: Mapped[Problem] = mapped_column(StoredEnum(Problem, 40, Problem.ENDED))  # the last one that was observed
    reason: Mapped[str] = mapped_column(TranslatableString)  # the sentence on it
    container: Mapped[str] = mapped_column(Text, default="")  # that has it
    log: Mapped[str] = mapped_column(Text, default="")  # its last lines, secrets masked: for those who may read logs
    began: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now, index=True)
    well_since: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended: Mapped[datetime | None] = mapped_column(UTCDateTime)
    relapses: Mapped[int] = mapped_column(default=0)
    told: Mapped[bool] = mapped_column(default=False)
    gave_up: Mapped[bool] = mapped_column(default=False)  # restarting it

    installation: Mapped[Installation] = relationship()


LONGEST_MAINTENANCE = timedelta(days=7)


class Maintenance(NumberedBase):
    """Until when nothing is told and nothing is restarted automatically, and who said so. One row at most."""

    until: Mapped[datetime] = mapped_column(UTCDateTime)
    user: Mapped[str] = mapped_column(String(100))


def maintenance_until() -> datetime | None:
    """Return the end of the maintenance that lasts; None where there is none.

    One that would last longer than any can was begun while the clock was wrong.
    """
    until = db.session.scalar(select(Maintenance.until))
    now = utc_now()
    return until if until is not None and now < until <= now + LONGEST_MAINTENANCE else None
