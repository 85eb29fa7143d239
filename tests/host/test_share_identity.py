"""A share is known again, and what is no folder or another one is not taken for it."""

import errno
import os
from pathlib import Path

import pytest

from rockonweb.core.facts import ShareAbsence, ShareIdentity
from rockonweb.host import share_identity
from rockonweb.host.shares import Shares


@pytest.fixture
def marked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for shares on a file system that keeps marks."""
    monkeypatch.setattr(share_identity, "MEMORY_FILE_SYSTEMS", ())
    return tmp_path


def test_a_share_is_marked_once_and_by_nothing_that_apps_see(marked: Path) -> None:
    shares = Shares(marked)
    (marked / "films").mkdir()
    before = shares.identify("films")
    assert isinstance(before, ShareIdentity)
    assert before.mark == "", "who only looks changes nothing"
    first = shares.identify("films", mark=True)
    assert isinstance(first, ShareIdentity)
    assert first.mark
    assert shares.identify("films", mark=True) == shares.identify("films") == first
    assert [*(marked / "films").iterdir()] == []
    (marked / "films").rename(marked / "moved")
    (marked / "films").mkdir()
    assert shares.identify("moved") == first
    assert shares.identify("films") == before


def test_what_is_no_folder_is_told_from_what_is_missing(tmp_path: Path) -> None:
    shares = Shares(tmp_path)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path)
    present = [shares.identify(name) for name in ("file", "link", "gone")]
    assert present == [ShareAbsence.OTHER, ShareAbsence.LINK, ShareAbsence.MISSING]


def test_a_share_that_keeps_no_mark_is_known_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "getxattr", refuse)
    monkeypatch.setattr(os, "setxattr", refuse)
    (tmp_path / "films").mkdir()
    present = Shares(tmp_path).identify("films", mark=True)
    assert isinstance(present, ShareIdentity)
    assert (present.mark, bool(present.device), tmp_path.is_relative_to(present.mount_point)) == ("", True, True)
