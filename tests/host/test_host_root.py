"""The host as its processes see it, from a container."""

import os
import socket
from pathlib import Path

import pytest

from rockonweb.host import disks, environment, host_root

ID = "0123456789abcdef" * 4


@pytest.fixture
def mountinfo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(host_root, "OWN_MOUNTS", tmp_path / "mountinfo")
    return tmp_path / "mountinfo"


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A process whose root is a folder of ours."""
    folder = tmp_path / "process"
    (folder / "root").mkdir(parents=True)
    monkeypatch.setattr(host_root, "find_host_process", lambda: folder)
    return folder


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"378 360 0:27 /var/lib/docker/containers/{ID}/hostname /etc/hostname rw - ext4 /dev/sda1 rw", ID),
        (f"378 360 0:27 /@docker/containers/{ID}/hosts /etc/hosts rw - btrfs /dev/sda1 rw", ID),
        (f"378 360 0:27 /s/overlay-containers/{ID}/userdata/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda1 rw", ID),
        (f"378 360 0:27 /var/lib/docker/containers/{ID}/hostname /mnt/elsewhere rw - ext4 /dev/sda1 rw", ""),
        ("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw", ""),
    ],
)
def test_the_own_container_is_known_by_what_docker_mounts(mountinfo: Path, line: str, found: str) -> None:
    mountinfo.write_text(f"27 1 254:0 / /proc rw - proc proc rw\n{line}\n")
    assert host_root.read_own_id() == found


def test_outside_of_a_container_no_process_is_looked_through(mountinfo: Path) -> None:
    assert host_root.read_own_id() == ""
    assert host_root.find_host_process() is None
    assert host_root.resolve_on_host("/etc/passwd") == Path("/etc/passwd")


def test_a_process_with_the_own_root_is_none_of_the_hosts(
    mountinfo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mountinfo.write_text(f"1 1 0:1 /docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/docker.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{tmp_path}/docker.sock")
        server.listen()
        assert host_root._find_socket_owner() == os.getpid()
        assert host_root.find_host_process() is None
    assert host_root._find_socket_owner() == 0
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:2375")
    assert host_root._find_socket_owner() == 0


def test_links_lead_to_files_of_the_host_and_never_out_of_it(process: Path) -> None:
    root = process / "root"
    (root / "run" / "inner").mkdir(parents=True)
    (root / "var").mkdir()
    (root / "var" / "run").symlink_to("/run")
    (root / "run" / "up").symlink_to("../../../../var/run/inner")
    (root / "run" / "loop").symlink_to("loop")
    assert host_root.resolve_on_host("/var/run/inner") == root / "run" / "inner"
    assert host_root.resolve_on_host("/run/up") == root / "run" / "inner"
    assert host_root.resolve_on_host("/../../nowhere") == root / "nowhere"
    assert host_root.resolve_on_host("/run/loop/x").is_relative_to(root)


def test_the_hosts_time_zone_and_disks_are_those_that_its_processes_see(process: Path) -> None:
    (process / "root" / "etc").mkdir()
    (process / "root" / "etc" / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    (process / "root" / "images").mkdir()
    (process / "mountinfo").write_text("1 0 8:1 / / rw - btrfs /dev/sda1 rw\n2 1 8:2 / /images rw - xfs /dev/sdb1 rw\n")
    assert environment.time_zone() == "Asia/Tokyo"
    found = disks.disk_of("/images")
    assert found is not None
    assert (found.file_system, found.mount_point, found.source) == ("xfs", "/images", "/dev/sdb1")
    assert disks.disk_of("/etc/nowhere") is None
    system = disks.find_system_mount(disks.list_mounts())
    assert system is not None
    assert system.source == "/dev/sda1"


def test_in_a_container_that_shows_no_process_neither_the_system_disk_nor_that_of_an_own_folder_is_known(
    mountinfo: Path,
) -> None:
    folder = Path("/opt")  # on the root of this process
    assert disks.disk_of(str(folder)) is not None
    host_root._read_own_id.cache_clear()  # as another process
    mountinfo.write_text(f"1 1 0:1 /docker/containers/{ID}/hosts /etc/hosts rw - ext4 /dev/sda1 rw\n")
    assert disks.find_system_mount(disks.list_mounts()) is None
    assert disks.disk_of(str(folder)) is None
