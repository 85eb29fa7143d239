"""Which of the host's devices are offered."""

from pathlib import Path

from rockonweb.host import devices

THERE = (
    *("dri/renderD128", "ttyUSB0", "ttyACM0", "ttyS0", "snd/seq", "video0", "serial/by-id/usb-Stick-if00", "sr0"),
    *("disk/by-id/ata-DISK_1", "disk/by-id/ata-DISK_1-part1", "disk/by-id/wwn-0x5", "sda", "sda1", "sdaa"),
    *("nvme0", "nvme0n1", "nvme0n1p1", "null", "tty1"),
)


def test_devices_for_apps_are_offered_and_parts_of_disks_are_not(tmp_path: Path) -> None:
    for name in THERE:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    found = [str(Path(one.path).relative_to(tmp_path)) for one in devices.list_devices(tmp_path)]
    assert found == [
        *("dri", "dri/renderD128", "serial/by-id/usb-Stick-if00", "ttyUSB0", "ttyACM0", "snd", "video0", "sr0"),
        *("disk/by-id/ata-DISK_1", "sda", "sdaa", "nvme0", "nvme0n1"),
    ]


def test_each_says_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "kvm").write_text("")
    (one,) = devices.list_devices(tmp_path)
    assert (one.path, one.description) == (str(tmp_path / "kvm"), "virtual machines")


def test_a_host_without_devices_offers_none_and_one_with_many_not_all(tmp_path: Path) -> None:
    assert devices.list_devices(tmp_path / "nowhere") == []
    for number in range(200):
        (tmp_path / f"ttyUSB{number}").write_text("")
    assert len(devices.list_devices(tmp_path)) == devices.MAX_DEVICES
