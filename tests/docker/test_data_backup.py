"""Backups of apps' data with a real restic, on a real engine: what comes back, and what is told."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.data_backup.repository import restore_commands
from rockonweb.core.data_backup.restic_output import RepositoryFailed, WrongPassphrase
from rockonweb.core.operations.requests import BackupDataRequest, RestoreDataRequest
from rockonweb.models import DataBackup, DataRepository, Installation, Kind, Operation, Restore, db
from rockonweb.work import data_backups, data_repositories, data_restores, operations, runner
from rockonweb.work import restore as restores
from rockonweb.work.data_repositories import RepositorySettings
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.loop_btrfs import mounted_btrfs, run_command

DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}
ODD_NAMES = (b"two\nlines", b"no \xff\xfe UTF-8", b"st*r [a] \\ back", "Übung".encode())
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def btrfs(engine: DockerDaemon, instance: Instance, tmp_path: Path) -> Iterator[Path]:
    """The instance's shares, on a Btrfs."""
    with mounted_btrfs(tmp_path / "image", instance.settings.shares_root) as folder:
        try:
            yield folder
        finally:
            engine.remove_everything()  # a container that runs holds the file system


def notes(instance: Instance, app_image: str, name: str = "Notes", share: str = "notes") -> Installation:
    """An installed app with a share that has some files."""
    key = name.lower()
    rockon = instance.add_rockon(name, {key: {"image": app_image, "tag": "", "volumes": DATA}})
    instance.install_rockon(rockon, shares={key: {"/data": share}})
    folder = instance.settings.shares_root / share
    folder.joinpath("plain").write_text("first")
    folder.joinpath("folder", "deep").mkdir(parents=True)
    folder.joinpath("folder", "deep", "file").write_bytes(os.urandom(100_000))
    for odd in ODD_NAMES:
        Path(os.fsdecode(os.path.join(os.fsencode(folder), odd))).write_text("odd")
    folder.joinpath("link").symlink_to("plain")
    os.chown(folder / "plain", 1234, 4321)
    db.session.rollback()
    return rockon


def add_repository(tmp_path: Path, **settings: Any) -> tuple[int, str]:
    """A repository in a folder; returns its id and passphrase."""
    chosen = RepositorySettings("disk", str(tmp_path / "repository"), **settings)
    row, passphrase = data_repositories.add_repository(chosen)
    return row.id, passphrase


def back_up(instance: Instance, rockon: Installation, repository: int, *, live: bool = False) -> DataBackup:
    """Back up its data, which must work."""
    request = BackupDataRequest(repository, live)
    instance.run_successfully(operations.submit_operation(rockon, request, "tester"))
    return stored(rockon)


def stored(rockon: Installation) -> DataBackup:
    db.session.rollback()
    return db.session.query(DataBackup).filter_by(installation_id=rockon.id).one()


def restore(instance: Instance, rockon: Installation, repository: int, snapshot: str, **places: str) -> Operation:
    """Restore, by `source=target` with `__` for a slash; returns the operation, however it ended."""
    paths = {source.replace("__", "/"): target for source, target in places.items()}
    request = RestoreDataRequest(repository, snapshot, paths)
    return instance.run_operation(operations.submit_operation(rockon, request, "tester"))


def content(folder: Path) -> dict[bytes, tuple[object, ...]]:
    """All that is below a folder, with owners, permissions and times."""
    found = {}
    for parent, folders, files in os.walk(os.fsencode(folder)):
        for name in (*folders, *files):
            path = os.path.join(parent, name)
            status = os.lstat(path)
            data = (
                os.readlink(path) if os.path.islink(path) else name not in files or Path(os.fsdecode(path)).read_bytes()
            )
            found[os.path.relpath(path, os.fsencode(folder))] = (status.st_uid, status.st_gid, status.st_mode, data)
    return found


def running(engine: DockerDaemon) -> list[str]:
    return engine.run_docker("ps", "--format", "{{.Names}}").split()


def leftovers(instance: Instance) -> list[str]:
    """What backups and restores have left in the shares root, but data that was replaced."""
    own = instance.settings.shares_root / ".rockonweb"
    return [str(path.relative_to(own)) for folder in ("snapshots", "restores") for path in (own / folder).glob("*")]


