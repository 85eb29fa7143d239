"""Shares: the folders directly in the shares root, in which apps keep their data."""

from __future__ import annotations

import errno
import grp
import itertools
import os
import pwd
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from rockonweb.config import ROCKSTOR_SHARES_ROOT
from rockonweb.core import databases
from rockonweb.core.answers.answers import share_fault, unusable_share_reason
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.facts import ShareAbsence, ShareFacts, ShareIdentity, SharePathFacts
from rockonweb.core.invisible import one_line
from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import t
from rockonweb.host import disks
from rockonweb.host.share_constraints import ShareConstraints
from rockonweb.host.share_identity import identify_folder

MAX_ENTRIES = 1000  # of a folder that are looked through for a file
MAX_FOLDERS = 50  # folders of one share that are listed
SHARED_MODE = 0o755  # permissions of new shares and folders
OPEN_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


class Shares:
    """The shares of a host: the folders below a root. `find_blind_spot` returns why that root can't be seen."""

    def __init__(self, root: Path, find_blind_spot: Callable[[], BlindSpot | None] = lambda: None) -> None:
        self.root = root
        self._find_blind_spot = find_blind_spot

    @property
    def blind_spot(self) -> BlindSpot | None:
        """Why the shares can't be seen; None where they can."""
        return self._find_blind_spot()

    def new_share_constraints(self) -> ShareConstraints:
        """Return where and how a new share would be created."""
        return replace(self._constraints_with(disks.list_mounts()), blind_spot=self.blind_spot)

    def _constraints_with(self, mounts: list[disks.MountPoint]) -> ShareConstraints:
        root = self.root
        mount = disks.find_mount(root, mounts)
        system = disks.find_system_mount(mounts)
        real = root.resolve()
        return ShareConstraints(
            root,
            mount,
            disks.free_space(root),
            only_mounts=root == ROCKSTOR_SHARES_ROOT
            or any(other.path.parent == real != other.path for other in mounts),
            on_system_disk=mount is None or system is None or mount.is_same_disk(system),
        )

    def shares_by_name(self) -> dict[str, ShareFacts]:
        """Return the shares by name: the folders of the root, without links and hidden ones.

        Where shares are mount points, a plain folder is no share, nor is one that /etc/fstab has a disk for: data there
        would fill another disk.
        """
        try:
            entries = sorted(os.scandir(self.root), key=lambda entry: entry.name.lower())
        except OSError:
            return {}
        if self.blind_spot:
            return {}
        mounts = disks.list_mounts()
        constraints = self._constraints_with(mounts)
        real = self.root.resolve()
        mounted = {mount.path.name for mount in mounts if mount.path.parent == real}
        absent_disks = {path.name for path in disks.list_fstab() if path.parent == real} - mounted
        can_snapshot = constraints.is_btrfs and disks.can_make_subvolumes()
        shares = {}
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False) or unusable_share_reason(entry.name):
                continue
            if entry.name in absent_disks:
                continue
            status = entry.stat(follow_symlinks=False)
            if constraints.only_mounts and entry.name not in mounted:
                is_own_disk = constraints.is_btrfs and not constraints.on_system_disk
                if not (is_own_disk and disks.is_subvolume(Path(entry.path), constraints.mount)):
                    continue
            own_disk = can_snapshot and entry.name not in mounted
            snapshots = own_disk and disks.is_subvolume(Path(entry.path), constraints.mount)
            shares[entry.name] = ShareFacts(entry.path, status.st_uid, status.st_gid, snapshots)
        return shares

    def unusable_folders(self) -> list[str]:
        """Return a sentence for each folder of the root whose name can't be that of a share, without hidden ones."""
        try:
            names = sorted(entry.name for entry in os.scandir(self.root) if entry.is_dir(follow_symlinks=False))
        except OSError:
            return []
        return [
            t("%(folder)s can't be used: %(why)s.", folder=_readable_name(name), why=why)
            for name in names
            if not name.startswith(".") and (why := unusable_share_reason(name))
        ]

    def inspect_path(self, share_path: str) -> SharePathFacts:
        """Return owner, mode and free space of SHARE or SHARE/FOLDER; only the free space where it is missing.

        What is no folder, or can't be opened, counts as missing and not empty.
        """
        try:
            with self.open_folder(share_path) as descriptor:
                status = os.fstat(descriptor)
                with os.scandir(descriptor) as entries:
                    empty = next(entries, None) is None
                statvfs = os.fstatvfs(descriptor)
                free: int | None = statvfs.f_bavail * statvfs.f_frsize
        except OSError as error:
            is_missing = isinstance(error, FileNotFoundError)
            return SharePathFacts(empty=is_missing, free=disks.free_space(self.root / share_path))
        return SharePathFacts(True, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode), empty, free)

    def read_beginnings(self, share_path: str, patterns: Iterable[str]) -> dict[str, bytes]:
        """Return the first bytes of files in SHARE or SHARE/FOLDER, by pattern: of the last one whose name matches.

        Blank for one that can't be read, or is no file. No link is followed below the root.
        """
        beginnings = {}
        by_folder = itertools.groupby(patterns, lambda pattern: pattern.rpartition("/")[0])
        missing: list[str] = []
        for folder, folder_patterns in by_folder:
            if folder.startswith(tuple(missing)):
                continue
            try:
                with self.open_folder(f"{share_path}/{folder}".rstrip("/")) as descriptor:
                    for pattern in folder_patterns:
                        name = _last_match(pattern.rpartition("/")[2], descriptor)
                        if name and (content := _read_beginning(name, descriptor)) is not None:
                            beginnings[pattern] = content
            except OSError:
                missing.append(f"{folder}/")
        return beginnings

    def list_folders(self) -> Iterator[str]:
        """Yield SHARE/FOLDER for the first MAX_FOLDERS folders of each share, without links and hidden ones."""
        for name, facts in self.shares_by_name().items():
            try:
                folder_names = sorted(
                    entry.name for entry in os.scandir(facts.path) if entry.is_dir(follow_symlinks=False)
                )
            except OSError:
                continue
            share_paths = [f"{name}/{folder}" for folder in folder_names if not folder.startswith(".")]
            yield from [share_path for share_path in share_paths if not share_fault(share_path, None)][:MAX_FOLDERS]

    def roomiest_share(self) -> str:
        """Return the name of the share with the most free space, blank where there is no share."""
        shares = self.shares_by_name()
        return max(shares, key=lambda name: disks.free_space(Path(shares[name].path)) or 0, default="")

    def create_share(self, name: str, *, as_saved: bool = False) -> ShareFacts:
        """Create an empty share, on Btrfs a subvolume; one from a backup, `as_saved`, may have any name.

        Raises BadInput for an invalid or taken name and where shares are mount points, RockonwebError where it fails.
        """
        if "/" in name or (fault := share_fault(name, None if as_saved else ())):
            raise BadInput(
                str(fault if "/" not in name else t("A share's name can't contain a slash: %(name)s", name=name))
            )
        path = self.root / name
        constraints = self.new_share_constraints()
        if os.path.lexists(path) and name in self.shares_by_name():
            raise _name_taken_error(name)
        if constraints.refusal:
            raise BadInput(constraints.refusal, constraints.hint)
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                self.root.chmod(SHARED_MODE)
            if os.path.lexists(path):
                raise _name_taken_error(name)
            if constraints.makes_subvolumes:
                disks.run_btrfs("subvolume", "create", "--", str(path))
            else:
                path.mkdir()
            path.chmod(SHARED_MODE)  # apps run as other users, and the umask here is 077
        except FileExistsError:
            raise _name_taken_error(name) from None
        except OSError as error:
            raise self._creation_error(name, error.strerror or str(error)) from None
        status = path.stat()
        return ShareFacts(str(path), status.st_uid, status.st_gid, constraints.makes_subvolumes)

    def change_owner(self, name: str, uid: int, gid: int) -> str:
        """Set the owner and group of a share. Returns the reason where that fails, else blank."""
        try:
            os.chown(self.root / name, uid, gid, follow_symlinks=False)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    @contextmanager
    def open_folder(self, share_path: str, new_owner: tuple[int, int] | None = None) -> Iterator[int]:
        """Open SHARE or SHARE/FOLDER, folder by folder, and yield its descriptor; below the root no link is followed.

        With `new_owner` (uid, gid), missing folders of the share are created. Raises OSError: ELOOP or ENOTDIR for a
        link, EINVAL for an invalid path, such as one with "..".
        """
        if share_fault(share_path, None):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), share_path)
        share, _, folder = share_path.partition("/")
        descriptor = os.open(self.root / share, OPEN_FOLDER_FLAGS)
        try:
            for name in filter(None, folder.split("/")):
                try:
                    child = os.open(name, OPEN_FOLDER_FLAGS, dir_fd=descriptor)
                except FileNotFoundError:
                    if new_owner is None:
                        raise
                    os.mkdir(name, SHARED_MODE, dir_fd=descriptor)
                    child = os.open(name, OPEN_FOLDER_FLAGS, dir_fd=descriptor)
                    os.fchmod(child, SHARED_MODE)
                    os.fchown(child, *new_owner)
                os.close(descriptor)
                descriptor = child
            yield descriptor
        finally:
            os.close(descriptor)

    def refuse_links(self, paths: Iterable[str]) -> None:
        """Raise Conflict where one of these paths leads out of the shares, by a link below their root or by "..".

        To be called just before Docker mounts them: a container can replace a folder of its share by a link, and Docker
        follows links. Docker resolves the path again itself, so a link that appears between this check and the mount,
        or before Docker restarts a container by its restart policy, is not detected.
        """
        root, blind_spot = os.path.normpath(self.root), self.blind_spot
        for path in paths:
            if blind_spot and path.startswith(f"{root}/"):
                raise Conflict(blind_spot.sentence, blind_spot.hint)
            plain = os.path.abspath(path)  # Docker resolves a relative one from the working folder
            if path.startswith(f"{root}/") and not f"{plain}/".startswith(f"{root}/"):
                raise Conflict(t("%(path)s is outside the shares.", path=path), t("Choose another folder."))
            if plain.startswith(f"{root}/") and _has_link(root, plain.removeprefix(f"{root}/")):
                raise Conflict(
                    t("%(path)s points elsewhere: it contains a link.", path=path),
                    t(
                        "It would give the app access to files outside the share. Remove the link, or choose another "
                        "folder."
                    ),
                )

    def present_mounts(self) -> list[disks.MountPoint]:
        """Return what is mounted at shares and above them, to see whether that has changed."""
        root = self.root.resolve()
        return [mount for mount in disks.list_mounts() if _leads_to(mount.path, root)]

    def mounted_at_start(self) -> dict[str, bool]:
        """Return the mount points of shares, and of their root, that the machine has at each start, and whether it does
        not start without them.
        """
        root, fstab = self.root.resolve(), disks.list_fstab()
        return {str(path): fstab[path] for path in fstab if path != Path("/") and _leads_to(path, root)}

    def names_of(self, paths: Iterable[str]) -> set[str]:
        """Return the names of the shares that these paths of the host are in; a hidden folder is none."""
        root = Path(os.path.normpath(self.root))
        plain_paths = (Path(os.path.normpath(path)) for path in paths)
        names = {path.relative_to(root).parts[0] for path in plain_paths if root in path.parents}
        return {name for name in names if not name.startswith(".")}

    def identify(self, name: str, *, mark: bool = False) -> ShareIdentity | ShareAbsence:
        """Return what is at the path of a share now; with `mark`, it is marked where it can be and is not yet."""
        return identify_folder(self.root / name, mark=mark)

    def missing_paths(self, paths: Iterable[str]) -> list[str]:
        """Return those of these paths that are below the root of the shares and do not exist, each once."""
        root = os.path.normpath(self.root)
        own_paths = dict.fromkeys(path for path in paths if os.path.normpath(path).startswith(f"{root}/"))
        if own_paths and self.blind_spot:
            return []  # nobody knows
        return [path for path in own_paths if _is_missing(path)]

    def set_owner(self, share_path: str, uid: int, gid: int) -> tuple[int, int]:
        """Set owner and group of SHARE or SHARE/FOLDER, not of its contents; return the previous ones.

        A missing folder is created, with its parents; no link is followed below the root. Raises RockonwebError.
        """
        path = self.root / share_path
        try:
            with self.open_folder(share_path, new_owner=(uid, gid)) as descriptor:
                previous = os.fstat(descriptor)
                os.fchown(descriptor, uid, gid)
        except OSError as error:
            raise RockonwebError(
                t(
                    "The owner of %(path)s can't be changed to user %(uid)s: %(why)s.",
                    path=str(path),
                    uid=uid,
                    why=error.strerror or str(error),
                ),
                t("Check that the folder exists and is not a link, and that Rockonweb may change it."),
            ) from None
        return previous.st_uid, previous.st_gid

    def _creation_error(self, name: str, why: str) -> RockonwebError:
        return RockonwebError(
            t('The share "%(name)s" could not be created: %(why)s.', name=name, why=why.rstrip(".")),
            t("Check the folder %(root)s.", root=str(self.root)),
        )

    def set_mode(self, share_path: str, mode: int) -> int:
        """Set the mode of SHARE or SHARE/FOLDER; return the previous one. Follows no link. Raises RockonwebError."""
        path = self.root / share_path
        try:
            with self.open_folder(
                share_path, new_owner=(-1, -1)
            ) as descriptor:  # a missing folder is created, as Docker would do
                previous = stat.S_IMODE(os.fstat(descriptor).st_mode)
                os.fchmod(descriptor, mode)
        except OSError as error:
            raise RockonwebError(
                t(
                    "The permissions of %(path)s can't be set: %(why)s.",
                    path=str(path),
                    why=error.strerror or str(error),
                ),
                t("Check that the folder exists and that Rockonweb may change it."),
            ) from None
        return previous

    def empty_folder(self, share_path: str, *, remove: bool = False) -> None:
        """Delete what is in SHARE or SHARE/FOLDER, and with `remove` the folder too; follows no link.

        Raises RockonwebError where something stays.
        """
        path = self.root / share_path
        try:
            with self.open_folder(share_path) as descriptor:
                for name in os.listdir(descriptor):
                    if stat.S_ISDIR(os.lstat(name, dir_fd=descriptor).st_mode):
                        shutil.rmtree(name, dir_fd=descriptor)
                    else:
                        os.unlink(name, dir_fd=descriptor)
            if remove:
                path.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            raise RockonwebError(
                t("%(path)s could not be emptied: %(why)s.", path=str(path), why=error.strerror or str(error)),
                t("Delete what is in it before you try again."),
            ) from None

    def remove_if_empty(self, name: str) -> bool:
        """Remove a share if it is empty (rmdir works for subvolumes too). Returns whether it no longer exists."""
        path = Path(self.root, name)
        try:
            path.rmdir()
        except OSError:
            return not path.exists()
        return True


