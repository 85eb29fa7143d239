"""Shares: the folders below the shares root that apps keep their data in."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rockonweb.config import ORIGINAL_SHARES_ROOT
from rockonweb.core.answers.answers import share_fault
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.facts import PlaceFacts, ShareFacts
from rockonweb.core.text import Text, size, t
from rockonweb.host import disks

MOST_FOLDERS = 50  # of one share that are offered
SHARED = 0o755  # of new shares and folders
FOLDER_ONLY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Ground:
    """Where the data of a new share would go.

    `only_mounts`: each share of this root is a disk (or another file system) of its own, so a plain folder is none.
    """

    root: Path
    mount: disks.Mount | None
    free: int | None
    only_mounts: bool
    on_system_disk: bool

    @property
    def is_btrfs(self) -> bool:
        """Whether a new share can be a subvolume, with the tool for it."""
        return self.mount is not None and self.mount.kind == "btrfs"

    @property
    def subvolumes(self) -> bool:
        """Whether a new share is a subvolume."""
        return self.is_btrfs and disks.can_make_subvolumes() and not (self.only_mounts and self.on_system_disk)

    @property
    def refusal(self) -> Text | None:
        """Why no share can be made here; None when one can."""
        if not self.only_mounts or self.subvolumes:
            return None
        if self.on_system_disk:
            return t(
                "Each share below %(root)s is a disk of its own: a new folder there would fill the system's disk, "
                "%(disk)s.",
                root=str(self.root),
                disk=self.disk,
            )
        return t(
            "Each share below %(root)s is a disk of its own: a new folder there would fill %(disk)s.",
            root=str(self.root),
            disk=self.disk,
        )

    @property
    def way_out(self) -> Text:
        """What to do where none can be made."""
        return t(
            "Choose a share that is mounted, or a new folder of one (SHARE/FOLDER), or mount a disk at %(root)s/NAME "
            "first.",
            root=str(self.root),
        )

    @property
    def words(self) -> Text:
        """What a new share will be, and where."""
        if self.refusal:
            return self.refusal
        if self.subvolumes:
            return t("A new share is a Btrfs subvolume on %(disk)s.", disk=self.disk)
        if self.is_btrfs:
            return t(
                "A new share is a plain folder on %(disk)s: the program btrfs, which makes subvolumes, is not "
                "installed.",
                disk=self.disk,
            )
        return t("A new share is a folder on %(disk)s.", disk=self.disk)

    @property
    def disk(self) -> str:
        """The disk and how much room it has, in words."""
        name = f"{self.mount.source} ({self.mount.kind})" if self.mount else str(self.root)
        if self.free is None:
            return name
        return t("%(disk)s, where %(free)s are free", disk=name, free=size(self.free))


class Shares:
    """The shares of a host: the folders below a root."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def ground(self) -> Ground:
        """Return where the data of a new share would go."""
        return self._ground(disks.mounts())

    def _ground(self, known: list[disks.Mount]) -> Ground:
        root = self.root
        mount = disks.holding(root, known)
        system = disks.holding(Path("/"), known)
        real = root.resolve()
        return Ground(
            root,
            mount,
            disks.room(root),
            only_mounts=root == ORIGINAL_SHARES_ROOT or any(one.path.parent == real != one.path for one in known),
            on_system_disk=mount is None or system is None or mount.is_same_disk(system),
        )

    def listing(self) -> dict[str, ShareFacts]:
        """Return the shares by name: the folders of the root, no links and no hidden ones.

        Where shares are mount points, a plain folder is none: what apps put there would fill another disk.
        """
        try:
            entries = sorted(os.scandir(self.root), key=lambda entry: entry.name.lower())
        except OSError:
            return {}
        known = disks.mounts()
        below = self._ground(known)
        real = self.root.resolve()
        mounted = {one.path.name for one in known if one.path.parent == real}
        tool = below.is_btrfs and disks.can_make_subvolumes()
        found = {}
        for entry in entries:
            if not entry.is_dir(follow_symlinks=False) or share_fault(entry.name):
                continue
            about = entry.stat(follow_symlinks=False)
            if below.only_mounts and entry.name not in mounted:
                own = below.is_btrfs and not below.on_system_disk
                if not (own and disks.is_subvolume(Path(entry.path), below.mount)):
                    continue
            own_disk = tool and entry.name not in mounted
            snapshots = own_disk and disks.is_subvolume(Path(entry.path), below.mount)
            found[entry.name] = ShareFacts(entry.path, about.st_uid, about.st_gid, snapshots)
        return found

    def look(self, place: str) -> PlaceFacts:
        """Return whose SHARE or SHARE/FOLDER is, and how much room there is or would be."""
        try:
            with self.walked(place) as opened:
                about = os.fstat(opened)
                with os.scandir(opened) as inside:
                    empty = next(inside, None) is None
                room = os.fstatvfs(opened)
                free: int | None = room.f_bavail * room.f_frsize
        except OSError:
            return PlaceFacts(free=disks.room(self.root / place))
        return PlaceFacts(True, about.st_uid, about.st_gid, stat.S_IMODE(about.st_mode), empty, free)

    def folders(self) -> Iterator[str]:
        """Yield "SHARE/FOLDER" for the first folders of each share that can be chosen."""
        for name, facts in self.listing().items():
            try:
                inside = sorted(entry.name for entry in os.scandir(facts.path) if entry.is_dir(follow_symlinks=False))
            except OSError:
                continue
            places = [f"{name}/{folder}" for folder in inside if not folder.startswith(".")]
            yield from [place for place in places if not share_fault(place)][:MOST_FOLDERS]

    def roomiest(self) -> str:
        """Return the share with the most room, blank when there is none."""
        known = self.listing()
        return max(known, key=lambda name: disks.room(Path(known[name].path)) or 0, default="")

    def make(self, name: str) -> ShareFacts:
        """Make a new, empty share, on Btrfs a subvolume.

        Raises BadInput for a name that can't be used or is taken, and where shares are mount points.
        """
        if "/" in name or (fault := share_fault(name)):
            raise BadInput(str(fault if "/" not in name else t("A share's name has no slash: %(name)s", name=name)))
        path = self.root / name
        below = self.ground()
        if os.path.lexists(path) and name in self.listing():
            raise _taken(name)
        if below.refusal:
            raise BadInput(below.refusal, below.way_out)
        try:
            if not self.root.exists():
                self.root.mkdir(parents=True)
                self.root.chmod(SHARED)
            if os.path.lexists(path):
                raise _taken(name)
            if below.subvolumes:
                disks.btrfs("subvolume", "create", "--", str(path))
            else:
                path.mkdir()
            path.chmod(SHARED)  # apps run as other users, whatever our own files allow
        except FileExistsError:
            raise _taken(name) from None
        except OSError as error:
            raise self._not_made(name, error.strerror or str(error)) from None
        about = path.stat()
        return ShareFacts(str(path), about.st_uid, about.st_gid, below.subvolumes)

    def give(self, name: str, uid: int, gid: int) -> str:
        """Give a share to a user and group. Returns why that could not be, blank when it could."""
        try:
            os.chown(self.root / name, uid, gid, follow_symlinks=False)
        except OSError as error:
            return error.strerror or str(error)
        return ""

    @contextmanager
    def walked(self, place: str, new: tuple[int, int] | None = None) -> Iterator[int]:
        """Open SHARE or SHARE/FOLDER, folder by folder, and give its descriptor; below the root no link is followed.

        With `new`, folders of the share that are not there are made, for that user and group. Raises OSError: ELOOP or
        ENOTDIR for a link, EINVAL for what is no place of a share, such as one with "..".
        """
        if share_fault(place):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), place)
        share, _, folder = place.partition("/")
        opened = os.open(self.root / share, FOLDER_ONLY)
        try:
            for part in filter(None, folder.split("/")):
                try:
                    below = os.open(part, FOLDER_ONLY, dir_fd=opened)
                except FileNotFoundError:
                    if new is None:
                        raise
                    os.mkdir(part, SHARED, dir_fd=opened)
                    below = os.open(part, FOLDER_ONLY, dir_fd=opened)
                    os.fchmod(below, SHARED)
                    os.fchown(below, *new)
                os.close(opened)
                opened = below
            yield opened
        finally:
            os.close(opened)

    def refuse_links(self, paths: Iterable[str]) -> None:
        """Raise Conflict where one of these paths leads out of the shares, by a link below their root or by "..".

        For the moment just before Docker mounts them: a container that has a share can put a link where a folder was,
        and Docker follows links. It looks once more itself, so what is put there between the two looks is not seen, nor
        what is there when Docker restarts a container without us.
        """
        root = os.path.normpath(self.root)
        for path in paths:
            plain = os.path.abspath(path)  # Docker takes a relative one from where we are
            if path.startswith(f"{root}/") and not f"{plain}/".startswith(f"{root}/"):
                raise Conflict(t("%(path)s leads out of the shares.", path=path), t("Choose another folder."))
            if plain.startswith(f"{root}/") and _has_link(root, plain.removeprefix(f"{root}/")):
                raise Conflict(
                    t("%(path)s leads elsewhere: there is a link in it.", path=path),
                    t(
                        "It would show the app files that are not in the share. Remove the link, or choose another "
                        "folder."
                    ),
                )

    def set_owner(self, place: str, uid: int, gid: int) -> tuple[int, int]:
        """Give SHARE or SHARE/FOLDER itself to a user and group and return those that it had.

        A folder that is not there is made, with those above it; no link is followed below the root of the shares.
        """
        path = self.root / place
        try:
            with self.walked(place, new=(uid, gid)) as opened:
                had = os.fstat(opened)
                os.fchown(opened, uid, gid)
        except OSError as error:
            raise RockonwebError(
                t(
                    "%(path)s can't be given to user %(uid)s: %(why)s.",
                    path=str(path),
                    uid=uid,
                    why=error.strerror or str(error),
                ),
                t("Check that the folder exists and is no link, and that Rockonweb may change it."),
            ) from None
        return had.st_uid, had.st_gid

    def _not_made(self, name: str, why: str) -> RockonwebError:
        return RockonwebError(
            t('The share "%(name)s" could not be made: %(why)s.', name=name, why=why.rstrip(".")),
            t("Check the folder %(root)s.", root=str(self.root)),
        )

    def set_mode(self, place: str, mode: int) -> int:
        """Set the permissions of SHARE or SHARE/FOLDER and return the ones that it had. Follows no link."""
        path = self.root / place
        try:
            with self.walked(place, new=(-1, -1)) as opened:  # a new folder of a share, which Docker would make
                before = stat.S_IMODE(os.fstat(opened).st_mode)
                os.fchmod(opened, mode)
        except OSError as error:
            raise RockonwebError(
                t(
                    "The permissions of %(path)s can't be set: %(why)s.",
                    path=str(path),
                    why=error.strerror or str(error),
                ),
                t("Check that the folder exists and that Rockonweb may change it."),
            ) from None
        return before

    def remove_if_empty(self, name: str) -> bool:
        """Remove a share that has nothing in it; an empty subvolume goes like a folder. Returns whether it is gone."""
        path = Path(self.root, name)
        try:
            path.rmdir()
        except OSError:
            return not path.exists()
        return True


def _has_link(root: str, place: str) -> bool:
    """Whether there is a link below the root on the way to a place, or in its place. What is not there is none."""
    opened = os.open(root, os.O_PATH | os.O_DIRECTORY)
    try:
        for part in place.split("/"):
            below = os.open(part, os.O_PATH | os.O_NOFOLLOW, dir_fd=opened)
            os.close(opened)
            opened = below
            if stat.S_ISLNK(os.fstat(opened).st_mode):
                return True
    except (FileNotFoundError, NotADirectoryError):
        return False  # Docker makes it, or says what is wrong
    except OSError as error:
        raise RockonwebError(
            t("%(path)s can't be looked at: %(why)s.", path=f"{root}/{place}", why=error.strerror or str(error)),
            t("Let Rockonweb's user look into the share."),
        ) from None
    finally:
        os.close(opened)
    return False


def _taken(name: str) -> BadInput:
    return BadInput(t('There is a share or file "%(name)s" already.', name=name), t("Choose another name."))
