"""Rows that can't be read: stored values of a database are replaced by what nobody wrote."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any

from flask import Flask
from sqlalchemy import Column, DateTime, String, Table

from rockonweb.models.base import EncryptedText, make_cipher
from rockonweb.web import fragment_cache
from tests.support.database import engine_of

TEXTS = ("{broken", "[5]", '{"a": 5}', '{"template": 5, "values": 3}')
# What is looked up by its very text: another text in its place is another row, not a spoilt one.
KEYS = {"hash", "password_hash", "name", "uid", "key", "url"}


def parsed_columns(table: Table) -> Iterator[list[Column[Any]]]:
    """Each column that the code parses alone, then together all texts that it takes as they are."""
    own = [column for column in table.columns if type(column.type).__module__.startswith("rockonweb")]
    yield from ([column] for column in own)
    texts = [
        column
        for column in table.columns
        if isinstance(column.type, String) and column.name not in KEYS and not column.primary_key
    ]
    if texts:
        yield texts


def spoiling_values(app: Flask, column: Column[Any], texts: Sequence[str]) -> Iterator[str]:
    """What a column's value is replaced by."""
    if isinstance(column.type, EncryptedText):
        cipher = make_cipher(str(app.secret_key))
        yield from ("no ciphertext", *(cipher.encrypt(text.encode()).decode() for text in texts))
    elif isinstance(getattr(column.type, "impl", None), DateTime):
        yield "yesterday"
    else:
        yield from texts


@contextmanager
def spoilt_row(app: Flask, columns: Sequence[Column[Any]], value: str) -> Iterator[bool]:
    """Have a value in columns of the first row that has something there; yields whether there is a row at all."""
    table, names = columns[0].table.name, [column.name for column in columns]
    wanted, assigned = ", ".join(f'"{name}"' for name in names), ", ".join(f'"{name}" = ?' for name in names)
    statement = f'UPDATE "{table}" SET {assigned} WHERE rowid = ?'
    with closing(sqlite3.connect(str(engine_of(app).url.database), isolation_level=None)) as connection:
        rows = connection.execute(f'SELECT rowid, {wanted} FROM "{table}" ORDER BY rowid').fetchall()
        if not rows:
            yield False
            return
        row, *former = next((row for row in rows if any(row[1:])), rows[0])
        connection.execute(statement, (*[value] * len(names), row))
        fragment_cache._fragments.clear()
        try:
            yield True
        finally:
            connection.execute(statement, (*former, row))
