"""Two copies of one instance on one engine: one looks after it, the other says so and only watches."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rockonweb import config, create_app
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.instance.lease import LEASE_SECONDS, RETURN_SECONDS, Lease
from rockonweb.core.operations.requests import blank_request
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host import Engine, get_host
from rockonweb.models import Installation, Kind, Operation, db
from rockonweb.work import mastership, operations, queue, recovery, runner
from rockonweb.work.doctor import examine_instance
from tests.docker.test_recovery import hang_after, working
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance
from tests.support.stack import Stack


@pytest.fixture
def copied(instance: Instance, tmp_path: Path, app_image: str, monkeypatch: pytest.MonkeyPatch) -> config.Config:
    """The settings of a copy of an instance whose app "Box" runs."""
    instance.install_rockon(instance.add_rockon("Box", {"box": {"image": app_image, "tag": ""}}))
    db.session.remove()
    folder = tmp_path / "copy"
    shutil.copytree(instance.settings.instance, folder)
    return config.load_config({**instance.environ, "ROCKONWEB_INSTANCE": str(folder)})


def test_the_second_copy_says_so_and_changes_nothing(
    engine: DockerDaemon, instance: Instance, copied: config.Config
) -> None:
    assert config.instance_id(copied) == config.instance_id(instance.settings)
    before = engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
    with get_host().connect_docker() as docker:
        assert mastership.watch_lease(docker)
    copy = create_app(copied)
    with copy.app_context():
        with get_host().connect_docker() as docker:
            assert not mastership.watch_lease(docker)
        told = mastership.other_copy()
        assert told
        assert str(instance.settings.instance) in told[0]
        rockon = db.session.query(Installation).one()
        with pytest.raises(Conflict, match="only watches"):
            operations.submit_operation(rockon, blank_request(Kind.RESTART), "me")
        queue.redis_connection().flushdb()  # as if its watcher had not seen it yet
        number = operations.submit_operation(rockon, blank_request(Kind.RESTART), "me")
        with pytest.raises(EngineError, match="only watches"):
            runner.run(number)
        assert db.session.get_one(Operation, number).progress == "failed"
    [found] = [one for one in examine_instance(copied, "0") if one.about == "copies"]
    assert found.level == "fail"
    [found] = [one for one in examine_instance(instance.settings, "0") if one.about == "copies"]
    assert found.level == "ok"
    assert engine.run_docker("ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}}") == before


def test_what_one_copy_has_set_aside_the_other_leaves_alone(
    engine: DockerDaemon, instance: Instance, copied: config.Config
) -> None:
    rockon = db.session.query(Installation).one()
    number = instance.submit_change(rockon, variables={"box": {"NEW": "1"}})
    with working(instance, number, hang_after("box")):
        wait_for(lambda: RENAMED_SUFFIX in engine.run_docker("ps", "-a", "--format", "{{.Names}}"))
        aside = engine.run_docker("inspect", "-f", "{{.Id}}", f"box{RENAMED_SUFFIX}")
        with create_app(copied).app_context():
            with get_host().connect_docker() as docker:
                assert not mastership.watch_lease(docker)
            recovery.recover_operations()  # even if its watcher had not looked
            assert engine.run_docker("inspect", "-f", "{{.Id}}", f"box{RENAMED_SUFFIX}") == aside
            db.session.remove()


def test_the_second_takes_over_when_the_first_has_gone(
    instance: Instance, copied: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    with create_app(copied).app_context():
        later = int(time.time()) + LEASE_SECONDS + 2
        with get_host().connect_docker() as docker:
            assert not mastership.watch_lease(docker)
            with monkeypatch.context() as patch:
                patch.setattr(type(docker), "answer_time", lambda _: later)
                assert mastership.watch_lease(docker)
                assert mastership.other_copy() is None
                assert [lease.place.endswith("copy") for lease in docker.list_leases()] == [True]
        db.session.remove()


def test_of_two_that_start_at_once_no_more_than_one_looks_after_the_engine(
    engine: DockerDaemon, instance: Instance, copied: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove_leases(engine)
    others: list[Lease | None] = []

    def claim_first(docker: Engine, lease: Lease, present: list[Lease]) -> None:
        patch.undo()  # the copy has looked after this one has, and claims it before
        with create_app(copied).app_context():
            others.append(mastership.hold_lease(docker))
        docker.write_lease(lease, present)

    with get_host().connect_docker() as docker, monkeypatch.context() as patch:
        patch.setattr(type(docker), "write_lease", claim_first)
        others.append(mastership.hold_lease(docker))
        assert others[0] is None
        assert others[1] is not None
        with create_app(copied).app_context():
            assert mastership.hold_lease(docker) is None
        assert mastership.hold_lease(docker) is not None


def test_a_copy_on_a_machine_whose_clock_is_wrong_is_the_second_too(
    instance: Instance, copied: config.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = time.time() + 3600
    with get_host().connect_docker() as docker:
        assert mastership.hold_lease(docker) is None
        with create_app(copied).app_context(), monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: wrong)
            assert mastership.hold_lease(docker) is not None
        assert mastership.hold_lease(docker) is None


def test_one_that_ends_keeps_its_place_for_a_restart_and_no_longer(
    engine: DockerDaemon, stack: Callable[..., Stack]
) -> None:
    remove_leases(engine)
    started = stack(engine.host)
    wait_for(lambda: list_leases(engine))
    [(since, _)] = lease_times(engine)
    started.stop()
    [(since_then, until)] = lease_times(engine)
    assert since_then == since
    assert 0 < until - time.time() < RETURN_SECONDS + 1
    started.start()
    wait_for(lambda: max(end for _, end in lease_times(engine)) > until)
    assert {since for since, _ in lease_times(engine)} == {since}


def lease_times(engine: DockerDaemon) -> list[tuple[float, float]]:
    """Since when and until when each lease is."""
    labels = '{{.Label "rockonweb.lease.since"}} {{.Label "rockonweb.lease.until"}}'
    lines = engine.run_docker("volume", "ls", "--filter", "name=rockonweb-lease-", "--format", labels).splitlines()
    return [(float(since), float(until)) for since, until in (line.split() for line in lines)]


def list_leases(engine: DockerDaemon) -> list[str]:
    return engine.run_docker("volume", "ls", "-q", "--filter", "name=rockonweb-lease-").split()


def remove_leases(engine: DockerDaemon) -> None:
    for name in list_leases(engine):
        engine.run_docker("volume", "rm", name)
