"""Shares are the folders below the root, and nothing else is."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import BadInput, Conflict, RockonwebError
from rockonweb.core.facts import SharePathFacts
from rockonweb.host import Host, disks
from rockonweb.host.shares import Shares


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    root = tmp_path / "root"
    root.mkdir()
    return config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path / "instance"), "ROCKONWEB_SHARES_ROOT": str(root)})


def test_only_folders_with_usable_names_are_shares(settings: config.Config, tmp_path: Path) -> None:
    root = settings.shares_root
    for name in ("Music", "apps", ".hidden", "-dash", "My Photos", "Übung", "O'Brien+", "a:b", "a\nb", " blank"):
        (root / name).mkdir()
    (root / "file").write_text("")
    (root / "link").symlink_to(tmp_path)
    (root / "inner").symlink_to(root / "apps")
    os.mkfifo(root / "pipe")
    os.chown(root / "Music", 1000, 100)
    (root / os.fsdecode(b"latin-\xfc")).mkdir()
    (root / "My Photos" / "two words").mkdir()
    found = Host(settings).shares.shares_by_name()
    assert list(found) == ["apps", "Music", "My Photos", "O'Brien+", "Übung"]
    assert list(Host(settings).shares.list_folders()) == ["My Photos/two words"]
    assert Host(settings).shares.unusable_folders() == [
        " blank can't be used: its name begins or ends with a blank.",
        "-dash can't be used: its name begins with a dash.",
        "a\\nb can't be used: its name contains a line end or another unreadable character.",
        "a:b can't be used: its name contains a slash, a backslash or a colon, or what looks like one.",
        "latin-\\xfc can't be used: its name contains a line end or another unreadable character.",
    ]
    assert (found["Music"].path, found["Music"].uid, found["Music"].gid) == (str(root / "Music"), 1000, 100)


def test_the_folder_for_a_disk_that_is_not_mounted_is_no_share(
    settings: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = settings.shares_root
    for name in ("films", "usb"):
        (root / name).mkdir()
    fstab = {root / "usb": False, root / "films/deep": False, Path("/other/films"): True}
    monkeypatch.setattr(disks, "list_fstab", lambda: fstab)
    assert list(Host(settings).shares.shares_by_name()) == ["films"]
    monkeypatch.setattr(disks, "list_mounts", lambda: [disks.MountPoint(root / "usb", "ext4", "/dev/sdb1", "8:17")])
    assert "usb" in Host(settings).shares.shares_by_name()


def test_a_share_from_a_backup_is_created_with_its_name(settings: config.Config) -> None:
    assert Host(settings).shares.create_share("My Photos", as_saved=True).path == str(
        settings.shares_root / "My Photos"
    )
    with pytest.raises(BadInput):
        Host(settings).shares.create_share("a:b", as_saved=True)


def test_without_a_root_there_are_no_shares_until_one_is_made(settings: config.Config, tmp_path: Path) -> None:
    elsewhere = replace(settings, shares_root=tmp_path / "not" / "yet")
    assert Host(elsewhere).shares.shares_by_name() == {}
    made = Host(elsewhere).shares.create_share("first")
    assert Host(elsewhere).shares.shares_by_name() == {"first": made}


def test_a_new_share_is_empty_and_known_at_once(settings: config.Config) -> None:
    made = Host(settings).shares.create_share("new-share_1.0")
    assert Host(settings).shares.shares_by_name()["new-share_1.0"] == made
    assert not list(Path(made.path).iterdir())


@pytest.mark.parametrize(
    "name", ["", ".", "..", ".hidden", "a/b", "../out", "/etc", "two words", "a\0b", "x" * 255, "-v"]
)
def test_a_name_that_can_not_be_used_is_refused_and_makes_nothing(settings: config.Config, name: str) -> None:
    with pytest.raises(BadInput):
        Host(settings).shares.create_share(name)
    assert not list(settings.shares_root.iterdir())
    assert not (settings.shares_root.parent / "out").exists()


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_a_name_that_is_taken_is_refused_and_stays_as_it_was(settings: config.Config, kind: str) -> None:
    path = settings.shares_root / "taken"
    if kind == "folder":
        path.mkdir()
        (path / "data").write_text("mine")
    elif kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("/nowhere")
    with pytest.raises(BadInput, match='"taken"'):
        Host(settings).shares.create_share("taken")
    assert path.is_symlink() or path.exists()


def test_a_root_that_can_not_be_written_is_named(settings: config.Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    broken = replace(settings, shares_root=tmp_path / "file" / "root")
    with pytest.raises(RockonwebError, match="could not be created") as caught:
        Host(broken).shares.create_share("share")
    assert str(broken.shares_root) in caught.value.hint


def test_only_an_empty_share_is_removed(settings: config.Config) -> None:
    Host(settings).shares.create_share("empty")
    Path(Host(settings).shares.create_share("full").path, "data").write_text("mine")
    assert Host(settings).shares.remove_if_empty("empty")
    assert Host(settings).shares.remove_if_empty("never-there")
    assert not Host(settings).shares.remove_if_empty("full")
    assert list(Host(settings).shares.shares_by_name()) == ["full"]


def test_a_share_and_a_folder_of_one_change_hands_and_back(settings: config.Config) -> None:
    folder = Path(Host(settings).shares.create_share("media").path)
    (folder / "old").write_text("x")
    assert Host(settings).shares.set_owner("media", 1000, 100) == (os.geteuid(), os.getegid())
    assert Host(settings).shares.set_owner("media/a/b", 7, 8)
    owners = {path: ((folder / path).stat().st_uid, (folder / path).stat().st_gid) for path in ("", "a", "a/b", "old")}
    assert owners == {"": (1000, 100), "a": (7, 8), "a/b": (7, 8), "old": (os.geteuid(), os.getegid())}
    assert Host(settings).shares.set_owner("media", 0, 0) == (1000, 100)


def test_no_link_is_given_away(settings: config.Config, tmp_path: Path) -> None:
    folder = Path(Host(settings).shares.create_share("media").path)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (folder / "link").symlink_to(elsewhere)
    for place in ("media/link", "media/link/below", "gone"):
        with pytest.raises(RockonwebError, match="can't be changed to user 1000"):
            Host(settings).shares.set_owner(place, 1000, 100)
    assert elsewhere.stat().st_uid == os.geteuid()
    assert not (elsewhere / "below").exists()


def test_a_share_that_became_a_link_is_given_away_as_the_link_it_is(settings: config.Config, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (settings.shares_root / "media").symlink_to(elsewhere)
    before = elsewhere.stat().st_ctime_ns
    time.sleep(0.05)  # file systems tell moments apart by a few milliseconds
    assert Host(settings).shares.change_owner("media", os.geteuid(), os.getegid()) == ""
    assert elsewhere.stat().st_ctime_ns == before


def test_a_place_tells_whose_it_is_and_its_room(settings: config.Config) -> None:
    folder = Path(Host(settings).shares.create_share("media").path)
    folder.chmod(0o750)
    now = Host(settings).shares.inspect_path("media")
    assert (now.exists, now.uid, now.mode, now.empty) == (True, os.geteuid(), 0o750, True)
    (folder / "file").write_text("x")
    assert not Host(settings).shares.inspect_path("media").empty
    assert now.free
    assert Host(settings).shares.inspect_path("media/new") == SharePathFacts(
        free=Host(settings).shares.inspect_path("media/new").free
    )
    (folder / "link").symlink_to(folder)
    for place in ("media/file", "media/file/below", "media/link", "media/link/below"):
        in_its_way = Host(settings).shares.inspect_path(place)
        assert (in_its_way.exists, in_its_way.empty) == (False, False), place


# -- links that a container put there ---------------------------------------------------------------------------------


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir(mode=0o755)
    (folder / "inner").mkdir()
    return folder


def linked(settings: config.Config, outside: Path, place: str) -> None:
    """Put a link to outside at a place below the root of the shares."""
    link = settings.shares_root / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside)


@pytest.mark.parametrize(
    ("link", "place"),
    [
        ("app", "app"),
        ("app", "app/inner"),
        ("app/link", "app/link"),
        ("app/link", "app/link/inner"),
        ("a/b/c", "a/b/c"),
    ],
)
def test_what_is_mounted_is_refused_where_there_is_a_link_in_it(
    settings: config.Config, outside: Path, link: str, place: str
) -> None:
    linked(settings, outside, link)
    path = f"{settings.shares_root}/{place}"
    with pytest.raises(Conflict) as raised:
        Host(settings).shares.refuse_links(["/etc/localtime", path])
    assert raised.value.sentence == f"{path} points elsewhere: it contains a link."


@pytest.mark.parametrize("place", ["../outside", "app/../../outside", "app/../../outside/inner"])
def test_what_leads_out_is_neither_mounted_nor_given_away_whoever_asked(
    settings: config.Config, outside: Path, place: str
) -> None:
    (settings.shares_root / "app").mkdir()
    before = outside.stat().st_uid, outside.stat().st_mode
    assert Path(settings.shares_root, place).resolve().is_relative_to(outside)
    with pytest.raises(Conflict, match="is outside the shares"):
        Host(settings).shares.refuse_links([f"{settings.shares_root}/{place}"])
    for act in (
        lambda: Host(settings).shares.set_owner(place, 1234, 1234),
        lambda: Host(settings).shares.set_mode(place, 0o700),
    ):
        with pytest.raises(RockonwebError):
            act()
    assert (outside.stat().st_uid, outside.stat().st_mode) == before
    assert not Host(settings).shares.inspect_path(place).exists


def test_what_is_plain_or_new_or_not_of_the_shares_may_be_mounted(settings: config.Config, outside: Path) -> None:
    (settings.shares_root / "app" / "data").mkdir(parents=True)
    (settings.shares_root / "app" / "file").write_text("")
    (outside / "link").symlink_to(outside)
    places = ("app", "app/data", "app/file", "app/file/x", "app/new/folder", "new", "app/..")
    Host(settings).shares.refuse_links([*(f"{settings.shares_root}/{one}" for one in places), f"{outside}/link"])


def test_a_root_that_is_a_link_itself_is_its_owners_choice(settings: config.Config, tmp_path: Path) -> None:
    (settings.shares_root / "app").mkdir()
    (tmp_path / "other-name").symlink_to(settings.shares_root)
    elsewhere = replace(settings, shares_root=tmp_path / "other-name")
    Host(elsewhere).shares.refuse_links([f"{elsewhere.shares_root}/app"])


@pytest.mark.parametrize("place", ["app", "app/inner", "app/new"])
def test_neither_owner_nor_permissions_nor_folders_change_behind_a_link(
    settings: config.Config, outside: Path, place: str
) -> None:
    linked(settings, outside, "app")
    before = [(one.stat().st_uid, one.stat().st_mode) for one in (outside, outside / "inner")]
    with pytest.raises(RockonwebError):
        Host(settings).shares.set_owner(place, 1234, 1234)
    with pytest.raises(RockonwebError):
        Host(settings).shares.set_mode(place, 0o700)
    assert [(one.stat().st_uid, one.stat().st_mode) for one in (outside, outside / "inner")] == before
    assert not (outside / "new").exists()
    assert not Host(settings).shares.inspect_path(place).exists


@pytest.mark.parametrize("place", ["app/link", "app/link/inner", "app/link/new"])
def test_nor_behind_one_inside_a_share(settings: config.Config, outside: Path, place: str) -> None:
    linked(settings, outside, "app/link")
    before = [(one.stat().st_uid, one.stat().st_mode) for one in (outside, outside / "inner")]
    for act in (
        lambda: Host(settings).shares.set_owner(place, 1234, 1234),
        lambda: Host(settings).shares.set_mode(place, 0o700),
    ):
        with pytest.raises(RockonwebError):
            act()
    assert [(one.stat().st_uid, one.stat().st_mode) for one in (outside, outside / "inner")] == before
    assert not (outside / "new").exists()
    assert not Host(settings).shares.inspect_path(place).exists


def test_what_is_missing_is_told_from_what_may_not_be_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = Shares(tmp_path)
    (tmp_path / "films").mkdir()
    paths = [f"{tmp_path}/films", f"{tmp_path}/gone/deep", f"{tmp_path}/gone", "/elsewhere/gone"]
    assert shares.missing_paths(paths) == [f"{tmp_path}/gone/deep", f"{tmp_path}/gone"]

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "lstat", refuse)
    assert shares.missing_paths(paths) == []


def test_paths_are_told_by_their_share(tmp_path: Path) -> None:
    paths = [f"{tmp_path}/films/old", f"{tmp_path}//music", str(tmp_path), f"{tmp_path}/x/../../etc", "/elsewhere"]
    assert Shares(tmp_path).names_of(paths) == {"films", "music"}


def test_the_beginnings_of_files_are_read_without_following_a_link_or_waiting(
    settings: config.Config, tmp_path: Path
) -> None:
    share = settings.shares_root / "notes"
    (share / "data").mkdir(parents=True)
    (share / "long").write_bytes(b"a" * 100_000)
    (share / "folder").mkdir()
    (share / "link").symlink_to("long")
    os.mkfifo(share / "pipe")
    (share / "data" / "part-1").write_text("older")
    (share / "data" / "part-2").write_text("newer")
    (tmp_path / "secret").write_text("elsewhere")
    (share / "away").symlink_to(tmp_path)
    patterns = ("long", "folder", "link", "pipe", "absent", "data/part-*", "data/other-*", "away/secret")
    assert Host(settings).shares.read_beginnings("notes", patterns) == {
        "long": b"a" * 16_384,
        "folder": b"",
        "link": b"",
        "pipe": b"",
        "data/part-*": b"newer",
    }
    assert Host(settings).shares.read_beginnings("absent", patterns) == {}


def test_emptying_a_folder_follows_no_link_and_removes_it_only_if_asked(tmp_path: Path):
    outside, folder = tmp_path / "outside", tmp_path / "shares/notes/kept"
    (folder / "deep").mkdir(parents=True)
    outside.mkdir()
    for file in (outside / "mine", folder / "a", folder / "deep/b"):
        file.write_text("x")
    (folder / "link").symlink_to(outside)
    (folder / "deep/link").symlink_to(outside)
    shares = Shares(tmp_path / "shares")
    shares.empty_folder("notes/kept")
    assert [*folder.iterdir()] == []
    shares.empty_folder("notes/kept", remove=True)
    shares.empty_folder("notes/kept", remove=True)
    assert not folder.exists()
    (tmp_path / "shares/notes/kept").symlink_to(outside)
    with pytest.raises(RockonwebError):
        shares.empty_folder("notes/kept")
    assert (outside / "mine").exists()
