"""An application with its pages as they are served, for tests: no engine, a stand-in for the queue's server.

Tests ask for the fixtures `app`, `client` and `owner_client`; this is what those are made of.
"""

import re
from collections.abc import Iterable, Mapping
from contextvars import Context
from copy import copy
from functools import cache
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from fakeredis import FakeRedis
from flask import Flask, has_app_context
from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer
from sqlalchemy import Engine, create_engine
from werkzeug.test import TestResponse

from rockonweb import build_app, cli, config, configure_app
from rockonweb.accounts import sessions, users
from rockonweb.core.definition.parser import ParsedDefinition
from rockonweb.core.operations.lifecycle import INSTALLED_OR_PENDING
from rockonweb.models import (
    Installation,
    RockOn,
    Role,
    State,
    Status,
    User,
    db,
    port_suggestions,
    repository,
    transaction,
)
from rockonweb.web import fragment_cache
from rockonweb.web.extensions import SESSION_KEY
from rockonweb.web.login_throttle import limiter
from rockonweb.work import backup_encryption
from tests.support.database import engine_of

from . import database, samples

PASSWORD = "correct horse battery"
HX = {"HX-Request": "true"}

# Quick, not safe.
users._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
backup_encryption.SCRYPT_COST = (2**10, 8, 1)


class FakeQueueServer(FakeRedis):
    """A queue's server in this process."""

    def info(self, section: str | None = None, *args: str, **kwargs: Any) -> dict[str, Any]:
        """What `queue.ping` asks, and the stand-in does not know."""
        return {"redis_version": "7.0"}


class FormClient(FlaskClient):
    """A browser that fills in the hidden field of the form that it sends."""

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """Ask outside of the test's own application context, as a server would; the test then sees the news."""
        answer: TestResponse = Context().run(super().open, *arguments, **options)
        if has_app_context():
            db.session.rollback()
        return answer

    def submit_form(
        self, path: str, data: Mapping[str, str] | None = None, page: str = "", headers: Mapping[str, str] | None = None
    ) -> TestResponse:
        """Post a form to `path`, with the token of the form on `page`; without a page, with one of this session."""
        return self.post(path, data={"csrf_token": self.csrf_token(page), **(data or {})}, headers=headers)

    def csrf_token(self, page: str = "") -> str:
        """The token of the first form of a page; without a page, one as its session's pages have it."""
        if not page:
            with self.session_transaction() as session:
                secret = session.setdefault("csrf_token", "f" * 40)
            return str(URLSafeTimedSerializer(self.application.secret_key or "", salt="wtf-csrf-token").dumps(secret))
        match = re.search(r'name="csrf_token" value="([^"]+)"', self.get(page, follow_redirects=True).text)
        assert match, f"{page} has no form"
        return match[1]

    def log_in(self, name: str) -> "FormClient":
        """Be logged in, as after the login's form and its second step."""
        with self.application.app_context():
            user = users.get_user(name)
            key, user_id = sessions.start_session(user, "127.0.0.1", "a test"), user.id
        with self.session_transaction() as session:
            session.update({"_user_id": str(user_id), SESSION_KEY: key, "_fresh": True})
        return self

    def log_in_by_form(self, name: str) -> "FormClient":
        """Log in on the login's page, with the password that all accounts of tests have."""
        answer = self.submit_form("/login", {"name": name, "password": PASSWORD}, page="/login")
        assert answer.status_code == 303, answer.text
        return self


def make_app(folder: Path, **environ: str) -> Flask:
    """Return an application on the instance in `folder`, also on one that is there, until the test ends.

    A new one has a database without rows, and no account. `environ` adds to what it is configured by.
    """
    environment = {
        "ROCKONWEB_INSTANCE": str(folder / "instance"),
        "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
        "ROCKONWEB_REMOTE_METASTORE": "",
        "ROCKONWEB_REGISTRY_SECONDS": "0",
        "REDIS_URL": f"unix://{folder}/nobody.sock",
        "DATABASE_URL": database.database_url(folder / "instance"),
        **environ,
    }
    settings = config.load_config(environment)
    if not environment["DATABASE_URL"]:
        database.put_database(settings.instance / "rockonweb.db")
    settings.shares_root.mkdir(exist_ok=True)
    app = lend_app(settings)
    app.test_client_class = FormClient
    app.extensions["redis"] = FakeQueueServer()
    fragment_cache._fragments.clear()
    limiter.reset()
    return app


