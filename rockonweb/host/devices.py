"""The devices of the host that can be given to apps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rockonweb.core.text import TranslatableText, t

MAX_DEVICES = 100  # devices that are listed
DEVICE_PATTERNS = (
    ("dri", t("GPU (all functions)")),
    ("dri/renderD*", t("GPU (transcoding)")),
    ("kfd", t("GPU (compute)")),
    ("nvidia[0-9]*", t("GPU")),
    ("nvidiactl", t("GPU")),
    ("nvidia-uvm", t("GPU")),
    ("serial/by-id/*", t("serial port (permanent name)")),
    ("ttyUSB*", t("serial port")),
    ("ttyACM*", t("serial port")),
    ("ttyAMA*", t("serial port")),
    ("snd", t("audio")),
    ("video*", t("camera or tuner")),
    ("dvb", t("TV tuner")),
    ("sr[0-9]*", t("optical drive")),
    ("net/tun", t("network tunnels")),
    ("kvm", t("virtual machines")),
    ("fuse", t("user-space file systems (FUSE)")),
    ("bus/usb", t("all USB devices")),
    ("apex_*", t("AI accelerator")),
    ("gpiochip*", t("GPIO pins")),
    ("i2c-*", t("I2C bus")),
    ("disk/by-id/*", t("whole disk (permanent name)")),
    ("sd[a-z]", t("whole disk")),
    ("sd[a-z][a-z]", t("whole disk")),
    ("nvme[0-9]*", t("whole disk")),
)


@dataclass(frozen=True)
class HostDevice:
    """A device of the host: its path, such as /dev/dri, and what it is."""

    path: str
    description: TranslatableText


def list_devices(folder: Path = Path("/dev")) -> list[HostDevice]:
    """Return the devices below a folder in the order of DEVICE_PATTERNS, without partitions and duplicate names."""
    devices = [
        HostDevice(str(path), description)
        for pattern, description in DEVICE_PATTERNS
        for path in sorted(folder.glob(pattern))
    ]
    return [device for device in devices if not _is_disk_part(Path(device.path).name)][:MAX_DEVICES]


def _is_disk_part(name: str) -> bool:
    """Whether it is a partition, or an alias of a disk or array."""
    if name.startswith("nvme") and "-" not in name:
        return "p" in name
    return "-part" in name or name.startswith(("wwn-", "dm-", "lvm-", "md-", "nvme-eui.", "nvme-nvme."))
