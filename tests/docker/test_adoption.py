"""Containers that somebody started by hand are adopted: nothing of them is lost, and all of it can be undone."""

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.core.errors import BadInput, Conflict
from rockonweb.core.imports.container import InspectedContainer, describe_app
from rockonweb.core.operations.requests import InstallRequest, UninstallRequest
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Operation, db
from rockonweb.work import adoption, imports, kept_containers, operations, recovery, roles
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

WAYS: dict[str, tuple[str, ...]] = {
    "bind": ("-v", "{shares}/music:/music", "-v", "{tmp}/conf:/conf:ro", "-p", "8181:8080", "-e", "TZ=Europe/Berlin"),
    "volumes": ("-v", "named:/named", "-v", "/anonymous", "--tmpfs", "/scratch:size=8m", "--restart", "always",
                "--mount", "type=volume,target=/also-anonymous", "--mount", "type=bind,source={tmp}/conf,target=/two"),
    "networks": ("--network", "front", "--network-alias", "shop", "--ip", "10.222.1.7", "--restart", "on-failure:3"),
    "device": ("--device", "/dev/null:/dev/other", "--group-add", "44", "--cap-add", "SYS_TIME", "--cap-drop", "MKNOD"),
    "limits": ("--memory", "64m", "--cpus", "0.5", "--pids-limit", "100", "--ulimit", "nofile=1024:2048",
               "--shm-size", "32m", "--stop-signal", "SIGINT", "--stop-timeout", "7", "--log-opt", "max-size=1m"),
    "entry": ("--entrypoint", "/bin/busybox", "--user", "1000:1000", "-w", "/tmp", "--init", "--tty"),
    "health": ("--health-cmd", "true", "--health-interval", "1s", "--hostname", "checked", "--add-host", "a:10.0.0.9"),
    "hosted": ("--network", "host", "-e", "STANDIN_PORTS=18099", "--read-only", "--security-opt", "no-new-privileges"),
    "sixth": ("-p", "[::1]:8186:8080", "-p", "127.0.0.1:8187:8080/tcp", "--expose", "9000"),
    "labels": ("--label", "com.example.owner=ada", "--label", "empty", "--link", "bind:music", "--dns", "10.0.0.1"),
}  # fmt: skip
COMMANDS = {"entry": ("sh", "-c", "trap 'exit 0' TERM INT; while :; do sleep 1; done")}


def inspect(engine: DockerDaemon, name: str) -> dict[str, Any]:
    [details] = json.loads(engine.run_docker("inspect", name))
    return dict(details)


def options_of(engine: DockerDaemon, name: str) -> list[tuple[str, str]]:
    """What `docker run` said of a container, without what Rockonweb adds."""
    details = inspect(engine, name)
    [image] = json.loads(engine.run_docker("image", "inspect", details["Image"]))
    [container] = describe_app("", [InspectedContainer(details, image)], {}).containers
    ours = {("--volume", "/etc/localtime:/etc/localtime:ro")}
    return sorted(pair for pair in container.options if pair not in ours and not pair[1].startswith("rockonweb.")) + [
        ("", word) for word in container.command
    ]


def mounts_of(engine: DockerDaemon, name: str) -> set[tuple[str, str, bool]]:
    return {
        (mount["Source"], mount["Destination"], mount["RW"])
        for mount in inspect(engine, name)["Mounts"]
        if mount["Destination"] != "/etc/localtime"
    }


def look_at(*names: str) -> imports.AppImport:
    """What the containers would be here."""
    return imports.import_app(adoption.describe_containers(names))


def submit(instance: Instance, app: imports.AppImport) -> int:
    """Save what was looked at, and submit its install, as a person does."""
    installation = imports.save_import(app)
    request = InstallRequest(app.imported.answers, app.imported.new_shares)
    return instance.submit_review(instance.review_request(installation, request))


def adopt(instance: Instance, *names: str) -> Operation:
    return instance.run_operation(submit(instance, look_at(*names)))


def app_of(operation: Operation) -> Installation:
    assert operation.installation
    return operation.installation


