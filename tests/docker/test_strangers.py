"""What is ours is known by its labels, and another Rockonweb's containers are as strange as anybody's."""

from pathlib import Path

import pytest

from rockonweb import config
from rockonweb.core.errors import EngineError
from rockonweb.host import engine
from rockonweb.host.engine import connect
from rockonweb.models import Kind, State, writing
from rockonweb.work import operations
from tests.support.engine import Engine
from tests.support.instance import Instance
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
        first.state, first.installed_source = State.INSTALLED, first.source
    before = engine.docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "same")
    for kind in (Kind.STOP, Kind.START, Kind.RESTART):
        operation = instance.run(operations.begin(kind, first, "tester"))
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
