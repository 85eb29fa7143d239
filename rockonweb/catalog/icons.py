"""The pictures of rock-ons: kept in a folder of the instance, so that no page sends its reader to a stranger.

A file is named after the address that its picture came from; `FILE.failed` says that it could not be had.
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
from rockonweb.catalog.metastore import Unusable
from rockonweb.catalog.pictures import Picture, fetch, kind_of
from rockonweb.config import Settings, current_settings, fresh, make_private
from rockonweb.models import Installation, RockOn, db
from rockonweb.remote.http_client import side_by_side

DAY = 24 * 3600
KEPT = 30 * DAY  # then a picture is fetched anew; the old one stays when that fails
FAILED = 7 * DAY  # how long one that could not be had is left alone
THREADS = 8
REFRESH_SECONDS = 120
FAILED_SUFFIX = ".failed"
LOCK = "lock"
_NAME = re.compile(r"[0-9a-f]{32}(\.failed)?")


@dataclass(frozen=True)
class Outcome:
    """How many pictures a look brought, how many could not be had, and how many files were in the way."""

    fetched: int = 0
    failed: int = 0
    removed: int = 0


def folder(settings: Settings) -> Path:
    """Return where the pictures are; it may not be there yet."""
    return settings.instance / "icons"


def version(folder: Path, url: str) -> str:
    """Return what tells one picture of an address from the next, blank when none is kept."""
    if not url:
        return ""
    path = folder / _name(url)
    try:
        return f"{path.name[:8]}{path.stat().st_mtime_ns // 10**6:x}"
    except OSError:
        return ""


def version_of(app: Installation) -> str:
    """Return the same for the picture of an app. Needs an application context."""
    return version(folder(current_settings()), app.entry.icon)


def load(folder: Path, url: str) -> Picture | None:
    """Return the kept picture of an address."""
    try:
        body = (folder / _name(url)).read_bytes() if url else b""
    except OSError:
        return None
    kind = kind_of(body)
    return Picture(kind, body) if kind else None


def refresh() -> Outcome:
    """Fetch the pictures that are missing or old, and remove those that no rock-on has.

    Needs an application context. Raises nothing for what another machine does, and does nothing while another
    process is at it.
    """
    settings = current_settings()
    wanted = set(db.session.scalars(select(RockOn.icon).where(RockOn.icon != "")))
    homes = _homes(settings)
    db.session.rollback()  # nothing is held while others are asked
    here = folder(settings)
    make_private(here)
    with _alone(here) as alone:
        if not alone:
            return Outcome()
        removed = _remove_unwanted(here, {_name(url) for url in wanted})
        due = sorted(url for url in wanted if _due(here / _name(url)))
        until = time.monotonic() + REFRESH_SECONDS
        outcomes = list(side_by_side(partial(_fetch, here, homes), due, THREADS, until))
    return Outcome(sum(outcomes), len(outcomes) - sum(outcomes), removed)


def _homes(settings: Settings) -> list[str]:
    """Return the addresses of the metastores: what is on their machines may be asked for, wherever these are."""
    return [source.place for source in sources.listed(settings) if source.remote and source.place]


def _name(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()[:32]


def _due(path: Path) -> bool:
    failed = path.with_suffix(FAILED_SUFFIX)
    return _age(path) > KEPT and _age(failed) > FAILED


def _age(path: Path) -> float:
    try:
        return abs(time.time() - path.stat().st_mtime)  # one from the future is no younger than it says
    except OSError:
        return float("inf")


def _fetch(here: Path, homes: list[str], url: str) -> bool:
    """Fetch a picture and return whether it was had."""
    path = here / _name(url)
    failed = path.with_suffix(FAILED_SUFFIX)
    try:
        picture = fetch(url, homes)
    except Unusable as error:
        with suppress(OSError):
            failed.write_text(f"{url}\n{error}\n")
        return False
    try:
        with fresh(path, picture.body) as made:
            made.replace(path)
        failed.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _remove_unwanted(here: Path, wanted: set[str]) -> int:
    removed = 0
    for path in list(here.iterdir()):
        if path.name != LOCK and (not _NAME.fullmatch(path.name) or path.stem not in wanted):  # half a picture too
            with suppress(OSError):
                path.unlink()
                removed += 1
    return removed


@contextmanager
def _alone(here: Path) -> Iterator[bool]:
    """Hold the folder's lock, which ends with the process. Yields whether it was free."""
    with open(os.open(here / LOCK, os.O_RDWR | os.O_CREAT, 0o600), "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True
