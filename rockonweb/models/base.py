"""The database: the declarative base, write transactions, column types, and errors of drivers."""

from __future__ import annotations

import base64
import enum
import hashlib
import logging
import re
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

from cryptography.fernet import Fernet, InvalidToken
from flask import Flask, current_app
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, BigInteger, DateTime, Enum, MetaData, Text, event
from sqlalchemy.engine.interfaces import Dialect
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, declared_attr, mapped_column
from sqlalchemy.types import TypeDecorator

from rockonweb.core.errors import DatabaseOutdated, DatabaseUnusable, DiskFull
from rockonweb.core.packed import UnreadableText, check_type, pack, unpack
from rockonweb.core.text import from_stored, t, to_stored
from rockonweb.models.address import decode_text

# Names for constraints, so that migrations can drop them on SQLite too.
NAMING_CONVENTION = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
WRITER_LOCK = 0x726F636B  # key of PostgreSQL's advisory lock for writers
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
UNREADABLE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, RecursionError, InvalidToken)
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
V = TypeVar("V")
E = TypeVar("E", bound=enum.Enum)
logger = logging.getLogger(__name__)
_in_transaction: ContextVar[bool] = ContextVar("writing", default=False)
_durable: ContextVar[bool] = ContextVar("durable", default=True)


class Base(DeclarativeBase):
    """Base of all models. A table is named after its class in snake case: `operation_step`."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)

    @declared_attr.directive
    def __tablename__(cls) -> str:  # noqa: N805
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class NumberedBase(Base):
    """Base of models with an integer primary key."""

    __abstract__ = True

    id: Mapped[int] = mapped_column(primary_key=True)


db = SQLAlchemy(metadata=Base.metadata)


def new_uid() -> str:
    """Return a random id, for what is known outside of the database: a number is used again after an older copy of it
    was put back.
    """
    return secrets.token_hex(8)


def utc_now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


@contextmanager
def transaction(*, durable: bool = True) -> Iterator[Session]:
    """Run a write transaction: commit at its end, roll back on an error. A nested one joins the outer one.

    Write transactions are serialized: on SQLite by BEGIN IMMEDIATE, on PostgreSQL by an advisory lock. So what one
    reads can't change before it writes; otherwise updates would be lost or fail halfway. Objects loaded before are
    expired and loaded again in it.

    What it wrote is on the disk when it ends, also if the power fails then. Without `durable`, on SQLite, only when a
    later one ends: for what can be observed again, such as the state of containers or the progress of a pull.
    """
    if _in_transaction.get():
        yield db.session()
        return
    session = db.session()
    session.rollback()
    token, durable_token = _in_transaction.set(True), _durable.set(durable)
    try:
        yield session
        session.commit()
    except BaseException:
        session.rollback()
        raise
    finally:
        _in_transaction.reset(token)
        _durable.reset(durable_token)


def configure_engine(app: Flask) -> None:
    """Set up the engine of `app`: SQLite's pragmas, and how transactions begin. Opens no connection."""
    with app.app_context():
        engine = db.engine
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", _on_begin)
    else:
        event.listen(engine, "begin", _on_postgresql_begin)
        event.listen(engine, "before_cursor_execute", _strip_nul, retval=True)
        # Named by the tables, this option would load PostgreSQL's dialect everywhere.
        for index in (index for table in db.metadata.tables.values() for index in table.indexes):
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver shall not begin transactions itself
    connection.text_factory = decode_text
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=15000"):
        connection.execute(f"PRAGMA {pragma}")


def _on_begin(connection: Any) -> None:
    if _in_transaction.get():  # SQLite allows this change between transactions only
        connection.exec_driver_sql(f"PRAGMA synchronous={'FULL' if _durable.get() else 'NORMAL'}")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if _in_transaction.get() else "BEGIN")


def _on_postgresql_begin(connection: Any) -> None:
    """Serialize writers, as on SQLite; readers see one snapshot and can't write."""
    if _in_transaction.get():
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITER_LOCK})")
    else:
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")


