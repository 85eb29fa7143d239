"""Snapshots of shares on a Btrfs of the test's own, and what is put in the place of a share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import RockonwebError
from rockonweb.host import Host, snapshots
from tests.support.loop_btrfs import mounted_btrfs, run_command

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[config.Config]:
    """The settings of an instance whose shares lie on a Btrfs; its share `notes` has a file."""
    root = tmp_path / "root"
    root.mkdir()
    with mounted_btrfs(tmp_path / "image", root):
        made = config.load_config(
            {"ROCKONWEB_INSTANCE": str(tmp_path / "instance"), "ROCKONWEB_SHARES_ROOT": str(root)}
        )
        config.create_secret_key(made)
        Host(made).shares.create_share("notes")
        (root / "notes" / "file").write_text("then")
        yield made


def content(settings: config.Config, share: str = "notes") -> dict[str, str]:
    return {one.name: one.read_text() for one in (settings.shares_root / share).iterdir() if one.is_file()}


def test_a_share_comes_back_and_what_was_there_is_kept(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    assert Host(settings).snapshots.shares_by_point() == {"7": ["notes"]}
    (settings.shares_root / "notes" / "file").unlink()
    (settings.shares_root / "notes" / "newer").write_text("now")
    kept = Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    assert content(settings) == {"file": "then"}
    assert kept == Host(settings).snapshots.replaced_path("notes-1")
    assert (kept / "newer").read_text() == "now"
    (settings.shares_root / "notes" / "file").write_text("it can be written to")
    assert (Host(settings).snapshots.snapshot_path("7", "notes") / "file").read_text() == "then"


def test_a_share_may_have_any_name(settings: config.Config) -> None:
    share = "Übung My Photos"
    Host(settings).shares.create_share(share, as_saved=True)
    (settings.shares_root / share / "file").write_text("then")
    run_command("btrfs", "subvolume", "create", str(settings.shares_root / share / "in side"))
    assert Host(settings).snapshots.nested_subvolumes(share) == ("in side",)
    Host(settings).snapshots.take_snapshot(7, share)
    (settings.shares_root / share / "file").write_text("now")
    Host(settings).snapshots.restore_share("7", share, f"{share}-1")
    assert content(settings, share) == {"file": "then"}
    assert (settings.shares_root / share / "in side").is_dir()
    assert list(Host(settings).snapshots.replaced_shares()) == [f"{share}-1"]
    Host(settings).snapshots.delete_replaced(f"{share}-1")
    Host(settings).snapshots.delete_snapshots("7")
    assert Host(settings).snapshots.shares_by_point() == {}


def test_what_is_kept_is_no_share_and_nobody_elses_to_read(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    assert list(Host(settings).shares.shares_by_name()) == ["notes"]
    assert list(Host(settings).shares.list_folders()) == []
    assert (settings.shares_root / snapshots.OWN_FOLDER).stat().st_mode & 0o077 == 0


def test_done_once_more_it_changes_nothing(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    (settings.shares_root / "notes" / "file").write_text("now")
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    (settings.shares_root / "notes" / "file").write_text("later")
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    assert content(settings) == {"file": "later"}
    assert (Host(settings).snapshots.replaced_path("notes-1") / "file").read_text() == "now"


@pytest.mark.parametrize("died", ["before the share went", "after the share went"])
def test_it_goes_on_where_it_was_interrupted(settings: config.Config, died: str) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    (settings.shares_root / "notes" / "file").write_text("now")
    kept = Host(settings).snapshots.replaced_path("notes-1")
    kept.parent.mkdir()
    run_command(
        "btrfs",
        "subvolume",
        "snapshot",
        Host(settings).snapshots.snapshot_path("7", "notes"),
        kept.with_name("notes-1.new"),
    )
    if died == "after the share went":
        (settings.shares_root / "notes").rename(kept)
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    assert content(settings) == {"file": "then"}
    assert (kept / "file").read_text() == "now"
    assert [one.name for one in kept.parent.iterdir()] == ["notes-1"]


def test_a_snapshot_that_is_taken_again_is_the_newer_one(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    (settings.shares_root / "notes" / "file").write_text("now")
    Host(settings).snapshots.take_snapshot("7", "notes")
    assert (Host(settings).snapshots.snapshot_path("7", "notes") / "file").read_text() == "now"


def test_subvolumes_inside_stay_inside_with_what_is_in_them(settings: config.Config) -> None:
    inner = settings.shares_root / "notes" / "folder" / "inner"
    inner.parent.mkdir()
    run_command("btrfs", "subvolume", "create", inner)
    (inner / "file").write_text("then")
    assert Host(settings).snapshots.nested_subvolumes("notes") == ("folder/inner",)
    Host(settings).snapshots.take_snapshot("7", "notes")
    (inner / "file").write_text("now")
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    assert (inner / "file").read_text() == "now"
    assert Host(settings).snapshots.nested_subvolumes("notes") == ("folder/inner",)


def test_only_the_snapshots_of_a_point_of_this_instance_are_removed(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    Host(settings).snapshots.take_snapshot("8", "notes")
    strange = settings.shares_root / snapshots.OWN_FOLDER / "snapshots" / "0123456789ab-7"
    strange.mkdir()
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    Host(settings).snapshots.delete_snapshots("7")
    assert Host(settings).snapshots.shares_by_point() == {"8": ["notes"]}
    assert strange.is_dir()
    assert Host(settings).snapshots.replaced_path("notes-1").is_dir()


def test_a_snapshot_that_can_not_be_taken_leaves_the_share_alone(settings: config.Config) -> None:
    (settings.shares_root / "plain").mkdir()
    with pytest.raises(RockonwebError, match='"plain" could be taken: '):
        Host(settings).snapshots.take_snapshot("7", "plain")
    (settings.shares_root / "notes" / "file").write_text("now")
    with pytest.raises(RockonwebError, match='"notes" could not be restored: '):
        Host(settings).snapshots.restore_share("9", "notes", "notes-1")
    assert content(settings) == {"file": "now"}


def test_which_shares_can_have_snapshots(settings: config.Config, monkeypatch: pytest.MonkeyPatch) -> None:
    (settings.shares_root / "plain").mkdir()
    assert {name: one.snapshots for name, one in Host(settings).shares.shares_by_name().items()} == {
        "notes": True,
        "plain": False,
    }
    monkeypatch.setenv("PATH", "")
    assert not any(one.snapshots for one in Host(settings).shares.shares_by_name().values())


def test_what_lies_aside_goes_only_when_somebody_asks_for_it(settings: config.Config) -> None:
    Host(settings).snapshots.take_snapshot("7", "notes")
    Host(settings).snapshots.restore_share("7", "notes", "notes-1")
    Host(settings).snapshots.take_snapshot("8", "notes")
    Host(settings).snapshots.restore_share("8", "notes", "notes-2")
    assert list(Host(settings).snapshots.replaced_shares()) == ["notes-1", "notes-2"]
    Host(settings).snapshots.delete_replaced("notes-1")
    assert list(Host(settings).snapshots.replaced_shares()) == ["notes-2"]
    assert content(settings) == {"file": "then"}
    for name in ("notes-1", "..", "../../notes", ""):
        with pytest.raises(RockonwebError, match="no kept data named"):
            Host(settings).snapshots.delete_replaced(name)
    assert content(settings) == {"file": "then"}
