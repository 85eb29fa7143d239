"""The supervisor sleeps until something happens, and not a moment longer."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask

from rockonweb import config
from rockonweb.work import queue
from rockonweb.work.wakeup import InterruptibleSleep, wake_supervisor

LONG = 30.0  # seconds that no test waits


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    return config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})


@pytest.fixture
def sleep(settings: config.Config) -> Iterator[InterruptibleSleep]:
    """The sleep of this process, which the end of a child may disturb."""
    old = signal.signal(signal.SIGCHLD, lambda *_: None)
    yield InterruptibleSleep(settings)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, old)


def seconds(sleep: InterruptibleSleep, most: float = LONG) -> float:
    """Return how long it slept."""
    begun = time.monotonic()
    sleep.sleep(most)
    return time.monotonic() - begun


def test_what_came_before_is_not_missed_and_counts_once(sleep: InterruptibleSleep, settings: config.Config) -> None:
    for _ in range(3):
        wake_supervisor(settings)
    assert seconds(sleep) < LONG / 2
    assert seconds(sleep, 0.05) >= 0.05


def test_the_end_of_a_child_ends_the_sleep(sleep: InterruptibleSleep) -> None:
    pid = os.fork()
    if not pid:
        time.sleep(0.1)
        os._exit(0)
    assert seconds(sleep) < LONG / 2
    assert os.waitpid(pid, os.WNOHANG)[0] == pid


def test_a_supervisor_that_was_killed_leaves_nothing_in_the_way(
    sleep: InterruptibleSleep, settings: config.Config
) -> None:
    again = InterruptibleSleep(settings)
    wake_supervisor(settings)
    assert seconds(again) < LONG / 2


def test_nobody_need_be_there_to_be_woken(settings: config.Config) -> None:
    wake_supervisor(settings)
    InterruptibleSleep(settings)
    signal.set_wakeup_fd(-1)
    for _ in range(1_000):
        wake_supervisor(settings)  # whose inbox is full, or which has ended


def test_a_job_that_is_enqueued_wakes_it(app: Flask, redis: object) -> None:
    with app.app_context():
        settings = config.current_config()
        sleep = InterruptibleSleep(settings)
        signal.set_wakeup_fd(-1)
        assert seconds(sleep, 0.05) >= 0.05
        queue.enqueue_job("module.function", 1, job_id="one")
        assert seconds(sleep) < LONG / 2
