"""A stand-in for Docker, a queue with jobs, and rows of most kinds."""

import pytest
from flask import Flask
from redis import Redis

from tests.support.docker_stand_in import Docker
from tests.support.filled import fill, fill_queue


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """An engine that has nothing, for pages that ask one; see `Docker`."""
    return Docker().take_place(monkeypatch)


@pytest.fixture
def queue(redis: Redis) -> Redis:
    """The queue's server with a job that waits and one that failed."""
    fill_queue(redis)
    return redis


@pytest.fixture
def filled(app: Flask, queue: Redis) -> None:
    """Rows of most kinds: ids from 1 on."""
    fill(app)
