"""Run by Alembic: connects the migrations with the application's database."""

from typing import Literal

from alembic import context
from flask import current_app
from sqlalchemy.types import TypeDecorator

from rockonweb.models import Base, db
from rockonweb.models.base import _writing


def render_item(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write a column type of ours as the plain type below it, so that a migration outlives our code."""
    return f"sa.{item.impl!r}" if kind == "type" and isinstance(item, TypeDecorator) else False


def run() -> None:
    """Apply the migrations, each batch in one transaction."""
    arguments = current_app.extensions["migrate"].configure_args
    token = _writing.set(True)  # on SQLite: begin immediate
    try:
        with db.engine.connect() as connection:
            context.configure(
                connection=connection, target_metadata=Base.metadata, render_item=render_item, **arguments
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        _writing.reset(token)


run()
