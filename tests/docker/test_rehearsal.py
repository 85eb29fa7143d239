"""Rehearsals on a real engine: an update that would hold, one that would not, and nothing left of either."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rockonweb.core.errors import Conflict
from rockonweb.host import Host
from rockonweb.models import Installation, Operation, Progress, db, transaction
from rockonweb.work import operations, recovery, rehearsal, sync_status, updates
from tests.docker.test_recovery import hang_after, working
from tests.docker.test_rollback import ids, needs_root
from tests.support.apps import fetch_app_page, wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.loop_btrfs import mounted_btrfs

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}

Make = Callable[..., str]
pytestmark = needs_root


@pytest.fixture
def btrfs(engine: DockerDaemon, instance: Instance, tmp_path: Path) -> Iterator[Path]:
    """The instance's shares, on a Btrfs."""
    with mounted_btrfs(tmp_path / "image", instance.settings.shares_root) as folder:
        try:
            yield folder
        finally:
            engine.remove_everything()  # a container that runs holds the file system


def install(instance: Instance, image: str, **opts: list[list[str]]) -> tuple[Installation, int]:
    """An app of two containers that are linked, with data in one share; returns it and its page's port."""
    rockon = instance.add_rockon(
        "Stage",
        {
            "stage-db": {"image": image, "tag": "", "volumes": DATA, "opts": opts.get("db", [])},
            "stage-app": {
                "image": image, "tag": "", "volumes": DATA, "ports": WEB,
                "opts": [["--link", "stage-db:db"], *opts.get("app", [])],
            },
        },
    )  # fmt: skip
    shares = {"stage-db": {"/data": "stage"}, "stage-app": {"/data": "stage/app"}}
    port = chosen_port(instance.install_rockon(rockon, shares=shares), "stage-app")
    (instance.settings.shares_root / "stage" / "kept").write_text("the data")
    return rockon, port


def reaches(engine: DockerDaemon, container: str, host: str) -> bool:
    """Whether the page of another container answers in a container."""
    try:
        engine.run_docker("exec", container, "timeout", "5", "wget", "-qO-", f"http://{host}:8080/")
    except subprocess.CalledProcessError:
        return False
    return True


def leftovers(engine: DockerDaemon, instance: Instance) -> list[str]:
    """What a rehearsal has made and is still there."""
    rooms = Host(instance.settings).clones
    names = [
        *engine.run_docker("ps", "-a", "--format", "{{.Names}}").split(),
        *engine.run_docker("network", "ls", "--format", "{{.Name}}").split(),
        *engine.run_docker("volume", "ls", "--format", "{{.Name}}").split(),
    ]
    copies = [str(path) for uid in rooms.list_rooms() for path in rooms.room_path(uid).iterdir()]
    return [*(name for name in names if "rehearsal" in name), *copies]


def test_an_update_that_would_hold_is_proved_beside_the_app(
    engine: DockerDaemon, instance: Instance, btrfs: Path, standin: Make
) -> None:
    rockon, port = install(instance, standin("rehearsal/holds:1", revision=1, volumes=["/cache"]))
    volumes = engine.run_docker("volume", "ls", "-q")
    before = ids(engine)
    standin("rehearsal/holds:1", revision=2, volumes=["/cache"])
    operation = instance.run_successfully(rehearsal.rehearse_update(rockon, "tester"))
    assert [step.title for step in operation.steps if step.kind in ("clone_share", "compare_copy")] == ["clone stage"]
    [health] = [step for step in operation.steps if step.kind == "await_rehearsal"]
    assert "revision 2" in health.app_output
    assert (ids(engine), engine.run_docker("volume", "ls", "-q")) == (before, volumes)
    assert "revision 1" in fetch_app_page(port)
    assert leftovers(engine, instance) == Host(instance.settings).clones.list_rooms() == []
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    found = rehearsal.last_rehearsal(rockon)
    assert found
    assert (found.id, found.progress) == (operation.id, Progress.DONE)
    assert [str(sentence) for sentence, _ in operation.notes.warnings] == [
        f"Left out of {name}: the content of the volume at /cache, which is empty."
        for name in ("stage-db", "stage-app")
    ]


def test_an_update_that_would_not_hold_is_told_with_its_log_and_touches_nothing(
    engine: DockerDaemon, instance: Instance, btrfs: Path, standin: Make
) -> None:
    rockon, port = install(instance, standin("rehearsal/breaks:1", revision=1))
    before = ids(engine)
    standin("rehearsal/breaks:1", revision=2, environment={"STANDIN_EXIT": "3"})
    operation = instance.run_operation(rehearsal.rehearse_update(rockon, "tester"))
    assert operation.progress is Progress.FAILED, describe_steps(operation)
    assert operation.error in ("stage-db ended with exit code 3.", "stage-app ended with exit code 3.")
    [health] = [step for step in operation.steps if step.kind == "await_rehearsal"]
    assert health.app_output.startswith("stage-db:\n")
    assert "ending with status 3" in health.app_output
    assert leftovers(engine, instance) == []
    assert ids(engine) == before
    assert "revision 1" in fetch_app_page(port)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    assert (btrfs / "stage" / "kept").read_text() == "the data"
    operations.submit_operation(rockon, updates.UpdateRequest(only_pull=True), "tester")  # the app is not busy


