"""Who looks at pages, a stand-in for Docker, a queue with jobs, and rows of most kinds."""

import pytest
from flask import Flask
from redis import Redis
from sqlalchemy import event

from rockonweb.models import Role, db
from tests.support.app import Visitor, add_user, new_visitor
from tests.support.docker_stand_in import Docker
from tests.support.filled import fill, fill_queue


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> Docker:
    """An engine that has nothing, for pages that ask one; see `Docker`."""
    return Docker().take_place(monkeypatch)


@pytest.fixture
def viewer(app: Flask) -> Visitor:
    """Somebody who only looks, logged in."""
    add_user("viv", Role.VIEWER)
    return new_visitor(app).log_in("viv")


@pytest.fixture
def operator(app: Flask) -> Visitor:
    """Somebody who starts and stops, logged in."""
    add_user("olga", Role.OPERATOR)
    return new_visitor(app).log_in("olga")


@pytest.fixture(params=[Role.VIEWER, Role.OPERATOR])
def no_owner(app: Flask, request: pytest.FixtureRequest) -> Visitor:
    """Somebody who is logged in and no owner: one of each role in turn."""
    add_user("otto", request.param)
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
    fill(app)
