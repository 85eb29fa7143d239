"""A share that is not there keeps its app down, whoever starts Docker, and the app starts when it is back."""

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rockonweb.core.errors import RockonwebError
from rockonweb.core.operations.requests import ChangeRequest
from rockonweb.host import get_host
from rockonweb.models import Installation, Kind, Operation, Progress, db
from rockonweb.work import known_shares, sync_status
from rockonweb.work.share_guard import ShareGuard
from tests.docker.test_lifecycle import DATA, last_operation, state
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.person import Person, new_retrying_session
from tests.support.stack import Stack

NOT_THAT_ONE = 'The folder of the share "disk" is not the one that apps have used until now.'


def mount(share: Path, *options: str) -> None:
    """Mount the disk of a share: a folder of the same name beside the shares, which keeps its files while unmounted."""
    disk = share.parent.with_name("disks") / share.name
    if not disk.is_dir():
        disk.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "disk-of-a-test", disk], check=True)
    share.mkdir(exist_ok=True)
    subprocess.run(["mount", *options, "--bind", disk, share], check=True)


def unmount(share: Path) -> None:
    subprocess.run(["umount", share], check=True)


@pytest.fixture
def share(instance: Instance) -> Iterator[Path]:
    """A share on a disk of its own, which is mounted."""
    path = instance.settings.shares_root / "disk"
    mount(path)
    yield path
    disk = path.parent.with_name("disks") / path.name
    for folder in (path, disk):
        while folder.is_mount():
            subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def notes(instance: Instance, app_image: str, share: Path) -> Installation:
    """An app that runs with data in that share."""
    opts = [["--restart", "on-failure:7"]]
    containers = {"notes": {"image": app_image[:-2], "tag": "1", "volumes": DATA, "opts": opts}}
    rockon = instance.add_rockon("Notes", containers)
    instance.install_rockon(rockon, shares={"notes": {"/data": "disk"}})
    (share / "note").write_text("mine")
    return rockon


class Watcher:
    """A round of the watcher, and the workers after it."""

    def __init__(self, instance: Instance) -> None:
        self.instance, self.guard = instance, ShareGuard()

    def look(self) -> list[str]:
        """Check everything once; returns the operations that it submitted, after they have ended."""
        with get_host().connect_docker() as docker:
            for rockon_id in db.session.scalars(db.select(Installation.id)).all():
                sync_status.sync_status(rockon_id, docker)
            self.guard.check_apps(docker)
        query = db.select(Operation.id).where(Operation.progress == Progress.QUEUED)
        operations = [self.instance.run_operation(number) for number in db.session.scalars(query).all()]
        return [f"{operation.kind} {operation.progress}" for operation in operations]


@pytest.fixture
def watcher(instance: Instance) -> Watcher:
    return Watcher(instance)


def policy(engine: DockerDaemon) -> str:
    return engine.run_docker(
        "inspect", "-f", "{{.HostConfig.RestartPolicy.Name}}:{{.HostConfig.RestartPolicy.MaximumRetryCount}}", "notes"
    )


def test_docker_does_not_start_it_without_its_share_and_it_starts_with_it(
    engine: DockerDaemon, instance: Instance, share: Path, notes: Installation, watcher: Watcher
) -> None:
    assert watcher.look() == []
    engine.run_docker("stop", "notes")
    unmount(share)
    assert watcher.look() == []
    assert policy(engine) == "no:0"
    assert (notes.status_text, notes.problem, notes.status_error) == ("stopped", "share_absent", "its share is absent")
    engine.stop()
    engine.start()
    assert watcher.look() == []
    assert state(engine, "notes") == "exited"
    for request in (Kind.START, Kind.RESTART, Kind.CHANGE, Kind.UPDATE):
        with pytest.raises(AssertionError, match=NOT_THAT_ONE):
            instance.perform(request, notes)
    mount(share)
    assert watcher.look() == ["start done"]
    assert (policy(engine), state(engine, "notes"), notes.problem) == ("on-failure:7", "running", "none")
    assert engine.run_docker("exec", "notes", "cat", "/data/note") == "mine"
    assert watcher.look() == []


def test_what_docker_started_without_its_share_is_stopped_and_writes_nothing_more(
    engine: DockerDaemon, share: Path, notes: Installation, watcher: Watcher
) -> None:
    engine.run_docker("stop", "notes")
    unmount(share)
    engine.run_docker("start", "notes")  # as Docker does when the machine starts
    assert watcher.look() == ["stop done"]
    assert (state(engine, "notes"), notes.status_text) == ("exited", "stopped")
    assert watcher.look() == []
    mount(share)
    assert watcher.look() == ["start done"]
    assert engine.run_docker("exec", "notes", "cat", "/data/note") == "mine"


def test_what_docker_started_before_the_disk_came_is_restarted_with_it(
    engine: DockerDaemon, share: Path, notes: Installation, watcher: Watcher
) -> None:
    engine.run_docker("stop", "notes")
    unmount(share)
    engine.run_docker("start", "notes")
    mount(share)
    assert watcher.look() == ["restart done"]
    assert engine.run_docker("exec", "notes", "cat", "/data/note") == "mine"
    assert watcher.look() == []


