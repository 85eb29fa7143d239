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
SECONDS = 300


@dataclass(frozen=True)
class Mount:
    """Something that is mounted: where, of what kind, and from which disk or other source."""

    path: Path
    kind: str
    source: str
    device: str  # MAJOR:MINOR

    def is_same_disk(self, other: Mount) -> bool:
        """Whether two mounts are of one file system; the subvolumes of a Btrfs have different numbers."""
        return self.device == other.device or (self.source.startswith("/dev/") and self.source == other.source)


def mounts() -> list[Mount]:
    """Return what is mounted, in the order in which it was; nothing where the system does not tell."""
    try:
        lines = MOUNTS.read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        words, _, rest = line.partition(" - ")
        place, kind = words.split(), rest.split()
        if len(place) > 4 and len(kind) > 1:
            found.append(Mount(Path(_plain(place[4])), kind[0], _plain(kind[1]), place[2]))
    return found


def _plain(word: str) -> str:
    """Return a path with the characters that the list writes as numbers, such as blanks."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), word)


def holding(path: Path, known: list[Mount]) -> Mount | None:
    """Return the mount that a path, or what will be there, is on; the topmost where several lie on each other."""
    real = path.resolve()
    found = [mount for mount in known if real.is_relative_to(mount.path)]
    return max(reversed(found), key=lambda mount: len(mount.path.parts), default=None)


def room(path: Path) -> int | None:
    """Return how many bytes are free where a path is or will be."""
    for folder in (path, *path.parents):
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def is_subvolume(path: Path, mount: Mount | None) -> bool:
    """Whether a folder is a subvolume of the Btrfs that it is on."""
    return bool(mount and mount.kind == "btrfs") and path.stat().st_ino == SUBVOLUME_INODE


def can_make_subvolumes() -> bool:
    """Whether the tool for it is installed."""
    return shutil.which("btrfs") is not None


def btrfs(*words: str) -> str:
    """Run the tool and return what it printed. Raises OSError, with its words where it refused."""
    try:
        done = subprocess.run(  # noqa: S603 - an argv list, never a shell string
            ["btrfs", *words],  # noqa: S607
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise OSError(str(error)) from None
    if done.returncode:
        raise OSError(" ".join((done.stderr or done.stdout).split()) or str(done.returncode))
    return done.stdout


def disk_of(folder: str) -> Disk | None:
    """Return the disk that a folder of this machine is on; None where the folder can't be seen from here."""
    if not folder:
        return None
    try:
        path = os.path.realpath(folder, strict=True)
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    found = holding(Path(path), mounts())
    return Disk(usage.free, usage.total, *((found.kind, str(found.path)) if found else ()))
