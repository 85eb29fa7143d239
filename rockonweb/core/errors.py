"""Everything that can go wrong and has a sentence for it."""

from __future__ import annotations

from rockonweb.core.text import join_texts


class RockonwebError(Exception):
    """Something a person should read: what happened, and what to do about it.

    `hint` may be empty; `output` holds the words of another program (Docker's, a server's) where there are any.
    """

    exit_status = 1  # of the command line

    def __init__(self, sentence: str, hint: str = "", output: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.output = output

    @property
    def message_with_hint(self) -> str:
        """What happened and what to do, as a sentence that can still be shown in the reader's language."""
        return join_texts(" ", (self.sentence, self.hint))

    def __str__(self) -> str:
        return str(self.message_with_hint)


class BadInput(RockonwebError):
    """What a person or a file said can't be used. `faults` has one sentence each."""

    exit_status = 2

    def __init__(self, sentence: str, hint: str = "", faults: list[str] | None = None) -> None:
        super().__init__(sentence, hint)
        self.faults = faults or [self.message_with_hint]


class EngineError(RockonwebError):
    """Docker refused or failed at something; `output` has its words."""


class PortTaken(EngineError):
    """A container can't start because something else has a host port that it needs."""


class Unhealthy(EngineError):
    """A container that was started does not hold."""


class EngineUnreachable(EngineError):
    """No Docker Engine answers."""

    exit_status = 3


class QueueUnreachable(RockonwebError):
    """The Redis-compatible server of the job queue does not answer."""

    exit_status = 3


class Conflict(RockonwebError):
    """The rock-on or the thing is in a state that does not allow this now."""


class UndoSkipped(RockonwebError):
    """An undo that leaves something as it is, for a reason that stays: there is nothing to try again."""


class DatabaseUnusable(RockonwebError):
    """The database is busy, or can't be opened or written."""


class DatabaseOutdated(RockonwebError):
    """The database's schema is not this program's."""


class DiskFull(RockonwebError):
    """No room is left where something must be written."""
