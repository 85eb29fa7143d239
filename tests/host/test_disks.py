"""Shares on mount points and on Btrfs: real file systems, made and taken down here."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from rockonweb import config
from rockonweb.core.docker.disk_usage import Disk
from rockonweb.core.errors import BadInput, RockonwebError
from rockonweb.host import Host, disks
from rockonweb.host.disks import FolderOrigin, MountPoint, find_origin

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
A_BTRFS = 128 * 2**20  # bytes: Btrfs wants a little more than 100 MiB


def run(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def mount() -> Iterator[Callable[..., Path]]:
    """`mount(folder, …)` mounts something there until the test ends."""
    with ExitStack() as mounted:

        def there(folder: Path, *words: str) -> Path:
            folder.mkdir(parents=True, exist_ok=True)
            run("mount", *words, folder)
            mounted.callback(run, "umount", folder)
            return folder

        yield there


@pytest.fixture
def tmpfs(mount: Callable[..., Path]) -> Callable[[Path], Path]:
    return lambda folder: mount(folder, "-t", "tmpfs", "-o", "size=8m", "disk of a test")


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """An empty Btrfs on a loop device."""
    image = tmp_path / "image"
    with image.open("wb") as file:
        file.truncate(A_BTRFS)
    run("mkfs.btrfs", "-q", image)
    device = run("losetup", "--find", "--show", image)
    folder = tmp_path / "btrfs"
    folder.mkdir()
    try:
        run("mount", device, folder)
        try:
            yield folder
        finally:
            run("umount", folder)
    finally:
        run("losetup", "--detach", device)


def settings(root: Path) -> config.Config:
    return config.load_config({"ROCKONWEB_INSTANCE": str(root.parent / "instance"), "ROCKONWEB_SHARES_ROOT": str(root)})


def test_where_something_is_mounted_only_mount_points_are_shares(tmp_path: Path, tmpfs: Callable[[Path], Path]) -> None:
    here = settings(tmp_path / "root")
    (here.shares_root / "plain").mkdir(parents=True)
    assert list(Host(here).shares.shares_by_name()) == ["plain"]
    tmpfs(here.shares_root / "media")
    tmpfs(here.shares_root / "Übung 1")
    assert list(Host(here).shares.shares_by_name()) == ["media", "Übung 1"]


@pytest.fixture
def on_disk() -> Iterator[Path]:
    """An empty folder on the system's disk."""
    with TemporaryDirectory(dir="/var/tmp") as folder:
        yield Path(folder)


def test_a_new_folder_beside_mount_points_is_refused_with_the_disk_that_it_would_fill(
    on_disk: Path, tmpfs: Callable[[Path], Path]
) -> None:
    here = settings(on_disk / "root")
    tmpfs(here.shares_root / "media")
    tmpfs(here.shares_root / "media")
    with pytest.raises(BadInput) as caught:
        Host(here).shares.create_share("fresh")
    below = disks.find_mount(here.shares_root, disks.list_mounts())
    assert below
    assert f"{below.source} ({below.kind}), with " in caught.value.sentence
    assert "would fill the system disk" in caught.value.sentence
    assert f"{here.shares_root}/NAME" in caught.value.hint
    assert not (here.shares_root / "fresh").exists()
    with pytest.raises(BadInput, match="already"):
        Host(here).shares.create_share("media")


def test_what_is_mounted_deeper_or_elsewhere_makes_no_mount_points_of_the_shares(
    tmp_path: Path, tmpfs: Callable[[Path], Path]
) -> None:
    here = settings(tmp_path / "root")
    tmpfs(here.shares_root / "plain" / "deep")
    tmpfs(tmp_path / "elsewhere")
    assert list(Host(here).shares.shares_by_name()) == ["plain"]
    Host(here).shares.create_share("fresh")
    assert list(Host(here).shares.shares_by_name()) == ["fresh", "plain"]


def test_the_share_with_the_most_room_is_named(tmp_path: Path, mount: Callable[..., Path]) -> None:
    here = settings(tmp_path / "root")
    assert Host(here).shares.roomiest_share() == ""
    for name, size in (("large", "16m"), ("small", "4m")):
        mount(here.shares_root / name, "-t", "tmpfs", "-o", f"size={size}", "test")
    assert Host(here).shares.roomiest_share() == "large"


def test_on_btrfs_a_new_share_is_a_subvolume_and_goes_when_it_is_empty(btrfs: Path) -> None:
    here = settings(btrfs)
    assert (
        Host(here)
        .shares.new_share_constraints()
        .description.startswith("New shares are created as Btrfs subvolumes on /dev/loop")
    )
    made = Host(here).shares.create_share("photos")
    assert "photos" in run("btrfs", "subvolume", "list", btrfs)
    assert Path(made.path).stat().st_ino == disks.SUBVOLUME_INODE
    assert Host(here).shares.shares_by_name() == {"photos": made}
    with pytest.raises(BadInput, match='"photos" already'):
        Host(here).shares.create_share("photos")
    (btrfs / "photos" / "one").write_text("mine")
    assert not Host(here).shares.remove_if_empty("photos")
    (btrfs / "photos" / "one").unlink()
    assert Host(here).shares.remove_if_empty("photos")
    assert run("btrfs", "subvolume", "list", btrfs) == ""


