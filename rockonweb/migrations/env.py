"""Alembic's environment: runs the migrations on the application's database."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

from alembic import context
from alembic.util import CommandError
from flask import current_app
from sqlalchemy import Connection
from sqlalchemy.types import TypeDecorator

from rockonweb.models import Base, db
from rockonweb.models.base import _in_transaction


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Render a TypeDecorator as its `impl`, so that migrations do not depend on the models' code."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


def run() -> None:
    """Apply all migrations in one transaction, so that a failure leaves the database unchanged."""
    arguments = current_app.extensions["migrate"].configure_args
    token = _in_transaction.set(True)  # makes the transaction lock out other writers
    try:
        with db.engine.connect() as connection, _without_cascades(connection), connection.begin():
            context.configure(
                connection=connection, target_metadata=Base.metadata, render_item=render_item, **arguments
            )
            broken = _broken_references(connection)
            context.run_migrations()
            if more := _broken_references(connection) - broken:
                raise CommandError(f"rows of {', '.join(more)} refer to rows that are gone")
    finally:
        _in_transaction.reset(token)


@contextmanager
def _without_cascades(connection: Connection) -> Iterator[None]:
    """Turn SQLite's foreign keys off: changing a column recreates the table, and dropping the old one would cascade.

    SQLite ignores the pragma inside a transaction, so it is set before.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        driver.execute("PRAGMA foreign_keys=ON")


def _broken_references(connection: Connection) -> Counter[str]:
    """Count the rows of each table with a dangling foreign key; PostgreSQL has none."""
    if connection.dialect.name != "sqlite":
        return Counter()
    return Counter(row[0] for row in connection.exec_driver_sql("PRAGMA foreign_key_check"))


run()
