"""Who looks at pages, a stand-in for Docker, a queue with jobs, and rows of most kinds."""

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import event

from rockonweb.models import Role, db
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.docker_stand_in import FakeDocker
from tests.support.filled import fill_database, fill_queue


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> FakeDocker:
    """An engine that has nothing, for pages that ask one; see `Docker`."""
    return FakeDocker().replace_engine(monkeypatch)


@pytest.fixture
def viewer(app: Flask) -> FormClient:
    """Somebody who only looks, logged in."""
    create_test_user("viv", Role.VIEWER)
    return new_visitor(app).log_in("viv")


@pytest.fixture
def operator(app: Flask) -> FormClient:
    """Somebody who starts and stops, logged in."""
    create_test_user("olga", Role.OPERATOR)
    return new_visitor(app).log_in("olga")


@pytest.fixture(params=[Role.VIEWER, Role.OPERATOR])
def no_owner(app: Flask, request: pytest.FixtureRequest) -> FormClient:
    """Somebody who is logged in and no owner: one of each role in turn."""
    create_test_user("otto", request.param)
    return new_visitor(app).log_in("otto")


@pytest.fixture
def statements(app: Flask) -> list[str]:
    """What is asked of the database from now on."""
    found: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *arguments: found.append(arguments[2]))
    return found


@pytest.fixture
def queue(redis: Redis) -> Redis:
    """The queue's server with a job that waits and one that failed."""
    fill_queue(redis)
    return redis


@pytest.fixture
def filled(app: Flask, queue: Redis) -> None:
    """Rows of most kinds: ids from 1 on."""
    fill_database(app)
