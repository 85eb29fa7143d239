"""Snapshots of shares that are Btrfs subvolumes, and the data of shares that a snapshot has replaced.

Both are in OWN_FOLDER in the shares root, which is no share itself: `snapshots/INSTANCE-POINT/SHARE` are read-only
snapshots, by random id of the rollback point; `replaced/SHARE-…` are shares as they were before a snapshot was
or a backup of its data was restored. The latter are only deleted by a user, one by one.
"""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from rockonweb.core.errors import RockonwebError
from rockonweb.core.text import t
from rockonweb.host.disks import remove_folder, run_btrfs
from rockonweb.host.shares import Shares

OWN_FOLDER = ".rockonweb"


class Snapshots:
    """The snapshots of a host's shares that one instance has taken. `point` is always a rollback point's random id."""

    def __init__(self, shares: Shares, instance: str) -> None:
        self._root = shares.root
        self._instance = instance

    def snapshot_path(self, point: str, share: str = "") -> Path:
        """Return the path of a share's snapshot, without `share` of the folder of all those of a point."""
        return self._root / OWN_FOLDER / "snapshots" / f"{self._instance}-{point}" / share

    def replaced_path(self, name: str) -> Path:
        """Return where the data of a share is kept that a snapshot has replaced."""
        return self._root / OWN_FOLDER / "replaced" / name

    def replaced_shares(self) -> dict[str, datetime]:
        """Return the names of the replaced shares that are kept, with the time at which each was replaced."""
        try:
            entries = [entry for entry in os.scandir(self.replaced_path("")) if entry.is_dir(follow_symlinks=False)]
        except OSError:
            return {}
        moments = {
            entry.name: datetime.fromtimestamp(entry.stat(follow_symlinks=False).st_ctime, UTC) for entry in entries
        }
        return dict(sorted(moments.items()))

    def delete_replaced(self, name: str) -> None:
        """Delete the data of a replaced share for good. Raises RockonwebError where there is none, or that fails."""
        if name not in self.replaced_shares():
            raise RockonwebError(
                t("There is no kept data named %(name)s.", name=name), t("It has already been removed.")
            )
        try:
            remove_folder(self.replaced_path(name))
        except OSError as error:
            raise RockonwebError(
                t("%(name)s could not be removed: %(why)s.", name=name, why=_error_text(error)),
                t("Subvolumes inside it must be removed manually first: btrfs subvolume delete."),
            ) from None

    def nested_subvolumes(self, share: str) -> tuple[str, ...]:
        """Return the subvolumes inside a share, as paths relative to it; a snapshot does not contain them."""
        return _list_subvolumes(self._root / share)

    def take_snapshot(self, point: str, share: str) -> None:
        """Take a read-only snapshot of a share for a point, replacing an existing one. Raises RockonwebError."""
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
                t("The share was not changed. Free up space on its disk, or check the system log."),
            ) from None

    def restore_share(self, point: str, share: str, name: str) -> Path | None:
        """Replace a share by a writable copy of a point's snapshot; the current data is kept as `replaced_path(name)`.

        May be repeated after an interruption. Subvolumes inside the share, which a snapshot does not contain, are moved
        to the restored share. Returns where the former data is, None where there was none. Raises RockonwebError.
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
                    'The data of the share "%(share)s" could not be restored: %(why)s.',
                    share=share,
                    why=_error_text(error),
                ),
                t(
                    "The snapshot is in %(snapshot)s; the data that was in the share is in %(kept)s or still in its "
                    "place.",
                    snapshot=str(self.snapshot_path(point, share)),
                    kept=str(replaced),
                ),
            ) from None
        return replaced

    def shares_by_point(self) -> dict[str, list[str]]:
        """Return the names of the shares that have a snapshot, by point."""
        shares = {}
        try:
            for entry in os.scandir(self.snapshot_path("").parent):
                instance, _, point = entry.name.partition("-")
                if instance == self._instance and point:
                    shares[point] = sorted(os.listdir(entry.path))
        except OSError:
            return {}
        return shares

    def delete_snapshots(self, point: str) -> None:
        """Delete the snapshots of a point; those where that fails stay, and are found by the next clean-up."""
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