# Routes are compiled and templates read once: tests have the same applications one after another. Beside each: what
# it was when it was built, to which it returns.
_idle_apps: list[tuple[Flask, dict[str, Any]]] = []
_lent_apps: list[tuple[Flask, dict[str, Any]]] = []


def lend_app(settings: config.Config) -> Flask:
    """Return an application of an instance until the test ends, as `create_app` does, but not always a new one."""
    if _idle_apps:
        app, as_built = _idle_apps.pop()
    else:
        app = build_app()
        cli.register_commands(app)
        as_built = _copy_containers(vars(app))
    configure_app(app, settings)
    _lent_apps.append((app, as_built))  # one that is refused its instance is not used again
    _share_statements(engine_of(app))
    return app


def _share_statements(engine: Engine) -> None:
    """Let an engine on SQLite use the statements that others have compiled; they are kept under their dialect."""
    if engine.dialect.name == "sqlite":
        engine.dialect, engine._compiled_cache = _first_engine().dialect, _first_engine()._compiled_cache


@cache
def _first_engine() -> Engine:
    engine = create_engine("sqlite://")
    engine.connect().close()  # a dialect is whole after its first connection
    return engine


def reclaim_apps() -> None:
    """End what the applications of a test hold; they are as they were built."""
    while _lent_apps:
        app, as_built = _lent_apps.pop()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()
        vars(app).clear()
        vars(app).update(_copy_containers(as_built))
        _idle_apps.append((app, as_built))


def _copy_containers(value: Any) -> Any:
    """A container of Flask's with copies of the containers in it; of anything else that itself."""
    if isinstance(value, dict):
        copied = copy(value)
        copied.update({key: _copy_containers(item) for key, item in value.items()})
        return copied
    return copy(value) if isinstance(value, list | set) else value


def new_visitor(app: Flask) -> FormClient:
    """Return somebody who is not logged in, with a browser without cookies."""
    return FormClient(app, app.response_class)


def create_test_user(name: str = "ada", role: Role = Role.OWNER) -> User:
    """Make an account, whose password is PASSWORD."""
    return users.create_user(name, PASSWORD, role)


def put_definitions(*definitions: ParsedDefinition) -> list[int]:
    """Bring definitions into the catalogue and return the ids of their rock-ons."""
    with transaction() as session:
        suggestions = port_suggestions.PortSuggestions.load_taken(session)
        existing = {entry.name: entry for entry in session.query(RockOn)}
        entries = []
        for position, parsed in enumerate(definitions):
            former = existing.get(parsed.definition.name)
            entry, _ = repository.upsert_entry(
                session, former, parsed.definition, parsed.source, suggestions, origin="local", position=position
            )
            entries.append(entry)
        session.flush()
        return [entry.id for entry in entries]


def add_rockon(name: str, containers: Mapping[str, Mapping[str, Any]] | None = None, **body: Any) -> Installation:
    """Put a rock-on into the catalogue and return it."""
    parsed = samples.parse_rockon(containers or {"web": {}}, name, **{"description": "", **body})
    return add_parsed_rockon(parsed)


def add_parsed_rockon(parsed: ParsedDefinition) -> Installation:
    """Put a definition into the catalogue and return its app."""
    return installation_of(db.session.get_one(RockOn, put_definitions(parsed)[0]))


def installation_by_id(number: int) -> Installation:
    """Return the app of an entry by its number, with its row."""
    return installation_of(db.session.get_one(RockOn, number))


def installation_of(entry: RockOn) -> Installation:
    """Return the app of an entry of the catalogue, which has a row whether it is installed or not."""
    with transaction() as session:
        installation = repository.ensure_installation(session, repository.blank_installation(entry))
        if installation.state not in INSTALLED_OR_PENDING:
            repository.sync_children(installation, installation.current_definition)
    return installation


def mark_installed(
    installation: Installation, status: Status = Status.STARTED, state: State = State.INSTALLED, **columns: Any
) -> Installation:
    """Let the rows say that it is installed; every port is published where it is suggested."""
    with transaction():
        installation.state, installation.status, installation.installed_source = (
            state,
            status,
            installation.entry.source,
        )
        for key, value in columns.items():
            setattr(installation, key, value)
        for container in installation.containers:
            for port in container.ports:
                port.host = port.suggested
    return installation


def make_shares(app: Flask, names: Iterable[str]) -> None:
    """Make folders below the shares root."""
    for name in names:
        (app.config["SETTINGS"].shares_root / name).mkdir()
