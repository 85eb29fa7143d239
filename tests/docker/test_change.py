"""Changes of an installed rock-on on a real engine: who is rebuilt, who is not, and what a failure leaves."""

from collections.abc import Callable
from typing import Any

import pytest

from rockonweb.core.operations.requests import ChangeRequest, UninstallRequest
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Kind, Operation, Port, db, repository
from rockonweb.work import operations, recovery, runner
from tests.support.apps import fetch_app_page, nothing_answers
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DATA = {"/data": {"label": "Data", "description": "Where it keeps things."}}
COLOUR = {"COLOUR": {"label": "Colour", "description": "Of the page."}}
INTO_FILE = ["sh", "-c", "echo precious >/keep/file"]


def ids(engine: DockerDaemon) -> dict[str, str]:
    """The id of each container, by name."""
    lines = engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.Names}} {{.ID}}").splitlines()
    return {
        next(name for name in names.split(",") if "/" not in name): one
        for names, one in (line.split() for line in lines)
    }


def inspect(engine: DockerDaemon, name: str, what: str) -> str:
    return engine.run_docker("inspect", "--type", "container", "-f", what, name)


def trio(instance: Instance, image: str, *, first: dict[str, Any] | None = None, **keys: Any) -> Installation:
    """A database with a volume that Docker makes, an app beside it, and one that stands alone."""
    return instance.add_rockon(
        "Trio",
        {
            "tri-db": {"image": image, "tag": "", "volumes": DATA, "opts": [["-v", "/keep"]], **(first or {})},
            "tri-app": {"image": image, "tag": "", "ports": WEB, "environment": COLOUR},
            "tri-alone": {"image": image, "tag": ""},
        },
        container_links={"tri-app": [{"name": "TrioLink", "source_container": "tri-db"}]},
        **keys,
    )


def change(instance: Instance, rockon: Installation, **parts: Any) -> Operation:
    return instance.run_successfully(instance.submit_change(rockon, **parts))


def rebuilt(before: dict[str, str], after: dict[str, str]) -> set[str]:
    assert set(before) == set(after)
    return {name for name in before if before[name] != after[name]}


def test_a_port_a_value_and_a_label_rebuild_only_the_container_that_differs(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    old_port = chosen_port(instance.install_rockon(rockon), "tri-app")
    before, port = ids(engine), free_port()
    change(
        instance,
        rockon,
        ports={"tri-app": {8080: port}},
        environment={"tri-app": {"COLOUR": "mauve"}},
        labels={"tri-app": ["team=kitchen"]},
        variables={"tri-app": {"EXTRA": "1"}},
    )
    assert rebuilt(before, ids(engine)) == {"tri-app"}
    assert "COLOUR=mauve" in fetch_app_page(port)
    assert "EXTRA=1" in fetch_app_page(port)
    assert nothing_answers(old_port)
    assert inspect(engine, "tri-app", '{{index .Config.Labels "team"}}') == "kitchen"
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)
    answers = repository.load_answers(rockon)
    assert answers.ports["tri-app"] == {8080: port}
    assert answers.variables == {"tri-app": {"EXTRA": "1"}}
    change(instance, rockon, labels={"tri-app": []})
    assert "team" not in inspect(engine, "tri-app", "{{.Config.Labels}}")