def _strip_nul(
    _connection: object, _cursor: object, statement: str, parameters: Any, _context: object, _many: bool
) -> tuple[str, Any]:
    """Replace NUL, which PostgreSQL can't store in text; an app's log or a fetched file may contain it."""
    if isinstance(parameters, Mapping):
        return statement, _replace_nul(parameters)
    return statement, [_replace_nul(row) if isinstance(row, Mapping) else row for row in parameters or ()]


def _replace_nul(values: Mapping[str, Any]) -> Mapping[str, Any]:
    texts = {key: value for key, value in values.items() if isinstance(value, str) and "\0" in value}
    return {**values, **{key: value.replace("\0", REPLACEMENT) for key, value in texts.items()}} if texts else values


@event.listens_for(Session, "before_flush")
def _refuse_untracked_writes(session: Session, _context: object, _instances: object) -> None:
    """Raise for a write outside `transaction`, which is a bug: a GET only reads."""
    if not _in_transaction.get():
        raise RuntimeError("rows were changed outside writing()")


class StoredType(TypeDecorator[V]):
    """Base of the types of columns that are parsed when they are read.

    A value that can't be read becomes what `unreadable_value` says, so that no single row takes down every page that
    lists it. `rockonweb doctor` names such rows; the log only says that there are some.
    """

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], V | None] | None:
        """Return a function from the stored value to the value of the attribute; it raises no error."""
        read = self.strict_processor(dialect, coltype)

        def read_or_default(stored: Any) -> V | None:
            try:
                return read(stored)
            except UNREADABLE_ERRORS:
                _log_unreadable(type(self).__name__, hash(str(stored)))
                return self.unreadable_value(stored)

        return read_or_default

    def strict_processor(self, dialect: Dialect, coltype: object = None) -> Callable[[Any], V | None]:
        """Return a function from the stored value to that of the attribute. It raises one of UNREADABLE_ERRORS."""
        return super().result_processor(dialect, coltype) or (lambda stored: stored)

    def unreadable_value(self, stored: Any) -> V | None:
        """Return what stands in for a stored value that can't be read."""
        return None


@lru_cache(1_000)
def _log_unreadable(kind: str, _value: int) -> None:
    """Log once for each value that one can't be read."""
    logger.warning("a stored value (%s) can't be read: `rockonweb doctor` names its row", kind)


class StoredEnum(StoredType[E]):
    """A member of an enum, stored by its name; `unreadable` stands in for an unknown name."""

    impl = Enum
    cache_ok = True

    def __init__(self, kind: type[E], length: int, unreadable: E) -> None:
        super().__init__(kind, native_enum=False, length=length)
        self.kind, self.length, self.unreadable = kind, length, unreadable

    def unreadable_value(self, stored: Any) -> E:
        """Return the member for unknown names."""
        return self.unreadable


def encrypt_text(text: str) -> str:
    """Return a text encrypted with the instance's key."""
    return _get_fernet().encrypt(text.encode()).decode()


def decrypt_text(text: str) -> str:
    """Return the text that `encrypt_text` encrypted; blank for anything else."""
    try:
        return _get_fernet().decrypt(text.encode()).decode()
    except InvalidToken:
        return ""


