"""Upgrading the database's schema to the newest revision. There are no downgrades, only a copy made before.

Alembic is imported only to run migrations: it takes eight megabytes, which no process needs that runs on.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import current_app
from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DBAPIError

from rockonweb.config import current_config
from rockonweb.core.errors import DatabaseOutdated, DiskFull, RockonwebError
from rockonweb.migrations import database_copy
from rockonweb.models import db, repository, transaction, utc_now
from rockonweb.models.base import wrap_database_error

if TYPE_CHECKING:
    from flask_migrate import Migrate

MIGRATIONS_FOLDER = Path(__file__).parent
REVISION_FILE = re.compile(r"(\d{4})_\w+\.py")  # the names of the files order the revisions


@cache
def migrate_extension() -> Migrate:
    """Return the Flask extension that runs migrations by Alembic."""
    from flask_migrate import Migrate

    return Migrate(directory=str(MIGRATIONS_FOLDER), render_as_batch=True, compare_type=True)


def upgrade_database() -> None:
    """Upgrade the schema of the configured database, and columns that are derived from definitions.

    A new SQLite file gets mode 0600. An existing database is copied before a migration. A file lock serializes
    concurrent processes. Raises RockonwebError, with the database unchanged.
    """
    settings = current_config()
    try:
        _upgrade_locked(settings.instance)
    except DBAPIError as error:
        raise wrap_database_error(error) from error


def _upgrade_locked(instance: Path) -> None:
    database = db.engine.url.database
    with _migration_lock(instance):
        if db.engine.dialect.name == "sqlite" and database:
            os.close(os.open(database, os.O_CREAT, 0o600))
        with db.engine.connect() as connection:
            present_revision = database_revision(connection)
        newest_revision = head_revision()
        if present_revision != newest_revision:
            _run_migrations(instance, present_revision, newest_revision)
    with transaction() as session:
        repository.describe_outdated(session)


def database_revision(connection: Connection) -> str | None:
    """Return the revision of a database's schema; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision


def has_newer_schema() -> bool:
    """Whether a newer version of Rockonweb has changed the schema since this program was started."""
    return db.session.scalar(text("SELECT version_num FROM alembic_version")) not in own_revisions()


@cache
def own_revisions() -> frozenset[str]:
    """Return all revisions as of the first call, when a program starts: a newer version may replace its files later."""
    return frozenset(known_revisions())


def known_revisions() -> list[str]:
    """Return all revisions of this version of Rockonweb, newest first."""
    names = (REVISION_FILE.fullmatch(path.name) for path in (MIGRATIONS_FOLDER / "versions").iterdir())
    return sorted((name[1] for name in names if name), reverse=True)


def head_revision() -> str:
    """Return the newest revision of this version of Rockonweb."""
    return known_revisions()[0]


def _run_migrations(instance: Path, present_revision: str | None, newest_revision: str) -> None:
    if present_revision is not None and present_revision not in known_revisions():
        raise DatabaseOutdated(
            f"The database belongs to a newer version of Rockonweb: its schema is {present_revision}, and this one "
            f"knows them up to {newest_revision}.",
            _newer_hint(instance),
        )
    copy = (
        None
        if present_revision is None
        else database_copy.create_copy(db.engine.url, instance, newest_revision, utc_now())
    )
    from alembic import command

    extension = migrate_extension()
    extension.init_app(current_app, db)
    try:
        command.upgrade(extension.get_config(), "head")
    except Exception as error:
        wrapped = wrap_database_error(error) if isinstance(error, DBAPIError) else None
        if isinstance(wrapped, DiskFull):
            raise wrapped from error
        raise RockonwebError(
            f"The database could not be brought from schema {present_revision or 'nothing'} to "
            f"{newest_revision}; it is as it was.",
            "" if present_revision is None else database_copy.restore_instructions(db.engine.url, copy),
            output=str(error).splitlines()[0] if str(error) else type(error).__name__,
        ) from error


def _newer_hint(instance: Path) -> str:
    copies = database_copy.list_copies(instance)
    instructions = f" {database_copy.restore_instructions(db.engine.url, copies[-1])}" if copies else ""
    return f"Go on with the newer version: a schema can't be taken back.{instructions}"


@contextmanager
def _migration_lock(instance: Path) -> Iterator[None]:
    with open(os.open(instance / "migrate.lock", os.O_RDWR | os.O_CREAT, 0o600)) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
