"""The host's devices that apps may want."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.text import TranslatableText, t

MAX_DEVICES = 100  # that are offered
DEVICE_PATTERNS = (
    ("dri", t("graphics, all of it")),
    ("dri/renderD*", t("graphics, for transcoding")),
    ("kfd", t("graphics, for computing")),
    ("nvidia[0-9]*", t("graphics")),
    ("nvidiactl", t("graphics")),
    ("nvidia-uvm", t("graphics")),
    ("serial/by-id/*", t("serial port, always the same one")),
    ("ttyUSB*", t("serial port")),
    ("ttyACM*", t("serial port")),
    ("ttyAMA*", t("serial port")),
    ("snd", t("sound")),
    ("video*", t("camera or tuner")),
    ("dvb", t("television receiver")),
    ("sr[0-9]*", t("optical drive")),
    ("net/tun", t("network tunnels")),
    ("kvm", t("virtual machines")),
    ("fuse", t("file systems of programs")),
    ("bus/usb", t("all USB devices")),
    ("apex_*", t("accelerator for learning models")),
    ("gpiochip*", t("pins of the board")),
    ("i2c-*", t("bus of the board")),
    ("disk/by-id/*", t("whole disk, always the same one")),
    ("sd[a-z]", t("whole disk")),
    ("sd[a-z][a-z]", t("whole disk")),
    ("nvme[0-9]*", t("whole disk")),
)


@dataclass(frozen=True)
class HostDevice:
    """A device of the host. `description` says what it is."""

    path: str
    description: TranslatableText


def list_devices(folder: Path = Path("/dev")) -> list[HostDevice]:
    """Return the devices to choose from, by kind."""
    devices = [
        HostDevice(str(path), description)
        for pattern, description in DEVICE_PATTERNS
        for path in sorted(folder.glob(pattern))
    ]
    return [device for device in devices if not _is_disk_part(Path(device.path).name)][:MAX_DEVICES]


def _is_disk_part(name: str) -> bool:
    """Whether it is a partition, or one of the further names that disks and arrays have."""
    if name.startswith("nvme") and "-" not in name:
        return "p" in name
    return "-part" in name or name.startswith(("wwn-", "dm-", "lvm-", "md-", "nvme-eui.", "nvme-nvme."))
