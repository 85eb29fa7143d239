"""What is ours is known by its labels, and another Rockonweb's containers are as strange as anybody's."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from rockonweb import config
from rockonweb.blueprints.rockons import uninstall_preview
from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import blank_request
from rockonweb.host import engine
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.host.engine import connect_engine
from rockonweb.models import Installation, Kind, Operation, State, db, transaction
from rockonweb.work import operations, recovery
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps
from tests.support.queue_server import QueueServer


@pytest.fixture
def ours(instance: Instance) -> engine.Engine:
    """The connection of a job on the rock-on `Mine`."""
    return engine.connect_engine(config.instance_id(instance.settings), "Mine")


def labels(instance: str) -> list[str]:
    """What marks a container as that of a rock-on `Mine` of an instance."""
    return ["--label", "rockonweb.rockon=Mine", "--label", f"rockonweb.instance={instance}"]


def test_the_same_labels_with_another_instance_are_not_ours(
    engine: DockerDaemon, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.run_docker(
        "run", "-d", "--name", "theirs", *labels("0123456789ab"), "--label", "rockonweb.operation=1", app_image
    )
    engine.run_docker("run", "-d", "--name", "unmarked", "--label", "rockonweb.rockon=Mine", app_image)
    before = engine.run_docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    for name in ("theirs", "unmarked"):
        assert ours.list_containers()[name].rockon == ""
        for act in (
            ours.start_container,
            ours.stop_container,
            ours.remove_container,
            ours.read_logs,
            lambda one: ours.connect_network("bridge2", one),
        ):
            with pytest.raises(EngineError, match="is not changed"):
                act(name)
    assert ours.operation_containers(1) == []
    assert not any(listener.rockon for one in ours.list_containers().values() for listener in one.published)
    assert engine.run_docker("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}") == before
    engine.run_docker("run", "-d", "--name", "ours", *labels(ours.instance), app_image)
    assert ours.list_containers()["ours"].rockon == "Mine"


def test_two_instances_on_one_engine_leave_each_other_alone(
    engine: DockerDaemon, instance: Instance, queue_server: QueueServer, app_image: str, tmp_path: Path
) -> None:
    first = instance.add_rockon("Shared", {"shared": {"image": app_image, "tag": ""}})
    instance.install_rockon(first)
    before = engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "shared")
    (tmp_path / "other").mkdir()
    other = Instance(tmp_path / "other", queue_server.url)
    with other.app.app_context():
        second = other.add_rockon("Shared", {"shared": {"image": app_image, "tag": ""}})
        reviewed = other.prepare_install(second)
        assert any("not created by this Rockonweb" in str(finding) for finding in reviewed.plan.blockers)
        assert other.run_operation(other.submit_review(reviewed)).progress == "failed"
        other.perform(Kind.UNINSTALL, second)
    assert engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "shared") == before


def test_the_link_network_of_another_instance_is_named_before_and_stays(
    engine: DockerDaemon,
    instance: Instance,
    queue_server: QueueServer,
    app_image: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    containers = {"{}-store": {"image": app_image, "tag": ""}, "{}": {"image": app_image, "tag": ""}}

    def install(owner: Instance, name: str) -> tuple[Installation, list[str]]:
        rockon = owner.add_rockon(
            name,
            {key.format(name): body for key, body in containers.items()},
            container_links={name: [{"name": link, "source_container": f"{name}-store"} for link in ("Link", name)]},
        )
        reviewed = owner.prepare_install(rockon)
        owner.run_operation(owner.submit_review(reviewed))
        return rockon, [str(finding) for finding in reviewed.plan.findings]

    (tmp_path / "other").mkdir()
    other = Instance(tmp_path / "other", queue_server.url)
    with other.app.app_context():
        _, findings = install(other, "theirs")
        assert not [finding for finding in findings if "network" in finding]
    rockon, findings = install(instance, "mine")
    said = [finding for finding in findings if "network" in finding]
    assert [finding.partition(" exists")[0] for finding in said] == ['The network "Link"']
    assert "An uninstall leaves it." in said[0]
    left = uninstall_preview.preview_uninstall(rockon)
    assert left.networks == ["mine"]
    assert left.kept_networks == {"Link": "it was not created by this Rockonweb"}
    monkeypatch.setattr(instance.app, "test_client_class", FormClient)
    create_test_user()
    page = new_visitor(instance.app).log_in("ada").get(f"/rockons/{rockon.id}/uninstall").text
    removed, kept = page.split('class="stays"')
    assert "<code>mine</code>" in removed
    assert "<code>Link</code>" not in removed
    assert "<code>Link</code>: it was not created by this Rockonweb" in kept
    done = describe_steps(instance.perform(Kind.UNINSTALL, rockon))
    assert "leave network Link: it was not created by this Rockonweb" in done
    assert "remove network mine" in done
    assert "Link" in engine.run_docker("network", "ls", "--format", "{{.Name}}")


def test_a_container_is_never_found_by_the_beginning_of_an_id_or_an_image(
    engine: DockerDaemon, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    identifier = engine.run_docker("run", "-d", "--name", "real", *labels(ours.instance), app_image)
    assert ours.inspect_container("real")
    for name in (identifier, identifier[:12], app_image, "rea"):
        assert ours.inspect_container(name) is None
    ours.remove_container(identifier[:12])
    assert engine.run_docker("ps", "-q", "--no-trunc") == identifier


def test_a_network_that_is_not_ours_stays_and_so_does_one_in_use(
    engine: DockerDaemon, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.run_docker("network", "create", "foreign")
    assert not ours.ensure_network("foreign", "1")
    assert ours.remove_network("foreign") == "leave network foreign: it was not created by this Rockonweb"
    assert ours.ensure_network("used", "1")
    # Docker would let go of a network that only a stopped container needs, and that would never start again.
    engine.run_docker("create", "--name", "sleeper", "--network", "used", app_image)
    assert ours.remove_network("used") == "leave network used: still used by sleeper"
    engine.run_docker("start", "sleeper")
    assert ours.remove_network("used") == "leave network used: still used by sleeper"
    engine.run_docker("rm", "-f", "sleeper")
    assert ours.remove_network("used") is None
    assert ours.remove_network("used") == "network used does not exist any more"
    assert "foreign" in engine.run_docker("network", "ls", "--format", "{{.Name}}")


def test_anonymous_volumes_are_told_from_named_and_borrowed_ones(
    engine: DockerDaemon, instance: Instance, ours: engine.Engine, app_image: str
) -> None:
    engine.run_docker(
        "run", "-d", "--name", "has", "-v", "/own", "-v", "named:/named", *labels(ours.instance), app_image
    )
    engine.run_docker("run", "-d", "--name", "borrows", "--volumes-from", "has", "-v", "/more", app_image)
    assert [mount.destination for mount in ours.anonymous_volumes("has")] == ["/own"]
    assert [mount.destination for mount in ours.anonymous_volumes("borrows")] == ["/more"]
    ours.remove_container("has")
    assert len(engine.run_docker("volume", "ls", "-q").split()) == 3


def test_another_rock_on_s_container_of_the_same_name_is_left_alone(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    """The one was installed with a container named `same`; later the catalogue has another rock-on with one."""
    first = instance.add_rockon("First", {"same": {"image": app_image, "tag": ""}})
    second = instance.add_rockon("Second", {"same": {"image": app_image, "tag": ""}})
    instance.install_rockon(second)
    with transaction():
        first.state, first.installed_source = State.INSTALLED, first.entry.source
    before = engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "same")
    for kind in (Kind.STOP, Kind.START, Kind.RESTART):
        operation = instance.run_operation(operations.submit_operation(first, blank_request(kind), "tester"))
        assert operation.progress == "failed"
        assert "belongs to the rock-on Second" in operation.error
    instance.perform(Kind.UNINSTALL, first)
    mine = connect_engine(config.instance_id(instance.settings), "First")
    nobody = connect_engine(config.instance_id(instance.settings))
    for docker in (mine, nobody):
        for act in (docker.start_container, docker.stop_container, docker.remove_container, docker.read_logs):
            with pytest.raises(EngineError, match="belongs to the rock-on Second"):
                act("same")
    assert engine.run_docker("inspect", "-f", "{{.Id}}{{.State.StartedAt}}", "same") == before


# -- a stranger that takes a name in the middle -----------------------------------------------------------------------


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


@pytest.fixture
def visitor(instance: Instance) -> FormClient:
    """The owner, at the pages."""
    instance.app.test_client_class = FormClient
    create_test_user()
    visitor: FormClient = instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    return visitor


@pytest.fixture
def pair(instance: Instance, app_image: str) -> Installation:
    """A rock-on of two containers, which is installed."""
    rockon = instance.add_rockon("Pair", {name: {"image": app_image, "tag": ""} for name in ("pair-db", "pair-app")})
    instance.install_rockon(rockon)
    return rockon


def identity(docker: DockerDaemon, name: str) -> str:
    """Which container it is, since when it runs, and whether."""
    return docker.run_docker(
        "inspect", "--type", "container", "-f", "{{.Id}} {{.State.StartedAt}} {{.State.Status}}", name
    )


def ids(docker: DockerDaemon) -> dict[str, str]:
    """The id of each container that runs, by name."""
    return dict(
        line.split() for line in docker.run_docker("ps", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    )


@contextmanager
def stranger_after(
    monkeypatch: pytest.MonkeyPatch, docker: DockerDaemon, image: str, method: str, name: str, *, dies: bool
) -> Iterator[None]:
    """A stranger takes a name right after a method of the engine has been called, which is the process's last one."""
    real = getattr(OurEngine, method)

    def meanwhile(self: OurEngine, *arguments: Any, **options: Any) -> object:
        found = real(self, *arguments, **options)
        if method != "rename_old" or arguments == (name,):
            docker.run_docker("run", "-d", "--name", name, image)
            if dies:
                raise Killed
        return found

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, method, meanwhile)
        yield
    db.session.rollback()


