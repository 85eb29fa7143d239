"""Exceptions with a message for users."""

from __future__ import annotations

import errno

from rockonweb.core.text import join_texts, t


class RockonwebError(Exception):
    """An error for users: `sentence` says what happened, `hint` (may be blank) what to do about it.

    `output` is the message of another program (Docker, a server), blank where there is none; `AppOutput` where an app
    printed it.
    """

    exit_status = 1  # of the command line

    def __init__(self, sentence: str, hint: str = "", output: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.hint = hint
        self.output = output

    @property
    def message_with_hint(self) -> str:
        """Sentence and hint as one text that stays translatable."""
        return join_texts(" ", (self.sentence, self.hint))

    def __str__(self) -> str:
        return str(self.message_with_hint)


class BadInput(RockonwebError):
    """Input of a user or a file is invalid. `faults` has one sentence for each fault."""

    exit_status = 2

    def __init__(self, sentence: str, hint: str = "", faults: list[str] | None = None) -> None:
        super().__init__(sentence, hint)
        self.faults = faults or [self.message_with_hint]


class EngineError(RockonwebError):
    """A call to Docker failed; `output` is Docker's message."""


class PortTaken(EngineError):
    """A container can't start because something else uses a host port that it needs."""


class Unhealthy(EngineError):
    """A container that was started is unhealthy."""


class EngineUnreachable(EngineError):
    """No Docker Engine answers."""

    exit_status = 3


class QueueUnreachable(RockonwebError):
    """The Redis-compatible server of the job queue does not answer."""

    exit_status = 3


class Conflict(RockonwebError):
    """The state of the rock-on or other object does not allow this now."""


class UnreadableDefinition(Conflict):
    """The stored definition of an installed rock-on can't be read, and is needed."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            t("The definition of %(name)s can't be read in the database: %(why)s.", name=name, why=why),
            t("Change to the newest definition of the catalogue, or uninstall it: its shares are kept."),
        )


class UndoSkipped(RockonwebError):
    """An undo was skipped for a permanent reason: there is nothing to retry."""


class DatabaseUnusable(RockonwebError):
    """The database is busy, or can't be opened or written."""


class DatabaseOutdated(RockonwebError):
    """The database's schema is not the one that this version needs."""


class DiskFull(RockonwebError):
    """No disk space is left where something must be written."""


def wrap_os_error(error: OSError) -> RockonwebError:
    """Return the error with a sentence and a hint for an error of the operating system."""
    reason = error.strerror or str(error) or type(error).__name__
    path = f"{error.filename}: " if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(
            t("The disk is full: %(path)s%(why)s.", path=path, why=reason), t("Free up space there, then try again.")
        )
    return RockonwebError(
        t("This machine refused it: %(path)s%(why)s.", path=path, why=reason),
        t("Check the permissions of the file or folder, and whether its disk is read-only, full or damaged."),
    )
