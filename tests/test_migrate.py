"""The migrations make the schema that the models describe."""

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import downgrade

from rockonweb import config, create_app, migrate
from rockonweb.models import Base, db


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = create_app(config.read({"ROCKONWEB_INSTANCE": str(tmp_path)}))
    with app.app_context():
        yield app


def test_the_migrations_make_what_the_models_describe(app: Flask) -> None:
    migrate.upgrade()
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_they_find_a_difference_when_there_is_one(app: Flask) -> None:
    migrate.upgrade()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rockon DROP COLUMN website")
        context = MigrationContext.configure(connection)
        ((kind, _, table, column),) = compare_metadata(context, Base.metadata)
        assert (kind, table, column.name) == ("add_column", "rockon", "website")


def test_a_second_upgrade_changes_nothing_and_keeps_the_rows(app: Flask, tmp_path: Path) -> None:
    migrate.upgrade()
    with closing(sqlite3.connect(tmp_path / "rockonweb.db")) as file:
        schema = file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        file.execute("INSERT INTO metastore_file VALUES ('http://x', '', '', 'body')")
        file.commit()
        migrate.upgrade()
        assert file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == schema
        assert file.execute("SELECT body FROM metastore_file").fetchall() == [("body",)]


def test_there_is_one_newest_version_and_the_way_back_leaves_nothing(app: Flask, tmp_path: Path) -> None:
    assert len(ScriptDirectory(str(migrate.FOLDER)).get_heads()) == 1
    migrate.upgrade()
    downgrade(revision="base")
    with closing(sqlite3.connect(tmp_path / "rockonweb.db")) as file:
        assert file.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [("alembic_version",)]


def test_the_database_itself_allows_one_running_operation_of_a_rock_on(app: Flask, tmp_path: Path) -> None:
    migrate.upgrade()
    # Without this index two people's clicks could race; alembic's comparison does not see its condition.
    with closing(sqlite3.connect(tmp_path / "rockonweb.db")) as file:
        columns = "rockon_id, kind, progress, user, created, parameters, cancel_requested, error, hint"
        for progress in ("DONE", "FAILED", "QUEUED", "CANCELLED", "RUNNING", "QUEUED"):
            file.execute(f"INSERT INTO operation ({columns}) VALUES (1, 'STOP', '{progress}', '', '', '', 0, '', '')")
        with pytest.raises(sqlite3.IntegrityError):
            file.execute(f"INSERT INTO operation ({columns}) VALUES (1, 'START', 'RUNNING', '', '', '', 0, '', '')")
        file.execute(f"INSERT INTO operation ({columns}) VALUES (2, 'START', 'RUNNING', '', '', '', 0, '', '')")


def test_a_new_database_is_its_owners_alone(app: Flask, tmp_path: Path) -> None:
    migrate.upgrade()
    assert stat.S_IMODE((tmp_path / "rockonweb.db").stat().st_mode) == 0o600
