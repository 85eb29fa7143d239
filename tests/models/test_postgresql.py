"""What PostgreSQL does otherwise than SQLite, and the product must not notice."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from rockonweb import config, create_app
from rockonweb.core.errors import BadInput
from rockonweb.core.operations.requests import blank_request
from rockonweb.models import (
    Installation,
    Kind,
    Operation,
    OperationStep,
    Progress,
    RefreshReport,
    db,
    port_suggestions,
    repository,
    transaction,
)
from rockonweb.models.address import POSTGRESQL, mask_password, parse_database_url
from rockonweb.models.base import wrap_database_error
from rockonweb.web import catalogue_listing
from rockonweb.work import operations
from tests.support import database
from tests.support.app import FormClient, add_rockon, installation_of, mark_installed
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.samples import parse_rockon


@pytest.fixture
def _database(postgres: PostgresServer) -> Iterator[None]:
    """All databases are on PostgreSQL here."""
    with database.use_postgres(postgres):
        yield


def trouble(folder: Path, url: str) -> str:
    with create_app(config.load_config({"ROCKONWEB_INSTANCE": str(folder), "DATABASE_URL": url})).app_context():
        with pytest.raises(DBAPIError) as caught:
            db.session.execute(text("SELECT 1"))
        db.session.remove()
        db.engine.dispose()
        return str(wrap_database_error(caught.value))


def test_a_text_with_nul_is_kept_without_it(app: Flask) -> None:
    with transaction() as session:
        session.add_all([RefreshReport(content="a\0b"), RefreshReport(content="plain")])
    assert [one.content for one in db.session.query(RefreshReport).order_by(RefreshReport.id)] == ["a\ufffdb", "plain"]
    assert db.session.query(RefreshReport).filter_by(content="nobody\0").count() == 0


def test_the_size_of_a_large_image_fits(app: Flask) -> None:
    with transaction() as session:
        step = OperationStep(position=1, title="Pull", current=2**33, total=2**40)
        session.add(Operation(kind=Kind.INSTALL, progress=Progress.DONE, steps=[step]))
    assert db.session.query(OperationStep).one().total == 2**40


def test_the_longest_names_of_a_definition_fit(app: Flask) -> None:
    name, container = "R" * 100, "c" * 300
    found = parse_rockon({container: {"image": "a/b"}}, name)
    with transaction() as session:
        suggestions = port_suggestions.PortSuggestions.load_taken(session)
        entry, _ = repository.upsert_entry(
            session, None, found.definition, found.source, suggestions, origin="remote", position=0
        )
    assert entry.containers == (container,)
    assert installation_of(entry).containers[0].name == container


def test_writers_take_turns_and_no_update_is_lost(app: Flask) -> None:
    with transaction() as session:
        session.add(RefreshReport(content="0"))

    def count(_: int) -> None:
        with app.app_context():
            for _ in range(10):
                with transaction() as session:
                    report = session.query(RefreshReport).one()
                    number = int(report.content)
                    time.sleep(0.001)
                    report.content = str(number + 1)

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(count, range(5)))
    db.session.rollback()
    assert db.session.query(RefreshReport).one().content == "50"


def test_who_reads_sees_one_moment_and_can_not_write(app: Flask) -> None:
    with transaction() as session:
        session.add(RefreshReport(content="0"))
    assert db.session.query(RefreshReport).one().content == "0"

    def change() -> None:
        with app.app_context(), transaction() as session:
            session.query(RefreshReport).one().content = "1"

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    db.session.expire_all()
    assert db.session.query(RefreshReport).one().content == "0"
    with pytest.raises(DBAPIError, match="read-only"):
        db.session.execute(text("DELETE FROM refresh_report"))
    db.session.rollback()
    assert db.session.query(RefreshReport).one().content == "1"


def test_a_connection_that_the_server_closed_is_made_anew(app: Flask, postgres: PostgresServer) -> None:
    assert db.session.query(Installation).count() == 0
    db.session.remove()
    with postgres.connect(str(db.engine.url.render_as_string(hide_password=False))) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid != pg_backend_pid()"
        )
    assert db.session.query(Installation).count() == 0


def test_troubles_are_sentences(postgres: PostgresServer, tmp_path: Path) -> None:
    url = postgres.create_database()
    assert "has no database with this name" in trouble(tmp_path, url.replace("/test_", "/nowhere_"))
    assert "does not answer" in trouble(tmp_path, f"{POSTGRESQL}://joe:{PASSWORD}@127.0.0.1:1/x")


@pytest.mark.parametrize("short", ["postgres", "postgresql", "postgresql+psycopg"])
def test_an_address_as_other_programs_write_it_is_taken(short: str) -> None:
    assert parse_database_url(f"{short}://joe@host/x").drivername == POSTGRESQL


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("nonsense", "DATABASE_URL can't be read."),
        ("postgresql://joe:hunter2@host:port/x", "DATABASE_URL can't be read."),
        ("mysql://joe:hunter2@host/x", 'names "mysql", which is not supported.'),
        ("postgresql+psycopg2://joe:hunter2@host/x", 'names "postgresql+psycopg2"'),
    ],
)
def test_an_address_that_can_not_be_used_is_refused_without_its_password(url: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        create_app(config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path), "DATABASE_URL": url}))
    assert words in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_without_the_driver_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rockonweb.models.address.find_spec", lambda _name: None)
    with pytest.raises(BadInput, match=r"not installed.*pip install"):
        parse_database_url("postgresql://joe@host/x")
    assert parse_database_url("sqlite:////x.db").database == "/x.db"


def test_a_password_is_masked() -> None:
    shown = mask_password("postgresql://joe:hunter2@host/x?password=hunter3&sslmode=require")
    assert shown == "postgresql://joe:***@host/x?sslmode=require"
    assert mask_password("nonsense") == ""


@pytest.mark.parametrize("order", [None, *catalogue_listing.SortOrder])
def test_the_list_is_counted_filtered_and_put_in_order(app: Flask, order: catalogue_listing.SortOrder | None) -> None:
    mark_installed(add_rockon("Alpha"))
    add_rockon("Beta")
    wish = catalogue_listing.CatalogueQuery(tab=catalogue_listing.ALL, search="alp a", order=order, update=False)
    with app.test_request_context():
        assert [card.rockon.name for card in catalogue_listing.list_catalogue(wish, "box").cards] == ["Alpha"]
        stopped = catalogue_listing.list_catalogue(
            replace(wish, search="", condition=catalogue_listing.Condition.AVAILABLE), "box"
        )
    assert [card.rockon.name for card in stopped.cards] == ["Beta"]
    assert (stopped.match_count, stopped.installed_count, stopped.total_count) == (1, 1, 2)


def test_pages_tell_how_far_the_only_operation_is(app: Flask, owner_client: FormClient) -> None:
    """What others took for such steps is asked together with what the rock-on itself took."""
    operations.submit_operation(mark_installed(add_rockon("Notes")), blank_request(Kind.STOP), "ada")
    assert owner_client.get("/operations").status_code == 200
