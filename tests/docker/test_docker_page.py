"""The page on Docker, and what the catalogue says of its disk before the first install."""

from collections.abc import Iterator

import pytest

from rockonweb.models import Role
from rockonweb.work import heartbeat
from rockonweb.work.engine_monitor import EngineMonitor
from rockonweb.work.queue import redis_connection
from tests.support.app import FakeQueueServer, FormClient, create_test_user
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


@pytest.fixture
def visitor(instance: Instance) -> Iterator[FormClient]:
    """An operator of the instance."""
    instance.app.test_client_class = FormClient
    instance.app.extensions["redis"] = FakeQueueServer()
    create_test_user("op", Role.OPERATOR)
    create_test_user("eve", Role.VIEWER)
    yield instance.app.test_client().log_in("op")  # type: ignore[attr-defined]
    instance.app.extensions.pop("redis")


def test_the_page_shows_where_images_live_and_what_matters(
    engine: DockerDaemon, instance: Instance, visitor: FormClient, app_image: str
) -> None:
    page = visitor.get("/docker").text
    assert f"{engine.folder}/data" in page
    assert engine.run_docker("version", "-f", "{{.Server.Version}}") in page
    assert engine.run_docker("info", "-f", "{{.Driver}}") in page
    assert "GB of" in page or "MB of" in page
    assert "Whether their size is limited is known" in page
    engine.run_docker("run", "-d", "--name", "loud", app_image)
    assert "No limit (as set for the newest container)" in visitor.get("/docker").text
    engine.run_docker("run", "-d", "--name", "quiet", "--log-opt", "max-size=7m", "--log-opt", "max-file=3", app_image)
    page = visitor.get("/docker").text
    assert "at most 7m per file, 3 files" in page
    assert "2 running containers" in page
    assert 'hx-get="/docker/usage"' in page
    usage = visitor.get("/docker/usage").text
    assert "<dt>Images</dt>" in usage
    assert "<title>" in usage
    assert "<title>" not in visitor.get("/docker/usage", headers={"HX-Request": "true"}).text


def test_without_docker_the_page_says_so(
    instance: Instance, visitor: FormClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere.sock")
    for path in ("/docker", "/docker/usage"):
        answer = visitor.get(path)
        assert answer.status_code == 200
        assert "Docker does not answer." in answer.text
        assert "systemctl start docker" in answer.text


def test_viewers_may_not_ask(instance: Instance, visitor: FormClient) -> None:
    viewer = instance.app.test_client().log_in("eve")  # type: ignore[attr-defined]
    assert viewer.get("/docker").status_code == 403
    assert 'href="/docker"' not in viewer.get("/rockons").text
    assert 'href="/docker"' in visitor.get("/rockons").text


def test_before_the_first_install_the_catalogue_tells_of_the_disk_as_the_watcher_saw_it(
    engine: DockerDaemon, instance: Instance, visitor: FormClient, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("App", {"app": {"image": app_image, "tag": ""}})
    assert "Images will be stored in" not in visitor.get("/rockons").text
    monitor = EngineMonitor(instance.settings)
    monitor._redis = redis_connection()
    monitor.ask_once()
    assert monitor.answers
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", "unix:///nowhere.sock")  # the page asks nobody
        assert f"Images will be stored in {engine.folder}/data" in visitor.get("/rockons").text
    told = heartbeat.engine_status()
    heartbeat.publish_status(
        redis_connection(), heartbeat.EngineStatus(True, "", "", told.images_folder, "ext4", 3_000_000_000)
    )
    page = visitor.get("/rockons").text
    assert "(ext4), which has 3.0 GB of free space." in page
    assert "That is little" in page
    instance.app.extensions.pop("redis")
    instance.install_rockon(rockon)
    instance.app.extensions["redis"] = FakeQueueServer()
    heartbeat.publish_status(redis_connection(), told)
    assert "Images will be stored in" not in visitor.get("/rockons").text
