"""Going back on a real engine: images, definition and answers, and the data of shares on a Btrfs of the test's own."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rockonweb import config
from rockonweb.core.answers.answers import answers_from_json
from rockonweb.core.operations.requests import ChangeRequest, UpdateRequest
from rockonweb.host import Host, snapshots
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Kind, Operation, Progress, RollbackPoint, db, repository
from rockonweb.work import operations, recovery, rollback, runner, sync_status
from tests.support.apps import fetch_app_page, wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.loop_btrfs import mounted_btrfs, run_command

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}
COLOUR = {"COLOUR": {"label": "Colour", "description": "Of the page."}}

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")


@pytest.fixture
def btrfs(engine: DockerDaemon, instance: Instance, tmp_path: Path) -> Iterator[Path]:
    """The instance's shares, on a Btrfs."""
    with mounted_btrfs(tmp_path / "image", instance.settings.shares_root) as folder:
        try:
            yield folder
        finally:
            engine.remove_everything()  # a container that runs holds the file system


@pytest.fixture
def image(standin: Callable[..., str]) -> Callable[[str], str]:
    """`image(revision)` puts a revision of the app under the one name that it has."""
    return lambda revision: standin("rollback/app:1", revision=revision)


def points(rockon: Installation) -> list[RollbackPoint]:
    db.session.rollback()
    return rollback.list_points(rockon)


def go_back(
    instance: Instance, rockon: Installation, point: RollbackPoint, *, data: bool = False, asked: tuple[str, ...] = ()
) -> Operation:
    return instance.run_successfully(begin_back(rockon, point, data=data, asked=asked))


def begin_back(rockon: Installation, point: RollbackPoint, *, data: bool = False, asked: tuple[str, ...] = ()) -> int:
    _, answers = rollback.load_point(point)
    return operations.submit_operation(
        rockon,
        ChangeRequest(answers, source=point.definition, point=point.id, data=data, asked=frozenset(asked)),
        "tester",
    )


def ids(engine: DockerDaemon) -> dict[str, str]:
    """The id of each container, by name."""
    lines = engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return dict(line.split() for line in lines)


def pair(instance: Instance, image: str, app_image: str, **first: Any) -> Installation:
    """An app with data, and a helper that uses the same share."""
    return instance.add_rockon(
        "Pair",
        {
            "pair-app": {
                "image": image, "tag": "", "ports": WEB, "volumes": DATA, "environment": COLOUR, **first,
            },
            "pair-helper": {"image": app_image, "tag": "", "volumes": DATA},
        },
    )  # fmt: skip


def installed(instance: Instance, rockon: Installation) -> int:
    """Install with one share for both; returns the page's port."""
    places = {"pair-app": {"/data": "pair"}, "pair-helper": {"/data": "pair/helper"}}
    return chosen_port(instance.install_rockon(rockon, shares=places), "pair-app")


def write(instance: Instance, share: str, name: str, words: str) -> None:
    (instance.settings.shares_root / share / name).write_text(words)


def content(instance: Instance, share: str) -> dict[str, str]:
    folder = instance.settings.shares_root / share
    return {one.name: one.read_text() for one in folder.iterdir() if one.is_file()}


