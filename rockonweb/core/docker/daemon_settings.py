"""The settings of a Docker Engine that matter to somebody who runs apps on it, and its disk space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

LOW_SPACE = 10 * 10**9  # bytes; below, a few more images may fill the disk
CONTAINERD_FOLDER = "/var/lib/containerd"  # where the system's containerd stores images, if it does so for Docker
SIZE_LIMITED = ("local", "journald", "syslog", "none")  # log drivers that limit the size, or log elsewhere


@dataclass(frozen=True)
class Disk:
    """The disk of a folder: free and total bytes, and its file system, blank where unknown."""

    free: int
    total: int
    file_system: str = ""
    mount_point: str = ""

    @property
    def is_low(self) -> bool:
        """Whether a few more images may fill it."""
        return self.free < LOW_SPACE


@dataclass(frozen=True)
class DockerSettings:
    """Settings of a Docker Engine. Texts are blank and numbers 0 where it does not report them."""

    version: str = ""
    api_version: str = ""
    folder: str = ""  # Docker's own, DockerRootDir
    images_folder: str = ""  # where images are stored; another one where containerd stores them
    storage_driver: str = ""
    backing_file_system: str = ""
    images: int = 0
    running: int = 0
    stopped: int = 0
    cgroup_version: str = ""
    cgroup_driver: str = ""
    live_restore: bool = False
    log_driver: str = ""
    machine: str = ""  # such as x86_64
    rootless: bool = False
    disk: Disk | None = None  # of the images; None where it is not visible from here
    mirrors: bool = False  # whether it tries mirrors of Docker Hub first

    @property
    def containerd_images(self) -> bool:
        """Whether containerd stores the images."""
        return self.images_folder != self.folder


@dataclass(frozen=True)
class LogOptions:
    """The log options of a container; a blank size means no limit."""

    driver: str
    max_size: str = ""
    max_file: str = ""

    @property
    def bounded(self) -> bool:
        """Whether an app that writes much into its log can't fill the disk."""
        return self.driver in SIZE_LIMITED or bool(self.max_size)


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


def parse_settings(info: Mapping[str, Any], version: Mapping[str, Any]) -> DockerSettings:
    """Return the settings from Docker's answers to `/info` and `/version`."""
    driver = {str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or () if len(pair) == 2}
    folder = str(info.get("DockerRootDir") or "")
    by_containerd = "containerd" in driver.get("driver-type", "")
    return DockerSettings(
        version=str(version.get("Version") or ""),
        api_version=str(version.get("ApiVersion") or ""),
        folder=folder,
        images_folder=CONTAINERD_FOLDER if by_containerd else folder,
        storage_driver=str(info.get("Driver") or ""),
        backing_file_system=driver.get("Backing Filesystem", ""),
        images=int(info.get("Images") or 0),
        running=int(info.get("ContainersRunning") or 0),
        stopped=int(info.get("Containers") or 0) - int(info.get("ContainersRunning") or 0),
        cgroup_version=str(info.get("CgroupVersion") or ""),
        cgroup_driver=str(info.get("CgroupDriver") or ""),
        live_restore=bool(info.get("LiveRestoreEnabled")),
        log_driver=str(info.get("LoggingDriver") or ""),
        machine=str(info.get("Architecture") or ""),
        rootless=any("rootless" in str(option) for option in info.get("SecurityOptions") or ()),
        mirrors=bool((info.get("RegistryConfig") or {}).get("Mirrors")),
    )


def parse_log_options(config: Mapping[str, Any]) -> LogOptions:
    """Return the options from a container's LogConfig, which includes the engine's defaults."""
    options = config.get("Config") or {}
    return LogOptions(
        str(config.get("Type") or ""), str(options.get("max-size") or ""), str(options.get("max-file") or "")
    )


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