def test_what_runs_with_its_share_goes_on_when_that_is_unmounted(
    engine: DockerDaemon, share: Path, notes: Installation, watcher: Watcher
) -> None:
    assert watcher.look() == []
    unmount(share)
    assert watcher.look() == []
    assert (state(engine, "notes"), policy(engine)) == ("running", "no:0")
    assert engine.run_docker("exec", "notes", "cat", "/data/note") == "mine"
    mount(share)
    assert watcher.look() == []
    assert (state(engine, "notes"), policy(engine)) == ("running", "on-failure:7")


def test_what_a_person_stopped_stays_stopped_when_the_share_is_back(
    instance: Instance, engine: DockerDaemon, share: Path, notes: Installation, watcher: Watcher
) -> None:
    instance.perform(Kind.STOP, notes)
    unmount(share)
    watcher.look()
    mount(share)
    assert watcher.look() == []
    assert (state(engine, "notes"), policy(engine)) == ("exited", "on-failure:7")


def test_a_share_that_was_replaced_by_a_link_is_refused(
    instance: Instance, engine: DockerDaemon, app_image: str, tmp_path: Path, watcher: Watcher
) -> None:
    containers = {"notes": {"image": app_image[:-2], "tag": "1", "volumes": DATA}}
    notes = instance.add_rockon("Notes", containers)
    instance.install_rockon(notes, shares={"notes": {"/data": "disk"}})
    instance.perform(Kind.STOP, notes)
    share = instance.settings.shares_root / "disk"
    share.rename(tmp_path / "elsewhere")
    share.symlink_to(tmp_path / "elsewhere")
    for kind in (Kind.START, Kind.RESTART):
        with pytest.raises(AssertionError):
            instance.perform(kind, notes)
        assert last_operation(notes).error == 'The share "disk" was replaced by a link.'
    review = instance.review_request(notes, ChangeRequest(instance.changed_answers(notes), rebuild=True))
    assert [finding.sentence for finding in review.blocking_findings] == ['The share "disk" was replaced by a link.']
    with pytest.raises(RockonwebError):
        known_shares.confirm_share("disk")
    assert watcher.look() == []
    share.unlink()
    (tmp_path / "elsewhere").rename(share)
    watcher.guard = ShareGuard()
    assert watcher.look() == ["start done"]  # that a person asked for


@pytest.fixture
def stack(engine: DockerDaemon, app_image: str) -> Iterator[Stack]:
    """The whole product with an app whose data is on a disk of its own."""
    made = Stack(engine.host)
    share = made.shares / "disk"
    try:
        body = {
            "description": "A sample.", "version": "1", "website": "",
            "containers": {"notes": {
                "image": app_image[:-2], "tag": "1", "launch_order": 1, "volumes": DATA,
                "opts": [["--restart", "always"]],
            }},
        }  # fmt: skip
        (made.local_metastore / "notes.json").write_text(json.dumps({"Notes": body}))
        share.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", share], check=True)
        made.start()
        call_api(made, "POST", "update")
        call_api(made, "POST", f"{app_row(made)['id']}/install", {"shares": {"disk": "/data"}})
        wait_for(lambda: app_row(made)["status"] == "started")
        yield made
    finally:
        engine.start()
        engine.remove_everything()
        made.close()
        while share.is_mount():
            subprocess.run(["umount", "--lazy", share], check=True)


def call_api(stack: Stack, method: str, path: str, body: object = None) -> Any:
    with new_retrying_session() as session:
        session.auth = (stack.user, stack.password)
        answer = session.request(method, f"{stack.url}/api/rockons/{path}", json=body, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()


def app_row(stack: Stack) -> dict[str, Any]:
    [row] = [row for row in call_api(stack, "GET", "?page_size=500")["results"] if row["name"] == "Notes"]
    return dict(row)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_whole_product_keeps_it_down_over_restarts_and_starts_it_when_the_mount_is_back(
    engine: DockerDaemon, stack: Stack, tell: Callable[[str], None]
) -> None:
    share = stack.shares / "disk"
    engine.run_docker("stop", "notes")
    unmount(share)
    wait_for(lambda: policy(engine) == "no:0")
    person = Person(stack.url, stack.user, stack.password)
    wait_for(lambda: "Notes is kept stopped: its share is absent." in person.get("/").text)
    wait_for(lambda: "1 outage in 7 days" in person.get("/").text)
    assert f"block: {NOT_THAT_ONE}" in stack.run("plan", "Notes").stdout
    engine.stop()
    engine.start()
    call_api(stack, "POST", f"{app_row(stack)['id']}/start")
    wait_for(lambda: app_row(stack)["error"] == NOT_THAT_ONE)
    page = person.get(f"/rockons/{app_row(stack)['id']}").text
    assert NOT_THAT_ONE in unescape(page)
    stack.stop()
    engine.stop()
    engine.start()  # without Rockonweb
    stack.start()
    assert (state(engine, "notes"), list(share.iterdir())) == ("exited", [])
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", share], check=True)
    began = time.monotonic()
    wait_for(lambda: app_row(stack)["status"] == "started")
    tell(f"absent shares: {time.monotonic() - began:.1f} s from the mount to the app that runs")
    assert policy(engine) == "always:0"
    (share / "note").write_text("mine")
    assert engine.run_docker("exec", "notes", "cat", "/data/note") == "mine"