@pytest.fixture
def ways(engine: DockerDaemon, instance: Instance, app_image: str, tmp_path: Any) -> Iterator[dict[str, str]]:
    """Ten containers, started by hand in ten ways; their ids by name."""
    shares = instance.settings.shares_root
    for folder in (shares / "music", tmp_path / "conf"):
        folder.mkdir()
    engine.run_docker("network", "create", "--subnet", "10.222.1.0/24", "front")
    engine.run_docker("network", "create", "back")
    ids = {}
    for name, options in WAYS.items():
        words = [word.format(shares=shares, tmp=tmp_path) for word in options]
        ids[name] = engine.run_docker("run", "-d", "--name", name, *words, app_image, *COMMANDS.get(name, ()))
    engine.run_docker("network", "connect", "--alias", "depot", "back", "networks")
    for path in ("/named/it", "/anonymous/it", "/also-anonymous/it"):
        engine.run_docker("exec", "volumes", "sh", "-c", f"echo here > {path}")
    yield ids
    engine.run_docker("rm", "-f", *[f"{name}{suffix}" for name in WAYS for suffix in ("", ".before-rockonweb")])


def test_ten_containers_started_in_ten_ways_are_adopted_as_they_are(
    engine: DockerDaemon, instance: Instance, ways: dict[str, str]
) -> None:
    before = {name: (options_of(engine, name), mounts_of(engine, name)) for name in ways}
    with pytest.raises(Conflict, match="Adopt them together: bind labels"):
        look_at("bind")
    for names in [("bind", "labels"), *((name,) for name in ways if name not in ("bind", "labels"))]:
        prepared = look_at(*names)
        assert not prepared.review.blocking_findings, prepared.review.blocking_findings
        operation = instance.run_successfully(submit(instance, prepared))
        assert app_of(operation).status == "started", describe_steps(operation)
        for old, new in prepared.command_lines.values():
            ours = ["--volume", "/etc/localtime:/etc/localtime:ro"]
            at = new.index(ours[1])
            assert [*new[: at - 1], *new[at + 1 :]] == [*old]
    for name, old_id in ways.items():
        assert (options_of(engine, name), mounts_of(engine, name)) == before[name]
        assert inspect(engine, name)["Id"] != old_id
        assert inspect(engine, name)["State"]["Running"]
        kept = inspect(engine, f"{name}.before-rockonweb")
        assert (kept["Id"], kept["State"]["Running"]) == (old_id, False)
        assert kept["HostConfig"]["RestartPolicy"]["Name"] == "no"
    for path in ("/named/it", "/anonymous/it", "/also-anonymous/it"):
        assert engine.run_docker("exec", "volumes", "cat", path) == "here"


@pytest.fixture
def notes(engine: DockerDaemon, instance: Instance, app_image: str) -> str:
    """A container that somebody started by hand, with data; its id."""
    notes_id = engine.run_docker(
        *("run", "-d", "--name", "notes", "--restart", "always", "-v", "/data", "-p", "8190:8080", app_image)
    )
    engine.run_docker("exec", "notes", "sh", "-c", "echo here > /data/it")
    return notes_id


def assert_as_before(engine: DockerDaemon, notes: str) -> None:
    """It has its id, its name, its restart policy and its data, and runs; nothing else is there."""
    details = inspect(engine, "notes")
    assert (details["Id"], details["State"]["Running"]) == (notes, True)
    assert details["HostConfig"]["RestartPolicy"]["Name"] == "always"
    assert engine.run_docker("exec", "notes", "cat", "/data/it") == "here"
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}") == "notes"


def test_where_the_new_one_fails_the_old_one_is_back_as_it_was(
    engine: DockerDaemon, instance: Instance, notes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create = OurEngine.create_container

    def create_broken(self: OurEngine, argv: tuple[str, ...], operation: str) -> None:
        create(self, (*argv[:2], "-e", "STANDIN_EXIT=3", *argv[2:]), operation)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "create_container", create_broken)
        operation = adopt(instance, "notes")
    assert operation.progress == "failed", describe_steps(operation)
    assert app_of(operation).state == "install_failed"
    assert_as_before(engine, notes)
    instance.run_successfully(operations.retry_operation(operation.id, "tester"))
    assert inspect(engine, "notes.before-rockonweb")["Id"] == notes


