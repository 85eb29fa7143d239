"""Copies of shares in which apps are rehearsed, in `rehearsals/INSTANCE-OPERATION/` of OWN_FOLDER in the shares root.

The folder is made before anything else of a rehearsal and removed last, so that it tells what has to be cleaned up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.steps import CloneMethod
from rockonweb.core.text import t
from rockonweb.host import disks
from rockonweb.host.shares import Shares
from rockonweb.host.snapshots import OWN_FOLDER
from rockonweb.host.waiting import Waiter

FICLONE = 0x40049409  # the ioctl by which a file gets the blocks of another one
BLOCK_BYTES = 4096
STAT_BLOCK_BYTES = 512  # of what a file occupies, as the kernel counts
COPY_SECONDS = 24 * 60 * 60
COPY_COMMAND = ("cp", "--archive", "--one-file-system", "--no-target-directory")
VANISHED = "No such file or directory"  # of a file that an app has removed meanwhile


class ShareClones:
    """The copies of a host's shares that one instance has made. `operation` is always an operation's random id."""

    def __init__(self, shares: Shares, instance: str) -> None:
        self._shares = shares
        self._parent = shares.root / OWN_FOLDER / "rehearsals"
        self._prefix = f"{instance}-"

    def room_path(self, operation: str) -> Path:
        """Return the folder with the copies of an operation."""
        return self._parent / f"{self._prefix}{operation}"

    def make_room(self, operation: str) -> None:
        """Create the folder for the copies of an operation, which only this user can enter. Raises RockonwebError."""
        try:
            self.room_path(operation).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._parent.parent.chmod(0o700)
        except OSError as error:
            raise _clone_error(str(self._parent), error.strerror or str(error)) from None

    def list_rooms(self) -> list[str]:
        """Return the operations of which there is still a folder."""
        try:
            names = os.listdir(self._parent)
        except OSError:
            return []
        return [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]

    def find_method(self, share_path: str) -> CloneMethod | None:
        """Return how a share, or a folder of one, can be cloned at once and without its size; None where it can't."""
        facts = self._shares.shares_by_name().get(share_path)
        if facts and facts.snapshots:
            return CloneMethod.SNAPSHOT
        return CloneMethod.REFLINK if _shares_blocks(self._shares.root / share_path, self._shares.root) else None

    def lacking_bytes(self, share_path: str) -> int:
        """Return how many bytes are missing on the disk for a copy of a share, or of a folder of one; 0: none."""
        size = 0
        for _, _, names, folder in os.fwalk(self._shares.root / share_path):
            for name in names:
                with suppress(FileNotFoundError):  # removed meanwhile
                    size += os.stat(name, dir_fd=folder, follow_symlinks=False).st_blocks * STAT_BLOCK_BYTES
        return max(0, size - (disks.free_space(self._parent) or 0))

    def clone(self, share_path: str, folder: str, method: CloneMethod, waiter: Waiter) -> None:
        """Copy a share, or a folder of one, to a new folder. Raises RockonwebError."""
        source = str(self._shares.root / share_path)
        self._shares.refuse_links([source])
        try:
            if method is CloneMethod.SNAPSHOT:
                disks.run_btrfs("subvolume", "snapshot", source, folder)
            else:
                reflink = "always" if method is CloneMethod.REFLINK else "auto"
                _run_copy((*COPY_COMMAND, f"--reflink={reflink}", source, folder), waiter)
        except OSError as error:
            raise _clone_error(source, error.strerror or str(error)) from None

    def empty_room(self, operation: str) -> None:
        """Delete the copies of an operation, and not their folder. Raises RockonwebError."""
        mounts = disks.list_mounts()
        try:
            for entry in [*os.scandir(path)] if (path := self.room_path(operation)).exists() else []:
                if disks.is_subvolume(Path(entry.path), disks.find_mount(Path(entry.path), mounts)):
                    with suppress(OSError):  # one with others inside
                        disks.run_btrfs("subvolume", "delete", entry.path)
                        continue
                shutil.rmtree(entry.path)
        except OSError as error:
            raise RockonwebError(
                t("The copy %(path)s could not be removed: %(why)s.", path=str(path), why=error.strerror or str(error)),
                t("This is tried again by itself. The app's own data is not affected."),
            ) from None

    def remove_room(self, operation: str) -> None:
        """Remove the empty folder of an operation, if it exists."""
        with suppress(OSError):
            self.room_path(operation).rmdir()


def _shares_blocks(source: Path, target: Path) -> bool:
    """Whether files of one folder can share their blocks with those of another: tried with files without a name."""
    flags = os.O_TMPFILE | os.O_RDWR
    try:
        with open(os.open(source, flags), "r+b") as original, open(os.open(target, flags), "r+b") as clone:
            original.write(bytes(BLOCK_BYTES))
            original.flush()
            fcntl.ioctl(clone, FICLONE, original.fileno())
    except OSError:
        return False
    return True


def _run_copy(command: tuple[str, ...], waiter: Waiter) -> None:
    """Run a copy; files that vanish meanwhile are no error. Raises OSError."""
    process = subprocess.Popen(  # noqa: S603 - an argv list, never a shell string
        command,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    )
    try:
        _, errors = waiter.communicate(process, "", COPY_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise OSError(str(error)) from None
    lines = [line for line in errors.splitlines() if not line.endswith(VANISHED)]
    if process.returncode and (lines or not errors):
        raise OSError(lines[0].removeprefix("cp: ") if lines else str(process.returncode))


def _clone_error(path: str, why: str) -> RockonwebError:
    return RockonwebError(
        t("%(path)s could not be copied for the rehearsal: %(why)s.", path=path, why=why),
        t("The app was not touched. Free up space on the disk, or check the system log."),
    )
