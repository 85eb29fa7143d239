"""An instance in this process, filled with generated rock-ons, and somebody who is logged in to it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

from flask import Flask
from flask.testing import FlaskClient

from bench.definitions import fill
from rockonweb import config, create_app
from rockonweb.accounts import sessions
from rockonweb.models import Role, User, db, transaction
from rockonweb.web.extensions import SESSION_KEY


@contextlib.contextmanager
def instance(rockons: int, installed: int = 0) -> Iterator[Flask]:
    """Make an application whose queue nobody serves, with an account and so many rock-ons."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(config.load_config({"ROCKONWEB_INSTANCE": folder, "REDIS_URL": "unix:///nobody"}))
        with app.app_context():
            db.metadata.create_all(db.engine)
            fill(rockons, installed)
            with transaction() as session:
                session.add(User(name="bench", password_hash="", role=Role.OWNER))
            engine = db.engine
        yield app
        engine.dispose()


def visitor(app: Flask) -> FlaskClient:
    """Return somebody who is logged in."""
    client = app.test_client()
    with app.app_context():
        key = sessions.start_session(db.session.get_one(User, 1), "127.0.0.1", "bench")
    with client.session_transaction() as session:
        session["_user_id"], session["_fresh"], session[SESSION_KEY] = "1", True, key
    return client


def page(client: FlaskClient, path: str) -> bytes:
    """Return a page, which must be there."""
    answer = client.get(path)
    if answer.status_code != 200:
        raise SystemExit(f"{path}: {answer.status}")
    return bytes(answer.data)