def test_the_room_has_no_way_out_and_is_empty_after_its_process_was_killed(
    engine: DockerDaemon, instance: Instance, btrfs: Path, standin: Make
) -> None:
    image = standin("rehearsal/killed:1", volumes=["/cache"])
    rockon, port = install(
        instance, image, db=[["-v", "named:/named"]], app=[["-v", f"{btrfs}/stage:/all"], ["-v", "/etc:/host"]]
    )
    before, volumes = ids(engine), engine.run_docker("volume", "ls", "-q")
    operation_id = rehearsal.rehearse_update(rockon, "tester")
    uid = db.session.get_one(Operation, operation_id).uid
    db.session.rollback()
    network = f"rehearsal-{uid[:12]}"
    app = f"{network}-stage-app"
    with working(instance, operation_id, hang_after(app)):
        wait_for(lambda: app in engine.run_docker("ps", "--format", "{{.Names}}"))
        details = json.loads(engine.run_docker("inspect", app))[0]
        assert details["NetworkSettings"]["Networks"].keys() == {network}
        assert not details["HostConfig"]["PortBindings"]
        assert {mount["Destination"] for mount in details["Mounts"]} == {"/data", "/all", "/cache"}
        addresses = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
        outside = engine.run_docker("inspect", "-f", addresses, "stage-db").split()[0]
        assert reaches(engine, app, "stage-db")
        assert reaches(engine, app, "db")
        assert reaches(engine, "stage-app", outside)
        assert not reaches(engine, app, outside)
        engine.run_docker("exec", app, "sh", "-c", "echo spoilt > /data/spoilt; echo spoilt > /all/kept")
        sync_status.sync_status(rockon.id)
        assert sorted(path.name for path in (btrfs / "stage").rglob("*")) == ["app", "kept"]
        assert (btrfs / "stage" / "kept").read_text() == "the data"
    assert leftovers(engine, instance)
    assert operation_id in recovery.recover_operations()
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress is Progress.INTERRUPTED
    assert (leftovers(engine, instance), ids(engine), engine.run_docker("volume", "ls", "-q")) == ([], before, volumes)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    assert fetch_app_page(port)


def test_a_room_that_nobody_knows_is_removed_when_it_is_found(
    engine: DockerDaemon, instance: Instance, btrfs: Path, standin: Make
) -> None:
    rockon, _ = install(instance, standin("rehearsal/unknown:1"))
    operation_id = rehearsal.rehearse_update(rockon, "tester")
    uid = db.session.get_one(Operation, operation_id).uid
    db.session.rollback()
    with working(instance, operation_id, hang_after(f"rehearsal-{uid[:12]}-stage-db")):
        wait_for(lambda: f"rehearsal-{uid[:12]}-stage-db" in engine.run_docker("ps", "--format", "{{.Names}}"))
    with transaction() as session:
        session.delete(session.get_one(Operation, operation_id))
    recovery.recover_operations()
    assert leftovers(engine, instance) == Host(instance.settings).clones.list_rooms() == []


def test_a_copy_is_proved_by_starting_the_app_with_it(
    engine: DockerDaemon, instance: Instance, standin: Make, tmp_path: Path
) -> None:
    image = standin("rehearsal/proved:1", revision=1)
    rockon, _ = install(instance, image)
    share, copy = instance.settings.shares_root / "stage", tmp_path / "copy"
    shutil.copytree(share, copy)
    taken = datetime.now(UTC)
    (share / "new").write_text("written since")
    standin("rehearsal/proved:1", revision=2)
    updates.check_registries()
    before = ids(engine)
    operation = instance.run_successfully(rehearsal.rehearse_copy(rockon, {"stage": copy}, taken, "tester"))
    [health] = [step for step in operation.steps if step.kind == "await_rehearsal"]
    assert "revision 1" in health.app_output
    assert "Of a sample, the same: 1 files; changed since: 1; wrong: 0." in describe_steps(operation)
    assert (leftovers(engine, instance), ids(engine)) == ([], before)
    assert rehearsal.last_rehearsal(rockon) is None
    assert rehearsal.describe_result(operation) == "Stage was started with the copy of its data, and was healthy."
    operation = instance.run_successfully(rehearsal.rehearse_copy(rockon, {"stage/app": copy / "app"}, taken, "tester"))
    [(sentence, _)] = operation.notes.warnings
    assert str(sentence) == "Stage can't be rehearsed: There is no copy of stage."
    assert [step.kind for step in operation.steps] == ["compare_copy"]
    assert rehearsal.describe_result(operation) == ("The files of the copy are right. Stage was not started with them.")
    status = (share / "kept").stat()
    (copy / "kept").write_text("the dada")
    os.utime(copy / "kept", ns=(status.st_atime_ns, status.st_mtime_ns))
    operation = instance.run_operation(rehearsal.rehearse_copy(rockon, {"stage": copy}, taken, "tester"))
    assert operation.progress is Progress.FAILED
    assert "kept is damaged in the copy." in describe_steps(operation)
    assert (leftovers(engine, instance), ids(engine)) == ([], before)


