"""The host's file system as seen from Rockonweb's own container: as the root of a process of the host."""

from __future__ import annotations

import os
import re
import socket
import struct
from functools import cache
from pathlib import Path

OWN_MOUNTS = Path("/proc/self/mountinfo")
DOCKER_SOCKET = "/var/run/docker.sock"  # the SDK's default
MAX_LINKS = 40  # that lead to one file, as the kernel allows
# Docker mounts these from a folder named by the container's id, whatever its network and control groups are.
_MOUNTED_BY_DOCKER = re.compile(r" /\S*/([0-9a-f]{64})/(?:\S*/)?\S+ /etc/(?:hostname|hosts|resolv\.conf) ")
_CREDENTIALS = "3i"  # struct ucred: pid, uid, gid


def read_own_id() -> str:
    """Return the id of the Docker container that this process runs in; blank where it runs in none."""
    return _read_own_id(OWN_MOUNTS)


@cache
def _read_own_id(mounts: Path) -> str:  # it never changes, and is asked for dozens of times by each operation
    return read_container_id(mounts)


def read_container_id(mounts: Path) -> str:
    """Return the id of the Docker container of the process with these mounts (a file of /proc); blank without one."""
    try:
        found = _MOUNTED_BY_DOCKER.search(mounts.read_text("utf-8", "surrogateescape"))
    except OSError:
        return ""
    return found[1] if found else ""


def find_host_process() -> Path | None:
    """Return the folder in /proc of a process whose root is that of the host: the one that Docker's socket belongs to,
    or the first one. None outside of a container, and where no such process can be seen or looked through.
    """
    if not read_own_id():
        return None
    folder = Path("/proc") / str(_find_socket_owner() or 1)
    try:
        is_own = (folder / "root").samefile("/")  # its processes are not the host's
    except OSError:
        return None
    return None if is_own else folder


def resolve_on_host(path: str) -> Path:
    """Return where an absolute path of the host can be looked at; the path itself where the host can't be seen, and
    outside of a container.

    Links are followed here and not by the kernel, which would look for their targets in the container.
    """
    process = find_host_process()
    if process is None:
        return Path(path)
    root = process / "root"
    names, place, links = [*Path(path).parts[1:]], root, 0
    while names and links < MAX_LINKS:
        name = names.pop(0)
        if name == "..":
            place = place if place == root else place.parent
        elif (place / name).is_symlink():
            target, links = Path(os.readlink(place / name)), links + 1
            names = [*target.parts[target.is_absolute() :], *names]
            place = root if target.is_absolute() else place
        else:
            place = place / name
    return place


def _find_socket_owner() -> int:
    """Return the id of the process that listens on Docker's socket: dockerd, or systemd for it; 0 where unknown."""
    address = os.environ.get("DOCKER_HOST") or DOCKER_SOCKET
    if "://" in address and not address.startswith("unix://"):
        return 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(1)
        try:
            connection.connect(address.removeprefix("unix://"))
            raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize(_CREDENTIALS))
        except OSError:
            return 0
    pid: int = struct.unpack(_CREDENTIALS, raw)[0]
    return pid