@pytest.mark.parametrize("dies", [False, True], ids=["it goes on", "its process dies"])
def test_a_stranger_that_takes_a_name_during_a_change_keeps_it_and_the_app_comes_back_later(
    engine: DockerDaemon, instance: Instance, visitor: FormClient, pair: Installation, app_image: str,
    monkeypatch: pytest.MonkeyPatch, *, dies: bool,
) -> None:  # fmt: skip
    before = ids(engine)
    more = {"A": "b"}
    operation_id = instance.submit_change(pair, variables={"pair-db": more, "pair-app": more})
    last = pytest.raises(Killed) if dies else nullcontext()
    with stranger_after(monkeypatch, engine, app_image, "rename_old", "pair-app", dies=dies), last:
        instance.run_operation(operation_id)
    theirs = identity(engine, "pair-app")
    assert recovery.recover_operations() == ([operation_id] if dies else [])
    operation = db.session.get_one(Operation, operation_id)
    assert operation.progress == ("interrupted" if dies else "failed"), describe_steps(operation)
    assert identity(engine, "pair-app") == theirs
    assert ids(engine)["pair-db"] == before["pair-db"]  # the other one runs again
    page = unescape(visitor.get(f"/operations/{operation_id}").text)
    assert 'A container named "pair-app" exists that was not created by this Rockonweb; it is not changed.' in page
    assert "docker rename pair-app pair-app-old" in page
    assert ("Not everything could be rolled back yet." if dies else "Not everything could be rolled back.") in page
    again = instance.run_operation(operations.retry_operation(operation_id, "tester"))
    assert (again.progress, "pair-app" in again.error) == ("failed", True), describe_steps(again)
    assert identity(engine, "pair-app") == theirs
    engine.run_docker("rename", "pair-app", "pair-app-old")
    recovery.recover_operations()
    assert {name: one for name, one in ids(engine).items() if name != "pair-app-old"} == before
    assert (pair.state, pair.status) == ("installed", "started")
    instance.run_successfully(operations.retry_operation(again.id, "tester"))
    assert identity(engine, "pair-app-old") == theirs