STEPS = ["_set_restart_policy", "take_over", "create_container", "start_container"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("end", ["killed", "cancelled"])
def test_after_a_cancel_or_a_kill_at_each_step_the_old_one_is_back(
    engine: DockerDaemon, instance: Instance, notes: str, step: str, end: str
) -> None:
    def state_of_new() -> str:
        listed = engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.State}}").splitlines()
        new = [line.split() for line in listed if not line.startswith(notes)]
        return new[0][2] if new else ""

    operation_id = submit(instance, look_at("notes"))
    pid = os.fork()
    if not pid:
        act = getattr(OurEngine, step)

        def hang(self: OurEngine, *arguments: Any) -> None:
            act(self, *arguments)
            setattr(OurEngine, step, act)  # the rollback does it too
            while True:
                time.sleep(0.1)
                self.waiter.poll()

        try:
            roles.forget_connections(instance.app)
            setattr(OurEngine, step, hang)
            instance.run_operation(operation_id)
        finally:
            os._exit(0)
    try:
        reached = {
            "_set_restart_policy": lambda: inspect(engine, notes)["HostConfig"]["RestartPolicy"]["Name"] == "no",
            "take_over": lambda: inspect(engine, notes)["Name"] == "/notes.before-rockonweb",
            "create_container": lambda: state_of_new() == "created",
            "start_container": lambda: state_of_new() == "running",
        }
        wait_for(reached[step])
        if end == "cancelled":
            operations.cancel_operation(operation_id)
            os.waitpid(pid, 0)
    finally:
        if end == "killed":
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    if end == "killed":
        assert recovery.recover_operations() == [operation_id]
    db.session.rollback()
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress == ("interrupted" if end == "killed" else "cancelled"), describe_steps(operation)
    assert_as_before(engine, notes)


def test_the_old_one_can_be_gone_back_to(engine: DockerDaemon, instance: Instance, notes: str) -> None:
    operation = adopt(instance, "notes")
    installation = app_of(operation)
    instance.run_successfully(operations.submit_operation(installation, UninstallRequest(give_back=True), "tester"))
    assert installation.state == "available"
    assert installation.old_containers == []
    assert_as_before(engine, notes)


def test_the_old_one_can_be_gone_back_to_after_an_uninstall(
    engine: DockerDaemon, instance: Instance, notes: str
) -> None:
    installation = app_of(adopt(instance, "notes"))
    instance.run_successfully(operations.submit_operation(installation, UninstallRequest(), "tester"))
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}") == "notes.before-rockonweb"
    assert kept_containers.settle(installation, "back", "tester") is None
    assert_as_before(engine, notes)


def test_the_old_one_is_removed_when_somebody_says_so_and_its_volumes_stay(
    engine: DockerDaemon, instance: Instance, notes: str
) -> None:
    installation = app_of(adopt(instance, "notes"))
    kept_containers.remove_old_containers(installation)
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}") == "notes"
    assert engine.run_docker("exec", "notes", "cat", "/data/it") == "here"
    assert installation.old_containers == []
    with pytest.raises(Conflict, match="no longer there"):
        kept_containers.kept_states(installation, OurEngine)  # type: ignore[arg-type]