def test_where_an_app_cannot_be_started_in_a_room_only_its_files_are_compared(
    engine: DockerDaemon, instance: Instance, standin: Make, tmp_path: Path
) -> None:
    rockon = instance.add_rockon(
        "Bound", {"bound": {"image": standin("rehearsal/bound:1", [8085]), "tag": "", "volumes": DATA,
                            "opts": [["--net", "host"]]}}
    )  # fmt: skip
    instance.install_rockon(rockon)
    copy = tmp_path / "copy"
    shutil.copytree(instance.settings.shares_root / "bound-data", copy)
    operation = instance.run_successfully(
        rehearsal.rehearse_copy(rockon, {"bound-data": copy}, datetime.now(UTC), "tester")
    )
    assert [step.kind for step in operation.steps] == ["compare_copy"]
    [(sentence, hint)] = operation.notes.warnings
    assert str(sentence) == "Bound can't be rehearsed: bound uses this host's network."
    assert str(hint) == "Only its files were compared; that it starts with them is not proved."
    with pytest.raises(Conflict, match="can't be rehearsed"):
        rehearsal.rehearse_update(rockon, "tester")


def test_an_automatic_update_follows_a_rehearsal_that_holds_and_no_other(
    engine: DockerDaemon, instance: Instance, btrfs: Path, standin: Make
) -> None:
    rockon, port = install(instance, standin("rehearsal/auto:1", revision=1))
    with transaction():
        rockon.auto_update = rockon.auto_rehearse = True
        rockon.auto_from = rockon.auto_until = 0

    def go_on() -> list[tuple[str, str]]:
        """Do what the watcher does, and a worker; returns all operations since the install."""
        for rockon_id in updates.due_updates(datetime.now()):
            updates._submit_automatic(rockon_id)
        for operation in db.session.query(Operation).filter(Operation.progress == Progress.QUEUED).all():
            instance.run_operation(operation.id)
            updates.refresh_after_operation(operation.id)
        db.session.rollback()
        return [(one.kind, one.progress) for one in db.session.query(Operation).order_by(Operation.id)][1:]

    assert go_on() == []
    standin("rehearsal/auto:1", revision=2)
    updates.check_registries()
    held = [("rehearse", "done")]
    assert go_on() == held
    assert "revision 1" in fetch_app_page(port)
    assert go_on() == go_on() == [*held, ("update", "done")]
    assert "revision 2" in fetch_app_page(port)
    standin("rehearsal/auto:1", revision=3, environment={"STANDIN_EXIT": "3"})
    updates.check_registries()
    assert go_on() == go_on() == [*held, ("update", "done"), ("rehearse", "failed")]
    assert updates.was_tried(rockon)
    assert "revision 2" in fetch_app_page(port)
    standin("rehearsal/auto:1", revision=4)
    updates.check_registries()
    assert go_on()[3:] == [("rehearse", "done")]
    assert go_on()[4:] == [("update", "done")]
    assert "revision 4" in fetch_app_page(port)


def test_a_share_that_cannot_be_cloned_is_copied_if_asked_for(
    engine: DockerDaemon, instance: Instance, standin: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon, _ = install(instance, standin("rehearsal/copied:1"))
    monkeypatch.setattr("rockonweb.host.clones._shares_blocks", lambda *_: False)
    with pytest.raises(Conflict, match="stage can't be cloned"):
        rehearsal.rehearse_update(rockon, "tester")
    odd = os.fsencode(instance.settings.shares_root / "stage") + b"/odd\xff\n"
    Path(os.fsdecode(odd)).write_text("odd")
    operation = instance.run_successfully(rehearsal.rehearse_update(rockon, "tester", copy=True))
    assert "copy stage" in describe_steps(operation)
    assert leftovers(engine, instance) == []
    monkeypatch.setattr("rockonweb.host.disks.free_space", lambda _: 100)
    operation = instance.run_operation(rehearsal.rehearse_update(rockon, "tester", copy=True))
    assert "There is no room for a copy of stage" in operation.error
