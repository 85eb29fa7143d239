"""Two copies of one instance on one engine: one looks after it, the other says so and only watches."""

import shutil
import time
from pathlib import Path

import pytest

from rockonweb import config, create_app
from rockonweb.core.errors import Conflict, EngineError
from rockonweb.core.instance.lease import LEASE_SECONDS
from rockonweb.core.operations.requests import blank_request
from rockonweb.core.operations.steps import RENAMED_SUFFIX
from rockonweb.host import get_host
from rockonweb.models import Installation, Kind, Operation, db
from rockonweb.work import mastership, operations, queue, recovery, runner
from rockonweb.work.doctor import examine_instance
from tests.docker.test_recovery import hang_after, working
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


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
        later = time.time() + LEASE_SECONDS + 1
        with get_host().connect_docker() as docker:
            assert not mastership.watch_lease(docker)
            with monkeypatch.context() as patch:
                patch.setattr(mastership.time, "time", lambda: later)
                assert mastership.watch_lease(docker)
                assert mastership.other_copy() is None
                assert [lease.place.endswith("copy") for lease in docker.list_leases()] == [True]
        db.session.remove()
