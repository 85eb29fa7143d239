"""The database's schema: migrations run from whatever is there up to the newest."""

from __future__ import annotations

import os
from pathlib import Path

from flask import current_app
from flask_migrate import Migrate
from flask_migrate import upgrade as upgrade_schema

from rockonweb import rows
from rockonweb.models import db, writing

FOLDER = Path(__file__).parent / "migrations"
extension = Migrate(directory=str(FOLDER), render_as_batch=True, compare_type=True)


def upgrade() -> None:
    """Bring the schema of the configured database up to date, and what its rows say of their definitions.

    A new SQLite file is its owner's alone.
    """
    database = db.engine.url.database
    if db.engine.dialect.name == "sqlite" and database:
        os.close(os.open(database, os.O_CREAT, 0o600))
    extension.init_app(current_app, db)
    upgrade_schema()
    with writing() as session:
        rows.describe_again(session)
