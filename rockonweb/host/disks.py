"""File systems: mount points, free space, and Btrfs subvolumes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.facts import UUID_PREFIX
from rockonweb.host import host_root

SUBVOLUME_INODE = 256  # BTRFS_FIRST_FREE_OBJECTID: the inode number of each subvolume's root folder
UUID_LINKS = "/dev/disk/by-uuid"
LATE_MOUNT_OPTIONS = {"nofail", "noauto", "_netdev"}  # with one, others do not wait for it at start
BTRFS_TIMEOUT = 300  # seconds


@dataclass(frozen=True)
class MountPoint:
    """A mount: its path, file system type (`kind`), and source, such as a disk's device."""

    path: Path
    kind: str
    source: str
    device: str  # MAJOR:MINOR
    root: str = "/"  # what of the file system is mounted there

    def is_same_disk(self, other: MountPoint) -> bool:
        """Whether two mounts are of one file system; `device` alone differs between subvolumes of a Btrfs."""
        return self.device == other.device or (self.source.startswith("/dev/") and self.source == other.source)


def list_mounts(table: Path = host_root.OWN_MOUNTS) -> list[MountPoint]:
    """Return all mounts in the order of mounting; none where /proc is not readable."""
    try:
        lines = table.read_text("utf-8", "surrogateescape").splitlines()
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
                    _unescape_path(mount_fields[3]),
                )
            )
    return mount_points


def _unescape_path(path: str) -> str:
    """Return a path from mountinfo or fstab with its octal escapes, of blanks for example, decoded."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), path) if "\\" in path else path


def list_fstab(table: str = "/etc/fstab") -> dict[Path, bool]:
    """Return the mount points that the machine has at each start, and whether it does not start without them; none
    where the file can't be read.
    """
    try:
        lines = Path(table).read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return {}
    rows = [line.split() for line in lines if not line.lstrip().startswith("#")]
    return {
        Path(_unescape_path(row[1])): not LATE_MOUNT_OPTIONS.intersection(row[3].split(",")) and not _is_remote(row[2])
        for row in rows
        if len(row) > 3 and row[1].startswith("/")
    }


def _is_remote(kind: str) -> bool:
    return kind.startswith(("nfs", "cifs", "smb", "fuse", "ceph", "gluster"))


def find_mount(path: Path, mount_points: list[MountPoint]) -> MountPoint | None:
    """Return the mount that a path, existing or not, is on; the last one where several are on the same folder."""
    real = path.resolve()
    last_mounts = {mount.path: mount for mount in mount_points}
    return next((last_mounts[folder] for folder in (real, *real.parents) if folder in last_mounts), None)


def find_uuid(source: str) -> str:
    """Return the UUID of the file system on a device, with UUID_PREFIX; blank where it is not known."""
    if not source.startswith("/"):
        return ""
    try:
        with os.scandir(UUID_LINKS) as links:
            device = os.path.realpath(source)
            return next((f"{UUID_PREFIX}{link.name}" for link in links if os.path.realpath(link.path) == device), "")
    except OSError:
        return ""


def find_system_mount(mount_points: list[MountPoint]) -> MountPoint | None:
    """Return the mount of the host's root folder; None in a container from which the host can't be seen."""
    if process := host_root.find_host_process():
        return find_mount(Path("/"), list_mounts(process / "mountinfo"))
    return None if host_root.read_own_id() else find_mount(Path("/"), mount_points)


@dataclass(frozen=True)
class FolderOrigin:
    """Which folder of which file system is at a path, as the kernel names both, whoever sees it at whatever path.

    `mount` is the outermost one by which the path leads there: a service has further ones of the folders that it may
    write to, which nothing else has.
    """

    device: str
    folder: str
    mount: MountPoint


def find_origin(path: Path, mount_points: list[MountPoint]) -> FolderOrigin | None:
    """Return what is at a path; None where nothing is mounted above it."""
    nearest, real = find_mount(path, mount_points), path.resolve()
    if nearest is None:
        return None
    folder = Path(nearest.root) / real.relative_to(nearest.path)
    same = [
        mount
        for mount in mount_points
        if mount.device == nearest.device
        and real.is_relative_to(mount.path)
        and Path(mount.root) / real.relative_to(mount.path) == folder
    ]
    return FolderOrigin(nearest.device, str(folder), min(same, key=lambda mount: len(mount.path.parts)))


def free_space(path: Path) -> int | None:
    """Return the free bytes where a path is or will be created; None where no parent can be read."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def is_subvolume(path: Path, mount: MountPoint | None) -> bool:
    """Whether a folder, which is on `mount`, is a Btrfs subvolume."""
    return bool(mount and mount.kind == "btrfs") and path.stat().st_ino == SUBVOLUME_INODE


def can_make_subvolumes() -> bool:
    """Whether the btrfs program is installed."""
    return shutil.which("btrfs") is not None


def run_btrfs(*arguments: str) -> str:
    """Run `btrfs` with these arguments and return its stdout. Raises OSError, with its error output where it failed."""
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


def remove_folder(folder: Path) -> None:
    """Delete a folder with all that is in it; it, and folders directly in it, may be subvolumes. Raises OSError."""
    mounts = list_mounts()
    with os.scandir(folder) as entries:
        inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for path in (*inner, folder):
        if is_subvolume(path, find_mount(path, mounts)):
            run_btrfs("subvolume", "delete", str(path))
    if folder.exists():
        shutil.rmtree(folder)


def disk_of(folder: str) -> Disk | None:
    """Return the disk that a folder of the host is on; None where the folder can't be read."""
    if not folder:
        return None
    process = host_root.find_host_process()
    try:
        path = host_root.resolve_on_host(folder) if process else Path(folder).resolve(strict=True)
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    if process:
        mount = find_mount("/" / path.relative_to(process / "root"), list_mounts(process / "mountinfo"))
    else:
        mount = find_mount(path, list_mounts())
        if mount and mount.path == Path("/") and host_root.read_own_id():
            return None  # a folder of the container alone
    return Disk(usage.free, usage.total, *((mount.kind, str(mount.path), mount.source) if mount else ()))


def future_disk(path: Path) -> Disk | None:
    """Return the disk where a folder is or will be created; None where no parent can be read."""
    return next(filter(None, (disk_of(str(folder)) for folder in (path, *path.parents))), None)
