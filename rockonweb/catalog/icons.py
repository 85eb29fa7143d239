"""Icons of rock-ons: cached in a folder of the instance, so that pages load nothing from third parties.

A file is named by the hash of its icon's URL; `FILE.failed` marks a URL that could not be fetched.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import select

from rockonweb.catalog import sources
from rockonweb.catalog.metastore import UnusableFile
from rockonweb.catalog.pictures import Picture, fetch_picture, picture_type
from rockonweb.config import Config, current_config, make_private_folder, temporary_file
from rockonweb.models import Installation, RockOn, db
from rockonweb.remote.http_client import fetch_concurrently

DAY = 24 * 3600
MAX_AGE = 30 * DAY  # then an icon is fetched again; the old one stays when that fails
RETRY_AGE = 7 * DAY  # how long a failed one is not retried
THREADS = 8
REFRESH_SECONDS = 120
FAILED_SUFFIX = ".failed"
LOCK_FILE = "lock"
_NAME = re.compile(r"[0-9a-f]{32}(\.failed)?")


@dataclass(frozen=True)
class IconRefresh:
    """How many icons were fetched, how many failed, and how many unused files were removed."""

    fetched: int = 0
    failed: int = 0
    removed: int = 0


def icons_folder(settings: Config) -> Path:
    """Return the folder of the icons, which may not exist yet."""
    return settings.instance / "icons"


def icon_version(folder: Path, url: str) -> str:
    """Return a version of the stored icon of a URL, blank when none is stored."""
    if not url:
        return ""
    path = folder / _file_name(url)
    try:
        return f"{path.name[:8]}{path.stat().st_mtime_ns // 10**6:x}"
    except OSError:
        return ""


def app_icon_version(app: Installation) -> str:
    """Return the version of an app's icon, as `icon_version`. Needs an application context."""
    return icon_version(icons_folder(current_config()), app.entry.icon)


def load_icon(folder: Path, url: str) -> Picture | None:
    """Return the stored icon of a URL; None where there is none."""
    try:
        body = (folder / _file_name(url)).read_bytes() if url else b""
    except OSError:
        return None
    kind = picture_type(body)
    return Picture(kind, body) if kind else None


def refresh_icons() -> IconRefresh:
    """Fetch missing and old icons, and remove those that no rock-on uses.

    Needs an application context. Errors of other machines are not raised. Does nothing while another process is
    refreshing.
    """
    settings = current_config()
    urls = set(db.session.scalars(select(RockOn.icon).where(RockOn.icon != "")))
    homes = _metastore_addresses(settings)
    db.session.rollback()  # no transaction is open during requests
    directory = icons_folder(settings)
    make_private_folder(directory)
    with _lock_folder(directory) as acquired:
        if not acquired:
            return IconRefresh()
        removed = _remove_unwanted(directory, {_file_name(url) for url in urls})
        due = sorted(url for url in urls if _is_due(directory / _file_name(url)))
        until = time.monotonic() + REFRESH_SECONDS
        outcomes = list(fetch_concurrently(partial(_fetch_icon, directory, homes), due, THREADS, until))
    return IconRefresh(sum(outcomes), len(outcomes) - sum(outcomes), removed)


def _metastore_addresses(settings: Config) -> list[str]:
    """Return the URLs of remote metastores: icons may be fetched from their hosts, even from private addresses."""
    return [source.place for source in sources.list_sources(settings) if source.remote and source.place]


def _file_name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _is_due(path: Path) -> bool:
    failed = path.with_suffix(FAILED_SUFFIX)
    return _file_age(path) > MAX_AGE and _file_age(failed) > RETRY_AGE


def _file_age(path: Path) -> float:
    try:
        return abs(time.time() - path.stat().st_mtime)  # after a change of the clock it may be in the future
    except OSError:
        return float("inf")


def _fetch_icon(directory: Path, homes: list[str], url: str) -> bool:
    """Fetch and store an icon; return whether that worked."""
    path = directory / _file_name(url)
    failed = path.with_suffix(FAILED_SUFFIX)
    try:
        picture = fetch_picture(url, homes)
    except UnusableFile as error:
        with suppress(OSError):
            failed.write_text(f"{url}\n{error}\n")
        return False
    try:
        with temporary_file(path, picture.body) as temporary:
            temporary.replace(path)
        failed.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _remove_unwanted(directory: Path, names: set[str]) -> int:
    removed = 0
    for path in list(directory.iterdir()):
        if path.name != LOCK_FILE and (not _NAME.fullmatch(path.name) or path.stem not in names):  # temporary files too
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _lock_folder(directory: Path) -> Iterator[bool]:
    """Hold the folder's lock, which the kernel releases when the process ends. Yields whether it was free."""
    with open(os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
