"""The database's schema: migrations run from whatever is there up to the newest. Nothing leads back but a copy."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import current_app
from flask_migrate import Migrate
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from rockonweb.config import current_settings
from rockonweb.core.errors import DatabaseOutdated, DiskFull, RockonwebError
from rockonweb.migrations import database_copy
from rockonweb.models import db, now, repository, writing
from rockonweb.models.base import database_trouble

FOLDER = Path(__file__).parent
extension = Migrate(directory=str(FOLDER), render_as_batch=True, compare_type=True)


def upgrade() -> None:
    """Bring the schema of the configured database up to date, and what its rows say of their definitions.

    A new SQLite file is its owner's alone. Of one with rows a copy is kept before its schema changes. Of several
    processes that start at once, one does it and the others wait. Raises a RockonwebError with the database as it was.
    """
    settings = current_settings()
    try:
        _bring_up_to_date(settings.instance)
    except DBAPIError as error:
        raise database_trouble(error) from error


def _bring_up_to_date(instance: Path) -> None:
    database = db.engine.url.database
    with _one_at_a_time(instance):
        if db.engine.dialect.name == "sqlite" and database:
            os.close(os.open(database, os.O_CREAT, 0o600))
        with db.engine.connect() as connection:
            present = revision(connection)
        newest = head()
        if present != newest:
            _upgrade(instance, present, newest)
    with writing() as session:
        repository.describe_again(session)


def revision(connection: Connection) -> str | None:
    """Return the version of the schema that a database has; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def revisions() -> list[str]:
    """Return the versions of the schema that this program knows, newest first."""
    return [script.revision for script in ScriptDirectory(str(FOLDER)).walk_revisions()]


def head() -> str:
    """Return the newest version of the schema that this program knows."""
    return revisions()[0]


def _upgrade(instance: Path, present: str | None, newest: str) -> None:
    if present is not None and present not in revisions():
        raise DatabaseOutdated(
            f"The database is of a newer Rockonweb: its schema is {present}, and this one knows them up to {newest}.",
            _newer_hint(instance),
        )
    copy = None if present is None else database_copy.keep(db.engine.url, instance, newest, now())
    extension.init_app(current_app, db)
    try:
        command.upgrade(extension.get_config(), "head")
    except Exception as error:
        trouble = database_trouble(error) if isinstance(error, DBAPIError) else None
        if isinstance(trouble, DiskFull):
            raise trouble from error
        raise RockonwebError(
            f"The database could not be brought from schema {present or 'nothing'} to {newest}; it is as it was.",
            "" if present is None else database_copy.way_back(db.engine.url, copy),
            output=str(error).splitlines()[0] if str(error) else type(error).__name__,
        ) from error


def _newer_hint(instance: Path) -> str:
    copies = database_copy.kept(instance)
    back = f" {database_copy.way_back(db.engine.url, copies[-1])}" if copies else ""
    return f"Go on with the newer version: a schema can't be taken back.{back}"


@contextmanager
def _one_at_a_time(instance: Path) -> Iterator[None]:
    with open(os.open(instance / "migrate.lock", os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
