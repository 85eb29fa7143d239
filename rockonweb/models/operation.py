"""Operations on rock-ons and networks, and their steps."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, ForeignKey, Index, String, Text, select, text, update
from sqlalchemy.orm import Mapped, mapped_column, relationship

from rockonweb.core.operations.lifecycle import TRANSITIONS, Kind, Progress, Transition
from rockonweb.core.operations.requests import ChangeRequest, Notes, Request, request_from_json
from rockonweb.core.operations.steps import PullImage
from rockonweb.models.base import (
    Base,
    EncryptedText,
    NumberedBase,
    PackedJSON,
    StoredEnum,
    StoredNumber,
    TranslatableString,
    TypedJSON,
    UTCDateTime,
    db,
    new_uid,
    utc_now,
)
from rockonweb.models.installation import Installation

ACTIVE_PROGRESS = (Progress.QUEUED, Progress.RUNNING)
AUTOMATIC_REFRESH = "automatic refresh"  # the user of a catalogue refresh by schedule
IS_ACTIVE = text("progress IN ('QUEUED', 'RUNNING')")  # literal, so that queries match the partial index
IS_RUNNING = text("progress = 'RUNNING'")


class Operation(NumberedBase):
    """One operation on one rock-on, or on one network with the rock-ons on it; on neither for a catalogue refresh.

    At most one operation of a rock-on runs, by a unique index. Others may wait; see work/scheduler.py.
    """

    __table_args__ = (
        Index("uq_operation_running", "installation_id", unique=True, sqlite_where=IS_RUNNING),
        Index("ix_operation_active", "installation_id", sqlite_where=IS_ACTIVE),
    )

    uid: Mapped[str] = mapped_column(String(32), default=new_uid, unique=True)  # in labels of what it creates
    installation_id: Mapped[int | None] = mapped_column(ForeignKey("installation.id", ondelete="CASCADE"), index=True)
    network: Mapped[str | None] = mapped_column(String(255), index=True)  # the name of the network that it is on
    kind: Mapped[Kind] = mapped_column(StoredEnum(Kind, 40, Kind.UNREADABLE))
    progress: Mapped[Progress] = mapped_column(StoredEnum(Progress, 40, Progress.FAILED), default=Progress.QUEUED)
    user: Mapped[str] = mapped_column(String(100), default="")
    created: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    started: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished: Mapped[datetime | None] = mapped_column(UTCDateTime)
    # The `docker run` lines that the user reviewed, masked; None without a review.
    reviewed: Mapped[list[str] | None] = mapped_column(PackedJSON(list[str], list))
    parameters: Mapped[str] = mapped_column(EncryptedText, default="{}")  # the request
    notes: Mapped[Notes] = mapped_column(
        "noted", PackedJSON(Notes, lambda: Notes(running=())), default=Notes()
    )  # made by it
    cancel_requested: Mapped[bool] = mapped_column(default=False)
    error: Mapped[str] = mapped_column(TranslatableString, default="")  # a sentence; blank unless it failed
    hint: Mapped[str] = mapped_column(TranslatableString, default="")

    installation: Mapped[Installation | None] = relationship()
    members: Mapped[list[Installation]] = relationship(secondary="operation_member", order_by=Installation.name)
    steps: Mapped[list[OperationStep]] = relationship(cascade="all, delete-orphan", order_by="OperationStep.position")

    def mark_finished(self, progress: Progress, error: str = "", hint: str = "") -> None:
        """Set its outcome and end, with an error and a hint where it failed."""
        self.progress, self.finished = progress, utc_now()
        self.error, self.hint = error, hint

    @property
    def is_active(self) -> bool:
        """Whether it waits or runs."""
        return self.progress in ACTIVE_PROGRESS

    @property
    def waited_seconds(self) -> float:
        """The seconds from its submission to its start, until now where it waits."""
        return ((self.started or utc_now()) - self.created).total_seconds()

    @property
    def is_planned(self) -> bool:
        """Whether it has all its steps. The first steps of an update, and of its rehearsal, only pull; the others are
        planned after them.
        """
        return self.kind not in (Kind.UPDATE, Kind.REHEARSE) or any(step.kind != PullImage.kind for step in self.steps)

    @property
    def reviewed_commands(self) -> list[str]:
        """The `docker run` lines that the user reviewed, masked; empty without a review."""
        return self.reviewed or []

    @property
    def request(self) -> Request:
        """The request it was submitted with; `UnreadableRequest` where it can't be read."""
        return request_from_json(self.kind, self.parameters)

    @property
    def transition(self) -> Transition:
        """The state transition of its kind."""
        return TRANSITIONS[self.kind]

    @property
    def subject(self) -> str:
        """The name of the rock-on or network that it is on; blank for a catalogue refresh."""
        return self.installation.name if self.installation else self.network or ""

    @property
    def is_rollback(self) -> bool:
        """Whether it is a rollback to a rollback point."""
        return isinstance(request := self.request, ChangeRequest) and request.point is not None

    @property
    def replacement_id(self) -> int | None:
        """The id of the rock-on that replaces the changed one; None for most operations."""
        if self.kind is not Kind.CHANGE:
            return None  # without reading the request, which is encrypted
        return request.successor if isinstance(request := self.request, ChangeRequest) else None


