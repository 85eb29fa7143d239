"""Snapshots of shares that are Btrfs subvolumes, and what was put in the place of a share.

All of it lies in a folder beside the shares, which is no share itself: `snapshots/INSTANCE-POINT/SHARE` are read-only,
and `replaced/SHARE-…` are shares as they were before a snapshot took their place. Those are removed only one by one,
when somebody asks for it.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import t
from rockonweb.host.disks import btrfs
from rockonweb.host.shares import Shares

OWN = ".rockonweb"


class Snapshots:
    """The snapshots of a host's shares that belong to one instance."""

    def __init__(self, shares: Shares, instance: str) -> None:
        self._root = shares.root
        self._instance = instance

    def where(self, point: int, share: str = "") -> Path:
        """Return where the snapshot of a share lies, or all those of a point."""
        return self._root / OWN / "snapshots" / f"{self._instance}-{point}" / share

    def replaced(self, name: str) -> Path:
        """Return where a share goes whose place a snapshot takes."""
        return self._root / OWN / "replaced" / name

    def set_aside(self) -> dict[str, datetime]:
        """Return the shares that lie aside, by name, with the moment at which a snapshot took the place of each."""
        try:
            entries = [one for one in os.scandir(self.replaced("")) if one.is_dir(follow_symlinks=False)]
        except OSError:
            return {}
        found = {one.name: datetime.fromtimestamp(one.stat(follow_symlinks=False).st_ctime, UTC) for one in entries}
        return dict(sorted(found.items()))

    def remove_aside(self, name: str) -> None:
        """Remove a share that lies aside, for good. Raises RockonwebError where there is none, or it can't be."""
        if name not in self.set_aside():
            raise RockonwebError(
                t("There is nothing aside of the name %(name)s.", name=name), t("It was removed before.")
            )
        try:
            btrfs("subvolume", "delete", str(self.replaced(name)))
        except OSError as error:
            raise RockonwebError(
                t("%(name)s could not be removed: %(why)s.", name=name, why=_words(error)),
                t("Subvolumes inside it have to be removed by hand first: btrfs subvolume delete."),
            ) from None

    def nested(self, share: str) -> tuple[str, ...]:
        """Return the subvolumes right below a share's, as paths from there; a snapshot has none of them."""
        return _nested(self._root / share)

    def take(self, point: int, share: str) -> None:
        """Take a read-only snapshot of a share for a point; one that is there already is taken anew."""
        place = self.where(point, share)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._root / OWN).chmod(0o700)
            if place.exists():
                btrfs("subvolume", "delete", str(place))
            btrfs("subvolume", "snapshot", "-r", str(self._root / share), str(place))
        except OSError as error:
            raise RockonwebError(
                t('No snapshot of the share "%(share)s" could be taken: %(why)s.', share=share, why=_words(error)),
                t("Nothing of it was changed. Make room on its disk, or look at the system's log."),
            ) from None

    def put(self, point: int, share: str, name: str) -> Path | None:
        """Put a point's snapshot in the place of a share, writable; what was there is kept under `name`.

        Done once more after it was interrupted, it goes on where it was. Subvolumes inside the share, which a snapshot
        does not cover, stay inside the share. Returns where the former share lies, None where there was none.
        """
        path, kept = self._root / share, self.replaced(name)
        fresh = kept.with_name(f"{name}.new")
        try:
            kept.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._root / OWN).chmod(0o700)
            if not (kept.exists() and path.exists()):
                if not fresh.exists():
                    btrfs("subvolume", "snapshot", str(self.where(point, share)), str(fresh))
                if path.exists():
                    path.rename(kept)
                fresh.rename(path)
            if not kept.exists():
                return None
            for inner in _nested(kept):
                stub = path / inner
                if stub.is_dir():
                    stub.rmdir()
                if stub.parent.is_dir() and not os.path.lexists(stub):
                    (kept / inner).rename(stub)
        except OSError as error:
            raise RockonwebError(
                t('The data of the share "%(share)s" could not be put back: %(why)s.', share=share, why=_words(error)),
                t(
                    "The snapshot lies in %(snapshot)s, what was in the share in %(kept)s or in its place.",
                    snapshot=str(self.where(point, share)),
                    kept=str(kept),
                ),
            ) from None
        return kept

    def kept_for(self) -> dict[int, list[str]]:
        """Return the shares of which there are snapshots, by point."""
        found = {}
        try:
            for entry in os.scandir(self.where(0).parent):
                instance, _, point = entry.name.partition("-")
                if instance == self._instance and point.isdecimal():
                    found[int(point)] = sorted(os.listdir(entry.path))
        except OSError:
            return {}
        return found

    def drop(self, point: int) -> None:
        """Remove the snapshots of a point; one that can't be removed is left for the next time."""
        folder = self.where(point)
        for share in self.kept_for().get(point, ()):
            with suppress(OSError):
                btrfs("subvolume", "delete", str(folder / share))
        with suppress(OSError):
            folder.rmdir()


def _nested(path: str | Path) -> tuple[str, ...]:
    try:
        own = btrfs("subvolume", "show", str(path)).splitlines()[0].strip().strip("/")
        listed = btrfs("subvolume", "list", "-o", str(path)).splitlines()
    except OSError:
        return ()
    paths = [line.partition(" path ")[2] for line in listed]
    return tuple(sorted(one.removeprefix(f"{own}/") for one in paths if one.startswith(f"{own}/")))


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")
