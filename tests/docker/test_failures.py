"""What goes wrong names the thing, says what to do, loses nothing, and leaves what is not ours alone."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.docker.pull_layers import PullProgress, sum_layer_bytes
from rockonweb.core.errors import Conflict, EngineError, EngineUnreachable, QueueUnreachable
from rockonweb.core.operations.requests import UninstallRequest, blank_request
from rockonweb.core.secret import SecretWord
from rockonweb.host import engine as docker
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Kind, Operation, Progress, db
from rockonweb.work import operations, queue
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps
from tests.support.queue_server import QueueServer
from tests.support.registry import RegistryServer

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}


@contextmanager
def listener(port: int, kind: socket.SocketKind = socket.SOCK_STREAM) -> Iterator[None]:
    """Somebody else's program that has a port of the host."""
    with socket.socket(socket.AF_INET, kind) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            holder.listen()
        yield


def fail(instance: Instance, operation_id: int) -> Operation:
    """Run an operation that must fail with a sentence, and leave no lock behind."""
    operation = instance.run_operation(operation_id)
    assert operation.progress == "failed", describe_steps(operation)
    assert operation.error
    assert operation.hint
    assert instance.raised is not None
    assert not list(instance.settings.locks_folder.iterdir())
    return operation


def failed_step(operation: Operation) -> str:
    """The title of the one step that failed."""
    (step,) = [step for step in operation.steps if step.progress is Progress.FAILED]
    return step.title


def containers(engine: DockerDaemon) -> list[str]:
    return engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()


def networks(engine: DockerDaemon) -> list[str]:
    return engine.run_docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").split()


def simple(instance: Instance, image: str, **more: object) -> Installation:
    """A rock-on of one container `simple` with a page and a share."""
    return instance.add_rockon("Simple", {"simple": {"image": image, "tag": "", "ports": WEB, "volumes": DATA, **more}})


def test_an_image_that_does_not_exist_is_named_and_the_answers_stay(
    engine: DockerDaemon, instance: Instance, registry: RegistryServer, app_image: str
) -> None:
    missing = f"{registry.address}/lifecycle/nowhere:9"
    rockon = simple(instance, missing, environment={"NAME": {"label": "Name", "description": ""}})
    reviewed = instance.prepare_install(rockon, environment={"simple": {"NAME": "kept"}})
    operation = fail(instance, instance.submit_review(reviewed))
    assert missing in operation.error
    assert "not found" in operation.error
    assert failed_step(operation) == f"pull {missing}"
    assert rockon.state == "install_failed"
    assert rockon.error == operation.error
    assert rockon.containers[0].environment[0].value == "kept"
    assert rockon.containers[0].ports[0].host == chosen_port(reviewed, "simple")
    assert {step.progress for step in operation.steps if "container" in step.title} == {Progress.SKIPPED}
    # The maintainer mends the definition, and the same answers do.
    simple(instance, app_image, environment={"NAME": {"label": "Name", "description": ""}})
    instance.install_rockon(rockon, environment={"simple": {"NAME": "kept"}})


def test_without_the_registry_an_image_on_the_host_is_used_and_any_other_fails(
    engine: DockerDaemon, instance: Instance, registry: RegistryServer, standin: Callable[..., str]
) -> None:
    known, unknown = standin("lifecycle/known:1"), standin("lifecycle/unknown:1")
    engine.run_docker("pull", known)
    registry.stop()
    try:
        with_it = instance.add_rockon("Known", {"known": {"image": known, "tag": ""}})
        without = instance.add_rockon("Unknown", {"unknown": {"image": unknown, "tag": ""}})
        instance.install_rockon(with_it)
        operation = fail(instance, instance.submit_review(instance.prepare_install(without)))
    finally:
        registry.start()
    assert "image that is on this host is used" in describe_steps(db.session.get_one(Operation, 1))
    assert unknown in operation.error
    assert "can't be reached" in operation.error
    assert instance.run_successfully(operations.retry_operation(operation.id, "tester")).progress == "done"
    assert without.state == "installed"