def test_everything_that_was_added_can_be_taken_back(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    line = instance.review_request(rockon, ChangeRequest()).planned_change.containers[1].after
    wanted = instance.changed_answers(
        rockon,
        storage={"tri-app": {"/more": "tri-db-data"}},
        labels={"tri-app": ["a=b"]},
        variables={"tri-app": {"MORE": "x"}},
        networks={"tri-app": ["kitchen"]},
    )
    instance.run_successfully(operations.submit_operation(rockon, ChangeRequest(wanted), "tester"))
    assert "/more" in inspect(engine, "tri-app", "{{range .Mounts}}{{.Destination}} {{end}}")
    plain = instance.changed_answers(rockon)
    back = type(plain)(**{**vars(plain), "storage": {}, "labels": {}, "variables": {}, "networks": {}})
    instance.run_successfully(operations.submit_operation(rockon, ChangeRequest(back), "tester"))
    assert instance.review_request(rockon, ChangeRequest()).planned_change.containers[1].after == line
    assert "/more" not in inspect(engine, "tri-app", "{{range .Mounts}}{{.Destination}} {{end}}")
    assert "kitchen" not in inspect(
        engine, "tri-app", "{{range $name, $x := .NetworkSettings.Networks}}{{$name}} {{end}}"
    )


def test_who_links_to_a_rebuilt_container_is_rebuilt_too(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = instance.add_rockon(
        "Pair",
        {
            "pair-db": {"image": app_image, "tag": "", "environment": COLOUR},
            "pair-app": {"image": app_image, "tag": "", "opts": [["--link", "pair-db:db"]], "ports": WEB},
            "pair-alone": {"image": app_image, "tag": ""},
        },
    )
    port = chosen_port(instance.install_rockon(rockon), "pair-app")
    before = ids(engine)
    change(instance, rockon, environment={"pair-db": {"COLOUR": "blue"}})
    assert rebuilt(before, ids(engine)) == {"pair-db", "pair-app"}
    fetch_app_page(port)
    assert "/pair-db:/pair-app/db" in inspect(engine, "pair-app", "{{.HostConfig.Links}}")


def test_a_network_is_joined_and_left_while_everything_runs(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    before = ids(engine)
    started = inspect(engine, "tri-app", "{{.State.StartedAt}}")
    networks = "{{range $name, $x := .NetworkSettings.Networks}}{{$name}} {{end}}"
    found = change(instance, rockon, networks={"tri-app": ["rocknet"], "tri-alone": ["rocknet"]})
    assert not {"stop", "set"} & {step.title.split()[0] for step in found.steps}
    assert ids(engine) == before
    assert inspect(engine, "tri-app", "{{.State.StartedAt}}") == started
    assert "rocknet" in inspect(engine, "tri-app", networks)
    change(instance, rockon, networks={"tri-app": [], "tri-alone": ["rocknet"]})
    assert ids(engine) == before
    assert "rocknet" not in inspect(engine, "tri-app", networks)
    assert "rocknet" in inspect(engine, "tri-alone", networks)


def test_what_was_stopped_stays_stopped(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    instance.perform(Kind.STOP, rockon)
    before = ids(engine)
    change(instance, rockon, environment={"tri-app": {"COLOUR": "grey"}})
    assert rebuilt(before, ids(engine)) == {"tri-app"}
    assert inspect(engine, "tri-app", "{{.State.Running}}") == "false"
    assert rockon.status == "stopped"
    instance.perform(Kind.START, rockon)
    assert "COLOUR=grey" in fetch_app_page(rockon.containers[1].ports[0].host or 0)


def test_volumes_that_docker_made_are_handed_on(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    engine.run_docker("exec", "tri-db", *INTO_FILE)
    volumes = '{{range .Mounts}}{{if eq .Destination "/keep"}}{{.Name}}{{end}}{{end}}'
    volume = inspect(engine, "tri-db", volumes)
    for value in ("one", "two"):
        change(instance, rockon, variables={"tri-db": {"N": value}})
        assert inspect(engine, "tri-db", volumes) == volume
        assert engine.run_docker("exec", "tri-db", "cat", "/keep/file") == "precious"


FAILURES = {
    "a value that Docker refuses": lambda image: {"opts": [["-v", "/keep"], ["--runtime", "none-of-this-name"]]},
    "an image that does not exist": lambda image: {"tag": "", "image": image + "-missing"},
    "a command that is not there": lambda image: {"opts": [["-v", "/keep"], ["--entrypoint", "/no/such/program"]]},
}


def test_a_replacement_that_fails_leaves_the_old_one_running(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    engine.run_docker("exec", "tri-db", *INTO_FILE)
    before = ids(engine)
    installed = rockon.installed_source
    for fault, first in FAILURES.items():
        trio(instance, app_image, first=first(app_image))
        wanted = instance.changed_answers(
            rockon, environment={"tri-app": {"COLOUR": "red"}}, ports={"tri-app": {8080: free_port()}}
        )
        found = instance.run_operation(
            operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")
        )
        assert found.progress == "failed", (fault, describe_steps(found))
        assert ids(engine) == before, fault
        assert engine.run_docker("exec", "tri-db", "cat", "/keep/file") == "precious"
        assert "COLOUR=COLOUR-value" in fetch_app_page(port)
        assert (rockon.state, rockon.status) == ("installed", "started")
        assert rockon.error == found.error
        assert rockon.installed_source == installed
        assert [one.reserved for one in db.session.query(Port)] == [None]
        assert "TrioLink" in inspect(engine, "tri-db", "{{.NetworkSettings.Networks}}")


def test_a_port_that_is_taken_in_the_last_moment_brings_the_old_app_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    old_port, port = chosen_port(instance.install_rockon(rockon), "tri-app"), free_port()
    before = ids(engine)
    operation_id = instance.submit_change(rockon, ports={"tri-app": {8080: port}})
    create = OurEngine.create_container

    def meanwhile(self: OurEngine, *arguments: Any) -> None:
        create(self, *arguments)
        engine.run_docker("run", "-d", "--name", "thief", "-p", f"{port}:80", app_image)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "create_container", meanwhile)
        found = instance.run_operation(operation_id)
    assert found.progress == "failed"
    assert f"Host port {port}" in found.error
    assert {name: one for name, one in ids(engine).items() if name != "thief"} == before
    fetch_app_page(old_port)
    engine.run_docker("rm", "-f", "thief")
    instance.run_successfully(operations.retry_operation(found.id, "tester"))
    fetch_app_page(port)


def test_a_cancel_brings_the_old_containers_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    before = ids(engine)
    operation_id = instance.submit_change(rockon, environment={"tri-app": {"COLOUR": "red"}})
    create = OurEngine.create_container

    def meanwhile(self: OurEngine, *arguments: Any) -> None:
        create(self, *arguments)
        operations.cancel_operation(operation_id)

    monkeypatch.setattr(OurEngine, "create_container", meanwhile)
    assert instance.run_operation(operation_id).progress == "cancelled"
    assert ids(engine) == before
    assert "COLOUR=COLOUR-value" in fetch_app_page(port)
    assert (rockon.state, rockon.status, rockon.error) == ("installed", "started", None)


def test_a_change_whose_process_dies_is_taken_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    before, colour = ids(engine), "COLOUR-value"
    for method in ("stop_container", "rename_old", "create_container", "connect_network", "start_container"):
        operation_id = instance.submit_change(rockon, environment={"tri-app": {"COLOUR": method}})
        _die_in(monkeypatch, instance, operation_id, method)
        assert recovery.recover_operations() == [operation_id]
        assert ids(engine) == before, method
        assert f"COLOUR={colour}" in fetch_app_page(port)
        operation = db.session.get_one(Operation, operation_id)
        assert (operation.progress, rockon.state, rockon.status) == ("interrupted", "installed", "started"), method
        instance.run_successfully(operations.retry_operation(operation_id, "tester"))
        after = ids(engine)
        assert rebuilt(before, after) == {"tri-app"}, method
        assert f"COLOUR={method}" in fetch_app_page(port)
        before, colour = after, method


def test_a_change_whose_process_dies_at_the_end_is_completed(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    operation_id = instance.submit_change(
        rockon, environment={"tri-app": {"COLOUR": "red"}}, labels={"tri-db": ["a=b"]}
    )
    _die_in(monkeypatch, instance, operation_id, "remove_container")
    assert any(name.endswith(RENAMED_SUFFIX) for name in ids(engine))
    assert recovery.recover_operations() == [operation_id]
    assert not any(name.endswith(RENAMED_SUFFIX) for name in ids(engine))
    assert "COLOUR=red" in fetch_app_page(port)
    assert db.session.get_one(Operation, operation_id).progress == "done"
    assert repository.load_answers(rockon).environment == {"tri-app": {"COLOUR": "red"}}


class Killed(BaseException):
    """Stands for SIGKILL: nothing catches it."""


def _die_in(monkeypatch: pytest.MonkeyPatch, instance: Instance, operation_id: int, method: str) -> None:
    """Run an operation whose process ends right after the first call of a method of the engine."""
    real = getattr(OurEngine, method)

    def last(self: OurEngine, *arguments: Any) -> None:
        real(self, *arguments)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, method, last)
        with pytest.raises(Killed):
            runner.run(operation_id)
    db.session.rollback()


def test_what_an_ended_change_left_aside_comes_back_once_docker_answers(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    before = ids(engine)
    for by in ("the watcher", "the next operation"):
        operation_id = instance.submit_change(rockon, environment={"tri-app": {"COLOUR": "red"}})
        _die_in(monkeypatch, instance, operation_id, "rename_old")
        with monkeypatch.context() as patch:  # Docker is away while it is ended
            patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
            recovery.recover_operations()
        assert any(name.endswith(RENAMED_SUFFIX) for name in ids(engine)), by
        if by == "the watcher":
            assert recovery.recover_operations() == [operation_id]
            assert recovery.recover_operations() == []
        else:
            instance.perform(Kind.START, rockon)
        assert ids(engine) == before, by
        assert rockon.status == "started"
        fetch_app_page(port)


def test_a_rebuild_makes_all_containers_anew(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    before = ids(engine)
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(repository.load_answers(rockon), rebuild=True), "tester")
    )
    assert rebuilt(before, ids(engine)) == set(before)
    assert rockon.status == "started"


def test_an_update_rebuilds_what_has_a_newer_image(
    engine: DockerDaemon, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("change/app:1", revision="1")
    rockon = instance.add_rockon(
        "Newer", {"new-app": {"image": image, "tag": "", "ports": WEB}, "new-other": {"image": app_image, "tag": ""}}
    )
    port = chosen_port(instance.install_rockon(rockon), "new-app")
    before = ids(engine)
    instance.perform(Kind.UPDATE, rockon)
    assert ids(engine) == before
    standin("change/app:1", revision="2")
    instance.perform(Kind.UPDATE, rockon)
    assert rebuilt(before, ids(engine)) == {"new-app"}
    assert "revision 2" in fetch_app_page(port)


def test_a_change_of_settings_is_no_update(
    engine: DockerDaemon, instance: Instance, standin: Callable[..., str]
) -> None:
    image = standin("change/keeps:1", revision="1")
    rockon = instance.add_rockon("Keeps", {"keeps": {"image": image, "tag": "", "ports": WEB}})
    port = chosen_port(instance.install_rockon(rockon), "keeps")
    standin("change/keeps:1", revision="2")
    engine.run_docker("pull", image)  # for somebody else's sake
    change(instance, rockon, labels={"keeps": ["a=b"]})
    assert "revision 1" in fetch_app_page(port)
    change(instance, rockon, labels={"keeps": ["a=c"]})
    assert "revision 1" in fetch_app_page(port)
    instance.perform(Kind.UPDATE, rockon)
    assert "revision 2" in fetch_app_page(port)


def test_a_newer_definition_brings_and_takes_containers(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    before = ids(engine)
    instance.add_rockon(
        "Trio",
        {
            "tri-db": {"image": app_image, "tag": "", "volumes": DATA, "opts": [["-v", "/keep"]]},
            "tri-app": {"image": app_image, "tag": "", "ports": WEB, "environment": COLOUR},
            "tri-new": {"image": app_image, "tag": "", "environment": {"FRESH": {"label": "", "description": ""}}},
        },
    )
    assert ids(engine) == before  # a refresh touches nothing
    wanted = instance.changed_answers(rockon, environment={"tri-new": {"FRESH": "yes"}})
    instance.run_successfully(
        operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")
    )
    after = ids(engine)
    assert set(after) == {"tri-db", "tri-app", "tri-new"}
    assert after["tri-db"] == before["tri-db"]
    assert rockon.installed_source == rockon.entry.source
    assert [container.name for container in rockon.containers] == ["tri-db", "tri-app", "tri-new"]
    assert engine.run_docker("network", "ls", "-q", "--filter", "name=TrioLink") == ""
    assert rockon.status == "started"


def test_a_rockon_takes_the_name_of_its_successor(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    rockon = trio(instance, app_image)
    port = chosen_port(instance.install_rockon(rockon), "tri-app")
    engine.run_docker("exec", "tri-db", *INTO_FILE)
    newer = instance.add_rockon(
        "Trio Reborn",
        {
            "tri-db": {"image": app_image, "tag": "", "volumes": DATA, "opts": [["-v", "/keep"]]},
            "tri-app": {"image": app_image, "tag": "", "ports": WEB, "environment": COLOUR},
        },
    )
    number = rockon.id
    wanted = repository.load_answers(rockon)
    instance.run_successfully(
        operations.submit_operation(
            rockon, ChangeRequest(wanted, source=newer.entry.source, successor=newer.id), "tester"
        )
    )
    assert [(one.id, one.name, one.state, one.status) for one in db.session.query(Installation)] == [
        (number, "Trio Reborn", "installed", "started")
    ]
    fetch_app_page(port)
    assert engine.run_docker("exec", "tri-db", "cat", "/keep/file") == "precious"
    instance.perform(Kind.STOP, rockon)
    instance.perform(Kind.UNINSTALL, rockon)
    assert ids(engine) == {}


def test_a_stranger_of_that_name_stops_a_change_before_anything_is_touched(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    rockon = trio(instance, app_image)
    instance.install_rockon(rockon)
    engine.run_docker("rm", "-f", "tri-app")
    engine.run_docker("run", "-d", "--name", "tri-app", app_image)
    before = ids(engine)
    wanted = instance.changed_answers(
        rockon, environment={"tri-app": {"COLOUR": "red"}}, variables={"tri-db": {"A": "b"}}
    )
    found = instance.run_operation(operations.submit_operation(rockon, ChangeRequest(wanted), "tester"))
    assert found.progress == "failed"
    assert '"tri-app" already exists' in found.error
    assert ids(engine) == before


def test_an_uninstall_removes_images_on_request_unless_something_uses_them(
    engine: DockerDaemon, instance: Instance, app_image: str, standin: Callable[..., str]
) -> None:
    image = standin("change/goes:1")
    rockon = instance.add_rockon(
        "Goes", {"goes": {"image": image, "tag": ""}, "shares": {"image": app_image, "tag": ""}}
    )
    instance.install_rockon(rockon)
    engine.run_docker("run", "-d", "--name", "stranger", app_image)
    operation = instance.run_successfully(
        operations.submit_operation(rockon, UninstallRequest((image, app_image)), "tester")
    )
    assert engine.run_docker("images", "-q", image) == ""
    assert engine.run_docker("images", "-q", app_image)
    assert [step.title for step in operation.steps[-2:]] == [
        f"remove image {image}",
        f"keep image {app_image}: still used by stranger",
    ]
