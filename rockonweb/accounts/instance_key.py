"""The instance's key and what it encrypts: it is created for a new database only, and has to fit the database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import Column, func, inspect, select, text
from sqlalchemy.exc import DBAPIError

from rockonweb import config
from rockonweb.config import Config, KeyUnusable, current_config
from rockonweb.core.text import t
from rockonweb.models.address import open_read_only, parse_database_url
from rockonweb.models.base import Base, EncryptedText, db, make_cipher, transaction
from rockonweb.models.operation import Operation
from rockonweb.models.user import User


def load_key(settings: Config) -> str:
    """Return the instance's key, created for a new instance. Raises KeyUnusable where it is missing and the database is
    in use, or where it is damaged.
    """
    if not settings.key_file.exists() and not _is_database_used(settings):
        config.create_secret_key(settings)
    return config.secret_key(settings)


def verify_key() -> None:
    """Raise KeyUnusable where the key decrypts nothing of what was stored last."""
    settings = current_config()
    cipher = make_cipher(config.secret_key(settings))
    newest = (db.session.scalar(text(_newest_value(column))) for column in encrypted_columns())
    fits = (_can_decrypt(cipher, ciphertext) for ciphertext in newest if ciphertext is not None)
    is_wrong = not next(fits, True) and not any(fits)  # asks the database no longer than until one fits
    db.session.rollback()
    if is_wrong:
        path = settings.key_file
        raise KeyUnusable(t("The key of this instance, %(path)s, is not the one of its database.", path=path))


def _newest_value(column: Column[Any]) -> str:
    """Return the SQL for what was stored last. As text, since composing it takes longer than the answer."""
    name = f'"{column.name}"'
    return f'SELECT {name} FROM "{column.table.name}" WHERE {name} IS NOT NULL ORDER BY id DESC LIMIT 1'  # noqa: S608


def _can_decrypt(cipher: Fernet, ciphertext: str) -> bool:
    try:
        cipher.decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True


def forget_secrets() -> dict[str, int]:
    """Remove everything that a lost key encrypted; return the number of values or rows by table.

    Answers and second factors are blanked; drafts, uploaded backups, rollback points, added metastores, logins for
    registries and targets of notifications are nothing without their secret and are deleted. Operations stay, with a
    blank request.
    """
    forgotten: dict[str, int] = {}
    with transaction() as session:
        for column in encrypted_columns():
            table = column.table
            stored = column.is_not(None)
            number = session.scalar(select(func.count()).select_from(table).where(stored)) or 0
            if column.nullable:
                session.execute(table.update().where(stored).values({column: None}))
            elif table is Operation.__table__:
                session.execute(table.update().values({column: "{}"}))
                continue
            else:
                session.execute(table.delete())
            if number:
                forgotten[table.name] = forgotten.get(table.name, 0) + number
        session.execute(User.__table__.update().values(totp_since=None))  # type: ignore[attr-defined]
    return forgotten


def encrypted_columns() -> Iterator[Column[Any]]:
    """Yield the columns that the instance's key encrypts."""
    for table in Base.metadata.sorted_tables:
        yield from (column for column in table.columns if isinstance(column.type, EncryptedText))


def _is_database_used(settings: Config) -> bool:
    """Whether an SQLite database has an account, or has seen an operation; of a server's that is not asked here, where
    no connection may be opened: `verify_key` notices a new key.
    """
    url = parse_database_url(settings.database_url)
    if url.drivername != "sqlite" or not url.database or not Path(url.database).exists():
        return False
    engine = open_read_only(url)
    try:
        with engine.connect() as connection:
            tables = {*inspect(connection).get_table_names()} & {"user", "operation"}
            return any(connection.exec_driver_sql(f'SELECT 1 FROM "{table}" LIMIT 1').first() for table in tables)  # noqa: S608
    except DBAPIError:
        return True  # whatever it is, it is not a new database
    finally:
        engine.dispose()
