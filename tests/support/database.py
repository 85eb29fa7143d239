"""An application on an empty database in a temporary folder, and nothing else: no processes, no engine, no queue.

Also which database tests have: SQLite's file, or one of a PostgreSQL server where `on` says so.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flask import Flask

from rockonweb import config, create_app
from rockonweb.models import Base, db, writing

from .postgres import Postgres

_server: Postgres | None = None
_addresses: dict[Path, str] = {}


@contextmanager
def on(server: Postgres) -> Iterator[None]:
    """Give instances that are made from now on a database of this server, each one of its own."""
    global _server
    _server = server
    try:
        yield
    finally:
        _server = None
        _addresses.clear()


def address(folder: Path) -> str:
    """The DATABASE_URL of the instance in `folder`, always the same; blank: SQLite in that folder."""
    if _server is None:
        return ""
    if folder not in _addresses:
        _addresses[folder] = _server.database()
    return _addresses[folder]


def make_app(folder: Path) -> Flask:
    """Return an application on the instance in `folder`, which is made at the first call."""
    instance = folder / "instance"
    environ = {"ROCKONWEB_INSTANCE": str(instance), "REDIS_URL": "unix:///nobody", "DATABASE_URL": address(instance)}
    app = create_app(config.read(environ))
    with app.app_context(), writing():
        Base.metadata.create_all(db.session.connection())
    return app
