"""Which workers run: as many as there are jobs, and one for what is quick when all have one."""

import os
from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis
from rq import Queue

from rockonweb.work import heartbeat, queue, supervisor
from rockonweb.work.worker_pool import BusyFlags, WorkerState, choose_next
from tests.work.test_supervisor import SLEEPS, child, over, settings  # noqa: F401 - fixtures

STATES = {"-": WorkerState.ABSENT, "f": WorkerState.FREE, "b": WorkerState.BUSY, "x": WorkerState.LOST}


@pytest.mark.parametrize(
    ("places", "waiting", "started"),
    [
        ("----", 0, None),  # at rest
        ("bb--", 0, None),
        ("----", 1, 0),
        ("f---", 1, None),  # it takes the job
        ("f---", 2, 1),
        ("b---", 1, 1),
        ("bb--", 1, 2),
        ("bbb-", 1, 3),  # the quick one
        ("bbf-", 9, None),
        ("bbbf", 9, None),
        ("bbbb", 9, None),
        ("fbb-", 1, None),
        ("b-b-", 1, 1),
        ("-bbf", 1, 0),  # the quick one does not stand in for the others
        ("x---", 1, 1),  # whoever died or is stopped is not waited for
        ("xxx-", 1, 3),
        ("xbf-", 1, None),
    ],
)
def test_workers_are_started_for_jobs_that_wait(places: str, waiting: int, started: int | None) -> None:
    assert choose_next([STATES[letter] for letter in places], waiting) == started


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


def test_a_job_that_waits_is_given_a_worker_and_at_rest_there_is_none(
    over: Callable[..., Any],  # noqa: F811
    redis: Redis,
) -> None:
    one = over()
    one.redis = redis
    for worker in one.workers:
        worker.start = child(SLEEPS)
    one._start_workers()
    assert not any(worker.pid for worker in one.workers)
    assert heartbeat.count_workers() == one.settings.workers  # those that would be started
    Queue(queue.NAME, connection=redis).enqueue("module.function")
    Queue(queue.QUICK_NAME, connection=redis).enqueue("module.function")
    for _ in range(2):
        one._start_workers()
        assert [bool(worker.pid) for worker in one.workers] == [True, True, False, False]


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
