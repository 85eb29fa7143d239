"""Containers of others that are only watched: shown among the apps, and never changed."""

import pytest

from rockonweb.core.errors import BadInput, Conflict
from rockonweb.models import Role
from rockonweb.work import adoption, watched
from tests.support.app import FormClient, create_test_user, new_visitor
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


def test_a_container_is_watched_by_name_and_id(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    run = ("run", "-d", "-p", "8188:8080", "-e", "API_TOKEN=quietly-said", "--name")
    engine.run_docker(*run, "cloud", app_image)
    before = engine.run_docker("inspect", "cloud")
    watched.watch_container("cloud")
    [status] = watched.list_watched()
    assert (status.name, status.state, status.ports) == ("cloud", "running", (8188,))
    assert "quietly-said" not in watched.read_watched_log("cloud", 100)
    assert engine.run_docker("inspect", "cloud") == before
    engine.run_docker("rename", "cloud", "sky")
    assert watched.list_watched()[0].state == "running"
    engine.run_docker("rm", "-f", "sky")
    assert watched.list_watched()[0].state == ""
    with pytest.raises(BadInput, match="no watched container"):
        watched.read_watched_log("cloud", 100)
    engine.run_docker(*run, "cloud", app_image)  # recreated
    assert watched.list_watched()[0].state == "running"
    watched.stop_watching("cloud")
    assert watched.list_watched() == []


def test_what_is_not_of_others_is_not_watched(engine: DockerDaemon, instance: Instance, app_image: str) -> None:
    instance.install_rockon(instance.add_rockon("Mine", {"mine": {"image": app_image, "tag": ""}}))
    with pytest.raises(Conflict, match="belongs to a rock-on already"):
        watched.watch_container("mine")
    with pytest.raises(BadInput, match='There is no container "nothing"'):
        watched.watch_container("nothing")
    assert adoption.list_unmanaged() == []


def test_the_pages_list_what_runs_here_and_what_is_watched(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.run_docker("network", "create", "home")
    for name in ("shop", "shop-db"):
        engine.run_docker("run", "-d", "--network", "home", "--name", name, app_image)
    engine.run_docker("run", "-d", "-p", "8189:8080", "--name", "alone", app_image)
    monkeypatch.setattr(instance.app, "test_client_class", FormClient)
    create_test_user(role=Role.OWNER)
    client = new_visitor(instance.app).log_in("ada")
    page = client.get("/import/containers").text
    assert "On the network home" in page
    assert page.count(">Adopt…<") == 2
    answer = client.submit_form("/import/containers/watch", {"name": "alone"})
    assert answer.status_code == 303, answer.text
    page = client.get("/rockons?tab=installed").text
    assert 'href="http://localhost:8189/"' in page
    assert client.get("/import/containers/alone/log").status_code == 200
    client.submit_form("/import/containers/unwatch", {"name": "alone"})
    assert "8189" not in client.get("/rockons?tab=installed").text