class EncryptedText(StoredType[str]):
    """Text that is stored encrypted with the instance's key; `UnreadableText` where the key does not match."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Encrypt the text; one that could not be read is left as it is."""
        if isinstance(value, UnreadableText):
            return value.stored
        return None if value is None else encrypt_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Decrypt the text."""
        return None if value is None else _get_fernet().decrypt(value.encode()).decode()

    def unreadable_value(self, stored: Any) -> str:
        """Return a blank text that is known as unreadable."""
        return UnreadableText(str(stored))


class TranslatableString(TypeDecorator[str]):
    """A sentence; a `TranslatableText` is stored as template and values, to be translated for each user."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Store template and values."""
        return None if value is None else to_stored(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> str | None:
        """Return the sentence."""
        return None if value is None else from_stored(value)


class PackedJSON(StoredType[Any]):
    """A value of the type `kind`, such as a dataclass, stored as JSON by `pack` and `unpack`.

    `unreadable` returns what stands in for anything else.
    """

    impl = Text
    cache_ok = True

    def __init__(self, kind: Any, unreadable: Callable[[], Any]) -> None:
        super().__init__()
        self.kind, self.unreadable = kind, unreadable

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        """Return the value as JSON."""
        return None if value is None else pack(self.kind, value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        """Return the value of JSON."""
        return None if value is None else unpack(self.kind, value)

    def unreadable_value(self, stored: Any) -> Any:
        """Return what stands in for it."""
        return self.unreadable()


class TypedJSON(StoredType[Any]):
    """JSON of the type `kind`, in a column of the database's own JSON; `unreadable` as for `PackedJSON`."""

    impl = JSON
    cache_ok = True

    def __init__(self, kind: Any, unreadable: Callable[[], Any], *, none_as_null: bool = False) -> None:
        super().__init__(none_as_null=none_as_null)
        self.kind, self.unreadable, self.none_as_null = kind, unreadable, none_as_null

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Return the value, of the right type."""
        return None if value is None else check_type(self.kind, value)

    def unreadable_value(self, stored: Any) -> Any:
        """Return what stands in for it."""
        return self.unreadable()


class UTCDateTime(StoredType[datetime]):
    """A time in UTC; SQLite does not store time zones. One that can't be read is long ago: what it limits has ended."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the time zone where the database has none."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value

    def unreadable_value(self, stored: Any) -> datetime:
        """Return the beginning of 1970."""
        return LONG_AGO


class StoredNumber(StoredType[int]):
    """A whole number; SQLite stores anything in such a column. What is none is None: unknown."""

    impl = BigInteger
    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> int | None:
        """Return the number."""
        return None if value is None else int(value)


def _get_fernet() -> Fernet:
    fernet = current_app.extensions.get("fernet")
    if fernet is None:
        fernet = current_app.extensions["fernet"] = make_cipher(str(current_app.secret_key))
    return cast(Fernet, fernet)


def make_cipher(key: str) -> Fernet:
    """Return the cipher for secrets at rest, derived from the instance's key."""
    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"secrets at rest " + key.encode()).digest()))


def wrap_database_error(error: DBAPIError) -> DatabaseUnusable | DatabaseOutdated | DiskFull:
    """Return the error with a sentence and hint for an error of the database's driver."""
    message = str(error.orig).lower()
    state = getattr(error.orig, "sqlstate", None) or ""  # PostgreSQL's
    if "locked" in message or "busy" in message or state == "55P03":
        return DatabaseUnusable(t("The database is busy."), t("Wait a moment and try again; nothing was changed."))
    if "database or disk is full" in message or "no space" in message or state == "53100":
        return DiskFull(t("The disk that holds the database is full."), t("Free up space there, then try again."))
    if "no such table" in message or "no such column" in message or state in ("42P01", "42703"):
        return DatabaseOutdated(
            t("The database is older than this version of Rockonweb."), t("Start Rockonweb with `rockonweb up`.")
        )
    if "readonly" in message:
        return DatabaseUnusable(
            t("The database can't be written: its file, folder or disk is read-only."),
            t("Check their permissions and the disk; it continues by itself."),
        )
    if hasattr(error.orig, "sqlstate"):
        return _wrap_postgresql_error(message, error)
    return DatabaseUnusable(
        t("The database can't be opened."), t("Check that its folder exists and that Rockonweb may write there.")
    )


def _wrap_postgresql_error(message: str, error: DBAPIError) -> DatabaseUnusable:
    if "authentication failed" in message or "no password supplied" in message or "pg_hba" in message:
        return DatabaseUnusable(
            t("The database server refuses the login."), t("Check the user and the password in DATABASE_URL.")
        )
    if 'database "' in message and "does not exist" in message:
        return DatabaseUnusable(
            t("The database server has no database with this name."),
            t("Create it with `createdb`, or correct DATABASE_URL."),
        )
    if "permission denied" in message:
        return DatabaseUnusable(
            t("The database server does not allow this for the user in DATABASE_URL."),
            t("The database and its tables must belong to that user."),
        )
    if not isinstance(error, OperationalError):
        return DatabaseUnusable(t("The database rejects the data to be written."), t("Nothing was changed."))
    return DatabaseUnusable(
        t("The database server does not answer."),
        t("Check that PostgreSQL is running and that DATABASE_URL points to it."),
    )