def test_a_strangers_container_of_the_same_name_is_never_touched(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    engine.run_docker("run", "-d", "--name", "simple", app_image)
    before = engine.run_docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", "simple")
    rockon = simple(instance, app_image)
    reviewed = instance.prepare_install(rockon)
    assert any('"simple" already exists' in str(finding) for finding in reviewed.plan.blockers)
    operation = fail(instance, instance.submit_review(reviewed))
    assert '"simple" already exists' in operation.error
    assert "rename" in operation.hint
    instance.perform(Kind.UNINSTALL, rockon)
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", "simple") == before


def test_a_name_that_a_stranger_takes_during_the_install_stays_theirs(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("Late", {name: {"image": app_image, "tag": ""} for name in ("late-a", "late-b")})
    create = OurEngine.create_container

    def meanwhile(self: OurEngine, argv: tuple[str, ...], operation: int) -> None:
        create(self, argv, operation)
        if "late-a" in argv:
            engine.run_docker("run", "-d", "--name", "late-b", app_image)

    monkeypatch.setattr(OurEngine, "create_container", meanwhile)
    operation = fail(instance, instance.submit_review(instance.prepare_install(rockon)))
    assert '"late-b"' in operation.error
    assert failed_step(operation) == "create container late-b"
    assert containers(engine) == ["late-b"]
    assert engine.run_docker("inspect", "-f", "{{.State.Running}}", "late-b") == "true"


def test_a_port_that_was_taken_after_the_review_stops_the_job_before_it_touches_anything(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.prepare_install(rockon)
    operation_id = instance.submit_review(reviewed)
    with listener(chosen_port(reviewed, "simple")):
        operation = fail(instance, operation_id)
    assert str(chosen_port(reviewed, "simple")) in operation.error
    assert "in use by" in operation.error
    assert "is free" in operation.hint
    assert not operation.steps
    assert containers(engine) == []
    instance.run_successfully(operations.retry_operation(operation_id, "tester"))


def test_a_udp_port_that_was_taken_after_the_review_is_seen_too(instance: Instance, app_image: str) -> None:
    port = {"5353": {"label": "", "description": "", "host_default": 5353, "protocol": "udp"}}
    rockon = instance.add_rockon("Udp", {"udp": {"image": app_image, "tag": "", "ports": port}})
    reviewed = instance.prepare_install(rockon)
    operation_id = instance.submit_review(reviewed)
    with listener(chosen_port(reviewed, "udp", 5353), socket.SOCK_DGRAM):
        assert "(udp)" in fail(instance, operation_id).error


def test_a_port_that_is_taken_between_make_and_start_is_named_and_everything_undone(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.prepare_install(rockon)
    start = OurEngine.start_container

    def meanwhile(self: OurEngine, name: str) -> None:
        with listener(chosen_port(reviewed, "simple")):
            start(self, name)

    monkeypatch.setattr(OurEngine, "start_container", meanwhile)
    operation = fail(instance, instance.submit_review(reviewed))
    assert str(chosen_port(reviewed, "simple")) in operation.error
    assert "is now in use" in operation.error
    assert failed_step(operation) == "start simple"
    assert containers(engine) == []
    assert rockon.state == "install_failed"


def test_another_rock_on_that_reserved_the_port_first_is_named_at_submit(instance: Instance, app_image: str) -> None:
    first, second = (
        instance.add_rockon(name, {name.lower(): {"image": app_image, "tag": "", "ports": WEB}})
        for name in ("First", "Second")
    )
    port = free_port()
    mine = instance.prepare_install(first, ports={"first": {"8080": port}})
    theirs = instance.prepare_install(second, ports={"second": {"8080": port}})
    instance.submit_review(mine)
    with pytest.raises(Conflict, match=f"{port}.*First"):
        instance.submit_review(theirs)
    assert second.state == "available"
    assert not db.session.query(Operation).filter_by(installation_id=second.id).count()


def test_a_device_that_is_not_there_is_named_before_anything_is_touched(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image, devices={"GPU": {"label": "GPU", "description": ""}})
    reviewed = instance.prepare_install(rockon, devices={"simple": {"GPU": "/dev/nowhere"}})
    operation = fail(instance, instance.submit_review(reviewed))
    assert "/dev/nowhere" in operation.error
    assert "blank" in operation.hint
    assert containers(engine) == []


def test_a_device_of_the_definition_that_is_not_there_is_told_before_and_when_it_goes(
    instance: Instance, app_image: str, tmp_path: Path
) -> None:
    device = tmp_path / "stick"
    device.touch()
    opts = [["--mount", f"type=bind,src={device},dst=/stick"]]
    rockon = instance.add_rockon("Dev", {"dev": {"image": app_image, "tag": "", "opts": opts}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    device.unlink()
    told = f"{device}, which dev needs, does not exist on this host."
    assert fail(instance, operation_id).error == told
    assert [str(one.sentence) for one in instance.prepare_install(rockon).blocking_findings] == [told]


def test_a_share_that_was_deleted_after_the_review_is_named_and_not_made_by_docker(
    instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    operation_id = instance.submit_review(instance.prepare_install(rockon, shares={"simple": {"/data": "gone"}}))
    (instance.settings.shares_root / "gone").rmdir()
    operation = fail(instance, operation_id)
    assert '"gone"' in operation.error
    assert "rockonweb share add gone" in operation.hint
    assert not (instance.settings.shares_root / "gone").exists()


def test_what_changed_since_the_review_is_shown_and_nothing_is_done(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    spec = {"image": app_image, "tag": "", "uid": -1, "gid": -1, "volumes": DATA}
    rockon = instance.add_rockon("Owned", {"owned": spec})
    operation_id = instance.submit_review(instance.prepare_install(rockon, shares={"owned": {"/data": "theirs"}}))
    os.chown(instance.settings.shares_root / "theirs", 777, 888)
    operation = fail(instance, operation_id)
    assert "changed since your review" in operation.error
    assert "-u 777:888" in describe_steps(operation)
    assert "-u 0:0" in describe_steps(operation)
    assert containers(engine) == []


def test_after_an_uninstall_that_waits_nothing_else_is_taken(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    instance.install_rockon(rockon)
    first = operations.submit_operation(rockon, UninstallRequest(), "tester")
    for kind in (Kind.START, Kind.STOP, Kind.RESTART):
        with pytest.raises(Conflict, match="Simple is busy"):
            operations.submit_operation(rockon, blank_request(kind), "other")
    assert operations.submit_operation(rockon, UninstallRequest(), "other") == first
    assert rockon.state == "pending_uninstall"


def test_an_operation_that_does_not_fit_the_state_is_refused(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    for kind in (Kind.START, Kind.STOP, Kind.RESTART, Kind.UNINSTALL):
        with pytest.raises(Conflict, match=r"Simple is not installed\."):
            operations.submit_operation(rockon, blank_request(kind), "tester")
    instance.install_rockon(rockon)
    with pytest.raises(Conflict, match="Simple is already installed"):
        instance.submit_review(instance.prepare_install(rockon))


def trio(instance: Instance, image: str, **last: object) -> Installation:
    """Three containers on a link network, the last one with `last`."""
    return instance.add_rockon(
        "Trio",
        {
            "trio-one": {"image": image, "tag": "", "volumes": DATA},
            "trio-two": {"image": image, "tag": "", "volumes": DATA},
            "trio-three": {"image": image, "tag": "", **last},
        },
        container_links={"trio-two": [{"name": "TrioLink", "source_container": "trio-one"}]},
    )


FRESH = {"new_shares": ["fresh", "used"], "shares": {"trio-one": {"/data": "fresh"}, "trio-two": {"/data": "used"}}}


def test_cancelling_in_the_middle_of_an_install_takes_everything_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    operation_id = instance.submit_review(instance.prepare_install(rockon, **FRESH))
    start = OurEngine.start_container

    def meanwhile(self: OurEngine, name: str) -> None:
        start(self, name)
        if name == "trio-two":
            (instance.settings.shares_root / "used" / "file").write_text("data")
            operations.cancel_operation(operation_id)

    monkeypatch.setattr(OurEngine, "start_container", meanwhile)
    operation = instance.run_operation(operation_id)
    assert instance.raised is None
    assert (operation.progress, rockon.state) == ("cancelled", "available")
    assert containers(engine) == []
    assert networks(engine) == []
    assert not (instance.settings.shares_root / "fresh").exists()
    assert (instance.settings.shares_root / "used" / "file").read_text() == "data"
    assert "not empty" in describe_steps(operation)
    with pytest.raises(Conflict, match="already ended"):
        operations.cancel_operation(operation_id)


def test_cancelling_before_the_job_began_does_nothing_at_all(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    operations.cancel_operation(operation_id)
    assert instance.run_operation(operation_id).progress == "cancelled"
    assert (rockon.state, containers(engine)) == ("available", [])


def test_a_cancelled_restart_shows_how_the_app_is_and_no_failure(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = simple(instance, app_image)
    instance.install_rockon(rockon)
    operation_id = operations.submit_operation(rockon, blank_request(Kind.RESTART), "tester")
    stop = OurEngine.stop_container

    def meanwhile(self: OurEngine, name: str) -> None:
        stop(self, name)
        operations.cancel_operation(operation_id)

    monkeypatch.setattr(OurEngine, "stop_container", meanwhile)
    assert instance.run_operation(operation_id).progress == "cancelled"
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "stopped", None)


def test_a_container_that_fails_undoes_those_before_it(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image, opts=[["--runtime", "none-of-this-name"]])
    operation = fail(instance, instance.submit_review(instance.prepare_install(rockon, **FRESH)))
    assert "none-of-this-name" in operation.error
    assert failed_step(operation) == "create container trio-three"
    assert containers(engine) == []
    assert networks(engine) == []
    assert not list(instance.settings.shares_root.iterdir())
    undone = {step.title for step in operation.steps if step.progress is Progress.UNDONE}
    assert undone == {
        *("create share fresh", "create share used", "create network TrioLink"),
        *("create container trio-one", "create container trio-two"),
        *("connect trio-one to network TrioLink", "connect trio-two to network TrioLink"),
    }


def test_the_undo_leaves_networks_and_shares_that_were_there_before(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    engine.run_docker("network", "create", "TrioLink")
    rockon = trio(instance, app_image, opts=[["--runtime", "none-of-this-name"]])
    fail(instance, instance.submit_review(instance.prepare_install(rockon)))
    assert networks(engine) == ["TrioLink"]
    assert (instance.settings.shares_root / "trio-one-data").is_dir()


def test_a_command_that_does_not_exist_in_the_image_undoes_the_install(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image, opts=[["--entrypoint", "/no/such"]])
    operation = fail(instance, instance.submit_review(instance.prepare_install(rockon)))
    assert "/no/such" in operation.error + describe_steps(operation)
    assert containers(engine) == []


def test_a_failed_install_can_be_tried_again_with_the_same_answers(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("lifecycle/volumed:1", volumes=["/cache"])
    rockon = simple(instance, image)
    reviewed = instance.prepare_install(rockon)
    engine.run_docker("pull", image)
    holder = OurEngine.start_container
    operation_id = instance.submit_review(reviewed)
    with pytest.MonkeyPatch.context() as patch:

        def meanwhile(self: OurEngine, name: str) -> None:
            with listener(chosen_port(reviewed, "simple")):
                holder(self, name)

        patch.setattr(OurEngine, "start_container", meanwhile)
        fail(instance, operation_id)
    again = instance.run_successfully(operations.retry_operation(operation_id, "tester"))
    assert (again.user, rockon.state, rockon.error) == ("tester", "installed", None)
    with pytest.raises(Conflict, match="nothing to repeat"):
        operations.retry_operation(again.id, "tester")


def test_a_failed_start_stays_shown_and_can_be_tried_again(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.install_rockon(rockon)
    instance.perform(Kind.STOP, rockon)
    with listener(chosen_port(reviewed, "simple")):
        operation = fail(instance, operations.submit_operation(rockon, blank_request(Kind.START), "tester"))
    assert rockon.status == "start_failed"
    assert rockon.state == "installed"
    assert str(chosen_port(reviewed, "simple")) in (rockon.error or "")
    instance.run_successfully(operations.retry_operation(operation.id, "tester"))
    assert (rockon.status, rockon.error) == ("started", None)


def test_without_an_engine_each_operation_says_what_to_do_and_loses_nothing(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    installed, fresh = (
        simple(instance, app_image),
        instance.add_rockon("Fresh", {"fresh": {"image": app_image, "tag": ""}}),
    )
    instance.install_rockon(installed)
    waiting = instance.submit_review(instance.prepare_install(fresh))
    connected = docker.connect_engine(config.instance_id(instance.settings))
    engine.stop()
    operation = fail(instance, waiting)
    assert isinstance(instance.raised, EngineUnreachable)
    assert "Docker does not answer" in operation.error
    assert fresh.state == "install_failed"
    for kind in (Kind.STOP, Kind.UNINSTALL):
        assert (
            "Docker does not answer"
            in fail(instance, operations.submit_operation(installed, blank_request(kind), "tester")).error
        )
        assert installed.state == "installed"
    # A connection that was open says the same, whatever it is asked.
    for ask in (
        connected.daemon_settings,
        connected.list_containers,
        connected.list_networks,
        lambda: connected.read_logs("simple"),
        lambda: list(connected.pull_image(app_image)),
        lambda: connected.run_once(("docker", "run", "--rm", app_image)),
    ):
        with pytest.raises(EngineUnreachable, match="Docker does not answer"):
            ask()
    engine.start()
    instance.run_successfully(operations.retry_operation(waiting, "tester"))
    instance.perform(Kind.START, installed)


def test_an_engine_that_ends_during_a_pull_fails_it_with_a_sentence(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("lifecycle/broken-off:1", padding=60_000_000)
    connected = docker.connect_engine(config.instance_id(instance.settings))
    stops: list[threading.Thread] = []

    def stop(found: PullProgress) -> None:
        if sum_layer_bytes(found.layers)[0] and not stops:
            stops.append(threading.Thread(target=engine.stop))
            stops[0].start()

    with pytest.raises(EngineError):
        _ = [stop(found) for found in connected.pull_image(image)]
    stops[0].join()


def test_without_a_queue_nothing_is_begun(instance: Instance, app_image: str, queue_server: QueueServer) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.prepare_install(rockon)
    queue_server.stop()
    with pytest.raises(QueueUnreachable, match="queue does not answer"):
        instance.submit_review(reviewed)
    assert (rockon.state, db.session.query(Operation).count()) == ("available", 0)
    queue_server.start()
    instance.run_successfully(instance.submit_review(reviewed))
    queue_server.stop()
    with pytest.raises(QueueUnreachable):
        operations.submit_operation(rockon, blank_request(Kind.STOP), "tester")
    assert (rockon.state, rockon.status) == ("installed", "started")
    queue_server.start()
    assert queue.ping()["version"]


SECRETS = {"API_TOKEN": "t0ken-of-mine", "DB_PASSWORD": "pass 'word' \"of\" mine", "PLAIN": "not-a-secret"}


def test_a_secret_is_in_no_row_no_log_and_no_error(
    engine: DockerDaemon, instance: Instance, app_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {key: {"label": key, "description": ""} for key in SECRETS}
    good = instance.add_rockon("Good", {"good": {"image": app_image, "tag": "", "environment": asked}})
    opts = [["--runtime", "none-of-this-name"]]  # Docker refuses it, in words of its own
    bad = instance.add_rockon("Bad", {"bad": {"image": app_image, "tag": "", "environment": asked, "opts": opts}})
    reviewed = instance.install_rockon(good, environment={"good": SECRETS})
    assert "API_TOKEN=t0ken-of-mine" in engine.run_docker("inspect", "-f", "{{.Config.Env}}", "good")
    fail(instance, instance.submit_review(instance.prepare_install(bad, environment={"bad": SECRETS})))
    kept = instance.rows_of() + repr(instance.raised) + caplog.text + "".join(reviewed.plan.masked_lines)
    assert "not-a-secret" in kept
    for value in (SECRETS["API_TOKEN"], 'of\\" mine', "'word'"):
        assert value not in kept
    for path in instance.settings.instance.rglob("*"):
        if path.is_file():
            assert b"t0ken-of-mine" not in path.read_bytes()


def test_dockers_own_words_come_without_the_secret(instance: Instance, engine: DockerDaemon, app_image: str) -> None:
    connected = docker.connect_engine(config.instance_id(instance.settings))
    argv = ("docker", "run", "-d", "--name", "told", SecretWord("--oops=", "t0ken-of-mine"), app_image)
    with pytest.raises(EngineError) as caught:
        connected.create_container(argv, 1)
    assert "t0ken-of-mine" not in str(caught.value) + caught.value.output
    leaks = ("docker", "run", "--rm", "-e", SecretWord("API_TOKEN=", "t0ken-of-mine"), app_image, "x", "y")
    engine.run_docker("pull", app_image)
    printed = connected.run_once((*leaks[:3], "--entrypoint", "/bin/env", *leaks[3:6]))
    assert "API_TOKEN=********" in printed
    assert "t0ken-of-mine" not in printed


def test_answers_are_kept_for_the_review_of_a_reinstall(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.install_rockon(rockon)
    instance.perform(Kind.UNINSTALL, rockon)
    assert rockon.containers[0].ports[0].host == chosen_port(reviewed, "simple")
    assert rockon.containers[0].volumes[0].share == "simple-data"
