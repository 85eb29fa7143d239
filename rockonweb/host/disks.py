"""File systems: what is mounted where, how much room there is, and subvolumes of Btrfs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.docker.daemon_settings import Disk

MOUNTS = Path("/proc/self/mountinfo")
SUBVOLUME_INODE = 256  # of a subvolume's top folder, and of nothing else
BTRFS_TIMEOUT = 300


@dataclass(frozen=True)
class MountPoint:
    """Something that is mounted: where, of what kind, and from which disk or other source."""

    path: Path
    kind: str
    source: str
    device: str  # MAJOR:MINOR

    def is_same_disk(self, other: MountPoint) -> bool:
        """Whether two mounts are of one file system; the subvolumes of a Btrfs have different numbers."""
        return self.device == other.device or (self.source.startswith("/dev/") and self.source == other.source)


def list_mounts() -> list[MountPoint]:
    """Return what is mounted, in the order in which it was; nothing where the system does not tell."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    mount_points = []
    for line in lines:
        head, _, tail = line.partition(" - ")
        mount_fields, type_fields = head.split(), tail.split()
        if len(mount_fields) > 4 and len(type_fields) > 1:
            mount_points.append(
                MountPoint(
                    Path(_unescape_path(mount_fields[4])),
                    type_fields[0],
                    _unescape_path(type_fields[1]),
                    mount_fields[2],
                )
            )
    return mount_points


def _unescape_path(path: str) -> str:
    """Return a path with the characters that the list writes as numbers, such as blanks."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path)


def find_mount(path: Path, mount_points: list[MountPoint]) -> MountPoint | None:
    """Return the mount that a path, or what will be there, is on; the topmost where several lie on each other."""
    real = path.resolve()
    candidates = [mount for mount in mount_points if real.is_relative_to(mount.path)]
    return max(reversed(candidates), key=lambda mount: len(mount.path.parts), default=None)


def free_space(path: Path) -> int | None:
    """Return how many bytes are free where a path is or will be."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def is_subvolume(path: Path, mount: MountPoint | None) -> bool:
    """Whether a folder is a subvolume of the Btrfs that it is on."""
    return bool(mount and mount.kind == "btrfs") and path.stat().st_ino == SUBVOLUME_INODE


def can_make_subvolumes() -> bool:
    """Whether the tool for it is installed."""
    return shutil.which("btrfs") is not None


def run_btrfs(*arguments: str) -> str:
    """Run the tool and return what it printed. Raises OSError, with its words where it refused."""
    try:
        result = subprocess.run(  # noqa: S603 - an argv list, never a shell string
            ["btrfs", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            errors="replace",
            timeout=BTRFS_TIMEOUT,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OSError(str(error)) from None
    if result.returncode:
        raise OSError(" ".join((result.stderr or result.stdout).split()) or str(result.returncode))
    return result.stdout


def disk_of(folder: str) -> Disk | None:
    """Return the disk that a folder of this machine is on; None where the folder can't be seen from here."""
    if not folder:
        return None
    try:
        path = os.path.realpath(folder, strict=True)
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    mount = find_mount(Path(path), list_mounts())
    return Disk(usage.free, usage.total, *((mount.kind, str(mount.path)) if mount else ()))
