"""Which workers run: one that waits, more while there are jobs, and one for what is quick when all have one."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from rockonweb.work import supervisor
from rockonweb.work.worker_pool import BusyFlags, WorkerState, choose_next
from tests.work.test_supervisor import SLEEPS, child, over, settings  # noqa: F401 - fixtures

STATES = {"-": WorkerState.ABSENT, "f": WorkerState.FREE, "b": WorkerState.BUSY, "x": WorkerState.LOST}


@pytest.mark.parametrize(
    ("places", "started"),
    [
        ("----", 0),  # after the start
        ("f---", None),
        ("b---", 1),
        ("bb--", 2),
        ("bbb-", 3),  # the quick one
        ("bbbf", None),
        ("bbbb", None),
        ("fbb-", None),  # somebody waits already
        ("b-b-", 1),
        ("-bbf", 0),  # the quick one does not stand in for the others
        ("x---", 1),  # whoever died or is stopped is not waited for
        ("xxx-", 3),
        ("xbf-", None),
        ("-", 0),
    ],
)
def test_one_worker_waits_for_a_job(places: str, started: int | None) -> None:
    assert choose_next([STATES[letter] for letter in places]) == started


def test_a_forked_process_tells_whether_it_has_a_job() -> None:
    flags = BusyFlags(2)
    for told in (True, False):
        pid = os.fork()
        if not pid:
            flags[1] = told
            os._exit(0)
        os.waitpid(pid, 0)
        assert (flags[0], flags[1]) == (False, told)


def test_a_worker_that_ended_for_want_of_jobs_is_no_death(
    over: Callable[..., Any],  # noqa: F811
    capfd: pytest.CaptureFixture[str],
) -> None:
    one = over()
    for place, code in enumerate(("raise SystemExit(0)", "raise SystemExit(1)", SLEEPS)):
        one.workers[place].start = child(code)
        one._start_role(one.workers[place])
    while one.workers[0].pid or one.workers[1].pid:
        one._reap_roles()
    assert [one._worker_state(place) for place in range(4)] == [
        WorkerState.ABSENT,
        WorkerState.LOST,
        WorkerState.FREE,
        WorkerState.ABSENT,
    ]
    assert "worker 1" not in (said := capfd.readouterr().out)
    assert "worker 2 ended" in said
    one.busy[2] = True
    assert one._worker_state(2) is WorkerState.BUSY


def test_a_worker_that_is_stopped_is_not_counted_on(over: Callable[..., Any]) -> None:  # noqa: F811
    one = over()
    one.workers[0].start = child(SLEEPS)
    one._start_role(one.workers[0])
    os.kill(one.workers[0].pid, supervisor.signal.SIGSTOP)
    while one._worker_state(0) is not WorkerState.LOST:
        pass
    os.kill(one.workers[0].pid, supervisor.signal.SIGCONT)
    while one._worker_state(0) is not WorkerState.FREE:
        pass
