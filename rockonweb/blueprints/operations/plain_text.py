"""An operation as plain text, for a file or a report: all that its page shows, secrets masked likewise."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from rockonweb.models import Operation, OperationStep
from rockonweb.web.labels import PROGRESS_PILLS, duration, title_of


def format_operation_log(operation: Operation, *, app_output: bool) -> str:
    """Return an operation's title, outcome, warnings, steps with output, and commands; with `app_output` also what the
    app printed.
    """
    return "\n".join(_replace_unprintable(line) for line in _operation_lines(operation, app_output)) + "\n"


def _operation_lines(operation: Operation, app_output: bool) -> Iterator[str]:
    yield f"{title_of(operation)} (#{operation.id})"
    progress = PROGRESS_PILLS[operation.progress].words
    yield f"{_format_timestamp(operation.created)}  {progress}  {operation.user}".rstrip()
    yield from filter(None, (operation.error, operation.hint))
    for warning in operation.notes.warnings:
        yield ""
        yield from filter(None, warning)
    for step in operation.steps:
        yield ""
        yield from _step_lines(step, app_output)
    if operation.reviewed_commands:
        yield ""
        yield from operation.reviewed_commands


def _step_lines(step: OperationStep, app_output: bool) -> Iterator[str]:
    step_duration = duration(step.duration_seconds)
    yield f"{_format_timestamp(step.started)}  [{PROGRESS_PILLS[step.progress].words}] {step.title}" + (
        f"  ({step_duration})" if step_duration else ""
    )
    if step.why:
        yield f"    {step.why}"
    for line in (*step.output.splitlines(), *(step.app_output.splitlines() if app_output else ())):
        yield f"    | {line}"


def _format_timestamp(moment: datetime | None) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S %z") if moment else "-"


def _replace_unprintable(line: str) -> str:
    """Replace control characters, which other programs may have written and a terminal would execute."""
    return "".join(
        character if character.isprintable() or character == "\t" else "\N{REPLACEMENT CHARACTER}" for character in line
    )
