"""A repository by a real restic in a folder: what it is told, and how it ends."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from rockonweb.core.data_backup.repository import RepositoryAccess
from rockonweb.core.data_backup.restic_output import (
    NoRepository,
    RepositoryFailed,
    RepositoryLocked,
    ResticMissing,
    WrongPassphrase,
)
from rockonweb.host import Waiter
from rockonweb.host.restic import ResticRepository, restic_version

PASSPHRASE = "correct horse battery"
TAGS = ("rockonweb", "app=Notes", "instance=abc")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file to be saved."""
    made = tmp_path / "root"
    made.joinpath("notes").mkdir(parents=True)
    made.joinpath("notes", "file").write_text("first")
    return made


@pytest.fixture
def open_repository(tmp_path: Path) -> Callable[..., ResticRepository]:
    """`open_repository(passphrase, waiter)` opens one and the same."""

    def open_it(passphrase: str = PASSPHRASE, waiter: Waiter | None = None) -> ResticRepository:
        return ResticRepository(RepositoryAccess(str(tmp_path / "repository"), passphrase), tmp_path / "cache", waiter)

    return open_it


def save(repository: ResticRepository, folder: Path) -> str:
    return repository.save(folder, ["notes"], TAGS, "host", lambda _: None).snapshot


def test_what_was_saved_is_listed_and_comes_back(
    folder: Path, open_repository: Callable[..., ResticRepository], tmp_path: Path
) -> None:
    repository = open_repository()
    with pytest.raises(NoRepository):
        repository.read_id()
    repository.create()
    assert len(repository.read_id()) == 64
    snapshot = save(repository, folder)
    [listed] = repository.snapshots(TAGS)
    assert (listed.id.startswith(snapshot), listed.app) == (True, "Notes")
    assert repository.snapshots(("rockonweb", "app=Other")) == []
    assert [file.path for file in repository.list_folder(snapshot, "", 9)] == ["notes"]
    assert [(file.name, file.size) for file in repository.list_folder(snapshot, "notes", 9)] == [("file", 5)]
    assert repository.restored_size(snapshot) == 5
    repository.restore(snapshot, ["notes"], tmp_path / "out", lambda _: None)
    assert (tmp_path / "out" / "notes" / "file").read_text() == "first"
    repository.forget_snapshot(snapshot)
    repository.prune()
    assert repository.snapshots(TAGS) == []
    repository.check(read_data=True)


def test_a_file_that_cant_be_read_is_named(folder: Path, open_repository: Callable[..., ResticRepository]) -> None:
    repository = open_repository()
    repository.create()
    unreadable = folder / "notes" / "spoilt"
    unreadable.touch()
    subprocess.run(["mount", "--bind", f"/proc/{os.getpid()}/mem", unreadable], check=True)  # it gives an error
    try:
        summary = repository.save(folder, ["notes"], TAGS, "host", lambda _: None)
    finally:
        subprocess.run(["umount", "--lazy", unreadable], check=True)
    assert ([Path(name).name for name in summary.unread], summary.unread_count) == (["spoilt"], 1)
    assert [file.name for file in repository.list_folder(summary.snapshot, "notes", 9)] == ["file"]


def test_another_passphrase_is_told(folder: Path, open_repository: Callable[..., ResticRepository]) -> None:
    open_repository().create()
    with pytest.raises(WrongPassphrase):
        save(open_repository("another passphrase"), folder)


def test_a_lock_is_told_and_stays_until_somebody_removes_it(
    folder: Path, open_repository: Callable[..., ResticRepository], tmp_path: Path
) -> None:
    """The lock of a restic that was killed: of a program that has ended on this machine."""
    repository = open_repository()
    repository.create()
    (folder / "notes" / "large").write_bytes(os.urandom(60_000_000))

    class Killed(Exception):
        pass

    def kill() -> None:
        if [*(tmp_path / "repository" / "locks").iterdir()]:
            raise Killed

    waiter = Waiter()
    waiter.on_wait = kill
    with pytest.raises(Killed):
        open_repository(waiter=waiter).save(folder, ["notes"], TAGS, "host", lambda _: waiter.on_wait and kill())
    assert [*(tmp_path / "repository" / "locks").iterdir()]
    with pytest.raises(RepositoryLocked, match="PID"):
        repository.prune()
    save(repository, folder)  # does not need it for itself
    repository.unlock()
    repository.prune()


def test_nothing_of_it_is_in_a_command_line_and_it_ends_with_its_job(
    folder: Path, open_repository: Callable[..., ResticRepository], tmp_path: Path
) -> None:
    open_repository().create()
    (folder / "notes" / "large").write_bytes(os.urandom(60_000_000))
    program = (
        "import sys; from pathlib import Path; from rockonweb.host.restic import *;"
        "from rockonweb.core.data_backup.repository import RepositoryAccess\n"
        "access = RepositoryAccess(sys.argv[1], sys.stdin.readline().strip())\n"
        "repository = ResticRepository(access, Path(sys.argv[2]))\n"
        "repository.save(Path(sys.argv[3]), ['notes'], ['x'], 'host', lambda _: None)"
    )
    words = ["python", "-c", program, str(tmp_path / "repository"), str(tmp_path / "cache"), str(folder)]
    job = subprocess.Popen(words, stdin=subprocess.PIPE, text=True)
    assert job.stdin
    job.stdin.write(f"{PASSPHRASE}\n")
    job.stdin.close()
    deadline = time.monotonic() + 30
    while not (children := psutil.Process(job.pid).children(recursive=True)) and time.monotonic() < deadline:
        time.sleep(0.01)
    [restic] = children
    while restic.name() != "restic":
        time.sleep(0.01)
    assert PASSPHRASE not in " ".join(restic.cmdline())
    assert str(tmp_path / "repository") not in " ".join(restic.cmdline())
    assert PASSPHRASE not in str(restic.environ())
    job.kill()
    job.wait()
    psutil.wait_procs([restic], timeout=10)
    assert not restic.is_running()


@pytest.mark.parametrize(("printed", "told"), [("restic 0.9.6 compiled", "too old"), ("", "not installed")])
def test_a_restic_that_is_missing_or_too_old_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str, told: str
) -> None:
    assert restic_version() >= (0, 14)
    if printed:
        (tmp_path / "restic").write_text(f"#!/bin/sh\necho {printed}\n")
        (tmp_path / "restic").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ResticMissing, match=told):
        restic_version()


def test_nothing_that_opens_it_is_in_an_error(tmp_path: Path) -> None:
    url, keys = "rest:http://me:pass%20word@127.0.0.1:9/x", {"AWS_SECRET_ACCESS_KEY": "very secret"}
    repository = ResticRepository(RepositoryAccess(url, PASSPHRASE, keys), tmp_path)
    with pytest.raises(RepositoryFailed) as caught:
        repository.read_id()
    assert "127.0.0.1:9" in caught.value.output
    assert not [word for word in ("pass%20word", "pass word", PASSPHRASE, "very secret") if word in caught.value.output]
