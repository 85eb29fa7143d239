"""Folders and files that an operation itself makes in shares; below their root no link is followed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Literal

from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import t
from rockonweb.host.shares import Shares


class ShareFiles:
    """Makes and removes SHARE/…/NAME: folders and files by their share paths."""

    def __init__(self, shares: Shares) -> None:
        self._shares = shares

    def exists(self, path: str) -> bool:
        """Whether there is anything of this name; where its folder can't be read, there is nothing."""
        with suppress(OSError), self._open_parent(path) as (folder, name):
            os.stat(name, dir_fd=folder, follow_symlinks=False)
            return True
        return False

    def create_folder(self, path: str, like: str) -> None:
        """Create a folder with owner and permissions of another one. Raises RockonwebError, also where it exists."""
        with (
            _translate_errors(path),
            self._shares.open_folder(like) as model,
            self._open_parent(path) as (folder, name),
        ):
            status = os.fstat(model)
            os.mkdir(name, 0o700, dir_fd=folder)
            with self._shares.open_folder(path) as created:
                os.fchown(created, status.st_uid, status.st_gid)
                os.fchmod(created, stat.S_IMODE(status.st_mode))

    @contextmanager
    def create_file(self, path: str) -> Iterator[IO[bytes]]:
        """Create a file that only this user can read, and yield it for writing, unbuffered: a process may write to it.

        Raises RockonwebError.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with _translate_errors(path), self._open(path, flags, "wb") as file:
            yield file
            os.fsync(file.fileno())

    @contextmanager
    def open_file(self, path: str) -> Iterator[IO[bytes]]:
        """Yield a file for reading, unbuffered: a process may read from it. Raises RockonwebError."""
        with _translate_errors(path), self._open(path, os.O_RDONLY | os.O_NOFOLLOW, "rb") as file:
            yield file

    def remove(self, path: str) -> None:
        """Remove a file, or a folder with all that is in it, if it exists. Raises RockonwebError."""
        with _translate_errors(path), self._open_parent(path) as (folder, name):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                return
            if stat.S_ISDIR(status.st_mode):
                shutil.rmtree(name, dir_fd=folder)
            else:
                os.unlink(name, dir_fd=folder)

    def _open(self, path: str, flags: int, mode: Literal["rb", "wb"]) -> IO[bytes]:
        with self._open_parent(path) as (folder, name):
            return open(os.open(name, flags, 0o600, dir_fd=folder), mode, buffering=0)

    @contextmanager
    def _open_parent(self, path: str) -> Iterator[tuple[int, str]]:
        """Yield the descriptor of the folder that a path is in, and its name there."""
        parent, _, name = path.rpartition("/")
        with self._shares.open_folder(parent) as folder:
            yield folder, name


@contextmanager
def _translate_errors(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RockonwebError(
            t("%(path)s can't be written or read: %(why)s.", path=path, why=error.strerror or str(error)),
            t("Check the share, its disk and the free space on it."),
        ) from None
