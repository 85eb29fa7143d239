"""What an operation makes in a share is made and removed there, and through no link."""

import errno
import os
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import RockonwebError
from rockonweb.host import Host
from rockonweb.host.share_files import ShareFiles


@pytest.fixture
def share(tmp_path: Path) -> Path:
    path = tmp_path / "root" / "notes"
    path.mkdir(parents=True)
    return path


@pytest.fixture
def files(share: Path, tmp_path: Path) -> ShareFiles:
    instance = str(tmp_path / "instance")
    settings = {"ROCKONWEB_INSTANCE": instance, "ROCKONWEB_SHARES_ROOT": str(share.parent)}
    return Host(config.load_config(settings)).files


def test_a_folder_has_owner_and_permissions_of_another_one(files: ShareFiles, share: Path) -> None:
    os.chown(share, 70, 71)
    share.chmod(0o750)
    files.create_folder("notes/new", "notes")
    status = (share / "new").stat()
    assert (status.st_uid, status.st_gid, status.st_mode & 0o7777) == (70, 71, 0o750)
    with pytest.raises(RockonwebError, match="notes/new can't be written or read: File exists"):
        files.create_folder("notes/new", "notes")


def test_a_file_is_for_this_user_alone_and_replaces_none(files: ShareFiles, share: Path) -> None:
    with files.create_file("notes/dump.sql") as file:
        file.write(b"secret")
    assert (share / "dump.sql").stat().st_mode & 0o7777 == 0o600
    with files.open_file("notes/dump.sql") as file:
        assert file.read() == b"secret"
    with pytest.raises(RockonwebError, match="File exists"), files.create_file("notes/dump.sql"):
        pass
    (share / "link").symlink_to("dump.sql")
    with pytest.raises(RockonwebError, match="symbolic links"), files.open_file("notes/link"):
        pass


def test_a_full_disk_is_a_sentence(files: ShareFiles) -> None:
    sentence = "notes/dump can't be written or read: No space left on device"
    with pytest.raises(RockonwebError, match=sentence), files.create_file("notes/dump"):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_what_was_made_is_removed_with_what_is_in_it(files: ShareFiles, share: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (share / "made" / "inner").mkdir(parents=True)
    (share / "made" / "link").symlink_to(elsewhere)
    (share / "link").symlink_to(elsewhere)
    (share / "file").touch()
    for name in ("made", "link", "file", "absent"):
        files.remove(f"notes/{name}")
    assert list(share.iterdir()) == []
    assert elsewhere.exists()
    assert not files.exists("notes/made")
