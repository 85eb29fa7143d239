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

from rockonweb.config import Config
from rockonweb.core.errors import RockonwebError

UMASK = 0o077
PRIVATE_FILES = ("secret.key*", "setup-code*", "rockonweb.db*", "before-*", "*.lock")
PRIVATE_FOLDERS = ("icons", "locks", "redis", "tls")
GROUP_AND_OTHERS = 0o077  # what a group and everybody else may do


def restrict_umask() -> None:
    """Make what this process creates from now on its owner's alone; for the first line of a program."""
    os.umask(UMASK)


def fix_permissions(settings: Config) -> list[str]:
    """Take from group and others what they may do with an instance's files, and return and log the paths of those.

    Raises RockonwebError for one that stays open to others.
    """
    fixed = []
    for path in _instance_paths(settings):
        try:
            status = path.lstat()
        except OSError:  # gone meanwhile, as journals come and go
            continue
        if stat.S_ISLNK(status.st_mode) or not status.st_mode & GROUP_AND_OTHERS:
            continue
        mode = stat.S_IMODE(status.st_mode) & ~GROUP_AND_OTHERS
        try:
            path.chmod(mode, follow_symlinks=True)
            if path.stat().st_mode & GROUP_AND_OTHERS:
                raise OSError(0, "the file system keeps no permissions")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RockonwebError(
                f"Others may read {path}, and that can't be mended: {error.strerror}.",
                f"Run chmod go= {path} as its owner, or keep the instance on a file system that has permissions.",
            ) from None
        fixed.append(str(path))
        logging.getLogger(__name__).warning("%s was open to other users; it is its owner's alone now", path)
    return fixed


def _instance_paths(settings: Config) -> Iterator[Path]:
    instance = settings.instance
    if not (instance / "secret.key").is_file():
        return
    yield instance
    for pattern in PRIVATE_FILES:
        yield from sorted(instance.glob(pattern))
    for name in PRIVATE_FOLDERS:
        folder = instance / name
        if folder.is_dir() and not folder.is_symlink():
            yield folder
            yield from (
                Path(parent, name_below)
                for parent, subfolders, files in os.walk(folder)
                for name_below in (*subfolders, *files)
            )
    if database := _sqlite_path(settings):
        yield from sorted(database.parent.glob(f"{database.name}*") if database.parent != instance else ())


def _sqlite_path(settings: Config) -> Path | None:
    """Return the path of the database where it is a file."""
    from sqlalchemy.engine import make_url  # here: every program begins with this module
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
