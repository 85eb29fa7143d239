"""Permissions of an instance's files: files 0600, folders 0700. Others are fixed and logged at each start.

Only known file names in a folder with an instance's key are changed, as ROCKONWEB_INSTANCE may be another folder by
mistake. The shares, which may be inside, belong to the apps.
"""

from __future__ import annotations

import logging
import os
import pwd
import stat
from collections.abc import Iterator
from pathlib import Path

from rockonweb.config import Config, make_private_folder
from rockonweb.core.errors import BadInput, RockonwebError

UMASK = 0o077
_CHOOSE_ANOTHER = "Is its disk read-only or full? Name a folder that you may write to by ROCKONWEB_INSTANCE."
PRIVATE_FILES = (".env", "secret.key*", "setup-code*", "rockonweb.db*", "before-*", "*.lock", "failing-roles*")
PRIVATE_FOLDERS = ("icons", "locks", "redis", "tls")
GROUP_AND_OTHERS = 0o077  # permission bits of group and others


def restrict_umask() -> None:
    """Create files and folders accessible to their owner only from now on; to be called first in a program."""
    os.umask(UMASK)


def create_folder(settings: Config) -> None:
    """Create the instance's folder unless it exists. Raises BadInput where that, or writing to it, is not possible."""
    folder = settings.instance
    try:
        make_private_folder(folder)
    except OSError as error:
        raise BadInput(f"The folder {folder} can't be created: {error.strerror}.", _CHOOSE_ANOTHER) from None
    refuse_unusable(settings)


def refuse_unusable(settings: Config) -> None:
    """Raise BadInput where the instance's folder exists and this user can't write to it."""
    folder = settings.instance
    if not os.path.isdir(folder) or os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return
    owner, user = folder.stat().st_uid, os.geteuid()
    if owner != user and user != 0:
        name = user_name(owner)
        raise BadInput(
            f"The instance {folder} belongs to {name}, and you are {user_name(user)}.",
            f"Run this as that user: sudo -u {name} … Or name a folder of your own by ROCKONWEB_INSTANCE.",
        )
    raise BadInput(f"The instance {folder} can't be written to.", _CHOOSE_ANOTHER)


def user_name(uid: int) -> str:
    """Return the name of a user, or the number where it has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def fix_permissions(settings: Config) -> list[str]:
    """Remove the permissions of group and others from an instance's files; return and log the paths that had any.

    Raises RockonwebError for one that stays accessible to others.
    """
    fixed = []
    for path in _instance_paths(settings):
        try:
            status = path.lstat()
        except OSError:  # removed in the meantime, such as SQLite's journals
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
    """Return the path of the database if it is SQLite."""
    from sqlalchemy.engine import make_url  # slow, and every program imports this module
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(settings.database_url)
    except ArgumentError:
        return None
    return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
