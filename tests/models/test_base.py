"""The database: units of work, no lost updates, secrets as ciphertext."""

import json
import multiprocessing
import sqlite3
import threading
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Text, func, select, text, type_coerce
from sqlalchemy.exc import IntegrityError

from rockonweb.core.packed import UnreadableText
from rockonweb.models import (
    Container,
    CustomConfig,
    Draft,
    Environment,
    Installation,
    Kind,
    Operation,
    Progress,
    RockOn,
    Role,
    User,
    db,
    transaction,
    utc_now,
)
from rockonweb.models.address import open_read_only
from tests.support.app import make_app


def add(name: str = "Sample") -> int:
    """Add a rock-on's row and return its id."""
    with transaction() as session:
        app = Installation(name=name, entry=RockOn(name=name, source="{}"))
        session.add(app)
        session.flush()
        return app.id


def names() -> list[str]:
    """Return the names of all rock-ons."""
    return list(db.session.scalars(select(RockOn.name).order_by(RockOn.id)))


def positions() -> int:
    """Return the sum of all positions."""
    return db.session.scalars(select(func.sum(RockOn.position))).one()


def file(app: Flask) -> Path:
    """Return the path of the database."""
    folder: Path = app.config["SETTINGS"].instance
    return folder / "rockonweb.db"


# Units of work


@pytest.mark.usefixtures("app")
def test_a_unit_of_work_commits_at_its_end():
    add()
    db.session.rollback()
    assert names() == ["Sample"]


@pytest.mark.usefixtures("app")
def test_an_error_takes_everything_back():
    with pytest.raises(ZeroDivisionError), transaction():
        add_and_fail()
    assert names() == []
    assert add() == 1


def add_and_fail() -> None:
    """Add a row, flush it, and raise."""
    add("Half")
    raise ZeroDivisionError


@pytest.mark.usefixtures("app")
def test_a_flush_outside_a_unit_of_work_is_refused():
    add()
    db.session.scalars(select(RockOn)).one().position = 5
    with pytest.raises(RuntimeError, match="outside writing"):
        db.session.flush()
    db.session.rollback()
    db.session.add(RockOn(name="Stray", source="{}"))
    with pytest.raises(RuntimeError, match="outside writing"):
        db.session.commit()
    db.session.rollback()
    assert (names(), positions()) == (["Sample"], 0)


@pytest.mark.usefixtures("app")
def test_after_a_unit_of_work_a_stray_write_is_refused_again():
    add()
    with pytest.raises(ZeroDivisionError), transaction():
        raise ZeroDivisionError
    db.session.scalars(select(RockOn)).one().position = 5
    with pytest.raises(RuntimeError, match="outside writing"):
        db.session.flush()
    db.session.rollback()


@pytest.mark.usefixtures("app")
def test_a_stray_change_does_not_slip_into_the_next_unit_of_work():
    add()
    db.session.scalars(select(RockOn)).one().position = 5
    with transaction():
        pass
    assert positions() == 0


def test_a_unit_of_work_inside_another_belongs_to_it(app: Flask):
    with transaction():
        add("Inner")
        with closing(sqlite3.connect(file(app))) as other:
            assert other.execute("SELECT count(*) FROM rockon").fetchone() == (0,)
    assert names() == ["Inner"]


def test_what_was_loaded_before_is_read_anew(app: Flask):
    add()
    row = db.session.scalars(select(RockOn)).one()
    assert row.position == 0
    with closing(sqlite3.connect(file(app), isolation_level=None)) as other:
        other.execute("UPDATE rockon SET position = 7")
    with transaction():
        row.position += 1
    assert positions() == 8


def test_a_reader_is_not_held_up_by_a_writer(app: Flask):
    add()
    read: list[list[str]] = []

    def reader() -> None:
        with app.app_context():
            read.append(names())

    with transaction() as session:
        session.add(RockOn(name="Uncommitted", source="{}"))
        session.flush()
        thread = threading.Thread(target=reader)
        thread.start()
        thread.join(5)
    assert read == [["Sample"]]


def test_another_thread_is_not_writing_because_this_one_is(app: Flask):
    add()
    caught: list[BaseException] = []

    def stray() -> None:
        with app.app_context():
            db.session.add(RockOn(name="Stray", source="{}"))
            try:
                db.session.flush()
            except RuntimeError as error:
                caught.append(error)

    with transaction():
        thread = threading.Thread(target=stray)
        thread.start()
        thread.join(5)
    assert len(caught) == 1
    assert names() == ["Sample"]


FULL, NORMAL = 2, 1  # SQLite's: a commit waits for the disk, or not


@pytest.mark.usefixtures("app")
def test_what_is_written_is_on_the_disk_unless_it_can_be_observed_again():
    def synchronous() -> int:
        number: int = db.session.execute(text("PRAGMA synchronous")).scalar_one()
        return number

    levels = []
    for durable in (True, False, True):  # on one connection of the pool
        with transaction(durable=durable):
            levels.append(synchronous())
            with transaction(durable=False):  # joins the outer one
                levels.append(synchronous())
    assert levels == [FULL, FULL, NORMAL, NORMAL, FULL, FULL]
    with transaction():
        add()
    assert synchronous() == FULL


def test_the_database_is_in_write_ahead_mode_and_minds_its_references(app: Flask):
    assert db.session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    assert db.session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Container(installation_id=99, name="orphan", image="x"))
    assert file(app).exists()


def count_up(folder: Path, times: int) -> None:
    """Read a number and write it one higher, as a process of its own."""
    with make_app(folder).app_context():
        for _ in range(times):
            db.session.scalars(select(RockOn)).one()
            with transaction() as session:
                session.scalars(select(RockOn)).one().position += 1