def _leads_to(mount_point: Path, root: Path) -> bool:
    """Whether the folders in a root, or deeper ones, are on what is mounted there."""
    return mount_point.is_relative_to(root) or root.is_relative_to(mount_point)


def owner_names(uid: int, gid: int) -> tuple[str, str]:
    """Return the names of a user and a group, their numbers where they have none."""
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        group = grp.getgrgid(gid).gr_name
    except KeyError:
        group = str(gid)
    return user, group


def _readable_name(name: str) -> str:
    """Return a file's name as text to show: bytes that are no UTF-8 and invisible characters escaped."""
    return one_line(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _is_missing(path: str) -> bool:
    """Whether there is nothing at a path; of one that this user may not look at nobody knows."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _last_match(pattern: str, folder: int) -> str:
    """Return the last name in a folder that matches a pattern, blank where there is none."""
    if "*" not in pattern:
        return pattern
    with os.scandir(folder) as entries:
        names = [entry.name for entry in itertools.islice(entries, MAX_ENTRIES)]
    return max((name for name in names if fnmatchcase(name, pattern)), default="")


def _read_beginning(name: str, folder: int) -> bytes | None:
    """Return the first bytes of a file, blank where it can't be read; None where there is nothing of this name."""
    try:
        # Not blocking: a pipe of this name must not keep the page waiting.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except OSError as error:
        return None if error.errno == errno.ENOENT else b""
    try:
        return os.read(descriptor, databases.MAX_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def _has_link(root: str, relative_path: str) -> bool:
    """Whether a path relative to `root` is a link, or has one among its folders. A missing path has none."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for name in relative_path.split("/"):
            child = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = child
            if stat.S_ISLNK(os.fstat(descriptor).st_mode):
                return True
    except (FileNotFoundError, NotADirectoryError):
        return False  # Docker creates it, or reports the error
    except OSError as error:
        raise RockonwebError(
            t(
                "%(path)s can't be checked: %(why)s.",
                path=f"{root}/{relative_path}",
                why=error.strerror or str(error),
            ),
            t("Give Rockonweb's user access to the share."),
        ) from None
    finally:
        os.close(descriptor)
    return False


def _name_taken_error(name: str) -> BadInput:
    return BadInput(t('A share or file "%(name)s" already exists.', name=name), t("Choose another name."))
