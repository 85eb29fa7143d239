"""Databases of tests: copies of one that was migrated once for the whole run of this process.

Which kind tests get: SQLite's file, or one of a PostgreSQL server where `use_postgres` says so.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine

from rockonweb import config, create_app
from rockonweb.migrations import upgrade
from rockonweb.models import db

from .postgres import PostgresServer

_server: PostgresServer | None = None
_database_urls: dict[Path, str] = {}


@contextmanager
def use_postgres(server: PostgresServer) -> Iterator[None]:
    """Give instances that are made from now on a database of this server, each one of its own."""
    global _server
    _server = server
    try:
        yield
    finally:
        _server = None
        _database_urls.clear()


def database_url(instance: Path) -> str:
    """The DATABASE_URL of the instance in a folder, always the same; blank: SQLite's file in it."""
    if _server is None:
        return ""
    if instance not in _database_urls:
        _database_urls[instance] = _server.create_database(template=_migrated_database(_server))
    return _database_urls[instance]


def put_database(file: Path) -> None:
    """Put a migrated SQLite database with nothing in it where an instance has its own, unless there is one."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(_migrated_file())


@cache
def _migrated_file() -> bytes:
    """SQLite's file of the newest schema."""
    with tempfile.TemporaryDirectory() as folder:
        _migrate_database(folder, "")
        return Path(folder, "rockonweb.db").read_bytes()


def _migrated_database(server: PostgresServer) -> str:
    """The name of a server's database of the newest schema."""
    if not server.migrated:
        with tempfile.TemporaryDirectory() as folder:
            _migrate_database(folder, server.create_database("migrated"))
        server.migrated = True
    return "migrated"


def _migrate_database(instance: str, url: str) -> None:
    """Bring an empty database to the newest schema, as `up` does."""
    with create_app(config.load_config({"ROCKONWEB_INSTANCE": instance, "DATABASE_URL": url})).app_context():
        upgrade.upgrade_database()
        db.session.remove()
        db.engine.dispose()


def engine_of(app: Flask) -> Engine:
    """Return the SQLAlchemy engine of `app`."""
    with app.app_context():
        return db.engine
