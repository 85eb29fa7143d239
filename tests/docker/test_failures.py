"""What goes wrong names the thing, says what to do, loses nothing, and leaves what is not ours alone."""

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from rockonweb import config
from rockonweb.core.docker.pull_layers import PullProgress, pulled
from rockonweb.core.errors import Conflict, EngineError, EngineUnreachable, QueueUnreachable
from rockonweb.core.operations.requests import UninstallRequest, plain_request
from rockonweb.core.secret import SecretWord
from rockonweb.host import engine as docker
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Kind, Operation, Progress, db
from rockonweb.work import operations, queue
from tests.support.claims import free_port
from tests.support.engine import Engine
from tests.support.instance import Instance, chosen_port, told
from tests.support.queue_server import QueueServer
from tests.support.registry import Registry

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
    operation = instance.run(operation_id)
    assert operation.progress == "failed", told(operation)
    assert operation.error
    assert operation.hint
    assert instance.raised is not None
    assert not list(instance.settings.locks.iterdir())
    return operation


def failed_step(operation: Operation) -> str:
    """The title of the one step that failed."""
    (step,) = [step for step in operation.steps if step.progress is Progress.FAILED]
    return step.title


def containers(engine: Engine) -> list[str]:
    return engine.docker("ps", "-a", "--format", "{{.Names}}").split()


def networks(engine: Engine) -> list[str]:
    return engine.docker("network", "ls", "--filter", "type=custom", "--format", "{{.Name}}").split()


def simple(instance: Instance, image: str, **more: object) -> Installation:
    """A rock-on of one container `simple` with a page and a share."""
    return instance.add("Simple", {"simple": {"image": image, "tag": "", "ports": WEB, "volumes": DATA, **more}})


def test_an_image_that_does_not_exist_is_named_and_the_answers_stay(
    engine: Engine, instance: Instance, registry: Registry, app_image: str
) -> None:
    missing = f"{registry.address}/lifecycle/nowhere:9"
    rockon = simple(instance, missing, environment={"NAME": {"label": "Name", "description": ""}})
    reviewed = instance.review(rockon, environment={"simple": {"NAME": "kept"}})
    operation = fail(instance, instance.submit(reviewed))
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
    instance.install(rockon, environment={"simple": {"NAME": "kept"}})


def test_without_the_registry_an_image_on_the_host_is_used_and_any_other_fails(
    engine: Engine, instance: Instance, registry: Registry, standin: Callable[..., str]
) -> None:
    known, unknown = standin("lifecycle/known:1"), standin("lifecycle/unknown:1")
    engine.docker("pull", known)
    registry.stop()
    try:
        with_it = instance.add("Known", {"known": {"image": known, "tag": ""}})
        without = instance.add("Unknown", {"unknown": {"image": unknown, "tag": ""}})
        instance.install(with_it)
        operation = fail(instance, instance.submit(instance.review(without)))
    finally:
        registry.start()
    assert "image that is on this host is used" in told(db.session.get_one(Operation, 1))
    assert unknown in operation.error
    assert "could not be pulled" in operation.error
    assert instance.succeed(operations.retry(operation.id, "tester")).progress == "done"
    assert without.state == "installed"


def test_a_strangers_container_of_the_same_name_is_never_touched(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    engine.docker("run", "-d", "--name", "simple", app_image)
    before = engine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", "simple")
    rockon = simple(instance, app_image)
    reviewed = instance.review(rockon)
    assert any('"simple" exists already' in str(finding) for finding in reviewed.plan.blocked)
    operation = fail(instance, instance.submit(reviewed))
    assert '"simple" exists already' in operation.error
    assert "rename" in operation.hint
    instance.do(Kind.UNINSTALL, rockon)
    assert engine.docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Running}}", "simple") == before


