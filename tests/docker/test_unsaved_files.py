"""What an app wrote beside its volumes is told before its container goes, and can be put into a share along the way."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import pytest

from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.models import Installation, Kind, Operation, Progress
from rockonweb.models.repository import load_answers
from rockonweb.work import operations, rollback
from rockonweb.work import unsaved_files as look
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}
NOTES = "mkdir -p /app/data/deep && cd /app/data && echo precious > note && echo too > deep/er && ln -s note l"
OWNED = "chown -R 1234:567 . && chmod 640 note && touch -d '2020-02-02 02:02:02' note"
FOLDERS = {"data": "/app/data", "more": "/srv/more"}

Make = Callable[..., str]


def install(instance: Instance, image: str) -> Installation:
    rockon = instance.add_rockon("Notes", {"notes": {"image": image, "tag": "", "ports": WEB, "volumes": DATA}})
    instance.install_rockon(rockon)
    return rockon


def execute(engine: DockerDaemon, script: str) -> str:
    return engine.run_docker("exec", "notes", "sh", "-c", script)


def update(instance: Instance, rockon: Installation, **choices: str) -> Operation:
    unsaved = {f"notes:{FOLDERS[name]}": share for name, share in choices.items()}
    return instance.run_operation(operations.submit_operation(rockon, UpdateRequest(unsaved=unsaved), "tester"))


def findings(instance: Instance, rockon: Installation) -> list[str]:
    """What a change that recreates the container is told of."""
    reviewed = instance.review_request(rockon, ChangeRequest(rebuild=True))
    return [f"{finding.level}: {finding.sentence}" for finding in reviewed.plan.findings if finding.level != "note"]


@pytest.fixture
def notes(engine: DockerDaemon, instance: Instance, standin: Make) -> Installation:
    """An app that has written beside its volumes, and of whose image there is a newer one."""
    rockon = install(instance, standin("unsaved/notes:1", revision="1"))
    execute(engine, f"{NOTES} && {OWNED}")
    standin("unsaved/notes:1", revision="2")
    return rockon


def test_an_update_is_stopped_by_files_beside_the_volumes(
    engine: DockerDaemon, instance: Instance, notes: Installation
) -> None:
    operation = update(instance, notes)
    assert operation.progress == "failed"
    assert operation.error == ("Notes has 2 files (13 bytes) in /app/data, which is in no share; they would be lost.")
    assert "--save notes:/app/data=SHARE/FOLDER" in (operation.hint or "")
    assert execute(engine, "cat /app/data/note") == "precious"


def test_an_update_puts_the_folder_into_a_share_first(
    engine: DockerDaemon, instance: Instance, notes: Installation
) -> None:
    operation = update(instance, notes, data="notes-data/kept")
    assert operation.progress == "done", describe_steps(operation)
    assert "copy /app/data of the old container notes to notes-data/kept" in describe_steps(operation)
    assert load_answers(notes).storage == {"notes": {"/app/data": "notes-data/kept"}}
    assert execute(engine, "cd /app/data && cat note deep/er l && stat -c '%u %g %a %Y' note && stat -c '%u %g' .") == (
        "precious\ntoo\nprecious\n1234 567 640 1580608922\n1234 567"
    )
    assert (instance.settings.shares_root / "notes-data/kept/note").read_text() == "precious\n"
    assert findings(instance, notes) == []


def test_a_rollback_to_before_the_copy_keeps_the_share(
    engine: DockerDaemon, instance: Instance, notes: Installation
) -> None:
    assert update(instance, notes, data="notes-data/kept").progress == "done"
    (point,) = rollback.list_points(notes)
    _, answers = rollback.load_point(point)
    request = ChangeRequest(answers, point.definition, point=point.id)
    instance.run_successfully(instance.submit_review(instance.review_request(notes, request)))
    assert execute(engine, "cat /app/data/note") == "precious"


def test_files_that_may_be_lost_are_lost_and_only_those(
    engine: DockerDaemon, instance: Instance, notes: Installation
) -> None:
    execute(engine, "mkdir /srv/more && echo more > /srv/more/file")
    operation = update(instance, notes, data="")
    assert operation.error == "Notes has a file in /srv/more, which is in no share; it would be lost."
    operation = update(instance, notes, data="", more="")
    assert operation.progress == "done", describe_steps(operation)
    assert len(operation.notes.warnings) == 2
    assert execute(engine, "ls /app 2>/dev/null || echo gone") == "gone"


def test_a_failed_update_undoes_the_copy_and_the_old_container_has_its_files(
    engine: DockerDaemon, instance: Instance, standin: Make, notes: Installation
) -> None:
    standin("unsaved/notes:1", revision="3", environment={"STANDIN_EXIT": "7"})
    operation = update(instance, notes, data="notes-data/kept")
    assert operation.progress == "failed"
    undone = {step.kind for step in operation.steps if step.progress is Progress.UNDONE}
    assert "save_folder" in undone, describe_steps(operation)
    assert execute(engine, "cat /app/data/note") == "precious"
    assert load_answers(notes).storage == {}
    assert not (instance.settings.shares_root / "notes-data/kept").exists()


@pytest.fixture
def small_share(instance: Instance) -> Iterator[Path]:
    """A share on a disk of two megabytes."""
    folder = instance.settings.shares_root / "small"
    folder.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=755", "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        run(["umount", "-l", str(folder)], check=True)


def test_a_disk_without_room_is_told_before_and_one_that_fills_up_rolls_back(
    engine: DockerDaemon,
    instance: Instance,
    notes: Installation,
    small_share: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute(engine, "head -c 9000000 /dev/zero > /app/data/large")
    operation = update(instance, notes, data="small/kept")
    assert operation.error == ("The files of /app/data need 9.0 MB, but the disk of small/kept has only 2.1 MB free.")
    monkeypatch.setattr("rockonweb.core.containers.layer._sum_sizes", lambda *_: None)  # as if nobody knew
    operation = update(instance, notes, data="small/kept")
    assert operation.error == "The disk of small/kept is full."
    assert not operation.notes.owes
    assert [*small_share.iterdir()] == []
    assert execute(engine, "cat /app/data/note && stat -c %s /app/data/large") == "precious\n9000000"


def test_a_place_that_is_not_empty_is_refused(instance: Instance, notes: Installation) -> None:
    place = instance.settings.shares_root / "notes-data/kept"
    place.mkdir()
    (place / "mine").write_text("mine")
    operation = update(instance, notes, data="notes-data/kept")
    assert operation.error == "notes-data/kept can't take the files of /app/data: it is not an empty folder."
    assert (place / "mine").read_text() == "mine"


def test_what_every_container_writes_is_no_finding(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = install(instance, app_image)
    execute(
        engine,
        "mkdir -p /var/cache/x /var/log /app/cache /app/empty /srv/logs && echo x | tee /var/cache/x/y /var/log/z "
        "/app/cache/c /srv/logs/l /tmp/t /app/a.pid /app/b.log /data/in-the-share >> /etc/passwd; "
        "mkdir -p /etc/app; echo x > /etc/app/made-at-start; chmod 600 /etc/group; ln -s x /app/link",
    )
    assert findings(instance, rockon) == []
    execute(
        engine, "echo x > /app/made-by-somebody; date -s '+1 hour' 2>/dev/null; touch -d '2099-01-01' /etc/app/later"
    )
    assert findings(instance, rockon) == [
        "block: Notes has a file in /app, which is in no share; it would be lost.",
        "block: Notes has a file in /etc/app, which is in no share; it would be lost.",
    ]


def test_a_folder_in_which_the_image_has_files_can_not_be_put_into_a_share(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = install(instance, app_image)
    execute(engine, "echo x > /bin/own; echo x > /etc/own; echo x > /root/own; touch -d 2099-01-01 /bin/own /etc/own")
    reviewed = instance.review_request(rockon, ChangeRequest(rebuild=True))
    unsaved = {finding.unsaved.folder: finding.unsaved.mixed for finding in reviewed.plan.findings if finding.unsaved}
    assert unsaved == {"/bin": True, "/etc": True, "/root": False}
    operation = instance.run_operation(
        operations.submit_operation(rockon, UpdateRequest(unsaved={"notes:/etc": "notes-data/etc"}), "tester")
    )
    assert operation.progress == "failed"


def test_a_second_name_of_a_file_that_is_left_aside_is_a_file(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = install(instance, app_image)
    execute(
        engine,
        "cd /srv && mkdir -p media/cache media/photos && echo x > media/cache/a && ln media/cache/a media/photos/a",
    )
    assert findings(instance, rockon) == [
        "block: Notes has a file in /srv/media/photos, which is in no share; it would be lost."
    ]


def test_an_uninstall_warns(engine: DockerDaemon, instance: Instance, notes: Installation) -> None:
    operation = instance.perform(Kind.UNINSTALL, notes)
    ((sentence, hint),) = operation.notes.warnings
    assert sentence == "Notes has 2 files (13 bytes) in /app/data, which is in no share; they would be lost."
    assert "docker cp notes:/app/data ." in hint


def test_two_hundred_thousand_files_are_told_in_bounded_time(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = install(instance, app_image)
    execute(engine, "mkdir -p /app/many && cd /app/many && seq 1 200000 | xargs touch")
    started = time.monotonic()
    (told,) = findings(instance, rockon)
    assert time.monotonic() - started < 2 * look.JOB_SECONDS
    assert told.startswith("block: Notes has 200000 files")


def test_where_docker_does_not_tell_in_time_that_is_said(
    instance: Instance, notes: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rockonweb.host.layers.MAX_CHANGES_BYTES", 10)
    assert findings(instance, notes) == ["warn: Docker can't tell whether Notes has files that are in no share."]
