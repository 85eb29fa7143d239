"""Which workers `rockonweb up` runs: only as many as there are jobs, and none at rest.

Each process takes memory, and on most days there is nothing to do. For jobs that wait, workers are started, up to the
configured number; when all have a job, another is started that serves the quick queue alone. They are forked from a
process that has all they need, in hundredths of a second, and end when they have been idle for a while.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from enum import Enum

IDLE_SECONDS = 30  # after which a worker without a job ends


class WorkerState(Enum):
    """Of one place in the pool: nobody is there, or somebody who waits for a job, or has one, or does not answer."""

    ABSENT = "absent"
    FREE = "free"
    BUSY = "busy"
    LOST = "lost"  # it died and is started again later, or it is stopped


def choose_next(states: Sequence[WorkerState], waiting: int) -> int | None:
    """Return the place where a worker is to be started now, while so many jobs are waiting; None where the free workers
    take them, or all places are taken.

    `states` are in the order in which the places are filled; the last one is the quick worker's.
    """
    *full, quick = states
    free = full.count(WorkerState.FREE)
    if free >= waiting:
        return None
    if WorkerState.ABSENT in full:
        return full.index(WorkerState.ABSENT)
    return len(full) if quick is WorkerState.ABSENT and not free else None


class BusyFlags:
    """Whether the worker at each place has a job: memory that a process shares with those that it forks."""

    def __init__(self, count: int) -> None:
        self._memory = mmap.mmap(-1, count)

    def __getitem__(self, place: int) -> bool:
        return bool(self._memory[place])

    def __setitem__(self, place: int, busy: bool) -> None:
        self._memory[place] = int(busy)
