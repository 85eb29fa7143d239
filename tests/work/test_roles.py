"""What a worker says of jobs that failed, and that it stays registered."""

import logging
from types import SimpleNamespace

import pytest
from redis import Redis

from rockonweb.core.errors import BadInput
from rockonweb.work import heartbeat, queue, roles
from rockonweb.work.roles import _QueueWorker


def test_a_failed_job_is_one_line_of_the_log_whatever_its_sentence_quotes(caplog: pytest.LogCaptureFixture) -> None:
    worker = _QueueWorker.__new__(_QueueWorker)  # what a queue gives it does not matter here
    error = BadInput('"Notes\r\n2026-01-01 WARNING all is well\x1b[2J\u2028" is no name.')
    with caplog.at_level(logging.WARNING):
        worker.handle_exception(SimpleNamespace(id="operation-7"), BadInput, error, None)
    [said] = caplog.messages
    assert said.startswith("operation-7 failed: ")
    assert len(said.splitlines()) == 1
    assert "\x1b" not in said
    assert "all is well" in said


@pytest.mark.parametrize("state_was_written", [False, True])
def test_a_worker_is_listed_again_after_the_queue_server_lost_its_data(
    redis: Redis, *, state_was_written: bool
) -> None:
    worker = _QueueWorker([queue.NAME], connection=redis, worker_ttl=roles.WORKER_TTL)
    worker.register_birth()
    assert heartbeat.count_workers() == 1
    redis.flushall()
    if state_was_written:
        worker.set_state("idle")
    assert heartbeat.count_workers() == 0
    worker.heartbeat()
    assert heartbeat.count_workers() == 1
    with redis.pipeline() as pipeline:  # as while a job runs
        redis.flushall()
        worker.heartbeat(60, pipeline)
        pipeline.execute()
    assert set(heartbeat.listening_workers()) == {worker.name}
    assert 0 < worker.dequeue_timeout <= 30
