"""Copies of the database made before a migration: the only way to return to an older version."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL

from rockonweb.config import temporary_file
from rockonweb.core.errors import DiskFull, RockonwebError

MAX_COPIES = 3
FREE_MARGIN = 16 * 2**20  # bytes that must stay free after the copy
COPY_PATTERN = "before-*-*T*.*"
DUMP_SECONDS = 15 * 60
logger = logging.getLogger(__name__)


def create_copy(url: URL, folder: Path, revision: str, moment: datetime) -> Path | None:
    """Copy the database into `folder`, before it is migrated to `revision`, and delete the oldest copies.

    Returns the copy; None where there is no SQLite file yet, or pg_dump is missing or failed.
    Raises DiskFull, without writing, where there is too little free space, RockonwebError for other errors.
    """
    name = f"before-{revision}-{moment:%Y%m%dT%H%M%S}"
    if url.drivername == "sqlite":
        source = Path(url.database or "")
        if not url.database or not source.is_file() or not source.stat().st_size:
            return None
        copy = folder / f"{name}.db"
        _copy_sqlite(source, copy)
    else:
        copy = folder / f"{name}.dump"
        if not _dump_postgresql(url, copy):
            return None
    for outdated in list_copies(folder)[:-MAX_COPIES]:
        outdated.unlink(missing_ok=True)
    return copy


def list_copies(folder: Path) -> list[Path]:
    """Return the existing copies, oldest first."""
    copies = [path for path in folder.glob(COPY_PATTERN) if path.suffix in (".db", ".dump")]
    return sorted(copies, key=lambda path: path.stem.rpartition("-")[2])


def restore_instructions(url: URL, copy: Path | None) -> str:
    """Return instructions to restore a copy."""
    if copy is None:
        return "No copy of it was made."
    if url.drivername == "sqlite":
        return (
            f"A copy from before is {copy}. To put it back: stop Rockonweb, delete {url.database}-wal and "
            f"{url.database}-shm, and copy it to {url.database}."
        )
    return (
        f"A dump from before is {copy}. To put it back: stop Rockonweb, and run pg_restore --clean --if-exists "
        f"--dbname={url.database} {copy}"
    )


def _copy_sqlite(source: Path, copy: Path) -> None:
    """Copy a database that may be in use, including its WAL."""
    size = sum(path.stat().st_size for path in (source, Path(f"{source}-wal")) if path.exists())
    free = _free_bytes(copy.parent)
    if free < size + FREE_MARGIN:
        raise _disk_full_error(copy.parent, size + FREE_MARGIN, free)
    try:
        with (
            _atomic_private_file(copy) as partial,
            closing(sqlite3.connect(source)) as source_database,
            closing(_open_partial_copy(partial)) as copied_database,
        ):
            source_database.backup(copied_database)
    except (OSError, sqlite3.Error) as error:
        if "full" in str(error) or "No space" in str(error):
            raise _disk_full_error(copy.parent, size + FREE_MARGIN, _free_bytes(copy.parent)) from None
        raise RockonwebError(
            f"The database can't be copied before its schema changes: {error}.",
            "Nothing was changed. Check the folder of the instance, then start again.",
        ) from None


def _free_bytes(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return 0


def _open_partial_copy(path: Path) -> sqlite3.Connection:
    """Open a copy to be written, without a journal file."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=OFF")
    return connection


def _dump_postgresql(url: URL, copy: Path) -> bool:
    """Run pg_dump and return whether it succeeded. The password is passed in its environment."""
    program = shutil.which("pg_dump")
    if program is None:
        logger.warning("No copy of the database is kept: pg_dump is not installed here. Dumps are yours to make.")
        return False
    environ = {
        "PGHOST": url.host or str(url.query.get("host") or ""),
        "PGPORT": str(url.port or ""),
        "PGUSER": url.username or "",
        "PGPASSWORD": str(url.password or ""),
        "PGDATABASE": url.database or "",
    }
    try:
        with _atomic_private_file(copy) as partial:
            subprocess.run(  # noqa: S603
                [program, "--format=custom", "--no-password", f"--file={partial}"],
                env={**os.environ, **{key: value for key, value in environ.items() if value}},
                capture_output=True,
                text=True,
                timeout=DUMP_SECONDS,
                check=True,
            )
    except (OSError, subprocess.SubprocessError) as error:
        message = " ".join(str(getattr(error, "stderr", None) or error).split())
        logger.warning("No copy of the database is kept, because pg_dump failed: %s", message)
        return False
    return True


@contextmanager
def _atomic_private_file(copy: Path) -> Iterator[Path]:
    """Yield a temporary file with mode 0600 that is renamed to `copy` on success and deleted on failure."""
    with temporary_file(copy, b"") as partial:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(copy)


def _disk_full_error(folder: Path, needed: int, free: int) -> DiskFull:
    return DiskFull(
        f"There is no room in {folder} for a copy of the database, without which its schema is not changed: "
        f"{_format_megabytes(needed)} are needed and {_format_megabytes(free)} are free.",
        "Make room there and start again; nothing was changed.",
    )


def _format_megabytes(size: int) -> str:
    return f"{size / 10**6:.0f} MB"
