"""What a worker says of jobs that failed."""

import logging
from types import SimpleNamespace

import pytest

from rockonweb.core.errors import BadInput
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