def test_a_name_that_a_stranger_takes_during_the_install_stays_theirs(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add("Late", {name: {"image": app_image, "tag": ""} for name in ("late-a", "late-b")})
    create = OurEngine.create

    def meanwhile(self: OurEngine, argv: tuple[str, ...], operation: int) -> None:
        create(self, argv, operation)
        if "late-a" in argv:
            engine.docker("run", "-d", "--name", "late-b", app_image)

    monkeypatch.setattr(OurEngine, "create", meanwhile)
    operation = fail(instance, instance.submit(instance.review(rockon)))
    assert '"late-b"' in operation.error
    assert failed_step(operation) == "make container late-b"
    assert containers(engine) == ["late-b"]
    assert engine.docker("inspect", "-f", "{{.State.Running}}", "late-b") == "true"


def test_a_port_that_was_taken_after_the_review_stops_the_job_before_it_touches_anything(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.review(rockon)
    operation_id = instance.submit(reviewed)
    with listener(chosen_port(reviewed, "simple")):
        operation = fail(instance, operation_id)
    assert str(chosen_port(reviewed, "simple")) in operation.error
    assert "in use by" in operation.error
    assert "is free" in operation.hint
    assert not operation.steps
    assert containers(engine) == []
    instance.succeed(operations.retry(operation_id, "tester"))


def test_a_udp_port_that_was_taken_after_the_review_is_seen_too(instance: Instance, app_image: str) -> None:
    port = {"5353": {"label": "", "description": "", "host_default": 5353, "protocol": "udp"}}
    rockon = instance.add("Udp", {"udp": {"image": app_image, "tag": "", "ports": port}})
    reviewed = instance.review(rockon)
    operation_id = instance.submit(reviewed)
    with listener(chosen_port(reviewed, "udp", 5353), socket.SOCK_DGRAM):
        assert "(udp)" in fail(instance, operation_id).error


def test_a_port_that_is_taken_between_make_and_start_is_named_and_everything_undone(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.review(rockon)
    start = OurEngine.start

    def meanwhile(self: OurEngine, name: str) -> None:
        with listener(chosen_port(reviewed, "simple")):
            start(self, name)

    monkeypatch.setattr(OurEngine, "start", meanwhile)
    operation = fail(instance, instance.submit(reviewed))
    assert str(chosen_port(reviewed, "simple")) in operation.error
    assert "taken meanwhile" in operation.error
    assert failed_step(operation) == "start simple"
    assert containers(engine) == []
    assert rockon.state == "install_failed"


def test_another_rock_on_that_reserved_the_port_first_is_named_at_submit(instance: Instance, app_image: str) -> None:
    first, second = (
        instance.add(name, {name.lower(): {"image": app_image, "tag": "", "ports": WEB}})
        for name in ("First", "Second")
    )
    port = free_port()
    mine = instance.review(first, ports={"first": {"8080": port}})
    theirs = instance.review(second, ports={"second": {"8080": port}})
    instance.submit(mine)
    with pytest.raises(Conflict, match=f"{port}.*First"):
        instance.submit(theirs)
    assert second.state == "available"
    assert not db.session.query(Operation).filter_by(installation_id=second.id).count()


def test_a_device_that_is_not_there_is_named_before_anything_is_touched(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image, devices={"GPU": {"label": "GPU", "description": ""}})
    reviewed = instance.review(rockon, devices={"simple": {"GPU": "/dev/nowhere"}})
    operation = fail(instance, instance.submit(reviewed))
    assert "/dev/nowhere" in operation.error
    assert "blank" in operation.hint
    assert containers(engine) == []


def test_a_device_of_the_definition_that_is_not_there_is_told_as_a_device(instance: Instance, app_image: str) -> None:
    rockon = instance.add("Dev", {"dev": {"image": app_image, "tag": "", "opts": [["--device", "/dev/nowhere"]]}})
    operation = fail(instance, instance.submit(instance.review(rockon)))
    assert "device" in operation.error
    assert "/dev/nowhere" in told(operation)


def test_a_share_that_was_deleted_after_the_review_is_named_and_not_made_by_docker(
    instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    operation_id = instance.submit(instance.review(rockon, shares={"simple": {"/data": "gone"}}))
    (instance.settings.shares_root / "gone").rmdir()
    operation = fail(instance, operation_id)
    assert '"gone"' in operation.error
    assert "rockonweb share add gone" in operation.hint
    assert not (instance.settings.shares_root / "gone").exists()


def test_what_changed_since_the_review_is_shown_and_nothing_is_done(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    spec = {"image": app_image, "tag": "", "uid": -1, "gid": -1, "volumes": DATA}
    rockon = instance.add("Owned", {"owned": spec})
    operation_id = instance.submit(instance.review(rockon, shares={"owned": {"/data": "theirs"}}))
    os.chown(instance.settings.shares_root / "theirs", 777, 888)
    operation = fail(instance, operation_id)
    assert "changed since you looked" in operation.error
    assert "-u 777:888" in told(operation)
    assert "-u 0:0" in told(operation)
    assert containers(engine) == []


def test_after_an_uninstall_that_waits_nothing_else_is_taken(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    instance.install(rockon)
    first = operations.begin(rockon, UninstallRequest(), "tester")
    for kind in (Kind.START, Kind.STOP, Kind.RESTART):
        with pytest.raises(Conflict, match="Simple is busy"):
            operations.begin(rockon, plain_request(kind), "other")
    assert operations.begin(rockon, UninstallRequest(), "other") == first
    assert rockon.state == "pending_uninstall"


def test_an_operation_that_does_not_fit_the_state_is_refused(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    for kind in (Kind.START, Kind.STOP, Kind.RESTART, Kind.UNINSTALL):
        with pytest.raises(Conflict, match="Simple is available"):
            operations.begin(rockon, plain_request(kind), "tester")
    instance.install(rockon)
    with pytest.raises(Conflict, match="Simple is installed"):
        instance.submit(instance.review(rockon))


def trio(instance: Instance, image: str, **last: object) -> Installation:
    """Three containers on a link network, the last one with `last`."""
    return instance.add(
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
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    operation_id = instance.submit(instance.review(rockon, **FRESH))
    start = OurEngine.start

    def meanwhile(self: OurEngine, name: str) -> None:
        start(self, name)
        if name == "trio-two":
            (instance.settings.shares_root / "used" / "file").write_text("data")
            operations.cancel(operation_id)

    monkeypatch.setattr(OurEngine, "start", meanwhile)
    operation = instance.run(operation_id)
    assert instance.raised is None
    assert (operation.progress, rockon.state) == ("cancelled", "available")
    assert containers(engine) == []
    assert networks(engine) == []
    assert not (instance.settings.shares_root / "fresh").exists()
    assert (instance.settings.shares_root / "used" / "file").read_text() == "data"
    assert "not empty" in told(operation)
    with pytest.raises(Conflict, match="ended already"):
        operations.cancel(operation_id)


def test_cancelling_before_the_job_began_does_nothing_at_all(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image)
    operation_id = instance.submit(instance.review(rockon))
    operations.cancel(operation_id)
    assert instance.run(operation_id).progress == "cancelled"
    assert (rockon.state, containers(engine)) == ("available", [])


def test_a_cancelled_restart_shows_how_the_app_is_and_no_failure(
    instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = simple(instance, app_image)
    instance.install(rockon)
    operation_id = operations.begin(rockon, plain_request(Kind.RESTART), "tester")
    stop = OurEngine.stop

    def meanwhile(self: OurEngine, name: str) -> None:
        stop(self, name)
        operations.cancel(operation_id)

    monkeypatch.setattr(OurEngine, "stop", meanwhile)
    assert instance.run(operation_id).progress == "cancelled"
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "stopped", None)


def test_a_container_that_fails_undoes_those_before_it(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image, opts=[["--runtime", "none-of-this-name"]])
    operation = fail(instance, instance.submit(instance.review(rockon, **FRESH)))
    assert "none-of-this-name" in operation.error
    assert failed_step(operation) == "make container trio-three"
    assert containers(engine) == []
    assert networks(engine) == []
    assert not list(instance.settings.shares_root.iterdir())
    undone = {step.title for step in operation.steps if step.progress is Progress.UNDONE}
    assert undone == {
        *("make share fresh", "make share used", "make network TrioLink"),
        *("make container trio-one", "make container trio-two"),
        *("connect trio-one to network TrioLink", "connect trio-two to network TrioLink"),
    }


def test_the_undo_leaves_networks_and_shares_that_were_there_before(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    engine.docker("network", "create", "TrioLink")
    rockon = trio(instance, app_image, opts=[["--runtime", "none-of-this-name"]])
    fail(instance, instance.submit(instance.review(rockon)))
    assert networks(engine) == ["TrioLink"]
    assert (instance.settings.shares_root / "trio-one-data").is_dir()


def test_a_command_that_does_not_exist_in_the_image_undoes_the_install(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    rockon = simple(instance, app_image, opts=[["--entrypoint", "/no/such"]])
    operation = fail(instance, instance.submit(instance.review(rockon)))
    assert "/no/such" in operation.error + told(operation)
    assert containers(engine) == []


def test_a_failed_install_can_be_tried_again_with_the_same_answers(
    engine: Engine, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("lifecycle/volumed:1", volumes=["/cache"])
    rockon = simple(instance, image)
    reviewed = instance.review(rockon)
    engine.docker("pull", image)
    holder = OurEngine.start
    operation_id = instance.submit(reviewed)
    with pytest.MonkeyPatch.context() as patch:

        def meanwhile(self: OurEngine, name: str) -> None:
            with listener(chosen_port(reviewed, "simple")):
                holder(self, name)

        patch.setattr(OurEngine, "start", meanwhile)
        fail(instance, operation_id)
    again = instance.succeed(operations.retry(operation_id, "tester"))
    assert (again.user, rockon.state, rockon.error) == ("tester", "installed", None)
    with pytest.raises(Conflict, match="nothing to repeat"):
        operations.retry(again.id, "tester")


def test_a_failed_start_stays_shown_and_can_be_tried_again(engine: Engine, instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.install(rockon)
    instance.do(Kind.STOP, rockon)
    with listener(chosen_port(reviewed, "simple")):
        operation = fail(instance, operations.begin(rockon, plain_request(Kind.START), "tester"))
    assert rockon.status == "start_failed"
    assert rockon.state == "installed"
    assert str(chosen_port(reviewed, "simple")) in (rockon.error or "")
    instance.succeed(operations.retry(operation.id, "tester"))
    assert (rockon.status, rockon.error) == ("started", None)


def test_without_an_engine_each_operation_says_what_to_do_and_loses_nothing(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    installed, fresh = simple(instance, app_image), instance.add("Fresh", {"fresh": {"image": app_image, "tag": ""}})
    instance.install(installed)
    waiting = instance.submit(instance.review(fresh))
    connected = docker.connect(config.instance_id(instance.settings))
    engine.stop()
    operation = fail(instance, waiting)
    assert isinstance(instance.raised, EngineUnreachable)
    assert "Docker does not answer" in operation.error
    assert fresh.state == "install_failed"
    for kind in (Kind.STOP, Kind.UNINSTALL):
        assert (
            "Docker does not answer" in fail(instance, operations.begin(installed, plain_request(kind), "tester")).error
        )
        assert installed.state == "installed"
    # A connection that was open says the same, whatever it is asked.
    for ask in (
        connected.settings,
        connected.containers,
        connected.networks,
        lambda: connected.logs("simple"),
        lambda: list(connected.pull(app_image)),
        lambda: connected.run_once(("docker", "run", "--rm", app_image)),
    ):
        with pytest.raises(EngineUnreachable, match="Docker does not answer"):
            ask()
    engine.start()
    instance.succeed(operations.retry(waiting, "tester"))
    instance.do(Kind.START, installed)


def test_an_engine_that_ends_during_a_pull_fails_it_with_a_sentence(
    engine: Engine, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("lifecycle/broken-off:1", padding=60_000_000)
    connected = docker.connect(config.instance_id(instance.settings))
    stops: list[threading.Thread] = []

    def stop(found: PullProgress) -> None:
        if pulled(found.layers)[0] and not stops:
            stops.append(threading.Thread(target=engine.stop))
            stops[0].start()

    with pytest.raises(EngineError):
        _ = [stop(found) for found in connected.pull(image)]
    stops[0].join()


def test_without_a_queue_nothing_is_begun(instance: Instance, app_image: str, queue_server: QueueServer) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.review(rockon)
    queue_server.stop()
    with pytest.raises(QueueUnreachable, match="queue does not answer"):
        instance.submit(reviewed)
    assert (rockon.state, db.session.query(Operation).count()) == ("available", 0)
    queue_server.start()
    instance.succeed(instance.submit(reviewed))
    queue_server.stop()
    with pytest.raises(QueueUnreachable):
        operations.begin(rockon, plain_request(Kind.STOP), "tester")
    assert (rockon.state, rockon.status) == ("installed", "started")
    queue_server.start()
    assert queue.ping()["version"]


SECRETS = {"API_TOKEN": "t0ken-of-mine", "DB_PASSWORD": "pass 'word' \"of\" mine", "PLAIN": "not-a-secret"}


def test_a_secret_is_in_no_row_no_log_and_no_error(
    engine: Engine, instance: Instance, app_image: str, caplog: pytest.LogCaptureFixture
) -> None:
    asked = {key: {"label": key, "description": ""} for key in SECRETS}
    good = instance.add("Good", {"good": {"image": app_image, "tag": "", "environment": asked}})
    opts = [["--runtime", "none-of-this-name"]]  # Docker refuses it, in words of its own
    bad = instance.add("Bad", {"bad": {"image": app_image, "tag": "", "environment": asked, "opts": opts}})
    reviewed = instance.install(good, environment={"good": SECRETS})
    assert "API_TOKEN=t0ken-of-mine" in engine.docker("inspect", "-f", "{{.Config.Env}}", "good")
    fail(instance, instance.submit(instance.review(bad, environment={"bad": SECRETS})))
    kept = instance.rows_of() + repr(instance.raised) + caplog.text + "".join(reviewed.plan.lines)
    assert "not-a-secret" in kept
    for value in (SECRETS["API_TOKEN"], 'of\\" mine', "'word'"):
        assert value not in kept
    for path in instance.settings.instance.rglob("*"):
        if path.is_file():
            assert b"t0ken-of-mine" not in path.read_bytes()


def test_dockers_own_words_come_without_the_secret(instance: Instance, engine: Engine, app_image: str) -> None:
    connected = docker.connect(config.instance_id(instance.settings))
    argv = ("docker", "run", "-d", "--name", "told", SecretWord("--oops=", "t0ken-of-mine"), app_image)
    with pytest.raises(EngineError) as caught:
        connected.create(argv, 1)
    assert "t0ken-of-mine" not in str(caught.value) + caught.value.output
    leaks = ("docker", "run", "--rm", "-e", SecretWord("API_TOKEN=", "t0ken-of-mine"), app_image, "x", "y")
    engine.docker("pull", app_image)
    printed = connected.run_once((*leaks[:3], "--entrypoint", "/bin/env", *leaks[3:6]))
    assert "API_TOKEN=********" in printed
    assert "t0ken-of-mine" not in printed


def test_answers_are_kept_for_the_review_of_a_reinstall(instance: Instance, app_image: str) -> None:
    rockon = simple(instance, app_image)
    reviewed = instance.install(rockon)
    instance.do(Kind.UNINSTALL, rockon)
    assert rockon.containers[0].ports[0].host == chosen_port(reviewed, "simple")
    assert rockon.containers[0].volumes[0].share == "simple-data"
