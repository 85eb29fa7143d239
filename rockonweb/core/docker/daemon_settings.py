"""The settings of a Docker Engine that matter to somebody who runs apps on it, and its disk space."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rockonweb.core.docker.disk_usage import Disk

CONTAINERD_FOLDER = "/var/lib/containerd"  # where the system's containerd stores images, if it does so for Docker
SIZE_LIMITED = ("local", "journald", "syslog", "none")  # log drivers that limit the size, or log elsewhere


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
    runtime: str = ""  # of containers that name none
    machine: str = ""  # such as x86_64
    host_name: str = ""
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


def parse_settings(info: Mapping[str, Any], api_version: str = "") -> DockerSettings:
    """Return the settings from Docker's answer to `/info`, and the newest version of its API."""
    driver = {str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or () if len(pair) == 2}
    folder = str(info.get("DockerRootDir") or "")
    by_containerd = "containerd" in driver.get("driver-type", "")
    return DockerSettings(
        version=str(info.get("ServerVersion") or ""),
        api_version=api_version,
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
        runtime=str(info.get("DefaultRuntime") or ""),
        machine=str(info.get("Architecture") or ""),
        host_name=str(info.get("Name") or ""),
        rootless=any("rootless" in str(option) for option in info.get("SecurityOptions") or ()),
        mirrors=bool((info.get("RegistryConfig") or {}).get("Mirrors")),
    )


def parse_log_options(config: Mapping[str, Any]) -> LogOptions:
    """Return the options from a container's LogConfig, which includes the engine's defaults."""
    options = config.get("Config") or {}
    return LogOptions(
        str(config.get("Type") or ""), str(options.get("max-size") or ""), str(options.get("max-file") or "")
    )
