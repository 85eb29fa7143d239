"""What an instance keeps is its owner's alone."""

import logging
import os
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import RockonwebError
from rockonweb.host import Host
from rockonweb.work import instance_files
from tests.support.stack import Stack


def instance(folder: Path, **environ: str) -> config.Config:
    """An instance that has its key, made with the widest permissions."""
    settings = config.load_config({"ROCKONWEB_INSTANCE": str(folder), **environ})
    config.create_secret_key(settings)
    folder.chmod(0o755)
    return settings


def mode(path: Path) -> int:
    """The permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


OURS = (
    *("secret.key", "setup-code", "up.lock", "before-0012-20260101T000000.db"),
    *("rockonweb.db", "rockonweb.db-wal", "rockonweb.db-shm"),
    *("redis/appendonlydir/a.aof", "redis/server.log", "locks/rockon-1", "icons/a.png", "tls/host.key"),
)


@pytest.mark.parametrize("name", OURS)
def test_what_is_too_open_is_mended_and_told(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    settings = instance(tmp_path / "instance")
    path = settings.instance / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o664)
    with caplog.at_level(logging.WARNING):
        found = instance_files.fix_permissions(settings)
    assert {str(settings.instance), str(path)} <= set(found)
    assert str(path) in caplog.text
    assert (mode(settings.instance), mode(path)) == (0o700, 0o600)
    assert not path.parent.stat().st_mode & 0o077
    assert instance_files.fix_permissions(settings) == []


def test_what_is_not_ours_is_left_as_it_is(tmp_path: Path) -> None:
    settings = instance(tmp_path / "instance")
    (settings.instance / "shares" / "photos").mkdir(parents=True)
    (settings.instance / "locks").symlink_to(tmp_path)
    (settings.instance / "before-link.db").symlink_to(tmp_path / "b")
    others = [settings.instance / "letter.txt", settings.instance / "shares" / "photos" / "a.jpg", tmp_path / "b"]
    for path in others:
        path.touch()
        path.chmod(0o644)
    instance_files.fix_permissions(settings)
    assert [mode(path) for path in others] == [0o644] * 3
    assert mode(settings.instance / "shares" / "photos") & 0o055


def test_a_folder_without_a_key_is_no_instance(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "rockonweb.db").touch(0o644)
    assert instance_files.fix_permissions(config.load_config({"ROCKONWEB_INSTANCE": str(tmp_path)})) == []
    assert mode(tmp_path) == 0o755


def test_a_database_elsewhere_is_mended_too(tmp_path: Path) -> None:
    settings = instance(tmp_path / "instance", DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    for name in ("other.db", "other.db-wal", "another"):
        (tmp_path / name).touch(0o644)
        (tmp_path / name).chmod(0o644)
    instance_files.fix_permissions(settings)
    assert [mode(tmp_path / name) for name in ("other.db", "other.db-wal", "another")] == [0o600, 0o600, 0o644]


def test_what_cannot_be_mended_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = instance(tmp_path / "instance")
    monkeypatch.setattr(Path, "chmod", lambda *_args, **_options: None)  # as on a file system without permissions
    with pytest.raises(RockonwebError, match=str(settings.instance)):
        instance_files.fix_permissions(settings)


def test_shares_stay_open_to_the_apps(tmp_path: Path) -> None:
    settings = config.load_config(
        {"ROCKONWEB_INSTANCE": str(tmp_path), "ROCKONWEB_SHARES_ROOT": str(tmp_path / "a" / "b")}
    )
    before = os.umask(instance_files.UMASK)
    try:
        Host(settings).shares.create_share("photos")
        Host(settings).shares.set_owner("photos/new", os.getuid(), os.getgid())
    finally:
        os.umask(before)
    for path in (settings.shares_root, settings.shares_root / "photos", settings.shares_root / "photos" / "new"):
        assert mode(path) == 0o755


def test_nothing_that_a_running_one_makes_is_open_to_others(stack: Callable[..., Stack]) -> None:
    made = stack(started=False)
    made.instance.chmod(0o755)
    made.start()
    found = subprocess.run(
        ["find", str(made.instance), "-perm", "/077", "-not", "-type", "l"], capture_output=True, text=True, check=True
    )
    assert found.stdout == ""
    assert any(made.instance.glob("redis/*"))
    assert (made.instance / "rockonweb.db").is_file()
    assert f"{made.instance} was open to other users" in made.output
