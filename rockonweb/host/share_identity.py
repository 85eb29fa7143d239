"""What tells the folder of a share from any other at the same path: a mark, and the file system it is on."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from rockonweb.core.facts import ShareAbsence, ShareIdentity
from rockonweb.host import disks

# An extended attribute and no file: databases refuse to create theirs in a folder that is not empty.
MARK_ATTRIBUTE = "user.rockonweb.share"
MEMORY_FILE_SYSTEMS = ("tmpfs", "ramfs")  # a mark would not outlive their mount
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def identify_folder(path: Path, *, mark: bool = False) -> ShareIdentity | ShareAbsence:
    """Return what is at the path of a share now; with `mark`, it is marked where it can be and is not yet."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return ShareAbsence.MISSING
    if not stat.S_ISDIR(mode):
        return ShareAbsence.LINK if stat.S_ISLNK(mode) else ShareAbsence.OTHER
    origin = disks.find_origin(path, disks.list_mounts())
    mount = origin.mount if origin else disks.MountPoint(Path(), "", "", "")
    device = disks.find_uuid(mount.source) or f"{mount.kind} {mount.source}"
    present_mark = _read_mark(path, can_mark=mark and mount.kind not in MEMORY_FILE_SYSTEMS)
    return ShareIdentity(present_mark, device, str(mount.path))


def _read_mark(path: Path, *, can_mark: bool) -> str | None:
    """Return the mark of a folder, blank where it has none; None where it can't be read."""
    try:
        descriptor = os.open(path, _FOLDER_FLAGS)
    except OSError:
        return None
    try:
        try:
            return os.getxattr(descriptor, MARK_ATTRIBUTE).decode("ascii", "replace")
        except OSError as error:
            if error.errno not in (errno.ENODATA, errno.ENOTSUP):
                return None
        if can_mark:
            mark = secrets.token_hex(8)
            with suppress(OSError):  # a file system without attributes, or a folder of another user
                os.setxattr(descriptor, MARK_ATTRIBUTE, mark.encode(), os.XATTR_CREATE)
                return mark
        return ""
    finally:
        os.close(descriptor)