def test_plain_folders_of_a_btrfs_stay_shares_beside_subvolumes(btrfs: Path) -> None:
    here = settings(btrfs)
    (btrfs / "plain").mkdir()
    Host(here).shares.create_share("photos")
    assert list(Host(here).shares.shares_by_name()) == ["photos", "plain"]


def test_without_the_tool_a_new_share_on_btrfs_is_a_folder_and_that_is_said(
    btrfs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings(btrfs)
    monkeypatch.setenv("PATH", "/nowhere")
    assert (
        "the program btrfs, which creates subvolumes, is not installed"
        in Host(here).shares.new_share_constraints().description
    )
    made = Host(here).shares.create_share("photos")
    assert Path(made.path).stat().st_ino != disks.SUBVOLUME_INODE
    assert list(Host(here).shares.shares_by_name()) == ["photos"]


def test_beside_mount_points_on_a_btrfs_of_its_own_a_subvolume_is_a_share_and_a_folder_is_none(
    btrfs: Path, tmpfs: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings(btrfs)
    tmpfs(btrfs / "media")
    (btrfs / "plain").mkdir()
    Host(here).shares.create_share("photos")
    assert list(Host(here).shares.shares_by_name()) == ["media", "photos"]
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(BadInput, match="would fill /dev/loop"):
        Host(here).shares.create_share("more")


def test_what_the_tool_says_is_told_when_it_fails(btrfs: Path) -> None:
    run("mount", "-o", "remount,ro", btrfs)
    try:
        with pytest.raises(RockonwebError, match=r"could not be created: .*[Rr]ead-only"):
            Host(settings(btrfs)).shares.create_share("photos")
    finally:
        run("mount", "-o", "remount,rw", btrfs)


def test_the_room_of_what_is_not_there_yet_is_that_of_the_folder_above(tmp_path: Path) -> None:
    free = disks.free_space(tmp_path / "not" / "yet")
    assert free is not None
    assert free > 0


def test_folders_of_shares_are_offered_but_no_hidden_ones_and_no_links(tmp_path: Path) -> None:
    here = settings(tmp_path / "root")
    for folder in ("media/films/deep", "media/a b", "media/.hidden", "empty"):
        (here.shares_root / folder).mkdir(parents=True)
    (here.shares_root / "media" / "link").symlink_to(tmp_path)
    (here.shares_root / "media" / "file").write_text("")
    assert list(Host(here).shares.list_folders()) == ["media/a b", "media/films"]


def test_the_room_of_a_folder_that_can_be_seen(tmp_path: Path) -> None:
    found = disks.disk_of(str(tmp_path))
    assert found
    assert 0 < found.free <= found.total
    assert found.file_system
    assert str(tmp_path).startswith(found.mount_point)
    assert disks.disk_of(str(tmp_path / "nowhere")) is None
    assert disks.disk_of("") is None
    future = disks.future_disk(tmp_path / "not" / "yet")
    assert future is not None
    assert (future.total, future.mount_point) == (found.total, found.mount_point)
    assert Disk(1, 2).is_low


def test_fstab_names_what_the_machine_waits_for_at_its_start(tmp_path: Path) -> None:
    table = tmp_path / "fstab"
    table.write_text(
        "# <file system> <mount point> <type> <options>\n"
        "UUID=1 / ext4 defaults 0 1\n"
        "UUID=2 /mnt/my\\040disk ext4 defaults,nofail 0 2\n"
        "/dev/sdc1\t/srv/data\txfs\trw 0 2\n"
        "nas:/films /srv/films nfs4 rw 0 0\n"
        "UUID=3 none swap sw 0 0\n"
        "garbage\n"
    )
    wanted = {"/": True, "/mnt/my disk": False, "/srv/data": True, "/srv/films": False}
    assert disks.list_fstab(str(table)) == {Path(path): required for path, required in wanted.items()}
    assert disks.list_fstab(str(tmp_path / "none")) == {}


def test_what_is_at_a_path_is_the_same_for_a_service_with_mounts_of_its_own() -> None:
    disk = MountPoint(Path("/mnt/usb"), "ext4", "/dev/sdb1", "8:17")
    system = MountPoint(Path("/"), "ext4", "/dev/sda1", "8:1")
    films, bound = Path("/mnt/usb/shares/films"), MountPoint(Path("/srv/bound"), "ext4", "/dev/sda1", "8:1", "/data")
    own = [
        MountPoint(Path("/mnt/usb/shares"), "ext4", "/dev/sdb1", "8:17", "/shares"),
        MountPoint(Path("/srv"), "ext4", "/dev/sda1", "8:1", "/srv"),
    ]
    for mount_points in ([system, disk, bound], [system, disk, *own, bound]):
        assert find_origin(films, mount_points) == FolderOrigin("8:17", "/shares/films", disk)
        assert find_origin(Path("/srv/plain"), mount_points) == FolderOrigin("8:1", "/srv/plain", system)
        assert find_origin(Path("/srv/bound/x"), mount_points) == FolderOrigin("8:1", "/data/x", bound)
    assert find_origin(films, [system]) == FolderOrigin("8:1", "/mnt/usb/shares/films", system)
    assert find_origin(films, []) is None