def test_a_stranger_that_takes_a_name_while_an_install_dies_survives_recovery_retry_and_uninstall(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("Late", {"late": {"image": app_image, "tag": ""}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    with stranger_after(monkeypatch, engine, app_image, "pull_image", "late", dies=True), pytest.raises(Killed):
        instance.run_operation(operation_id)
    theirs = identity(engine, "late")
    assert recovery.recover_operations() == [operation_id]
    assert (rockon.state, identity(engine, "late")) == ("install_failed", theirs)
    again = instance.run_operation(operations.retry_operation(operation_id, "tester"))
    assert (again.progress, '"late" already exists' in again.error) == ("failed", True), describe_steps(again)
    instance.perform(Kind.UNINSTALL, rockon)
    assert recovery.recover_operations() == []
    assert (rockon.state, identity(engine, "late")) == ("available", theirs)


def test_what_a_stranger_holds_up_holds_up_nobody_else(
    engine: DockerDaemon, instance: Instance, pair: Installation, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = instance.add_rockon("Zone", {"zone": {"image": app_image, "tag": ""}})
    instance.install_rockon(other)
    before = ids(engine)
    for rockon, name in ((pair, "pair-app"), (other, "zone")):
        operation_id = instance.submit_change(rockon, variables={name: {"A": "b"}})
        with stranger_after(monkeypatch, engine, app_image, "rename_old", name, dies=True), pytest.raises(Killed):
            instance.run_operation(operation_id)
    recovery.recover_operations()
    engine.run_docker("rm", "-f", "zone")
    recovery.recover_operations()
    assert ids(engine)["zone"] == before["zone"]
