"""Who refers to a container of another rock-on goes along with it: restarted, recreated, undone and told together."""

import os
import signal

import pytest

from rockonweb.core.errors import EngineError
from rockonweb.core.operations.requests import ChangeRequest, blank_request
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host.engine import Engine as OurEngine
from rockonweb.models import Installation, Kind, db
from rockonweb.models.operation import Operation
from rockonweb.work import operations, recovery, runner, scheduler
from tests.docker.test_recovery import working
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, describe_steps

RELATIONS = ("--network", "--pid", "--ipc")


def inspect(engine: DockerDaemon, name: str, what: str = "{{.Id}}") -> str:
    return engine.run_docker("inspect", "--type", "container", "-f", what, name)


def shares_network(engine: DockerDaemon, *names: str) -> bool:
    """Whether all containers are in one network namespace, as the kernel sees it."""
    pids = [inspect(engine, name, "{{.State.Pid}}") for name in names]
    return "0" not in pids and len({os.readlink(f"/proc/{pid}/ns/net") for pid in pids}) == 1


def add_pair(instance: Instance, image: str, option: tuple[str, str]) -> tuple[Installation, Installation]:
    """Install "M vpn", and "M dep" whose container has this option."""
    vpn = instance.add_rockon("M vpn", {"m-vpn": {"image": image, "tag": "", "opts": [["--ipc", "shareable"]]}})
    dep = instance.add_rockon("M dep", {"m-dep": {"image": image, "tag": "", "opts": [[*option]]}})
    instance.install_rockon(vpn)
    instance.install_rockon(dep)
    return vpn, dep


def change_setting(instance: Instance, rockon: Installation) -> int:
    return instance.submit_change(rockon, variables={"m-vpn": {"NEW": "1"}})


@pytest.mark.parametrize("relation", RELATIONS)
def test_who_has_joined_a_namespace_is_restarted_with_it(
    engine: DockerDaemon, instance: Instance, app_image: str, relation: str
) -> None:
    vpn, dep = add_pair(instance, app_image, (relation, "container:m-vpn"))
    old, started = inspect(engine, "m-dep"), inspect(engine, "m-dep", "{{.State.StartedAt}}")
    operation = instance.perform(Kind.RESTART, vpn)
    titles = [step.title for step in operation.steps if step.title.startswith(("stop", "start"))]
    assert titles == ["stop m-dep", "stop m-vpn", "start m-vpn", "start m-dep"]
    assert inspect(engine, "m-dep") == old
    assert inspect(engine, "m-dep", "{{.State.StartedAt}}") != started
    assert dep.status == "started"
    if relation == "--network":
        assert shares_network(engine, "m-vpn", "m-dep")


