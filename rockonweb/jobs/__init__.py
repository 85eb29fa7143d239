"""RQ's entry points: a job is a dotted name and an id, and calls one function."""

from __future__ import annotations

from rockonweb.work import runner


def run(operation_id: int) -> None:
    """Run an operation that waits. One that does not wait any more is left alone, so a requeue is harmless."""
    runner.run(operation_id)
