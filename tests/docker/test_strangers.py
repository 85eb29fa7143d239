"""What is ours is known by its labels, and another Rockonweb's containers are as strange as anybody's."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rockonweb import config
from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import plain_request
from rockonweb.host import engine
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.host.engine import connect
from rockonweb.models import Installation, Kind, Operation, State, db, writing
from rockonweb.work import operations, recovery
from tests.support.app import Visitor, add_user
from tests.support.engine import Engine
from tests.support.instance import Instance, told
from tests.support.queue_server import QueueServer


@pytest.fixture
def ours(instance: Instance) -> engine.Engine:
    """The connection of a job on the rock-on `Mine`."""
    return engine.connect(config.instance_id(instance.settings), "Mine")


def labels(instance: str) -> list[str]:
    """What marks a container as that of a rock-on `Mine` of an instance."""
    return ["--label", "rockonweb.rockon=Mine", "--label", f"rockonweb.instance={instance}"]


def test_the_same_labels_with_another_instance_are_not_ours(
    engine: Engine, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.docker(
        "run", "-d", "--name", "theirs", *labels("0123456789ab"), "--label", "rockonweb.operation=1", app_image
    )
    engine.docker("run", "-d", "--name", "unmarked", "--label", "rockonweb.rockon=Mine", app_image)
    before = engine.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    for name in ("theirs", "unmarked"):
        assert ours.containers()[name].rockon == ""
        for act in (ours.start, ours.stop, ours.remove, ours.logs, lambda one: ours.join("bridge2", one)):
            with pytest.raises(EngineError, match="left alone"):
                act(name)
    assert ours.made_by(1) == []
    assert {listener.rockon for listener in ours.published()} <= {""}
    assert engine.docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}") == before
    engine.docker("run", "-d", "--name", "ours", *labels(ours.instance), app_image)
    assert ours.containers()["ours"].rockon == "Mine"


def test_two_instances_on_one_engine_leave_each_other_alone(
    engine: Engine, instance: Instance, queue_server: QueueServer, app_image: str, tmp_path: Path
) -> None:
    first = instance.add("Shared", {"shared": {"image": app_image, "tag": ""}})
    instance.install(first)
    before = engine.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "shared")
    (tmp_path / "other").mkdir()
    other = Instance(tmp_path / "other", queue_server.url)
    with other.app.app_context():
        second = other.add("Shared", {"shared": {"image": app_image, "tag": ""}})
        reviewed = other.review(second)
        assert any("not made by this Rockonweb" in str(finding) for finding in reviewed.plan.blocked)
        assert other.run(other.submit(reviewed)).progress == "failed"
        other.do(Kind.UNINSTALL, second)
    assert engine.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "shared") == before


def test_a_container_is_never_found_by_the_beginning_of_an_id_or_an_image(
    engine: Engine, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    identifier = engine.docker("run", "-d", "--name", "real", *labels(ours.instance), app_image)
    assert ours.container("real")
    for name in (identifier, identifier[:12], app_image, "rea"):
        assert ours.container(name) is None
    ours.remove(identifier[:12])
    assert engine.docker("ps", "-q", "--no-trunc") == identifier


def test_a_network_that_is_not_ours_stays_and_so_does_one_in_use(
    engine: Engine, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.docker("network", "create", "foreign")
    assert not ours.make_network("foreign", 1)
    assert not ours.remove_network("foreign")
    assert ours.make_network("used", 1)
    # Docker would let go of a network that only a stopped container needs, and that would never start again.
    engine.docker("create", "--name", "sleeper", "--network", "used", app_image)
    assert not ours.remove_network("used")
    engine.docker("start", "sleeper")
    assert not ours.remove_network("used")
    engine.docker("rm", "-f", "sleeper")
    assert ours.remove_network("used")
    assert ours.remove_network("used")
    assert "foreign" in engine.docker("network", "ls", "--format", "{{.Name}}")


def test_anonymous_volumes_are_told_from_named_and_borrowed_ones(
    engine: Engine, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.docker("run", "-d", "--name", "has", "-v", "/own", "-v", "named:/named", *labels(ours.instance), app_image)
    engine.docker("run", "-d", "--name", "borrows", "--volumes-from", "has", "-v", "/more", app_image)
    assert [mount.destination for mount in ours.anonymous_volumes("has")] == ["/own"]
    assert [mount.destination for mount in ours.anonymous_volumes("borrows")] == ["/more"]
    ours.remove("has")
    assert len(engine.docker("volume", "ls", "-q").split()) == 3


def test_another_rock_on_s_container_of_the_same_name_is_left_alone(
    engine: Engine, instance: Instance, app_image: str
) -> None:
    """The one was installed with a container named `same`; later the catalogue has another rock-on with one."""
    first = instance.add("First", {"same": {"image": app_image, "tag": ""}})
    second = instance.add("Second", {"same": {"image": app_image, "tag": ""}})
    instance.install(second)
    with writing():
        first.state, first.installed_source = State.INSTALLED, first.entry.source
    before = engine.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "same")
    for kind in (Kind.STOP, Kind.START, Kind.RESTART):
        operation = instance.run(operations.begin(first, plain_request(kind), "tester"))
        assert operation.progress == "failed"
        assert "belongs to the rock-on Second" in operation.error
    instance.do(Kind.UNINSTALL, first)
    mine = connect(config.instance_id(instance.settings), "First")
    nobody = connect(config.instance_id(instance.settings))
    for docker in (mine, nobody):
        for act in (docker.start, docker.stop, docker.remove, docker.logs):
            with pytest.raises(EngineError, match="belongs to the rock-on Second"):
                act("same")
    assert engine.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "same") == before


# -- a stranger that takes a name in the middle -----------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def visitor(instance: Instance) -> Visitor:
    """The owner, at the pages."""
    instance.app.test_client_class = Visitor
    add_user()
    visitor: Visitor = instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    return visitor


@pytest.fixture
def pair(instance: Instance, app_image: str) -> Installation:
    """A rock-on of two containers, which is installed."""
    rockon = instance.add("Pair", {name: {"image": app_image, "tag": ""} for name in ("pair-db", "pair-app")})
    instance.install(rockon)
    return rockon


def identity(docker: Engine, name: str) -> str:
    """Which container it is, since when it runs, and whether."""
    return docker.docker("inspect", "--type", "container", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Status}}", name)


def ids(docker: Engine) -> dict[str, str]:
    """The id of each container that runs, by name."""
    return dict(
        line.split() for line in docker.docker("ps", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    )


@contextmanager
def stranger_after(
    monkeypatch: pytest.MonkeyPatch, docker: Engine, image: str, method: str, name: str, *, dies: bool
) -> Iterator[None]:
    """A stranger takes a name right after a method of the engine has been called, which is the process's last one."""
    real = getattr(OurEngine, method)

    def meanwhile(self: OurEngine, *arguments: Any, **options: Any) -> object:
        found = real(self, *arguments, **options)
        if method != "set_aside" or arguments == (name,):
            docker.docker("run", "-d", "--name", name, image)
            if dies:
                raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, method, meanwhile)
        yield
    db.session.rollback()