class OperationMember(Base):
    """A rock-on with containers on the network that an operation is on: no operation of the two runs at a time."""

    operation_id: Mapped[int] = mapped_column(ForeignKey("operation.id", ondelete="CASCADE"), primary_key=True)
    installation_id: Mapped[int] = mapped_column(
        ForeignKey("installation.id", ondelete="CASCADE"), primary_key=True, index=True
    )


def concerns_rockon(rockon_id: int) -> ColumnElement[bool]:
    """Return the condition for the operations on a rock-on, and those on networks that it was on."""
    member_operations = select(OperationMember.operation_id).where(OperationMember.installation_id == rockon_id)
    return (Operation.installation_id == rockon_id) | Operation.id.in_(member_operations)


class OperationStep(NumberedBase):
    """A step of an operation: title and reason to show, kind and data to run it, and what its undo needs (`memory`)."""

    operation_id: Mapped[int] = mapped_column(ForeignKey("operation.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]
    kind: Mapped[str] = mapped_column(String(40), default="")  # that of a core.steps.Step, or one of the runner's own
    data: Mapped[dict[str, Any]] = mapped_column(TypedJSON(dict[str, Any], dict), default=dict)
    memory: Mapped[dict[str, Any] | None] = mapped_column(
        TypedJSON(dict[str, Any], lambda: None, none_as_null=True)
    )  # None: nothing to undo
    title: Mapped[str] = mapped_column(TranslatableString)
    why: Mapped[str] = mapped_column(TranslatableString, default="")
    progress: Mapped[Progress] = mapped_column(StoredEnum(Progress, 40, Progress.FAILED), default=Progress.QUEUED)
    started: Mapped[datetime | None] = mapped_column(UTCDateTime)
    finished: Mapped[datetime | None] = mapped_column(UTCDateTime)
    current: Mapped[int | None] = mapped_column(StoredNumber)  # bytes pulled so far
    total: Mapped[int | None] = mapped_column(StoredNumber)
    layers: Mapped[str] = mapped_column(Text, default="")  # JSON: the layers of the image that is pulled
    output: Mapped[str] = mapped_column(TranslatableString, default="")
    app_output: Mapped[str] = mapped_column(Text, default="")  # what the app printed: for those who may read its logs

    @staticmethod
    def update_row(row_id: int, **values: Any) -> None:
        """Set columns of a row within a transaction, by one statement that does not read it."""
        statement = update(OperationStep).where(OperationStep.id == row_id).values(**values)
        db.session.execute(statement, execution_options={"synchronize_session": False})

    @property
    def duration_seconds(self) -> float | None:
        """Its duration in seconds, until now where it runs; None where it has not started."""
        return ((self.finished or utc_now()) - self.started).total_seconds() if self.started else None
