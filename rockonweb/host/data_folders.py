"""The folders of backups and restores of data in the shares root, and the exchange of data for restored data.

A backup has the folder of its snapshots, with SETTINGS_FOLDER beside them. A restore has one in OWN_FOLDER too, which
no app can enter, so that none can lead it elsewhere by a link; for a share that is a disk of its own it is inside the
share, and the app is stopped meanwhile. What was replaced is where a rollback keeps it, or beside, as BESIDE….
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.answers.answers import split_share_path
from rockonweb.core.data_backup.repository import BESIDE, SETTINGS_FOLDER
from rockonweb.core.errors import wrap_os_error
from rockonweb.host.disks import can_make_subvolumes, list_mounts, remove_folder, run_btrfs
from rockonweb.host.shares import OPEN_FOLDER_FLAGS, Shares
from rockonweb.host.snapshots import OWN_FOLDER, Snapshots


class _Exchange(ABC):
    """The exchange of what is there for restored data. Each part of it may be repeated."""

    @abstractmethod
    def do(self) -> bool:
        """Put the new in the place of what is there. Returns whether there was something."""

    @abstractmethod
    def undo(self, *, existed: bool) -> None:
        """Put back what was there, if it went away; `existed`: there was something before."""


@dataclass(frozen=True)
class _NameExchange(_Exchange):
    """By names in open folders: of the target, of what was there, and of the restored data."""

    folder: int
    name: str
    kept_folder: int
    kept_name: str
    new_folder: int
    new_name: str

    def do(self) -> bool:
        if _exists(self.new_name, self.new_folder):
            if _exists(self.name, self.folder):
                os.rename(self.name, self.kept_name, src_dir_fd=self.folder, dst_dir_fd=self.kept_folder)
            os.rename(self.new_name, self.name, src_dir_fd=self.new_folder, dst_dir_fd=self.folder)
        return _exists(self.kept_name, self.kept_folder)

    def undo(self, *, existed: bool) -> None:
        kept = _exists(self.kept_name, self.kept_folder)
        if (kept or not existed) and _exists(self.name, self.folder):
            os.rename(self.name, self.new_name, src_dir_fd=self.folder, dst_dir_fd=self.new_folder)
        if kept:
            os.rename(self.kept_name, self.name, src_dir_fd=self.kept_folder, dst_dir_fd=self.folder)


@dataclass(frozen=True)
class _ContentExchange(_Exchange):
    """Of all that is in a share which is a disk of its own, and so can't be renamed.

    `new` and `kept` are folders in it. Once everything that was there has gone to `kept`, `new` is renamed to ENTERING.
    """

    share: Path
    new: Path
    kept: Path

    ENTERING = "entering"

    def do(self) -> bool:
        entering = self.new.with_name(self.ENTERING)
        if self.new.exists():
            if not self.kept.exists():
                self.kept.mkdir(mode=0o700)
                _copy_owner(self.share, self.kept)
            _move_all(self.share, self.kept)
            self.new.rename(entering)
        _move_all(entering, self.share)
        _copy_owner(entering, self.share)
        return True

    def undo(self, *, existed: bool) -> None:
        entering = self.new.with_name(self.ENTERING)
        if entering.exists():
            _move_all(self.share, entering)
            entering.rename(self.new)
        if self.kept.exists():
            _move_all(self.kept, self.share)
            _copy_owner(self.kept, self.share)
            self.kept.rmdir()


class DataFolders:
    """The folders of backups and restores of one instance's data, by random id or another name of each."""

    def __init__(self, shares: Shares, snapshots: Snapshots, instance: str) -> None:
        self._shares, self._snapshots, self._instance = shares, snapshots, instance

    # -- backups ----------------------------------------------------------------------------------------------------

    def prepare_backup(self, point: str, files: Mapping[str, str]) -> Path:
        """Write files beside the snapshots of a backup; return the folder from which restic saves. Raises
        RockonwebError.
        """
        folder = self._snapshots.snapshot_path(point)
        try:
            self._make_private(folder / SETTINGS_FOLDER)
            for name, text in files.items():
                (folder / SETTINGS_FOLDER / name).write_text(text)
        except OSError as error:
            raise wrap_os_error(error) from None
        return folder

    def backup_targets(self, point: str, paths: Iterable[str], snapshots: Iterable[str]) -> list[str]:
        """Return share paths, and the folder of the files, relative to the folder of a backup: in its snapshot of the
        share, else in the share itself.
        """
        folder = self._snapshots.snapshot_path(point)
        relative_root = os.path.relpath(self._shares.root, folder)
        shares = {*snapshots}
        return [
            *(path if split_share_path(path)[0] in shares else f"{relative_root}/{path}" for path in paths),
            SETTINGS_FOLDER,
        ]

    def remove_backup(self, point: str) -> None:
        """Remove the files and snapshots of a backup."""
        shutil.rmtree(self._snapshots.snapshot_path(point) / SETTINGS_FOLDER, ignore_errors=True)
        self._snapshots.delete_snapshots(point)
        with suppress(OSError):
            self._snapshots.snapshot_path(point).rmdir()

    # -- restores ---------------------------------------------------------------------------------------------------

    def find_own_disks(self) -> set[str]:
        """Return the names of the shares that are disks of their own: a restore writes into a folder inside them."""
        root = self._shares.root.resolve()
        return {mount.path.name for mount in list_mounts() if mount.path.parent == root}

    def exists(self, target: str) -> bool:
        """Whether there is anything at a share path; what leads through a link does not count."""
        share, folder = split_share_path(target)
        if not folder:
            return os.path.lexists(self._shares.root / share)
        with suppress(OSError), self._shares.open_folder(target.rpartition("/")[0]) as parent:
            return _exists(target.rpartition("/")[2], parent)
        return False

    def create_restore(self, key: str, source: str, target: str) -> Path:
        """Create the folder in which a share path of a snapshot is restored that goes to `target`, empty.

        On Btrfs, the share is a subvolume in it. Raises RockonwebError.
        """
        folder = self._restore_path(key, target)
        self.remove_restore(key, target)
        try:
            self._make_private(folder)
            in_root = folder.parent.parent == self._shares.root / OWN_FOLDER
            if in_root and self._shares.new_share_constraints().is_btrfs and can_make_subvolumes():
                run_btrfs("subvolume", "create", "--", str(folder / split_share_path(source)[0]))
        except OSError as error:
            raise wrap_os_error(error) from None
        return folder

    def place(self, key: str, source: str, target: str, kept: str) -> str:
        """Put restored data to a share path; return where what was there is kept, blank where there was nothing.

        `kept` is the name for that. Raises RockonwebError.
        """
        try:
            with self._open_exchange(key, source, target, kept, copies=True) as exchange:
                return self._kept_path(target, kept) if exchange.do() else ""
        except OSError as error:
            raise wrap_os_error(error) from None

    def take_back(self, key: str, source: str, target: str, kept: str, *, existed: bool) -> None:
        """Undo `place`; `existed`: there was something before. Raises RockonwebError."""
        try:
            with self._open_exchange(key, source, target, kept, copies=False) as exchange:
                exchange.undo(existed=existed)
        except FileNotFoundError:
            return  # the folder that it was to go to, or that of the restore: nothing was put there
        except OSError as error:
            raise wrap_os_error(error) from None

    def remove_restore(self, key: str, target: str) -> None:
        """Remove the folder of a restore. Raises RockonwebError."""
        folder = self._restore_path(key, target)
        try:
            if folder.exists():
                remove_folder(folder)
        except OSError as error:
            raise wrap_os_error(error) from None

    def _restore_path(self, key: str, target: str) -> Path:
        share = split_share_path(target)[0]
        if share in self.find_own_disks():
            return self._shares.root / share / f"{BESIDE}restore-{key}"
        return self._shares.root / OWN_FOLDER / "restores" / f"{self._instance}-{key}"

    def _kept_path(self, target: str, kept: str) -> str:
        share, folder = split_share_path(target)
        if folder:
            return str((self._shares.root / target).with_name(f"{BESIDE}before-{kept}"))
        if share in self.find_own_disks():
            return str(self._shares.root / share / f"{BESIDE}before-{kept}")
        return str(self._snapshots.replaced_path(kept))

    @contextmanager
    def _open_exchange(self, key: str, source: str, target: str, kept: str, *, copies: bool) -> Iterator[_Exchange]:
        """Yield the exchange of a share path; with `copies`, data that goes to another file system is copied first."""
        share, folder = split_share_path(target)
        new = self._restore_path(key, target) / source
        if not folder and share in self.find_own_disks():
            yield _ContentExchange(self._shares.root / share, new, Path(self._kept_path(target, kept)))
            return
        if not folder:
            self._make_private(self._snapshots.replaced_path(""))
            replaced_path = self._snapshots.replaced_path("")
            with _opened(self._shares.root) as root, _opened(replaced_path) as replaced, _opened(new.parent) as parent:
                yield _NameExchange(root, share, replaced, kept, parent, new.name)
            return
        path, _, name = target.rpartition("/")
        owner = self._shares.inspect_path(share)
        new_owner = (owner.uid, owner.gid) if owner.exists else None
        kept_name, new_name = f"{BESIDE}before-{kept}", f"{BESIDE}new-{kept}"
        with self._shares.open_folder(path, new_owner) as opened, _opened(new.parent) as parent:
            if copies and _exists(new.name, parent):
                _move(new.name, parent, new_name, opened)
            yield _NameExchange(opened, name, opened, kept_name, opened, new_name)
            if not copies and _exists(new_name, opened):
                _move(new_name, opened, new.name, parent)

    def _make_private(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.is_relative_to(self._shares.root / OWN_FOLDER):
            (self._shares.root / OWN_FOLDER).chmod(0o700)


def _move_all(source: Path, target: Path) -> None:
    """Move all that is in a folder, but our own folders of a restore."""
    for name in os.listdir(source):
        if not name.startswith(BESIDE):
            (source / name).rename(target / name)


def _copy_owner(source: Path, target: Path) -> None:
    """Give a folder the owner and the permissions of another one."""
    status = source.stat()
    os.chown(target, status.st_uid, status.st_gid)
    target.chmod(stat.S_IMODE(status.st_mode))


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, OPEN_FOLDER_FLAGS)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _move(name: str, folder: int, new_name: str, new_folder: int) -> None:
    """Move a file or folder; to another file system or subvolume, it is copied with all that it has. Raises OSError."""
    try:
        os.rename(name, new_name, src_dir_fd=folder, dst_dir_fd=new_folder)
        return
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
    partial = f"{new_name}.part"
    _remove(partial, new_folder)
    # By open folders: no link in a share can lead it elsewhere.
    command = ["cp", "-a", "--reflink=auto", "--", f"/dev/fd/{folder}/{name}", f"/dev/fd/{new_folder}/{partial}"]
    copied = subprocess.run(  # noqa: S603 - an argv list, never a shell string
        command, capture_output=True, text=True, errors="replace", check=False, pass_fds=(folder, new_folder)
    )
    if copied.returncode:
        _remove(partial, new_folder)
        is_full = "No space left" in copied.stderr
        raise OSError(errno.ENOSPC if is_full else errno.EIO, copied.stderr.strip()[-500:])
    os.rename(partial, new_name, src_dir_fd=new_folder, dst_dir_fd=new_folder)
    _remove(name, folder)


def _remove(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            shutil.rmtree(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)