@pytest.mark.parametrize("dies", [False, True], ids=["it goes on", "its process dies"])
def test_a_stranger_that_takes_a_name_during_a_change_keeps_it_and_the_app_comes_back_later(
    engine: Engine, instance: Instance, visitor: Visitor, pair: Installation, app_image: str,
    monkeypatch: pytest.MonkeyPatch, *, dies: bool,
) -> None:  # fmt: skip
    before = ids(engine)
    more = {"A": "b"}
    operation_id = instance.begin_change(pair, variables={"pair-db": more, "pair-app": more})
    last = pytest.raises(Killed) if dies else nullcontext()
    with stranger_after(monkeypatch, engine, app_image, "set_aside", "pair-app", dies=dies), last:
        instance.run(operation_id)
    theirs = identity(engine, "pair-app")
    assert recovery.recover() == ([operation_id] if dies else [])
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress == ("interrupted" if dies else "failed"), told(operation)
    assert identity(engine, "pair-app") == theirs
    assert ids(engine)["pair-db"] == before["pair-db"]  # the other one runs again
    page = unescape(visitor.get(f"/operations/{operation_id}").text)
    assert 'A container named "pair-app" exists and was not made by this Rockonweb; it is left alone.' in page
    assert "docker rename pair-app pair-app-old" in page
    assert (
        "Not all of it could be taken back yet." if dies else "Not all that had been done could be taken back."
    ) in page
    again = instance.run(operations.retry(operation_id, "tester"))
    assert (again.progress, "pair-app" in again.error) == ("failed", True), told(again)
    assert identity(engine, "pair-app") == theirs
    engine.docker("rename", "pair-app", "pair-app-old")
    recovery.recover()
    assert {name: one for name, one in ids(engine).items() if name != "pair-app-old"} == before
    assert (pair.state, pair.status) == ("installed", "started")
    instance.succeed(operations.retry(again.id, "tester"))
    assert identity(engine, "pair-app-old") == theirs


def test_a_stranger_that_takes_a_name_while_an_install_dies_survives_recovery_retry_and_uninstall(
    engine: Engine, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add("Late", {"late": {"image": app_image, "tag": ""}})
    operation_id = instance.submit(instance.review(rockon))
    with stranger_after(monkeypatch, engine, app_image, "pull", "late", dies=True), pytest.raises(Killed):
        instance.run(operation_id)
    theirs = identity(engine, "late")
    assert recovery.recover() == [operation_id]
    assert (rockon.state, identity(engine, "late")) == ("install_failed", theirs)
    again = instance.run(operations.retry(operation_id, "tester"))
    assert (again.progress, '"late" exists already' in again.error) == ("failed", True), told(again)
    instance.do(Kind.UNINSTALL, rockon)
    assert recovery.recover() == []
    assert (rockon.state, identity(engine, "late")) == ("available", theirs)


def test_what_a_stranger_holds_up_holds_up_nobody_else(
    engine: Engine, instance: Instance, pair: Installation, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = instance.add("Zone", {"zone": {"image": app_image, "tag": ""}})
    instance.install(other)
    before = ids(engine)
    for rockon, name in ((pair, "pair-app"), (other, "zone")):
        operation_id = instance.begin_change(rockon, variables={name: {"A": "b"}})
        with stranger_after(monkeypatch, engine, app_image, "set_aside", name, dies=True), pytest.raises(Killed):
            instance.run(operation_id)
    recovery.recover()
    engine.docker("rm", "-f", "zone")
    recovery.recover()
    assert ids(engine)["zone"] == before["zone"]
