"""The database's URL, and the options of engines for it."""

from __future__ import annotations

import sqlite3
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Engine, NullPool, create_engine, make_url
from sqlalchemy.exc import ArgumentError

from rockonweb.core.errors import BadInput

POSTGRESQL = "postgresql+psycopg"
SCHEME_ALIASES = ("postgres", "postgresql")  # schemes that other programs use
URL_EXAMPLES = "It must be sqlite:////a/folder/rockonweb.db or postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."
BUSY_SECONDS = 15  # how long a writer waits for another one
CONNECT_SECONDS = 5
# For SQLite's driver, which would refuse the whole result because of one text that is no UTF-8.
decode_text = partial(str, encoding="utf-8", errors="replace")
POOL_SIZE, POOL_OVERFLOW = 5, 35  # persistent connections of a process, and more at its peak


def parse_database_url(address: str) -> URL:
    """Parse DATABASE_URL. Raises BadInput, whose message contains no password."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        raise BadInput("DATABASE_URL can't be read.", URL_EXAMPLES) from None
    if url.drivername in SCHEME_ALIASES:
        url = url.set(drivername=POSTGRESQL)
    if url.drivername == "sqlite":
        return url
    if url.drivername != POSTGRESQL:
        raise BadInput(f'DATABASE_URL names "{url.drivername}", which is not supported.', URL_EXAMPLES)
    if find_spec("psycopg") is None:
        raise BadInput(
            "DATABASE_URL names a PostgreSQL server, and Python's package for it is not installed.",
            'Install it: .venv/bin/pip install "psycopg[binary]"',
        )
    return url


def engine_options(url: URL) -> dict[str, Any]:
    """Return the pooling and timeout options of `create_engine`; connections closed by the server are replaced."""
    if url.drivername != POSTGRESQL:
        return {}
    return {
        "pool_pre_ping": True,
        "pool_size": POOL_SIZE,
        "max_overflow": POOL_OVERFLOW,
        "connect_args": {
            "connect_timeout": CONNECT_SECONDS,
            "application_name": "rockonweb",
            "options": f"-c lock_timeout={BUSY_SECONDS}s -c timezone=UTC",
        },
    }


def open_read_only(url: URL) -> Engine:
    """Return a separate engine that writes nothing, not even SQLite's extra files, and does not pool connections."""
    if url.drivername == POSTGRESQL:
        return create_engine(
            url,
            poolclass=NullPool,
            connect_args={
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "rockonweb doctor",
                "options": "-c default_transaction_read_only=on -c statement_timeout=30s",
            },
        )
    path = Path(url.database or "").absolute()
    has_wal = Path(f"{path}-wal").exists()  # without a WAL no process has it open, so that it is immutable
    uri = f"file:{quote(str(path))}?{'mode=ro' if has_wal else 'mode=ro&immutable=1'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(uri, uri=True, timeout=5)
        connection.text_factory = decode_text
        return connection

    return create_engine("sqlite://", poolclass=NullPool, creator=connect)


def mask_password(address: str) -> str:
    """Return a URL with its password masked; blank where it is invalid."""
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        return ""
    secret_keys = {key for key in url.query if "pass" in key.lower()}
    return url.difference_update_query(secret_keys).render_as_string(hide_password=True)