def test_an_update_can_be_taken_back_and_that_too(
    engine: DockerDaemon, instance: Instance, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    assert points(rockon) == []
    before = ids(engine)
    image(2)
    instance.perform(Kind.UPDATE, rockon)
    assert "revision 2" in fetch_app_page(port)
    [point] = points(rockon)
    assert (point.kept["pair-app"].ran, point.kept["pair-app"].image) == (True, image(2))
    engine.run_docker("image", "prune", "-f")
    go_back(instance, rockon, point)
    assert "revision 1" in fetch_app_page(port)
    assert ids(engine)["pair-helper"] == before["pair-helper"]
    forward = points(rockon)[0]
    assert forward.id != point.id
    go_back(instance, rockon, forward)
    assert "revision 2" in fetch_app_page(port)
    assert len(points(rockon)) == 3


def test_answers_and_a_definition_come_back_and_the_newer_one_is_not_offered_again(
    engine: DockerDaemon, instance: Instance, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    old = rockon.installed_source
    pair(instance, image(1), app_image, opts=[["--label", "newer=yes"]])
    assert rockon.has_newer_definition
    wanted = instance.changed_answers(rockon, environment={"pair-app": {"COLOUR": "red"}})
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")
    )
    assert "COLOUR=red" in fetch_app_page(port)
    go_back(instance, rockon, points(rockon)[0])
    assert "COLOUR=COLOUR-value" in fetch_app_page(port)
    assert (rockon.installed_source, rockon.has_newer_definition) == (old, False)
    assert repository.load_answers(rockon).environment == {"pair-app": {"COLOUR": "COLOUR-value"}}


@pytest.mark.parametrize("how", ["stopped", "a container is gone", "it ended", "all containers are gone"])
def test_one_can_go_back_from_what_is_stopped_or_broken(
    engine: DockerDaemon, instance: Instance, app_image: str, image: Callable[[int], str], how: str
) -> None:
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    image(2)
    instance.perform(Kind.UPDATE, rockon)
    [point] = points(rockon)
    if how == "stopped":
        instance.perform(Kind.STOP, rockon)
    elif how == "it ended":
        engine.run_docker("update", "--restart=no", "pair-app")
        engine.run_docker("kill", "pair-app")
    else:
        engine.run_docker("rm", "-f", "pair-app", *(["pair-helper"] if how.startswith("all") else []))
        engine.run_docker("image", "prune", "-f")
    sync_status.sync_status(rockon.id)
    go_back(instance, rockon, point)
    if how == "stopped":
        assert rockon.status == "stopped"
        instance.perform(Kind.START, rockon)
    assert rockon.status == "started"
    assert "revision 1" in fetch_app_page(port)
    assert set(ids(engine)) == {"pair-app", "pair-helper"}


def test_an_image_that_is_gone_is_fetched_by_its_digest(
    engine: DockerDaemon, instance: Instance, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    image(2)
    instance.perform(Kind.UPDATE, rockon)
    [point] = points(rockon)
    engine.run_docker("image", "prune", "-af")
    go_back(instance, rockon, point)
    assert "revision 1" in fetch_app_page(port)


def test_only_the_newest_points_are_kept_with_their_images(
    engine: DockerDaemon, instance: Instance, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    installed(instance, rockon)

    ours = config.instance_id(instance.settings)

    def held() -> list[str]:
        return engine.run_docker("images", "--format", "{{.Tag}}", f"rockonweb/rollback-{ours}").splitlines()

    for colour in ("red", "green", "blue", "white"):
        instance.run_successfully(instance.submit_change(rockon, environment={"pair-app": {"COLOUR": colour}}))
    kept = points(rockon)
    colours = [
        answers_from_json(rollback.json.loads(point.answers)).environment["pair-app"]["COLOUR"] for point in kept
    ]
    assert colours == ["blue", "green", "red"]
    assert len(held()) == 6
    assert all(name.partition("-")[0] in {point.uid for point in kept} for name in held())
    instance.run_successfully(instance.submit_change(rockon, networks={"pair-app": ["rocknet"]}))
    assert [point.id for point in points(rockon)] == [point.id for point in kept]  # nothing to go back from
    instance.app.config["SETTINGS"] = replace(instance.settings, rollback_points=1)
    instance.run_successfully(instance.submit_change(rockon, environment={"pair-app": {"COLOUR": "black"}}))
    assert len(points(rockon)) == 1
    assert len(held()) == 2
    instance.perform(Kind.UNINSTALL, rockon)
    assert points(rockon) == []
    assert held() == []


@needs_root
def test_data_comes_back_with_the_file_that_the_new_version_deleted(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    write(instance, "pair", "precious", "mine")
    before = ids(engine)
    image(2)
    instance.perform(Kind.UPDATE, rockon)
    assert ids(engine)["pair-helper"] == before["pair-helper"]
    engine.run_docker("exec", "pair-app", "sh", "-c", "rm /data/precious; echo newer >/data/newer")
    assert list(Host(instance.settings).shares.shares_by_name()) == ["pair"]
    [point] = points(rockon)
    found = go_back(instance, rockon, point, data=True)
    assert "revision 1" in fetch_app_page(port)
    assert content(instance, "pair") == {"precious": "mine"}
    assert engine.run_docker("exec", "pair-app", "cat", "/data/precious") == "mine"
    assert engine.run_docker("exec", "pair-helper", "ls", "-d", "/data") == "/data"
    lies = next(step.output for step in found.steps if "The newer data is in" in step.output).split()[-1].rstrip(".")
    assert {one.name for one in Path(lies).iterdir() if one.is_file()} == {"newer"}
    write(instance, "pair", "later", "x")
    go_back(instance, rockon, points(rockon)[0], data=True)
    assert "revision 2" in fetch_app_page(port)
    assert content(instance, "pair") == {"newer": "newer\n"}
    assert rockon.status == "started"


@needs_root
def test_a_share_of_two_rockons_is_left_alone_unless_it_is_asked_for(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    installed(instance, rockon)
    other = instance.add_rockon("Other", {"other": {"image": app_image, "tag": "", "volumes": DATA}})
    instance.install_rockon(other, shares={"other": {"/data": "pair"}})
    write(instance, "pair", "precious", "mine")
    image(2)
    instance.perform(Kind.UPDATE, rockon)
    assert Host(instance.settings).snapshots.shares_by_point() == {}
    (btrfs / "pair" / "precious").unlink()
    [point] = points(rockon)
    go_back(instance, rockon, point, data=True)
    assert content(instance, "pair") == {}

    write(instance, "pair", "precious", "mine")
    wanted = instance.changed_answers(rockon, environment={"pair-app": {"COLOUR": "red"}})
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(wanted, asked=frozenset(["pair"])), "tester")
    )
    (btrfs / "pair" / "precious").unlink()
    point = points(rockon)[0]
    before = ids(engine)
    go_back(instance, rockon, point, data=True)  # not asked for
    assert content(instance, "pair") == {}
    operation = instance.run_operation(begin_back(rockon, point, data=True, asked=("pair",)))
    assert operation.progress == "failed"
    assert "other is running and uses the share pair" in operation.error
    assert ids(engine)["other"] == before["other"]
    instance.perform(Kind.STOP, other)
    go_back(instance, rockon, point, data=True, asked=("pair",))
    assert content(instance, "pair") == {"precious": "mine"}

    image(3)
    instance.run_successfully(operations.submit_operation(rockon, UpdateRequest(asked=frozenset(["pair"])), "tester"))
    assert "pair" in Host(instance.settings).snapshots.shares_by_point()[points(rockon)[0].uid]


SPOILS = {
    "opts": [["--entrypoint", "sh"]],
    "cmd_arguments": [["-c", "rm /data/precious; echo x >/data/spoilt; exit 3"]],
}


@needs_root
@pytest.mark.parametrize("how", ["it fails", "its process dies"])
def test_a_change_that_fails_after_it_ran_puts_the_data_back(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, image: Callable[[int], str],
    monkeypatch: pytest.MonkeyPatch, how: str,
) -> None:  # fmt: skip
    rockon = pair(instance, image(1), app_image)
    port = installed(instance, rockon)
    write(instance, "pair", "precious", "mine")
    before = ids(engine)
    pair(instance, image(1), app_image, **SPOILS)
    number = operations.submit_operation(
        rockon, ChangeRequest(repository.load_answers(rockon), source=rockon.entry.source), "tester"
    )
    if how == "it fails":
        assert instance.run_operation(number).progress == "failed"
    else:
        _die_after_start(monkeypatch, number)
        assert recovery.recover_operations() == [number]
        db.session.rollback()
    assert ids(engine) == before
    assert "revision 1" in fetch_app_page(port)
    assert content(instance, "pair") == {"precious": "mine"}
    operation = db.session.get_one(Operation, number)
    step = next(step for step in operation.steps if step.title == "take a snapshot of share pair")
    assert (step.progress, "The newer data is in" in step.output) == (Progress.UNDONE, True), describe_steps(operation)
    kept = list((btrfs / snapshots.OWN_FOLDER / "replaced").iterdir())
    assert [(one / "spoilt").read_text() for one in kept] == ["x\n"]
    assert points(rockon) == []
    assert Host(instance.settings).snapshots.shares_by_point() == {}
    assert rockon.status == "started"


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def _die_after_start(monkeypatch: pytest.MonkeyPatch, operation_id: int) -> None:
    real = OurEngine.start_container

    def last(self: OurEngine, name: str) -> None:
        real(self, name)
        if name == "pair-app":
            wait_for(lambda: (known := self.inspect_container(name)) and known.restarts)
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "start_container", last)
        with pytest.raises(Killed):
            runner.run(operation_id)
    db.session.rollback()


@needs_root
def test_data_is_left_alone_where_nothing_new_has_run(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    installed(instance, rockon)
    write(instance, "pair", "precious", "mine")
    number = (btrfs / "pair").stat().st_dev
    pair(instance, image(1), app_image, opts=[["--entrypoint", "/no/such/program"]])
    operation = instance.run_operation(
        operations.submit_operation(
            rockon, ChangeRequest(repository.load_answers(rockon), source=rockon.entry.source), "tester"
        )
    )
    assert operation.progress == "failed"
    assert (btrfs / "pair").stat().st_dev == number
    assert not (btrfs / snapshots.OWN_FOLDER / "replaced").exists()
    assert points(rockon) == []
    assert Host(instance.settings).snapshots.shares_by_point() == {}


@needs_root
def test_subvolumes_inside_a_share_are_named_and_stay(
    engine: DockerDaemon, instance: Instance, btrfs: Path, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    installed(instance, rockon)
    write(instance, "pair", "precious", "mine")
    run_command("btrfs", "subvolume", "create", btrfs / "pair" / "inner")
    wanted = instance.changed_answers(rockon, environment={"pair-app": {"COLOUR": "red"}})
    [cover] = instance.review_request(rockon, ChangeRequest(wanted)).planned_change.snapshot_scopes
    assert (cover.is_included, cover.nested) == (True, ("inner",))
    instance.run_successfully(operations.submit_operation(rockon, ChangeRequest(wanted), "tester"))
    (btrfs / "pair" / "precious").unlink()
    (btrfs / "pair" / "inner" / "file").write_text("new and kept")
    go_back(instance, rockon, points(rockon)[0], data=True)
    assert content(instance, "pair") == {"precious": "mine"}
    assert (btrfs / "pair" / "inner" / "file").read_text() == "new and kept"


def test_of_plain_folders_it_is_said_beforehand_that_data_stays(
    instance: Instance, app_image: str, image: Callable[[int], str]
) -> None:
    rockon = pair(instance, image(1), app_image)
    installed(instance, rockon)
    [cover] = instance.review_request(
        rockon, ChangeRequest(instance.changed_answers(rockon, environment={"pair-app": {"COLOUR": "red"}}))
    ).planned_change.snapshot_scopes
    assert not cover.is_included
    assert "plain folder" in cover.why_not
