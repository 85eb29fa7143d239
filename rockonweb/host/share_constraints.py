"""What a new share can be, and on which disk: a folder, a Btrfs subvolume, or none at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.own_container import BlindSpot
from rockonweb.core.text import TranslatableText, format_size, t
from rockonweb.host import disks


@dataclass(frozen=True)
class ShareConstraints:
    """Where the data of a new share would be stored, and what a new share can be.

    `free`: bytes. `only_mounts`: shares of this root are mount points or subvolumes; a plain folder is no share.
    """

    root: Path
    mount: disks.MountPoint | None
    free: int | None
    only_mounts: bool
    on_system_disk: bool
    blind_spot: BlindSpot | None = None  # why this root is not the host's

    @property
    def is_btrfs(self) -> bool:
        """Whether the root is on Btrfs."""
        return self.mount is not None and self.mount.kind == "btrfs"

    @property
    def makes_subvolumes(self) -> bool:
        """Whether a new share will be a subvolume."""
        return self.is_btrfs and disks.can_make_subvolumes() and not (self.only_mounts and self.on_system_disk)

    @property
    def refusal(self) -> TranslatableText | None:
        """Why no share can be created here; None where one can."""
        if self.blind_spot:
            return self.blind_spot.sentence
        if not self.only_mounts or self.makes_subvolumes:
            return None
        if self.on_system_disk:
            return t(
                "Each share below %(root)s is a separate disk: a new folder there would fill the system disk, "
                "%(disk)s.",
                root=str(self.root),
                disk=self.disk_label,
            )
        return t(
            "Each share below %(root)s is a separate disk: a new folder there would fill %(disk)s.",
            root=str(self.root),
            disk=self.disk_label,
        )

    @property
    def hint(self) -> TranslatableText:
        """What to do where no share can be created."""
        if self.blind_spot:
            return self.blind_spot.hint
        return t(
            "Choose a share that is mounted, or a new folder of one (SHARE/FOLDER), or mount a disk at %(root)s/NAME "
            "first.",
            root=str(self.root),
        )

    @property
    def description(self) -> TranslatableText:
        """What a new share will be (subvolume or folder), and on which disk; else why none can be created."""
        if self.refusal:
            return self.refusal
        if self.makes_subvolumes:
            return t("New shares are created as Btrfs subvolumes on %(disk)s.", disk=self.disk_label)
        if self.is_btrfs:
            return t(
                "New shares are created as plain folders on %(disk)s: the program btrfs, which creates subvolumes, "
                "is not installed.",
                disk=self.disk_label,
            )
        return t("New shares are created as folders on %(disk)s.", disk=self.disk_label)

    @property
    def disk_label(self) -> str:
        """The disk and its free space, as text."""
        name = f"{self.mount.source} ({self.mount.kind})" if self.mount else str(self.root)
        if self.free is None:
            return name
        return t("%(disk)s, with %(free)s free", disk=name, free=format_size(self.free))
