"""An application with its pages as they are served: CSRF on, a stand-in for the queue's server, no engine."""

import json
import re
from collections.abc import Mapping
from contextvars import Context
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fakeredis import FakeRedis
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rockonweb import accounts
from rockonweb.core.definition import parse
from rockonweb.models import RockOn, Role, State, Status, db, writing
from rockonweb.web.extensions import limiter
from tests.support import pages

PASSWORD = "correct horse battery"
HX = {"HX-Request": "true"}


class QueueStandIn(FakeRedis):
    """A queue's server in this process."""

    def info(self, section: str | None = None, *args: str, **kwargs: Any) -> dict[str, Any]:
        """What `queue.ping` asks, and the stand-in does not know."""
        return {"redis_version": "7.0"}


class Visitor(FlaskClient):
    """A browser that fills in the hidden field of the form that it sends."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """Ask outside of the test's own application context, as a server would; the test then sees the news."""
        answer: TestResponse = Context().run(super().open, *arguments, **options)
        if has_app_context():
            db.session.rollback()
        return answer

    def send(self, path: str, data: Mapping[str, str] | None = None, page: str = "/login") -> TestResponse:
        """Post a form to `path`, with the token of the form on `page`."""
        return self.post(path, data={"csrf_token": self.token(page), **(data or {})})

    def token(self, page: str) -> str:
        """The token of the first form of a page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page, follow_redirects=True).text)
        assert found, f"{page} has no form"
        return found[1]

    def log_in(self, name: str) -> "Visitor":
        """Log in with the password that all accounts of tests have."""
        answer = self.send("/login", {"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return self


def make_app(folder: Path, **environ: str) -> Flask:
    """Return an application on an empty database, without an account."""
    app = pages.make_app(folder, **environ)
    app.config.update(WTF_CSRF_ENABLED=True, TESTING=False)
    app.test_client_class = Visitor
    app.extensions["redis"] = QueueStandIn()
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)  # quick, not safe
    limiter.reset()
    return app


def add_user(name: str = "ada", role: Role = Role.OWNER) -> None:
    """Make an account."""
    accounts.make_user(name, PASSWORD, role)


def shelve(name: str, containers: Mapping[str, Mapping[str, Any]] | None = None, **body: Any) -> RockOn:
    """Put a rock-on into the catalogue and return it."""
    filled = {
        key: {"image": f"example/{key}", "launch_order": place, **one}
        for place, (key, one) in enumerate((containers or {"web": {}}).items(), 1)
    }
    text = json.dumps({name: {"description": "", "version": "1", "website": "", "containers": filled, **body}})
    return db.session.get_one(RockOn, pages.put(*parse(text))[0])


def install(rockon: RockOn, status: Status = Status.STARTED, state: State = State.INSTALLED, **columns: Any) -> RockOn:
    """Let the rows say that it is installed; every port is published where it is suggested."""
    with writing():
        rockon.state, rockon.status, rockon.installed_source = state, status, rockon.source
        for key, value in columns.items():
            setattr(rockon, key, value)
        for container in rockon.containers:
            for port in container.ports:
                port.host = port.suggested
    return rockon