def test_a_share_that_was_deleted_comes_back_as_it_was(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    before = content(share)
    backup = back_up(instance, rockon, repository)
    assert running(engine) == ["notes"]
    assert (backup.files, backup.unread, backup.taken_live) == (8, [], False)
    assert leftovers(instance) == []
    engine.run_docker("stop", "notes")
    shutil.rmtree(share)
    operation = restore(instance, rockon, repository, backup.snapshot, notes="notes")
    assert operation.progress == "done", describe_steps(operation)
    assert content(share) == before
    assert leftovers(instance) == []


def test_it_is_stopped_only_while_its_data_is_exchanged_and_what_was_there_is_kept(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    backup = back_up(instance, rockon, repository)
    (share / "plain").write_text("later")
    operation = restore(instance, rockon, repository, backup.snapshot, notes="notes")
    assert [str(step.kind) for step in operation.steps] == [
        "fetch_data", "stop", "place_data", "start", "remove_fetched",
    ]  # fmt: skip
    assert running(engine) == ["notes"]
    assert (share / "plain").read_text() == "first"
    assert engine.run_docker("exec", "notes", "cat", "/data/plain") == "first"
    [kept] = (instance.settings.shares_root / ".rockonweb" / "replaced").iterdir()
    assert (kept / "plain").read_text() == "later"
    assert str(kept) in operation.steps[2].output


def test_a_snapshot_goes_beside_into_a_new_share(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    rockon = notes(instance, app_image)
    repository, _ = add_repository(tmp_path)
    backup = back_up(instance, rockon, repository)
    started = engine.run_docker("inspect", "--format", "{{.State.StartedAt}}", "notes")
    operation = restore(instance, rockon, repository, backup.snapshot, notes="older", notes__folder="part")
    assert operation.progress == "done", describe_steps(operation)
    root = instance.settings.shares_root
    assert content(root / "older") == content(root / "notes")
    assert content(root / "part" / "folder") == content(root / "notes" / "folder")
    assert engine.run_docker("inspect", "--format", "{{.State.StartedAt}}", "notes") == started
    again = restore(instance, rockon, repository, backup.snapshot, notes="older")
    assert (again.progress, again.error) == ("failed", 'A share or file "older" already exists.')


def test_a_folder_and_a_file_of_a_share_come_back_in_their_place(
    instance: Instance, app_image: str, tmp_path: Path
) -> None:
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    before = content(share)
    backup = back_up(instance, rockon, repository)
    (share / "folder" / "deep" / "file").write_text("spoilt")
    (share / "plain").unlink()
    operation = restore(
        instance, rockon, repository, backup.snapshot, notes__folder="notes/folder", notes__plain="notes/plain"
    )
    assert operation.progress == "done", describe_steps(operation)
    after = content(share)
    kept = [path for path in after if path.startswith(b".rockonweb-before-")]
    assert {path: what for path, what in after.items() if path not in kept} == before
    assert [path for path in kept if after[path][-1] == b"spoilt"]
    back_up(instance, rockon, repository)
    assert stored(rockon).files == backup.files  # what was kept is in no backup


def test_every_row_that_was_written_before_the_backup_began_is_there(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    """The app writes row after row while it is backed up; then its share is deleted."""
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    rows = 0
    for _ in range(3):
        program = "n=$(wc -l </data/rows || echo 0); while :; do n=$((n+1)); echo $n >>/data/rows; done"
        engine.run_docker("exec", "-d", "notes", "sh", "-c", f"touch /data/rows; {program}")
        await_rows(share / "rows", rows + 100)
        rows = len((share / "rows").read_text().splitlines()) - 1
        backup = back_up(instance, rockon, repository)
        shutil.rmtree(share)
        operation = restore(instance, rockon, repository, backup.snapshot, notes="notes")
        assert operation.progress == "done", describe_steps(operation)
        restored = (share / "rows").read_text().splitlines()
        assert len(restored) >= rows
        assert restored == [str(number) for number in range(1, len(restored) + 1)]


def await_rows(file: Path, count: int) -> None:
    """Wait until a file has so many lines."""
    wait_for(lambda: len(file.read_text().splitlines()) > count)


def test_apps_come_back_with_their_data_on_an_empty_machine(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    """Uninstalled and without their shares, as on another machine."""
    names, root = ("Notes", "Books"), instance.settings.shares_root
    apps = [notes(instance, app_image, name, name.lower()) for name in names]
    repository, _ = add_repository(tmp_path)
    before = {name: content(root / name.lower()) for name in names}
    for app in apps:
        back_up(instance, app, repository)
    for app in apps:
        instance.perform(Kind.UNINSTALL, app)
        shutil.rmtree(root / app.name.lower())
    row = db.session.get_one(DataRepository, repository)
    newest = data_restores.newest_by_app(data_repositories.list_snapshots(row))
    chosen = {name: snapshot.id for name, snapshot in newest.items()}
    restore_id, begun = data_restores.bring_back(row, chosen, "tester")
    for operation_id in begun:
        instance.run_successfully(operation_id)
    restores.apply_restore(restore_id, {}, "tester")
    status = restores.restore_status(db.session.get_one(Restore, restore_id))
    for item in status.items:
        assert item.operation, item.notes
        instance.run_successfully(item.operation.id)
    assert {name: content(root / name.lower()) for name in names} == before
    assert sorted(running(engine)) == ["books", "notes"]


def test_with_restic_alone_all_of_it_comes_back(instance: Instance, app_image: str, tmp_path: Path) -> None:
    rockon = notes(instance, app_image)
    repository, passphrase = add_repository(tmp_path)
    back_up(instance, rockon, repository)
    environ = {**os.environ, "RESTIC_PASSWORD": passphrase}
    row = db.session.get_one(DataRepository, repository)
    listed, _ = (
        subprocess.run(
            command.replace("SNAPSHOT", "latest").replace("/tmp/restored", str(tmp_path / "alone")),
            shell=True, env=environ, capture_output=True, text=True, check=True,
        )
        for command in restore_commands(row.url)
    )  # fmt: skip
    assert "app=Notes" in listed.stdout
    assert content(tmp_path / "alone" / "notes") == content(instance.settings.shares_root / "notes")
    assert {path.name for path in (tmp_path / "alone" / "rockonweb-backup").iterdir()} == {
        "settings.json",
        "images.json",
    }


@needs_root
def test_on_btrfs_it_is_stopped_for_snapshots_alone(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, tmp_path: Path
) -> None:
    rockon = notes(instance, app_image)
    repository, _ = add_repository(tmp_path)
    request = BackupDataRequest(repository)
    operation = instance.run_successfully(operations.submit_operation(rockon, request, "tester"))
    assert [step.kind for step in operation.steps] == ["stop", "snapshot_data", "start", "back_up_data"]
    assert leftovers(instance) == []
    before = content(btrfs / "notes")
    run_command("btrfs", "subvolume", "create", btrfs / "notes" / "inner")
    (btrfs / "notes" / "inner" / "file").write_text("inside")
    operation = instance.run_successfully(operations.submit_operation(rockon, request, "tester"))
    assert [step.kind for step in operation.steps] == ["stop", "back_up_data", "start"]  # a snapshot would lack it
    (btrfs / "notes" / "inner" / "file").unlink()
    snapshots = data_repositories.list_snapshots(db.session.get_one(DataRepository, repository), "Notes")
    operation = restore(instance, rockon, repository, snapshots[-1].id, notes="notes", notes__folder="part")
    assert operation.progress == "done", describe_steps(operation)
    assert content(btrfs / "notes") == before
    (btrfs / "notes" / "folder" / "deep" / "file").unlink()
    inside = restore(instance, rockon, repository, snapshots[-1].id, notes__folder="notes/folder")
    assert inside.progress == "done", describe_steps(inside)
    assert content(btrfs / "notes" / "folder") == content(btrfs / "part" / "folder")
    assert "notes" in {
        name for name, share in data_backups.get_host().shares.shares_by_name().items() if share.snapshots
    }
    assert leftovers(instance) == []


@needs_root
def test_a_share_that_is_a_disk_of_its_own_is_exchanged_by_what_is_in_it(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    share = instance.settings.shares_root / "notes"
    with mounted_tmpfs(share, "20m"):
        try:
            rockon = notes(instance, app_image)
            repository, _ = add_repository(tmp_path)
            before = content(share)
            backup = back_up(instance, rockon, repository)
            (share / "plain").write_text("later")
            (share / "newer").write_text("later")
            operation = restore(instance, rockon, repository, backup.snapshot, notes="notes")
            assert operation.progress == "done", describe_steps(operation)
            after = content(share)
            assert {path: what for path, what in after.items() if not path.startswith(b".rockonweb")} == before
            assert [path for path in after if path.endswith(b"/newer")]
            operation = restore(instance, rockon, repository, backup.snapshot, notes__folder="notes/folder")
            assert operation.progress == "done", describe_steps(operation)
            assert running(engine) == ["notes"]
        finally:
            engine.remove_everything()


def test_a_full_disk_at_a_restore_changes_nothing(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    (share / "large").write_bytes(os.urandom(3_000_000))
    backup = back_up(instance, rockon, repository)
    (share / "plain").write_text("later")
    before = content(share)
    restores = instance.settings.shares_root / ".rockonweb" / "restores"
    with mounted_tmpfs(restores, "1m"):
        refused = restore(instance, rockon, repository, backup.snapshot, notes="notes")
        assert "not enough room" in refused.error
        full = restore(instance, rockon, repository, backup.snapshot, notes__large="notes/large")
        assert full.error == "The disk is full."
        assert list(restores.iterdir()) == []
    assert content(share) == before
    assert running(engine) == ["notes"]


def test_a_damaged_repository_is_found_by_the_check(instance: Instance, app_image: str, tmp_path: Path) -> None:
    rockon = notes(instance, app_image)
    repository, _ = add_repository(tmp_path)
    back_up(instance, rockon, repository)
    data_repositories.check_repository(repository)
    pack = max((tmp_path / "repository" / "data").rglob("*"), key=lambda path: path.is_file() and path.stat().st_size)
    data = bytearray(pack.read_bytes())
    data[len(data) // 2] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(data)
    with pytest.raises(RepositoryFailed, match="The repository is damaged"):
        data_repositories.check_repository(repository)
    assert "damaged" in db.session.get_one(DataRepository, repository).error


def test_another_passphrase_and_a_repository_that_is_away_are_told(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path
) -> None:
    rockon = notes(instance, app_image)
    repository, passphrase = add_repository(tmp_path)
    with pytest.raises(WrongPassphrase):
        data_repositories.add_repository(RepositorySettings("again", str(tmp_path / "repository"), "not this one"))
    (tmp_path / "repository").rename(tmp_path / "away")
    operation = instance.run_operation(operations.submit_operation(rockon, BackupDataRequest(repository), "tester"))
    assert "no repository at this address" in operation.error
    assert passphrase not in describe_steps(operation)
    assert running(engine) == ["notes"]
    assert leftovers(instance) == []


def test_a_share_that_goes_away_midway_is_no_backup(
    engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon, share = notes(instance, app_image), instance.settings.shares_root / "notes"
    repository, _ = add_repository(tmp_path)
    create = data_backups.backup.create_app_backup

    def lose_share(*arguments: Any) -> str:
        share.rename(share.with_name("elsewhere"))
        return create(*arguments)

    monkeypatch.setattr(data_backups.backup, "create_app_backup", lose_share)
    operation = instance.run_operation(operations.submit_operation(rockon, BackupDataRequest(repository), "tester"))
    assert operation.error == "notes went away while it was backed up."
    assert data_repositories.list_snapshots(db.session.get_one(DataRepository, repository)) == []


@pytest.mark.parametrize("own_disk", [False, pytest.param(True, marks=needs_root)])
def test_what_was_killed_in_the_middle_is_taken_back(
    engine: DockerDaemon,
    instance: Instance,
    app_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own_disk: bool,
) -> None:
    """At the end of each step of a restore and of a backup, as a process that is killed there leaves it."""
    share = instance.settings.shares_root / "notes"
    with ExitStack() as stack:
        if own_disk:
            stack.enter_context(mounted_tmpfs(share, "20m"))
            stack.callback(engine.remove_everything)
        rockon = notes(instance, app_image)
        repository, _ = add_repository(tmp_path)
        backup = back_up(instance, rockon, repository)
        (share / "plain").write_text("later")
        before = content(share)
        restored = RestoreDataRequest(repository, backup.snapshot, {"notes": "notes"})
        kills = [(BackupDataRequest(repository), kind) for kind in ("stop", "back_up_data", "start")]
        kills += [(restored, kind) for kind in ("fetch_data", "stop", "place_data", "start")]
        for request, killed in kills:
            operation_id = operations.submit_operation(rockon, request, "tester")
            with monkeypatch.context() as patch:
                die_after(patch, killed)
                with pytest.raises(KeyboardInterrupt):
                    runner.run(operation_id)
            db.session.rollback()
            assert runner.interrupt_operation(operation_id)
            assert db.session.get_one(Operation, operation_id).progress == "interrupted"
            assert content(share) == before, killed
            assert (running(engine), leftovers(instance)) == (["notes"], []), killed


@contextmanager
def mounted_tmpfs(folder: Path, size: str) -> Iterator[None]:
    """Let a folder be a disk of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", folder], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def die_after(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Let the process end after the work of a step, before that is noted."""
    from rockonweb.work import executor

    find_action = executor.action_of

    def action_of(step: Any) -> Any:
        action = find_action(step)
        if step.kind != kind:
            return action

        class Deadly(type(action)):  # type: ignore[misc]
            def do(self, *arguments: Any) -> None:
                super().do(*arguments)
                raise KeyboardInterrupt

        return Deadly()

    monkeypatch.setattr(executor, "action_of", action_of)
