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
from rockonweb.host.disks import run_btrfs
from rockonweb.host.shares import Shares

OWN_FOLDER = ".rockonweb"


class Snapshots:
    """The snapshots of a host's shares that belong to one instance."""

    def __init__(self, shares: Shares, instance: str) -> None:
        self._root = shares.root
        self._instance = instance

    def snapshot_path(self, point: int, share: str = "") -> Path:
        """Return where the snapshot of a share lies, or all those of a point."""
        return self._root / OWN_FOLDER / "snapshots" / f"{self._instance}-{point}" / share

    def replaced_path(self, name: str) -> Path:
        """Return where a share goes whose place a snapshot takes."""
        return self._root / OWN_FOLDER / "replaced" / name

    def replaced_shares(self) -> dict[str, datetime]:
        """Return the shares that lie aside, by name, with the moment at which a snapshot took the place of each."""
        try:
            entries = [entry for entry in os.scandir(self.replaced_path("")) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return {}
        moments = {
            entry.name: datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC) for entry in entries
        }
        return dict(sorted(moments.items()))

    def delete_replaced(self, name: str) -> None:
        """Remove a share that lies aside, for good. Raises RockonwebError where there is none, or it can't be."""
        if name not in self.replaced_shares():
            raise RockonwebError(
                t("There is nothing aside of the name %(name)s.", name=name), t("It was removed before.")
            )
        try:
            run_btrfs("subvolume", "delete", str(self.replaced_path(name)))
        except OSError as error:
            raise RockonwebError(
                t("%(name)s could not be removed: %(why)s.", name=name, why=_error_text(error)),
                t("Subvolumes inside it have to be removed by hand first: btrfs subvolume delete."),
            ) from None

    def nested_subvolumes(self, share: str) -> tuple[str, ...]:
        """Return the subvolumes right below a share's, as paths from there; a snapshot has none of them."""
        return _list_subvolumes(self._root / share)

    def take_snapshot(self, point: int, share: str) -> None:
        """Take a read-only snapshot of a share for a point; one that is there already is taken anew."""
        path = self.snapshot_path(point, share)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._root / OWN_FOLDER).chmod(0o700)
            if path.exists():
                run_btrfs("subvolume", "delete", str(path))
            run_btrfs("subvolume", "snapshot", "-r", str(self._root / share), str(path))
        except OSError as error:
            raise RockonwebError(
                t('No snapshot of the share "%(share)s" could be taken: %(why)s.', share=share, why=_error_text(error)),
                t("Nothing of it was changed. Make room on its disk, or look at the system's log."),
            ) from None

    def restore_share(self, point: int, share: str, name: str) -> Path | None:
        """Put a point's snapshot in the place of a share, writable; what was there is kept under `name`.

        Done once more after it was interrupted, it goes on where it was. Subvolumes inside the share, which a snapshot
        does not cover, stay inside the share. Returns where the former share lies, None where there was none.
        """
        path, replaced = self._root / share, self.replaced_path(name)
        incoming = replaced.with_name(f"{name}.new")
        try:
            replaced.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            (self._root / OWN_FOLDER).chmod(0o700)
            if not (replaced.exists() and path.exists()):
                if not incoming.exists():
                    run_btrfs("subvolume", "snapshot", str(self.snapshot_path(point, share)), str(incoming))
                if path.exists():
                    path.rename(replaced)
                incoming.rename(path)
            if not replaced.exists():
                return None
            for inner in _list_subvolumes(replaced):
                stub = path / inner
                if stub.is_dir():
                    stub.rmdir()
                if stub.parent.is_dir() and not os.path.lexists(stub):
                    (replaced / inner).rename(stub)
        except OSError as error:
            raise RockonwebError(
                t(
                    'The data of the share "%(share)s" could not be put back: %(why)s.',
                    share=share,
                    why=_error_text(error),
                ),
                t(
                    "The snapshot lies in %(snapshot)s, what was in the share in %(kept)s or in its place.",
                    snapshot=str(self.snapshot_path(point, share)),
                    kept=str(replaced),
                ),
            ) from None
        return replaced

    def shares_by_point(self) -> dict[int, list[str]]:
        """Return the shares of which there are snapshots, by point."""
        shares = {}
        try:
            for entry in os.scandir(self.snapshot_path(0).parent):
                instance, _, point = entry.name.partition("-")
                if instance == self._instance and point.isdecimal():
                    shares[int(point)] = sorted(os.listdir(entry.path))
        except OSError:
            return {}
        return shares

    def delete_snapshots(self, point: int) -> None:
        """Remove the snapshots of a point; one that can't be removed is left for the next time."""
        folder = self.snapshot_path(point)
        for share in self.shares_by_point().get(point, ()):
            with suppress(OSError):
                run_btrfs("subvolume", "delete", str(folder / share))
        with suppress(OSError):
            folder.rmdir()


def _list_subvolumes(path: str | Path) -> tuple[str, ...]:
    try:
        own_path = run_btrfs("subvolume", "show", str(path)).splitlines()[0].strip().strip("/")
        lines = run_btrfs("subvolume", "list", "-o", str(path)).splitlines()
    except OSError:
        return ()
    paths = [line.partition(" path ")[2] for line in lines]
    return tuple(
        sorted(subvolume.removeprefix(f"{own_path}/") for subvolume in paths if subvolume.startswith(f"{own_path}/"))
    )


def _error_text(error: OSError) -> str:
    return (error.strerror or str(error)).rstrip(".")
