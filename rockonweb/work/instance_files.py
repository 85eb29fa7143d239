"""What an instance keeps is its owner's alone: files 0600, folders 0700. Looser ones are mended at the start, and told.

Only what has one of our names is touched, in a folder that holds an instance's key: somebody may have named a folder
of other things by mistake. The shares, which may lie inside, belong to the apps.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from rockonweb.config import Settings
from rockonweb.core.errors import RockonwebError

UMASK = 0o077
FILES = ("secret.key*", "setup-code*", "rockonweb.db*", "before-*", "*.lock")
FOLDERS = ("icons", "locks", "redis", "tls")
OTHERS = 0o077  # what a group and everybody else may do


def begin() -> None:
    """Make what this process creates from now on its owner's alone; for the first line of a program."""
    os.umask(UMASK)


def mend(settings: Settings) -> list[str]:
    """Take from group and others what they may do with an instance's files, and return and log the paths of those.

    Raises RockonwebError for one that stays open to others.
    """
    mended = []
    for path in _ours(settings):
        try:
            about = path.lstat()
        except OSError:  # gone meanwhile, as journals come and go
            continue
        if stat.S_ISLNK(about.st_mode) or not about.st_mode & OTHERS:
            continue
        wanted = stat.S_IMODE(about.st_mode) & ~OTHERS
        try:
            path.chmod(wanted, follow_symlinks=True)
            if path.stat().st_mode & OTHERS:
                raise OSError(0, "the file system keeps no permissions")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RockonwebError(
                f"Others may read {path}, and that can't be mended: {error.strerror}.",
                f"Run chmod go= {path} as its owner, or keep the instance on a file system that has permissions.",
            ) from None
        mended.append(str(path))
        logging.getLogger(__name__).warning("%s was open to other users; it is its owner's alone now", path)
    return mended


def _ours(settings: Settings) -> Iterator[Path]:
    instance = settings.instance
    if not (instance / "secret.key").is_file():
        return
    yield instance
    for pattern in FILES:
        yield from sorted(instance.glob(pattern))
    for name in FOLDERS:
        folder = instance / name
        if folder.is_dir() and not folder.is_symlink():
            yield folder
            yield from (Path(here, one) for here, below, files in os.walk(folder) for one in (*below, *files))
    if database := _sqlite(settings):
        yield from sorted(database.parent.glob(f"{database.name}*") if database.parent != instance else ())


def _sqlite(settings: Settings) -> Path | None:
    """Return the path of the database where it is a file."""
    from sqlalchemy.engine import make_url  # here: every program begins with this module
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
