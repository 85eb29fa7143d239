"""An application for tests of pages: a database and rows in a temporary folder, no queue, no engine, no process."""

from collections.abc import Iterable
from pathlib import Path

from flask import Flask
from flask.testing import FlaskClient

from rockonweb import config, create_app, rows, sessions
from rockonweb.core.definition import Parsed
from rockonweb.models import RockOn, Role, User, db, writing
from rockonweb.web.extensions import KEY

from .database import address


def make_app(folder: Path, **environ: str) -> Flask:
    """Return an application on the instance in `folder`, also on one that is there. CSRF is off."""
    given = {
        "ROCKONWEB_INSTANCE": str(folder / "instance"),
        "ROCKONWEB_SHARES_ROOT": str(folder / "shares"),
        "REDIS_URL": f"unix://{folder}/nobody.sock",
        "ROCKONWEB_REGISTRY_SECONDS": "0",
        "DATABASE_URL": address(folder / "instance"),
        **environ,
    }
    app = create_app(config.read(given))
    app.config.update(TESTING=True, WTF_CSRF_ENABLED=False)
    (folder / "shares").mkdir(exist_ok=True)
    with app.app_context(), writing():
        db.metadata.create_all(db.session.connection())
    return app


def put(*found: Parsed) -> list[int]:
    """Bring definitions into the catalogue and return the ids of their rock-ons."""
    with writing() as session:
        suggestions = rows.Suggestions.load(session)
        known = {one.name: one for one in session.query(RockOn)}
        made = [
            rows.put(
                session,
                known.get(one.definition.name),
                one.definition,
                one.source,
                suggestions,
                origin="local",
                position=place,
            )[0]
            for place, one in enumerate(found)
        ]
        session.flush()
        return [one.id for one in made]


def add_user(name: str = "anna", role: Role = Role.OWNER) -> int:
    """Make an account that has no password and return its id."""
    with writing() as session:
        user = User(name=name, password_hash="", role=role)
        session.add(user)
        session.flush()
        return user.id


def log_in(client: FlaskClient, user_id: int) -> FlaskClient:
    """Let a client be logged in."""
    with client.application.app_context():
        key = sessions.begin(db.session.get_one(User, user_id), "127.0.0.1", "a test")
    with client.session_transaction() as session:
        session["_user_id"] = str(user_id)
        session[KEY] = key
        session["_fresh"] = True
    return client


def make_shares(app: Flask, names: Iterable[str]) -> None:
    """Make folders below the shares root."""
    for name in names:
        (app.config["SETTINGS"].shares_root / name).mkdir()
