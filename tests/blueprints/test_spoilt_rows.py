"""No single row of a table takes a page down: each value that is parsed is replaced by another, one at a time."""

import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import event

from rockonweb.models import Base, NoticeMessage, NoticeTarget, db, transaction
from tests.support.app import FormClient, new_visitor
from tests.support.database import engine_of
from tests.support.filled import list_addresses
from tests.support.scenes import fill_household, make_filled_app
from tests.support.spoiling import parsed_columns, spoiling_texts, spoilt_value

FOREIGN = ("/jobs", "/static", "/assets", "/logout", "/icons")
FINE = (200, 302, 303, 404, 409)


def fill_all(app: Flask) -> None:
    """A household, with a message that waits."""
    fill_household(app)
    with transaction() as session:
        target = db.session.query(NoticeTarget).first()
        session.add(NoticeMessage(target_id=target.id if target else 0, title="Title", body="Body"))


def pages_with(app: Flask, client: FormClient, table: str) -> list[str]:
    """The addresses that show something, and ask this table for it."""
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine_of(app), "before_cursor_execute", note)
    pages = []
    for path in sorted({path for path in list_addresses(app) if not path.startswith(FOREIGN)}):
        statements.clear()
        if client.get(path).status_code == 200 and re.search(rf"\b{table}\b", " ".join(statements)):
            pages.append(path)
    event.remove(engine_of(app), "before_cursor_execute", note)
    return pages


@pytest.mark.waits
@pytest.mark.parametrize("table", [table.name for table in Base.metadata.sorted_tables])
def test_no_value_that_can_not_be_read_takes_a_page_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, tell: Callable[[str], None]
) -> None:
    app = make_filled_app(tmp_path, monkeypatch, fill_all)
    client = new_visitor(app).log_in("ada")
    monkeypatch.setattr(app, "testing", False)
    pages = pages_with(app, client, table)
    logging.disable(logging.CRITICAL)
    failed, count = [], 0
    try:
        for column in parsed_columns():
            for value in spoiling_texts(app, column) if column.table.name == table else ():
                with spoilt_value(app, column, value) as is_spoilt:
                    for path in pages if is_spoilt else ():
                        count += 1
                        if (status := client.get(path).status_code) not in FINE:
                            failed.append(f"{column} = {value[:20]}: {status} {path}")
    finally:
        logging.disable(logging.NOTSET)
    tell(f"{table}: {count} pages looked at with a spoilt row")
    assert failed == []
