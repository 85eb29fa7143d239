"""What images, containers, volumes and build cache take on Docker's disk, and the free space that it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOW_SPACE = 10 * 10**9  # bytes; below, a few more images may fill the disk


@dataclass(frozen=True)
class Disk:
    """The disk of a folder: free and total bytes; file system, mount point and device are blank where unknown."""

    free: int
    total: int
    file_system: str = ""
    mount_point: str = ""
    source: str = ""

    @property
    def name(self) -> str:
        """The device, which is the same for all subvolumes of a Btrfs; where there is none, the mount point."""
        return self.source if self.source.startswith("/dev/") else self.mount_point

    @property
    def is_low(self) -> bool:
        """Whether a few more images may fill it."""
        return self.free < LOW_SPACE


@dataclass(frozen=True)
class DockerUsage:
    """The number of Docker's images, containers and volumes, and the disk space that they use in bytes."""

    images: int
    images_size: int
    containers: int
    containers_size: int
    volumes: int
    volumes_size: int
    cache_size: int


def parse_usage(df: Mapping[str, Any]) -> DockerUsage:
    """Return the sizes from Docker's answer to `/system/df`."""
    images, containers = df.get("Images") or (), df.get("Containers") or ()
    volumes = [volume.get("UsageData") or {} for volume in df.get("Volumes") or ()]
    return DockerUsage(
        images=len(images),
        images_size=int(df.get("LayersSize") or 0),
        containers=len(containers),
        containers_size=sum(int(entry.get("SizeRw") or 0) for entry in containers),
        volumes=len(volumes),
        volumes_size=sum(max(0, int(entry.get("Size") or 0)) for entry in volumes),
        cache_size=sum(int(entry.get("Size") or 0) for entry in df.get("BuildCache") or () if not entry.get("Shared")),
    )
