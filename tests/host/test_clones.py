"""Copies of shares on a Btrfs of the test's own and elsewhere, and what is measured of them."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import Conflict, RockonwebError
from rockonweb.core.folder_comparison import compare_folders
from rockonweb.core.operations.steps import CloneMethod
from rockonweb.host import Host, clones
from rockonweb.host.folder_measures import measure_folders
from rockonweb.host.waiting import Waiter
from tests.support.loop_btrfs import mounted_btrfs, run_command

ODD = os.fsdecode(b"odd\xff\nname")


def settings_of(root: Path) -> config.Config:
    made = config.load_config({"ROCKONWEB_INSTANCE": str(root.parent / "instance"), "ROCKONWEB_SHARES_ROOT": str(root)})
    config.create_secret_key(made)
    return made


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    """A host whose shares lie on a Btrfs: `notes`, a subvolume, and `plain`, a folder."""
    root = tmp_path / "root"
    root.mkdir()
    with mounted_btrfs(tmp_path / "image", root):
        made = Host(settings_of(root))
        made.shares.create_share("notes")
        (root / "plain" / "sub").mkdir(parents=True)
        for share in ("notes", "plain"):
            (root / share / ODD).write_text("then")
        (root / "plain" / "link").symlink_to("/etc/passwd")
        yield made


def clone(host: Host, share_path: str, method: CloneMethod) -> Path:
    host.clones.make_room("7")
    folder = host.clones.room_path("7") / method
    host.clones.clone(share_path, str(folder), method, Waiter())
    return folder


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@needs_root
def test_a_subvolume_is_cloned_by_a_snapshot_that_can_be_written_to(host: Host) -> None:
    assert host.clones.find_method("notes") is CloneMethod.SNAPSHOT
    folder = clone(host, "notes", CloneMethod.SNAPSHOT)
    (folder / ODD).write_text("now")
    run_command("btrfs", "subvolume", "create", str(folder / "inner"))
    assert (host.shares.root / "notes" / ODD).read_text() == "then"
    assert host.clones.list_rooms() == ["7"]
    host.clones.empty_room("7")
    assert [*host.clones.room_path("7").iterdir()] == []
    host.clones.remove_room("7")
    assert host.clones.list_rooms() == []


@needs_root
def test_a_folder_is_cloned_by_its_blocks_and_links_are_not_followed(host: Host) -> None:
    assert host.clones.find_method("plain") is host.clones.find_method("plain/sub") is CloneMethod.REFLINK
    socket.socket(socket.AF_UNIX).bind(f"{host.shares.root}/plain/s")
    folder = clone(host, "plain", CloneMethod.REFLINK)
    (folder / ODD).write_text("now")
    assert (host.shares.root / "plain" / ODD).read_text() == "then"
    assert (folder / "link").is_symlink()
    assert sorted(os.listdir(host.shares.root / "plain")) == sorted(["sub", ODD, "link", "s"])
    host.clones.empty_room("7")
    assert Path("/etc/passwd").exists()


def test_elsewhere_a_share_is_only_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    (root / "notes").mkdir(parents=True)
    host = Host(settings_of(root))
    monkeypatch.setattr(clones, "FICLONE", 0)  # as on a file system that knows no such thing
    assert host.clones.find_method("notes") is None
    (root / "notes" / "file").write_text("x" * 10_000)
    assert host.clones.lacking_bytes("notes") == 0
    monkeypatch.setattr(clones.disks, "free_space", lambda _: 100)
    assert host.clones.lacking_bytes("notes") > 10_000
    assert (clone(host, "notes", CloneMethod.COPY) / "file").read_text() == "x" * 10_000
    with pytest.raises(RockonwebError, match="could not be copied"):
        host.clones.clone("absent", str(tmp_path / "room"), CloneMethod.SNAPSHOT, Waiter())


def test_a_share_that_leads_elsewhere_is_not_copied(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "notes").mkdir(parents=True)
    (root / "notes" / "out").symlink_to("/etc")
    with pytest.raises(Conflict, match="contains a link"):
        Host(settings_of(root)).clones.clone("notes/out", str(tmp_path / "room"), CloneMethod.COPY, Waiter())


def test_a_file_that_vanishes_meanwhile_is_no_error(tmp_path: Path) -> None:
    said = "cp: cannot stat 'a/b': No such file or directory"
    clones._run_copy(("sh", "-c", f'echo "{said}" >&2; exit 1'), Waiter())
    with pytest.raises(OSError, match="No space left"):
        clones._run_copy(("sh", "-c", f'echo "{said}\ncp: error: No space left" >&2; exit 1'), Waiter())


def test_a_copy_with_a_flipped_bit_is_found_and_nothing_outside_is_read(tmp_path: Path) -> None:
    original, copy = tmp_path / "original", tmp_path / "copy"
    for folder in (original, copy):
        (folder / "deep").mkdir(parents=True)
        (folder / "deep" / ODD).write_bytes(b"x" * 3_000_000)
        os.utime(folder / "deep" / ODD, ns=(1, 1))
        (folder / "out").symlink_to("/etc/passwd")
        os.mkfifo(folder / "pipe")
    measures = measure_folders(original, copy)
    assert [(measure.files, measure.size) for measure in measures] == [(1, 3_000_000)] * 2
    assert compare_folders(*measures, 0).same == 1
    with (copy / "deep" / ODD).open("r+b") as file:
        file.seek(2_999_000)
        file.write(b"y")
    os.utime(copy / "deep" / ODD, ns=(1, 1))
    assert [*map(str, compare_folders(*measure_folders(original, copy), 0).faults)] == [
        r"deep/odd\xff\nname is damaged in the copy."
    ]
    for number in range(300):
        (original / f"{number}").write_text("since")
    measures = measure_folders(original, copy)
    assert measures[0].files == 301
    assert len(measures[0].sample) <= 201
