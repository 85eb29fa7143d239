"""The migrations: from the first schema upwards, with rows in it, on SQLite and on PostgreSQL."""

import logging
import multiprocessing
import shutil
import sqlite3
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask

from rockonweb import config, create_app
from rockonweb.core.errors import DatabaseOutdated, DiskFull, RockonwebError
from rockonweb.migrations import database_copy, upgrade
from rockonweb.models import Base, Environment, RockOn, db
from rockonweb.models.base import new_uid
from tests.support import aged
from tests.support.postgres import PASSWORD, PostgresServer

REVISIONS = [one.revision for one in ScriptDirectory(str(upgrade.MIGRATIONS_FOLDER)).walk_revisions()][::-1]
FORK = multiprocessing.get_context("fork")  # a process, without an interpreter that imports everything
BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "9999", "{head}", None, None

def upgrade():
    op.execute("DELETE FROM container")
    op.create_table("half", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("INSERT INTO nowhere VALUES (1)")
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """An empty database, as DATABASE_URL; blank: SQLite's in the instance."""
    if request.param == "sqlite":
        return ""
    made: str = request.getfixturevalue("postgres").create_database()
    return made


@pytest.fixture
def either(tmp_path: Path, address: str) -> Iterator[Flask]:
    """An application on SQLite, then one on PostgreSQL."""
    app = make_app(tmp_path, address)
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    app = make_app(tmp_path)
    with app.app_context():
        yield app
        db.session.remove()


def make_app(folder: Path, address: str = "") -> Flask:
    return create_app(config.load_config({"ROCKONWEB_INSTANCE": str(folder), "DATABASE_URL": address}))


def start(folder: Path, address: str) -> None:
    """What a process does first."""
    with make_app(folder, address).app_context():
        upgrade.upgrade_database()


def copies(folder: Path) -> list[Path]:
    return database_copy.list_copies(folder)


def differences() -> list[object]:
    with db.engine.connect() as connection:

        def counts(item: Any, _name: str | None, _kind: str, _reflected: bool, _other: Any) -> bool:
            only = getattr(item, "_ddl_if", None)
            return only is None or only.dialect == connection.dialect.name

        options = {"compare_type": True, "compare_server_default": True, "include_object": counts}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata))


