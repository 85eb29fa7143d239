"""What the parsers of this folder return: an app as its source describes it, in terms of `docker run`."""

from __future__ import annotations

import enum
import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from rockonweb.core.answers.answers import Answers
from rockonweb.core.text import t

MAX_SOURCE_BYTES = 1_000_000  # of a file or a pasted text
PROJECT_FOLDER = "./"  # begins a host path whose folder only the source's author knows: `$(pwd)`, `~`, a relative one


class Outcome(enum.StrEnum):
    """What became of a part of the source."""

    TAKEN = "taken"
    CHANGED = "changed"
    LEFT = "left"  # it has no counterpart


@dataclass(frozen=True)
class ReportEntry:
    """A line of the loss report: `what` names the part as the source does, `services.web.build` or `--rm`."""

    what: str
    outcome: Outcome
    message: str


@dataclass(frozen=True)
class SourceQuestion:
    """What a source says of a port, volume, variable or device."""

    label: str = ""
    description: str = ""


@dataclass(frozen=True)
class SourcePage:
    """The app's own page: a port of a container, the path (`slug`) and whether it is HTTPS."""

    container: str
    port: int
    slug: str = ""
    https: bool = False


@dataclass(frozen=True)
class SourceContainer:
    """A container as its source describes it.

    `options` are pairs of a long flag of `docker run` and its value, a switch has a blank one; none names the container
    or detaches it. A host path that begins with `PROJECT_FOLDER` becomes a folder of a share. A variable without `=`
    has no value: it is asked. `questions` are keyed by part of the definition (`ports`, `volumes`, `environment`,
    `devices`) and key. The variables in `fixed` are no questions. `joins` are networks that it is connected to besides
    the one of its options. One that runs here has the `id` of Docker, and all its `variables`, also those of its image.
    """

    name: str
    image: str
    options: tuple[tuple[str, str], ...] = ()
    command: tuple[str, ...] = ()
    questions: Mapping[tuple[str, str], SourceQuestion] = field(default_factory=dict)
    fixed: frozenset[str] = frozenset()
    joins: tuple[str, ...] = ()
    id: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class SourceApp:
    """An app as its source describes it: containers in launch order, and what a catalogue shows.

    `report` is what the parser itself changed or left; the conversion adds what becomes of each option.
    """

    name: str
    containers: tuple[SourceContainer, ...]
    report: tuple[ReportEntry, ...] = ()
    description: str = ""  # HTML is allowed, and sanitised
    version: str = ""
    website: str = ""
    icon: str = ""
    more_info: str = ""
    page: SourcePage | None = None


@dataclass(frozen=True)
class ImportedApp:
    """What an import makes: the text of a definition file, answers to its questions, and the loss report.

    `new_shares` are those that the answers use and that do not exist.
    """

    name: str
    source: str
    answers: Answers
    report: tuple[ReportEntry, ...]
    new_shares: frozenset[str] = frozenset()


def join_project_path(*parts: str) -> str:
    """Return a host path below the folder that only the source's author knows; it can't climb out of it."""
    path = re.sub(r"^(\.\./)+|^\.\.$", "", posixpath.normpath(posixpath.join(*parts).lstrip("/")) + "/")
    return PROJECT_FOLDER + ("" if path in ("./", "/") else path.rstrip("/"))


def taken(what: str, message: str) -> ReportEntry:
    """Return the line of what was taken."""
    return ReportEntry(what, Outcome.TAKEN, message)


def changed(what: str, message: str) -> ReportEntry:
    """Return the line of what was taken otherwise than it is written."""
    return ReportEntry(what, Outcome.CHANGED, message)


def left(what: str, message: str = "") -> ReportEntry:
    """Return the line of what has no counterpart."""
    return ReportEntry(what, Outcome.LEFT, message or t("This has no counterpart here."))
