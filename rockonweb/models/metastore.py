"""Added metastores, stored files of metastores, and reports of refreshes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from rockonweb.core.packed import unpack_or
from rockonweb.core.text import from_stored, map_strings
from rockonweb.models.base import Base, EncryptedText, NumberedBase, UTCDateTime, utc_now


class Metastore(NumberedBase):
    """A metastore that an owner added to those of the configuration."""

    position: Mapped[int]
    place: Mapped[str] = mapped_column(EncryptedText)  # a URL, perhaps with a password, or an absolute folder
    enabled: Mapped[bool] = mapped_column(default=True)


class RefreshSchedule(NumberedBase):
    """How often the catalogue is refreshed by itself: at most one row; without it `DEFAULT_HOURS`."""

    DEFAULT_HOURS: ClassVar[int] = 24
    hours: Mapped[int]  # between two refreshes; 0: never


class MetastoreFile(Base):
    """A fetched file, with its validators for the next conditional request."""

    url: Mapped[str] = mapped_column(Text, primary_key=True)
    etag: Mapped[str] = mapped_column(Text, default="")
    last_modified: Mapped[str] = mapped_column(Text, default="")
    body: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True)
class FaultyEntry:
    """A file that could not be used."""

    file: str
    reasons: list[str]


@dataclass(frozen=True, kw_only=True)
class ReportCounts:
    """The changes of a refresh as they are stored; see catalog/report.py."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    faulty: list[FaultyEntry] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class MetastoreCounts(ReportCounts):
    """Those of one metastore."""

    origin: str
    place: str
    rockons: int


@dataclass(frozen=True, kw_only=True)
class StoredReport(ReportCounts):
    """Those of all metastores."""

    metastores: list[MetastoreCounts] = field(default_factory=list)
    starters_replaced: list[str] = field(default_factory=list)
    starters_gone: list[str] = field(default_factory=list)


class RefreshReport(NumberedBase):
    """The outcome of a refresh of the catalogue."""

    finished: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    content: Mapped[str] = mapped_column(Text)  # JSON; see catalog/report.py

    @property
    def is_readable(self) -> bool:
        """Whether the report can be read."""
        return unpack_or(StoredReport, self.content, None) is not None

    @property
    def report_data(self) -> dict[str, Any]:
        """The report with the keys of `StoredReport`; one without changes where it can't be read."""
        stored = json.loads(self.content) if self.is_readable else asdict(StoredReport())
        data: dict[str, Any] = map_strings(stored, from_stored)
        return data

    @classmethod
    def load_latest(cls, session: Session) -> RefreshReport | None:
        """Return the report of the last refresh, None before the first one."""
        return session.scalar(select(cls).order_by(cls.id.desc()).limit(1))