def add_broken(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A further migration, which fails halfway."""
    scripts = folder / "migrations"
    shutil.copytree(upgrade.MIGRATIONS_FOLDER, scripts)
    (scripts / "versions" / "9999_broken.py").write_text(BROKEN.format(head=upgrade.head_revision()))
    monkeypatch.setattr(upgrade, "MIGRATIONS_FOLDER", scripts)
    monkeypatch.setattr(upgrade.migrate_extension(), "directory", str(scripts))


# -- what they make ----------------------------------------------------------------------------------------------------


def test_the_migrations_make_what_the_models_describe(either: Flask) -> None:
    upgrade.upgrade_database()
    assert differences() == []


def test_they_find_a_difference_when_there_is_one(app: Flask) -> None:
    upgrade.upgrade_database()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE rockon DROP COLUMN website")
    ((kind, _, table, column),) = differences()
    assert (kind, table, column.name) == ("add_column", "rockon", "website")


def moved(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """What a table keeps of a row when entries of the catalogue and apps become two things."""
    if table == "rockon":
        return {key: value for key, value in row.items() if key in RockOn.__table__.columns}
    if table != "draft" and "rockon_id" in row:
        return {"installation_id" if key == "rockon_id" else key: value for key, value in row.items()}
    return row


def test_from_the_first_schema_upwards_no_row_and_no_value_is_lost(either: Flask) -> None:
    seen = 0
    for revision in REVISIONS:
        before = aged.read_tables()
        aged.upgrade_to(revision)
        after = aged.read_tables()
        for table, rows in before.items():
            if revision == "0020":
                rows = [moved(table, row) for row in rows]
            kept = [{key: value for key, value in row.items() if key in rows[0]} for row in after[table]]
            assert kept == rows, f"{revision}: {table}"
            if revision == "0020" and table == "rockon":
                apps = [
                    {key: value for key, value in row.items() if key in before[table][0]}
                    for row in after["installation"]
                ]
                assert apps == [{key: row[key] for key in apps[0]} for row in before[table]]
            seen += len(rows)
        aged.fill_tables()
    assert seen > 20 * len(REVISIONS)
    assert aged.read_revision() == upgrade.head_revision()
    assert differences() == []
    upgrade.upgrade_database()
    rockon = db.session.query(RockOn).order_by(RockOn.id).first()
    assert rockon is not None
    assert rockon.summary == "Kept.", "rows of old versions are described again"
    assert [one.value for one in db.session.query(Environment).order_by(Environment.id)] == ["1value", "2value"]


def test_from_the_first_schema_to_the_newest_at_once(either: Flask, tmp_path: Path) -> None:
    aged.upgrade_to(REVISIONS[0])
    aged.fill_tables()
    before = {table: len(rows) for table, rows in aged.read_tables().items()}
    upgrade.upgrade_database()
    after = {table: len(rows) for table, rows in aged.read_tables().items()}
    assert {table: after[table] for table in before} == before
    assert set(before.values()) == {aged.ROWS_PER_TABLE}


def test_rows_that_refer_to_each_other_still_do_so_after_a_migration(app: Flask) -> None:
    aged.upgrade_to(REVISIONS[0])
    aged.fill_tables()
    upgrade.upgrade_database()
    with db.engine.begin() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
        connection.exec_driver_sql("DELETE FROM installation WHERE id = 1")
        connection.exec_driver_sql("DELETE FROM rockon WHERE id = 1")
        assert connection.exec_driver_sql("SELECT count(*) FROM container").scalar() == 1


def test_a_second_upgrade_changes_nothing_and_keeps_the_rows(app: Flask, tmp_path: Path) -> None:
    upgrade.upgrade_database()
    with closing(sqlite3.connect(tmp_path / "rockonweb.db")) as file:
        schema = file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall()
        file.execute("INSERT INTO metastore_file VALUES ('http://x', '', '', 'body')")
        file.commit()
        upgrade.upgrade_database()
        assert file.execute("SELECT sql FROM sqlite_master ORDER BY name").fetchall() == schema
        assert file.execute("SELECT body FROM metastore_file").fetchall() == [("body",)]
    assert copies(tmp_path) == []


def test_there_is_one_newest_version() -> None:
    scripts = ScriptDirectory(str(upgrade.MIGRATIONS_FOLDER))
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()] == upgrade.known_revisions()


def test_the_database_itself_allows_one_running_operation_of_a_rock_on(either: Flask) -> None:
    aged.upgrade_to("head")
    aged.fill_tables()
    # Without this index two people's clicks could race; alembic's comparison does not see its condition.
    columns = 'uid, installation_id, kind, progress, "user", created, parameters, noted, cancel_requested, error, hint'

    def insert(rockon: int, progress: str) -> None:
        values = f"'{new_uid()}', {rockon}, 'STOP', '{progress}', '', '2026-01-01', '', '', {no}, '', ''"
        with db.engine.begin() as connection:
            if db.engine.dialect.name == "postgresql":
                connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.exec_driver_sql(f"INSERT INTO operation ({columns}) VALUES ({values})")

    no = "false"  # both understand it
    with db.engine.begin() as connection:
        if db.engine.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TRANSACTION READ WRITE")
            connection.exec_driver_sql("SELECT setval('operation_id_seq', 100)")
        connection.exec_driver_sql("UPDATE operation SET progress = 'DONE'")
    for progress in ("DONE", "FAILED", "QUEUED", "CANCELLED", "RUNNING", "QUEUED"):
        insert(1, progress)
    with pytest.raises(Exception, match=r"(?i)unique"):
        insert(1, "RUNNING")
    insert(2, "RUNNING")


def test_a_new_database_is_its_owners_alone_and_has_no_copy(app: Flask, tmp_path: Path) -> None:
    upgrade.upgrade_database()
    assert stat.S_IMODE((tmp_path / "rockonweb.db").stat().st_mode) == 0o600
    assert copies(tmp_path) == []


# -- the copy before ---------------------------------------------------------------------------------------------------


def test_a_copy_is_kept_before_each_migration_and_has_everything_in_it(app: Flask, tmp_path: Path) -> None:
    aged.upgrade_to("0001")
    aged.fill_tables()
    db.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "rockonweb.db")) as held:  # so that the newest is in the log alone
        held.execute("UPDATE rockon SET name = 'the newest' WHERE id = 1")
        held.commit()
        upgrade.upgrade_database()
    (copy,) = copies(tmp_path)
    assert copy.name.startswith(f"before-{upgrade.head_revision()}-2")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.glob("before-*")) == [copy.name], "nothing else is left"
    with closing(sqlite3.connect(copy)) as file:
        assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
        assert file.execute("SELECT name FROM rockon WHERE id = 1").fetchall() == [("the newest",)]
        assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_the_copy_takes_the_place_of_the_database_as_the_words_say(app: Flask, tmp_path: Path) -> None:
    aged.upgrade_to("0001")
    aged.fill_tables()
    before = aged.read_tables()
    upgrade.upgrade_database()
    db.session.remove()
    db.engine.dispose()
    for end in ("-wal", "-shm"):
        (tmp_path / f"rockonweb.db{end}").unlink(missing_ok=True)
    shutil.copy(copies(tmp_path)[0], tmp_path / "rockonweb.db")
    assert aged.read_revision() == "0001"
    assert aged.read_tables() == before
    upgrade.upgrade_database()
    assert aged.read_revision() == upgrade.head_revision()


def test_the_last_three_copies_are_kept_and_other_files_left_alone(tmp_path: Path, app: Flask) -> None:
    upgrade.upgrade_database()
    (tmp_path / "before-the-holidays.db").write_text("mine")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = [
        database_copy.create_copy(db.engine.url, tmp_path, f"{9 - number:04}", start + timedelta(days=number))
        for number in range(5)
    ]
    assert copies(tmp_path) == made[2:]
    assert (tmp_path / "before-the-holidays.db").read_text() == "mine"


def test_without_room_for_the_copy_nothing_is_migrated(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged.upgrade_to("0001")
    aged.fill_tables()
    monkeypatch.setattr("rockonweb.migrations.database_copy._free_bytes", lambda _path: 1_000_000)
    with pytest.raises(DiskFull, match=r"no room.*17 MB are needed and 1 MB are free") as caught:
        upgrade.upgrade_database()
    assert "Make room" in caught.value.hint
    assert aged.read_revision() == "0001"
    assert list(tmp_path.glob("before-*")) == []


def test_a_disk_that_fills_up_during_the_copy_leaves_no_half_of_one(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged.upgrade_to("0001")

    def full(path: Path) -> sqlite3.Connection:
        path.write_text("half")
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(database_copy, "_open_partial_copy", full)
    with pytest.raises(DiskFull):
        upgrade.upgrade_database()
    assert list(tmp_path.glob("before-*")) == []
    assert aged.read_revision() == "0001"


def test_of_a_postgresql_database_pg_dump_keeps_a_copy(postgres: PostgresServer, tmp_path: Path) -> None:
    address = postgres.create_database()
    with make_app(tmp_path, address).app_context():
        aged.upgrade_to("0001")
        aged.fill_tables()
        before = aged.read_tables()
        upgrade.upgrade_database()
        db.session.remove()
        db.engine.dispose()
    (copy,) = copies(tmp_path)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    other = postgres.create_database()
    plain = other.replace("+psycopg", "")
    subprocess.run(["pg_restore", "--no-owner", f"--dbname={plain}", str(copy)], check=True)
    with make_app(tmp_path, other).app_context():
        assert aged.read_tables() == before
        db.engine.dispose()


def test_without_pg_dump_it_says_that_no_copy_is_kept(
    postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with make_app(tmp_path, postgres.create_database()).app_context(), caplog.at_level(logging.WARNING):
        aged.upgrade_to("0001")
        upgrade.upgrade_database()
        assert aged.read_revision() == upgrade.head_revision()
        db.session.remove()
        db.engine.dispose()
    assert "No copy of the database is kept: pg_dump is not installed" in caplog.text
    assert PASSWORD not in caplog.text


# -- what goes wrong ---------------------------------------------------------------------------------------------------


def test_a_migration_that_fails_leaves_the_database_as_it_was(
    either: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged.upgrade_to(REVISIONS[-2])
    aged.fill_tables()
    before, head = aged.read_tables(), upgrade.head_revision()
    add_broken(tmp_path, monkeypatch)
    with pytest.raises(RockonwebError) as caught:
        upgrade.upgrade_database()
    assert aged.read_revision() == REVISIONS[-2], "also the migration before the broken one is taken back"
    assert aged.read_tables() == before
    (copy,) = copies(tmp_path)
    assert f"from schema {REVISIONS[-2]} to 9999; it is as it was." in caught.value.sentence
    assert f"{copy}" in caught.value.hint
    assert "To put it back: stop Rockonweb" in caught.value.hint
    assert "nowhere" in caught.value.output
    assert PASSWORD not in f"{caught.value} {caught.value.output}"
    monkeypatch.undo()
    upgrade.upgrade_database()
    assert aged.read_revision() == head


def test_a_migration_that_would_leave_rows_without_theirs_is_refused(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged.upgrade_to("head")
    aged.fill_tables()
    before = aged.read_tables()
    add_broken(tmp_path, monkeypatch)
    broken = upgrade.MIGRATIONS_FOLDER / "versions" / "9999_broken.py"
    broken.write_text(broken.read_text().replace('op.execute("INSERT INTO nowhere VALUES (1)")', "pass"))
    with pytest.raises(RockonwebError) as caught:
        upgrade.upgrade_database()
    assert "port" in caught.value.output
    assert aged.read_tables() == before


def test_a_database_of_a_newer_version_is_left_alone(app: Flask, tmp_path: Path) -> None:
    aged.upgrade_to("0001")
    upgrade.upgrade_database()
    with db.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(DatabaseOutdated) as caught:
        upgrade.upgrade_database()
    assert f"its schema is 9999, and this one knows them up to {upgrade.head_revision()}" in caught.value.sentence
    assert str(copies(tmp_path)[0]) in caught.value.hint
    assert "can't be taken back" in caught.value.hint


def test_two_processes_that_start_at_once_migrate_once(tmp_path: Path, address: str) -> None:
    with make_app(tmp_path, address).app_context():
        aged.upgrade_to("0001")
        aged.fill_tables()
        db.engine.dispose()
    started = [FORK.Process(target=start, args=(tmp_path, address)) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
    assert [process.exitcode for process in started] == [0, 0, 0]
    assert len(copies(tmp_path)) == 1
    with make_app(tmp_path, address).app_context():
        assert aged.read_revision() == upgrade.head_revision()
        db.engine.dispose()


def test_a_database_that_is_busy_is_not_migrated_and_says_so(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aged.upgrade_to("0001")
    db.engine.dispose()
    given: Callable[..., sqlite3.Connection] = sqlite3.connect
    with closing(given(tmp_path / "rockonweb.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with db.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA busy_timeout=50")
        with pytest.raises(RockonwebError, match="could not be brought") as caught:
            upgrade.upgrade_database()
    assert "locked" in caught.value.output
    assert aged.read_revision() == "0001"