@pytest.mark.usefixtures("app")
def test_four_processes_that_count_at_once_lose_nothing(tmp_path: Path):
    add()
    db.session.remove()
    with ProcessPoolExecutor(4, multiprocessing.get_context("fork")) as processes:
        for one in [processes.submit(count_up, tmp_path, 40) for _ in range(4)]:
            one.result(60)
    assert positions() == 160


# Secrets


SECRET = "correct-horse-battery"
DRAFT = {"values": {"pw": SECRET}, "done": [], "new_shares": []}


def add_secrets(rockon_id: int) -> None:
    """Write a secret into every column that is meant to hide one."""
    with transaction() as session:
        container = Container(installation_id=rockon_id, name="app", image="x")
        container.environment = [Environment(key="PASSWORD", value=SECRET), Environment(key="NEW")]
        user = User(name="anna", password_hash="", role=Role.OWNER)
        session.add_all([container, user, CustomConfig(installation_id=rockon_id, key="db_pw", value=SECRET)])
        session.flush()
        session.add(Draft(user_id=user.id, rockon_id=rockon_id, definition_hash="", content=json.dumps(DRAFT)))
        session.add(Operation(installation_id=rockon_id, kind=Kind.INSTALL, parameters=f'{{"pw": "{SECRET}"}}'))


def test_secrets_are_ciphertext_in_the_file_and_text_for_us(app: Flask):
    add_secrets(add())
    assert db.session.scalars(select(Environment.value).order_by(Environment.id)).all() == [SECRET, None]
    assert db.session.scalars(select(CustomConfig.value)).one() == SECRET
    assert db.session.scalars(select(Draft)).one().typed_values == DRAFT
    assert db.session.scalars(select(Operation)).one().parameters == f'{{"pw": "{SECRET}"}}'
    db.session.remove()
    written = b"".join(path.read_bytes() for path in file(app).parent.glob("rockonweb.db*"))
    assert b"PASSWORD" in written
    assert SECRET.encode() not in written
    with closing(sqlite3.connect(file(app))) as raw:
        (value,) = raw.execute("SELECT value FROM environment WHERE key = 'PASSWORD'").fetchone()
    assert value.startswith("gAAAA")


def test_another_process_with_the_same_key_reads_them(app: Flask, tmp_path: Path):
    add_secrets(add())
    db.session.remove()
    with make_app(tmp_path).app_context():
        assert db.session.scalars(select(CustomConfig.value)).one() == SECRET
    assert app.secret_key


def test_a_secret_of_another_key_is_blank_known_as_unreadable_and_left_as_it_is(app: Flask, tmp_path: Path):
    add_secrets(add())
    ciphertext = db.session.scalars(select(type_coerce(CustomConfig.value, Text))).one()
    db.session.remove()
    (file(app).parent / "secret.key").write_text("another-key" * 3 + "another-ke")
    with make_app(tmp_path).app_context():
        value = db.session.scalars(select(CustomConfig.value)).one()
        assert (value, type(value)) == ("", UnreadableText)
        with transaction() as session:
            session.scalars(select(CustomConfig)).one().value = UnreadableText(value.stored)
        assert db.session.scalars(select(type_coerce(CustomConfig.value, Text))).one() == ciphertext


# Other columns and rules


@pytest.mark.usefixtures("app")
def test_a_moment_keeps_its_time_zone():
    add_secrets(add())
    created = db.session.scalars(select(Operation.created)).one()
    assert created.tzinfo is UTC
    assert timedelta(0) <= utc_now() - created < timedelta(minutes=1)


@pytest.mark.usefixtures("app")
def test_of_a_rockon_one_operation_runs_at_most_and_others_wait():
    first, second = add("First"), add("Second")
    running = Progress.RUNNING
    with transaction() as session:
        session.add_all([Operation(installation_id=one, kind=Kind.START, progress=running) for one in (first, second)])
        session.add_all(
            [Operation(installation_id=first, kind=Kind.STOP), Operation(installation_id=first, kind=Kind.START)]
        )
    with pytest.raises(IntegrityError), transaction() as session:
        session.add(Operation(installation_id=first, kind=Kind.STOP, progress=Progress.RUNNING))
    with transaction() as session:
        for operation in session.scalars(select(Operation)):
            operation.progress = Progress.DONE
    with transaction() as session:
        session.add(Operation(installation_id=first, kind=Kind.STOP, progress=Progress.RUNNING))
        session.add(Operation(installation_id=first, kind=Kind.STOP, progress=Progress.FAILED))


@pytest.mark.usefixtures("app")
def test_a_deleted_rockon_takes_all_its_rows_along():
    add_secrets(add())
    with transaction() as session:
        session.execute(text("DELETE FROM installation"))
        session.execute(text("DELETE FROM rockon"))
    for table in ("container", "environment", "custom_config", "draft", "operation"):
        assert db.session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert db.session.scalars(select(User.name)).all() == ["ada", "anna"]


def test_a_role_includes_those_below_it():
    assert Role.OWNER.includes(Role.VIEWER)
    assert Role.OPERATOR.includes(Role.OPERATOR)
    assert not Role.VIEWER.includes(Role.OPERATOR)


def test_a_text_that_is_no_utf_8_is_read_with_what_can_be_read(app: Flask) -> None:
    add("Other")
    with transaction() as session:
        session.execute(text("UPDATE rockon SET name = CAST(X'41FF42' AS TEXT)"))
    assert names() == ["A\N{REPLACEMENT CHARACTER}B"]
    with open_read_only(db.engine.url).connect() as connection:  # as the doctor does
        assert connection.exec_driver_sql("SELECT name FROM rockon").scalar() == "A\N{REPLACEMENT CHARACTER}B"