def test_the_apps_page_decides_on_the_old_one(
    engine: DockerDaemon, instance: Instance, notes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = app_of(adopt(instance, "notes"))
    monkeypatch.setattr(instance.app, "test_client_class", FormClient)
    create_test_user()
    client = new_visitor(instance.app).log_in("ada")
    address = f"/rockons/{installation.id}"
    assert "notes.before-rockonweb" in client.get(address).text
    assert client.submit_form(f"{address}/old/later").status_code == 303
    assert "Will be removed" in client.get(address).text
    kept_containers.remove_expired()
    assert inspect(engine, "notes.before-rockonweb")["Id"] == notes
    kept_containers.settle(installation, "later", "ada", days=0)
    assert client.submit_form(f"{address}/old/back").headers["Location"].startswith("/operations/")
    [operation] = db.session.scalars(select(Operation).where(Operation.progress == "queued"))
    instance.run_successfully(operation.id)
    assert_as_before(engine, notes)


def test_the_wizard_takes_the_answers_and_the_ports_of_what_runs(
    engine: DockerDaemon, instance: Instance, notes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instance.app, "test_client_class", FormClient)
    create_test_user()
    client = new_visitor(instance.app).log_in("ada")
    assert "notes" in client.get("/import/containers").text
    page = client.submit_form("/import", {"container": "notes"}).text
    assert "Nothing has been saved yet." in page
    begun = client.submit_form("/import", {"container": "notes", "name": "notes", "save": "1"})
    assert begun.status_code == 303, begun.text
    [installation] = db.session.scalars(select(Installation))
    address = f"/rockons/{installation.id}/install"
    page = client.get(f"{address}/ports").text
    assert 'value="8190"' in page
    assert client.submit_form(f"{address}/ports", {"ports-notes-8080": "8190"}).status_code == 303
    page = client.get(f"{address}/summary").text
    assert "already exists" not in page
    [digest] = re.findall(r'name="reviewed" value="([^"]+)"|name="digest" value="([^"]+)"', page)
    answer = client.submit_form(f"{address}/summary", {"Submit": "1", "reviewed": digest[0], "digest": digest[1]})
    assert answer.headers.get("Location", "").startswith("/operations/"), answer.text
    [operation] = db.session.scalars(select(Operation))
    instance.run_successfully(operation.id)
    assert inspect(engine, "notes.before-rockonweb")["Id"] == notes


def test_one_that_is_stopped_stays_stopped(engine: DockerDaemon, instance: Instance, notes: str) -> None:
    engine.run_docker("stop", "notes")
    operation = adopt(instance, "notes")
    assert operation.progress == "done", describe_steps(operation)
    assert inspect(engine, "notes")["State"]["Status"] == "created"
    assert app_of(operation).state == "installed"


def test_what_has_changed_since_it_was_looked_at_is_refused(
    engine: DockerDaemon, instance: Instance, notes: str, app_image: str
) -> None:
    prepared = look_at("notes")
    engine.run_docker("rm", "-f", "notes")
    engine.run_docker("run", "-d", "--name", "notes", app_image)
    other = inspect(engine, "notes")["Id"]
    operation = instance.run_operation(submit(instance, prepared))
    assert operation.progress == "failed"
    assert "no longer there" in operation.error
    assert inspect(engine, "notes")["Id"] == other
    engine.run_docker("pause", "notes")
    with pytest.raises(Conflict, match="is paused just now"):
        look_at("notes")
    engine.run_docker("unpause", "notes")
    with pytest.raises(BadInput, match='There is no container "other"'):
        look_at("other")


def test_what_the_catalogue_has_is_taken_with_its_questions_answered(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    shares = instance.settings.shares_root
    (shares / "photos").mkdir()
    instance.add_rockon(
        "Album",
        {"album": {
            "image": app_image.rpartition(":")[0], "tag": "1",
            "volumes": {"/photos": {"label": "Photos", "description": ""}},
            "ports": {"8080": {"label": "Page", "description": "", "host_default": 8191,
                               "protocol": "tcp", "ui": True}},
            "environment": {"API_TOKEN": {"label": "Token", "description": ""}},
            "opts": [["--memory", "64m"]],
        }},
    )  # fmt: skip
    engine.run_docker(
        *("run", "-d", "--name", "album", "-v", f"{shares}/photos:/photos", "-p", "8192:8080"),
        *("-e", "API_TOKEN=quiet", "--restart", "unless-stopped", "--cpus", "0.5", app_image),
    )
    prepared = look_at("album")
    assert (prepared.is_known, prepared.imported.name) == (True, "Album")
    assert prepared.imported.answers.to_dict()["shares"] == {"album": {"/photos": "photos"}}
    told = {entry.what: entry.outcome.value for entry in prepared.imported.report}
    assert told == {
        "--cpus 0.5": "left",
        "--memory 64m": "changed",
        "--volume /etc/localtime:/etc/localtime:ro": "changed",
    }
    assert "quiet" not in str(prepared.command_lines)
    operation = instance.run_successfully(submit(instance, prepared))
    assert app_of(operation).name == "Album"
