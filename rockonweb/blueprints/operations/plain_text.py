"""An operation as plain text, for a file, a mail or a report: all that its page shows, secrets masked as there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rockonweb.models import Operation, OperationStep
from rockonweb.web.labels import PROGRESS, duration, title_of


def text_of(operation: Operation) -> str:
    """Return the log of an operation."""
    return "\n".join(_plain(line) for line in _lines(operation)) + "\n"


def _lines(operation: Operation) -> Iterator[str]:
    yield f"{title_of(operation)} (#{operation.id})"
    yield f"{_at(operation.created)}  {PROGRESS[operation.progress].words}  {operation.user}".rstrip()
    yield from filter(None, (operation.error, operation.hint))
    for warning in operation.notes.warnings:
        yield ""
        yield from filter(None, warning)
    for step in operation.steps:
        yield ""
        yield from _step(step)
    if operation.lines:
        yield ""
        yield from operation.lines


def _step(step: OperationStep) -> Iterator[str]:
    took = duration(step.seconds)
    yield f"{_at(step.started)}  [{PROGRESS[step.progress].words}] {step.title}" + (f"  ({took})" if took else "")
    if step.why:
        yield f"    {step.why}"
    for line in step.output.splitlines():
        yield f"    | {line}"


def _at(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if moment else "-"


def _plain(line: str) -> str:
    """Return a line without what a terminal would obey: another program wrote some of it."""
    return "".join(letter if letter.isprintable() or letter == "\t" else "\N{REPLACEMENT CHARACTER}" for letter in line)