def test_a_start_after_a_stop_brings_back_who_was_cut_off(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    vpn, _ = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    stopped = instance.perform(Kind.STOP, vpn)
    assert [str(sentence) for sentence, _ in stopped.notes.warnings] == ["m-dep of M dep uses the network of m-vpn."]
    assert not shares_network(engine, "m-vpn", "m-dep")
    instance.perform(Kind.START, vpn)
    assert shares_network(engine, "m-vpn", "m-dep")
    again = instance.perform(Kind.START, vpn)  # it runs: nobody is disturbed
    assert not [step.title for step in again.steps if "m-dep" in step.title]


@pytest.mark.parametrize("option", [*((one, "container:m-vpn") for one in RELATIONS), ("--link", "m-vpn")], ids=str)
def test_nothing_is_stopped_or_started_while_what_it_needs_is_stopped(
    engine: DockerDaemon, instance: Instance, app_image: str, option: tuple[str, str]
) -> None:
    vpn, dep = add_pair(instance, app_image, option)
    instance.perform(Kind.STOP, vpn)
    # Not its status: Docker itself tries to start it again for a while, by its restart policy.
    started = inspect(engine, "m-dep", "{{.Id}} {{.State.StartedAt}}")
    for kind in (Kind.RESTART, Kind.START):
        operation = instance.run_operation(operations.submit_operation(dep, blank_request(kind), "me"))
        assert (operation.progress, operation.steps) == ("failed", [])
        assert operation.error.endswith('the container "m-vpn", which is not running.')
        assert operation.hint == "Start that container first: this one can't start without it."
    assert inspect(engine, "m-dep", "{{.Id}} {{.State.StartedAt}}") == started
    instance.perform(Kind.START, vpn)
    instance.perform(Kind.START, dep)


def test_what_was_stopped_stays_stopped(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    vpn, dep = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    instance.perform(Kind.STOP, dep)
    instance.perform(Kind.RESTART, vpn)
    instance.run_successfully(change_setting(instance, vpn))
    assert inspect(engine, "m-dep", "{{.State.Status}}") in ("created", "exited")
    instance.perform(Kind.START, dep)
    assert shares_network(engine, "m-vpn", "m-dep")


@pytest.mark.parametrize(
    "option",
    [
        *((relation, "container:m-vpn") for relation in RELATIONS),
        ("--link", "m-vpn:vpn"),
        ("--volumes-from", "m-vpn"),
    ],
    ids=lambda option: option[0],
)
def test_a_change_names_and_recreates_who_refers_to_it(
    engine: DockerDaemon, instance: Instance, app_image: str, option: tuple[str, str]
) -> None:
    vpn, dep = add_pair(instance, app_image, option)
    old = inspect(engine, "m-dep")
    reviewed = instance.review_request(
        vpn, ChangeRequest(instance.changed_answers(vpn, variables={"m-vpn": {"A": "1"}}))
    )
    [told] = [finding for finding in reviewed.plan.findings if "m-dep of M dep" in str(finding)]
    assert (told.level, str(told).endswith("m-vpn and is recreated with it.")) == ("note", True)
    assert "m-dep" in reviewed.planned_change.recreated
    instance.run_successfully(instance.submit_review(reviewed))
    assert inspect(engine, "m-dep") != old
    assert inspect(engine, "m-dep", "{{.State.Running}}") == "true"
    assert dep.status == "started"
    for kind in (Kind.RESTART, Kind.UPDATE):
        instance.perform(kind, dep)
    assert [name for name in engine.run_docker("ps", "-a", "--format", "{{.Names}}").split() if "aside" in name] == []


def test_a_chain_of_rock_ons_goes_along_to_its_end(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    vpn, _ = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    last = instance.add_rockon(
        "M last", {"m-last": {"image": app_image, "tag": "", "opts": [["--pid", "container:m-dep"]]}}
    )
    instance.install_rockon(last)
    instance.run_successfully(change_setting(instance, vpn))
    assert inspect(engine, "m-last", "{{.HostConfig.PidMode}}") == f"container:{inspect(engine, 'm-dep')}"
    operation = instance.perform(Kind.RESTART, vpn)
    assert [step.title for step in operation.steps][:3] == ["stop m-last", "stop m-dep", "stop m-vpn"]
    assert inspect(engine, "m-last", "{{.State.Running}}") == "true"


def test_a_change_that_fails_is_undone_for_both(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpn, dep = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    old = [inspect(engine, name) for name in ("m-vpn", "m-dep")]
    start = OurEngine.start_container

    def refuse_the_new_one(self: OurEngine, name: str) -> None:
        if name == "m-dep" and inspect(engine, name) not in old:
            raise EngineError("no")
        start(self, name)

    monkeypatch.setattr(OurEngine, "start_container", refuse_the_new_one)
    operation = instance.run_operation(change_setting(instance, vpn))
    assert operation.progress == "failed", describe_steps(operation)
    assert [inspect(engine, name) for name in ("m-vpn", "m-dep")] == old
    assert shares_network(engine, "m-vpn", "m-dep")
    assert (vpn.status, dep.status) == ("started", "started")


def test_a_change_whose_process_dies_is_undone_for_both(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    vpn, dep = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    old = [inspect(engine, name) for name in ("m-vpn", "m-dep")]
    operation_id = change_setting(instance, vpn)

    def hang_before_the_second() -> None:
        create = OurEngine.create_container

        def hang(self: OurEngine, argv: tuple[str, ...], operation: int) -> None:
            if "m-dep" in argv:
                signal.pause()
            create(self, argv, operation)

        OurEngine.create_container = hang  # type: ignore[method-assign,assignment]

    with working(instance, operation_id, hang_before_the_second):
        wait_for(lambda: "m-dep.rockonweb-aside" in engine.run_docker("ps", "-a", "--format", "{{.Names}}"))
        later = operations.submit_operation(dep, blank_request(Kind.STOP), "me")
        blocking = scheduler.blocking_operations(db.session.get_one(Operation, later))
        assert [one.id for one in blocking] == [operation_id]  # it waits for the other's end
        operations.cancel_operation(later)
    assert operation_id in recovery.recover_operations()
    assert [inspect(engine, name) for name in ("m-vpn", "m-dep")] == old
    assert shares_network(engine, "m-vpn", "m-dep")


def test_what_another_rock_on_s_operation_has_set_aside_is_not_taken_for_a_leftover(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpn, dep = add_pair(instance, app_image, ("--network", "container:m-vpn"))
    old = inspect(engine, "m-dep")
    remove = OurEngine.remove_container

    def refuse_aside(self: OurEngine, name: str) -> None:
        if name.endswith(RENAMED_SUFFIX):
            raise EngineError("no")
        remove(self, name)

    with monkeypatch.context() as patch:
        patch.setattr(OurEngine, "remove_container", refuse_aside)
        instance.run_successfully(change_setting(instance, vpn))
    assert inspect(engine, f"m-dep{RENAMED_SUFFIX}") == old
    assert runner.clean_up_leftovers(dep.id) is None  # dep's own last operation made none
    assert inspect(engine, f"m-dep{RENAMED_SUFFIX}") == old
    recovery.recover_operations()
    assert "aside" not in engine.run_docker("ps", "-a", "--format", "{{.Names}}")


def test_one_whose_folder_is_gone_is_left_as_it_is(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    vpn = instance.add_rockon("M vpn", {"m-vpn": {"image": app_image, "tag": ""}})
    volumes = {"/data": {"label": "Data", "description": ""}}
    opts = [["--network", "container:m-vpn"]]
    dep = instance.add_rockon("M dep", {"m-dep": {"image": app_image, "tag": "", "volumes": volumes, "opts": opts}})
    instance.install_rockon(vpn)
    instance.install_rockon(dep, shares={"m-dep": {"/data": "dep-data"}})
    (instance.settings.shares_root / "dep-data").rename(instance.settings.shares_root / "away")
    old = inspect(engine, "m-dep")
    operation = instance.run_successfully(change_setting(instance, vpn))
    assert inspect(engine, "m-dep") == old
    [(sentence, _)] = [one for one in operation.notes.warnings if "left as it is" in str(one[0])]
    assert str(sentence).startswith("M dep is left as it is")
    assert not (instance.settings.shares_root / "dep-data").exists()


def test_an_uninstall_tells_who_depends_on_it(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    vpn, _ = add_pair(instance, app_image, ("--volumes-from", "m-vpn"))
    operation = instance.perform(Kind.UNINSTALL, vpn)
    assert [str(sentence) for sentence, _ in operation.notes.warnings] == ["m-dep of M dep uses the volumes of m-vpn."]
