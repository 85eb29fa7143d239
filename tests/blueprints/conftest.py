"""An application and its visitors."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from tests.support.app import Visitor, add_user, make_app
from tests.support.filled import fill, fill_queue
from tests.support.queue_server import QueueServer


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Flask]:
    """An application with the account `ada`, an owner; its database can be used."""
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no-docker.sock")  # that of this machine is none of ours
    app = make_app(tmp_path)
    with app.app_context():
        add_user()
        yield app


@pytest.fixture
def client(app: Flask) -> Visitor:
    """Somebody who is not logged in."""
    client = app.test_client()
    assert isinstance(client, Visitor)
    return client


@pytest.fixture
def owner_client(client: Visitor) -> Visitor:
    """The owner, logged in."""
    return client.log_in("ada")


@pytest.fixture
def queue(app: Flask, queue_server: QueueServer) -> Iterator[Redis]:
    """The queue's server with a job that waits and one that failed."""
    queue_server.flush()
    connection = app.extensions["redis"] = Redis.from_url(queue_server.url)
    fill_queue(connection)
    yield connection
    queue_server.flush()


@pytest.fixture
def filled(app: Flask, queue: Redis) -> None:
    """Rows of most kinds: ids from 1 on."""
    fill(app)
