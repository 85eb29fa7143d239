"""Rows that can't be read: one stored value of a database after another is replaced by what nobody wrote."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

from flask import Flask
from sqlalchemy import Column, DateTime, String

from rockonweb.models import Base
from rockonweb.models.base import EncryptedText, make_cipher
from rockonweb.web import fragment_cache
from tests.support.database import engine_of

TEXTS = ("{broken", "[5]", '{"a": 5}', '{"template": 5, "values": 3}')
# What is looked up by its very text, or shown as it is: another text in its place is another row, not a spoilt one.
PLAIN = {"hash", "password_hash", "name", "uid", "key", "url", "docker_name"}


@dataclass(frozen=True)
class Spoilt:
    """A value that was replaced: the first one of a column."""

    table: str
    column: str
    value: str

    def __str__(self) -> str:
        return f"{self.table}.{self.column} = {self.value[:30]}"


def parsed_columns() -> Iterator[Column[Any]]:
    """Every column whose text means something to the code: types of one's own, dates, and texts that name or contain
    something.
    """
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            implementation = getattr(column.type, "impl", column.type)
            is_parsed = column.type.__class__.__module__.startswith("rockonweb") or isinstance(implementation, String)
            if is_parsed and column.name not in PLAIN and not column.primary_key:
                yield column


def spoiling_texts(app: Flask, column: Column[Any]) -> Iterator[str]:
    """What a column's value is replaced by."""
    if isinstance(column.type, EncryptedText):
        cipher = make_cipher(str(app.secret_key))
        yield "no ciphertext"
        yield from (cipher.encrypt(text.encode()).decode() for text in TEXTS)
    elif isinstance(getattr(column.type, "impl", None), DateTime):
        yield "yesterday"
    else:
        yield from TEXTS


@contextmanager
def spoilt_value(app: Flask, column: Column[Any], value: str) -> Iterator[bool]:
    """Have a value in place of a column's first one that is not blank; yields whether there is one."""
    table = column.table.name
    with closing(sqlite3.connect(str(engine_of(app).url.database), isolation_level=None)) as connection:
        rows = connection.execute(f'SELECT rowid, "{column.name}" FROM "{table}" ORDER BY rowid').fetchall()
        row, former = next((row for row in rows if row[1] not in (None, "")), rows[0] if rows else (None, None))
        statement = f'UPDATE "{table}" SET "{column.name}" = ? WHERE rowid = ?'
        try:
            connection.execute(statement, (value, row))
            fragment_cache._fragments.clear()
            yield row is not None
        finally:
            connection.execute(statement, (former, row))
