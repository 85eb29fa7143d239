"""Finds the rows of the database with a value that can't be read, and names them without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from cryptography.fernet import InvalidToken
from sqlalchemy import Column, Text, inspect, select, type_coerce
from sqlalchemy.orm import Session

from rockonweb.core.answers.answers import Answers
from rockonweb.core.definition.parser import definition_from_source
from rockonweb.core.packed import unpack
from rockonweb.models import Base
from rockonweb.models.base import UNREADABLE_ERRORS, EncryptedText, StoredType, make_cipher
from rockonweb.models.draft import PendingData, WizardData
from rockonweb.models.metastore import StoredReport

Read = Callable[[Any], object]  # raises one of UNREADABLE_ERRORS


def find_unreadable_rows(session: Session, key: str) -> Iterator[str]:
    """Yield table, id and column of each value that can't be read, where `key` is the instance's: blank for none.

    A value that only the key does not fit is left out; see `_InstanceProbe.inspect_secrets`.
    """
    present = {*inspect(session.connection()).get_table_names()}
    for table in Base.metadata.sorted_tables:
        for column in table.columns if table.name in present else ():
            if read := _reader(column, session, key):
                (row_key,) = table.primary_key.columns
                for row, value in session.execute(
                    select(row_key, type_coerce(column, Text)).where(column.is_not(None))
                ):
                    if not _is_readable(read, value):
                        yield f"{table.name} {row} ({column.name})"


def _reader(column: Column[Any], session: Session, key: str) -> Read | None:
    """Return the function that reads a column's stored values; None for one that is not parsed."""
    read_content = CONTENTS.get(f"{column.table.name}.{column.name}")
    if isinstance(column.type, EncryptedText):
        return _decrypting(key, read_content) if key and read_content else None
    dialect = session.get_bind().dialect
    type_here = column.type.dialect_impl(dialect)
    return type_here.strict_processor(dialect) if isinstance(type_here, StoredType) else read_content


def _decrypting(key: str, read: Read) -> Read:
    cipher = make_cipher(key)

    def read_encrypted(value: str) -> object:
        try:
            text = cipher.decrypt(value.encode()).decode()
        except InvalidToken:
            return None
        return read(text)

    return read_encrypted


def _is_readable(read: Read, value: Any) -> bool:
    try:
        read(value)
    except UNREADABLE_ERRORS:
        return False
    return True


def _read_definition(source: str) -> None:
    if why := definition_from_source("", source).unreadable:
        raise ValueError(why)


# What texts contain; that of operations depends on their kind, and fails with a sentence when it is needed.
CONTENTS: dict[str, Read] = {
    "rockon.source": _read_definition,
    "installation.installed_source": _read_definition,
    "installation.last_source": _read_definition,
    "rollback_point.definition": _read_definition,
    "rollback_point.answers": lambda text: unpack(Answers, text),
    "draft.content": lambda text: unpack(WizardData | PendingData, text),
    "notice_target.address": lambda text: unpack(dict[str, str], text),
    "refresh_report.content": lambda text: unpack(StoredReport, text),
}
