"""The command line and the JSON API adopt, watch and decide on old containers as the pages do."""

import json
from base64 import b64encode
from typing import Any

import pytest
from sqlalchemy import select

from rockonweb.models import Installation, Operation, db
from tests.support.app import PASSWORD, create_test_user
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance


@pytest.fixture
def cloud(engine: DockerDaemon, instance: Instance, app_image: str) -> str:
    """A container of somebody else; its id."""
    return engine.run_docker("run", "-d", "--name", "cloud", "--label", "com.docker.compose.project=sky", app_image)


def run(instance: Instance, *words: str) -> str:
    done = instance.app.test_cli_runner().invoke(args=words)
    assert done.exit_code == 0, f"{done.output} {done.exception}"
    db.session.rollback()
    return done.output


def run_last(instance: Instance) -> None:
    db.session.rollback()
    instance.run_successfully(db.session.scalars(select(Operation.id).order_by(Operation.id.desc())).first() or 0)


def test_the_command_line_adopts_and_goes_back(engine: DockerDaemon, instance: Instance, cloud: str) -> None:
    assert run(instance, "container", "list") == "cloud (running)\n"
    assert "left: --label com.docker.compose.…" in run(instance, "import", "--container", "cloud", "--as", "Cloud")
    run(instance, "install", "Cloud")
    run_last(instance)
    assert engine.run_docker("inspect", "-f", "{{.Id}}", "cloud.before-rockonweb") == cloud
    assert run(instance, "container", "list") == ""
    assert run(instance, "container", "old", "Cloud") == "cloud: cloud.before-rockonweb\n"
    assert "removed after" in run(instance, "container", "old", "Cloud", "--days", "7")
    run(instance, "container", "old", "Cloud", "--back")
    run_last(instance)
    assert engine.run_docker("inspect", "-f", "{{.Id}} {{.State.Running}}", "cloud") == f"{cloud} true"


def test_the_api_adopts_watches_and_removes_the_old_one(engine: DockerDaemon, instance: Instance, cloud: str) -> None:
    create_test_user()
    headers = {"Authorization": "Basic " + b64encode(f"ada:{PASSWORD}".encode()).decode()}

    def ask(method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        answer = instance.app.test_client().open(f"/api{path}", method=method, data=data, headers=headers)
        assert answer.status_code == 200, answer.text
        db.session.rollback()
        return answer.json

    [group] = ask("GET", "/containers")["results"]
    assert [(one["name"], one["id"]) for one in group["containers"]] == [("cloud", cloud)]
    assert ask("POST", "/containers/cloud/watch", {})[0]["state"] == "running"
    imported = ask("POST", "/import", {"containers": ["cloud"]})
    assert imported["plan"]["containers"][0]["name"] == "cloud"
    ask("POST", f"/rockons/{imported['id']}/install", {})
    run_last(instance)
    [installation] = db.session.scalars(select(Installation))
    assert [old.docker_id for old in installation.old_containers] == [cloud]
    assert ask("POST", "/containers/cloud/watch", {"watch": False}) == []
    ask("POST", f"/rockons/{imported['id']}/old", {"what": "remove"})
    assert engine.run_docker("ps", "-a", "--format", "{{.Names}}") == "cloud"


def test_the_api_and_the_command_line_take_over_from_rockstor(
    engine: DockerDaemon, instance: Instance, app_image: str
) -> None:
    for name in ("one", "two"):
        instance.add_rockon(f"App {name}", {f"app-{name}": {"image": app_image, "tag": ""}})
        engine.run_docker("run", "-d", "--restart=unless-stopped", "--name", f"app-{name}", app_image)
    create_test_user()
    headers = {"Authorization": "Basic " + b64encode(f"ada:{PASSWORD}".encode()).decode()}
    answer = instance.app.test_client().post("/api/rockstor", data=json.dumps({"take": ["App one"]}), headers=headers)
    assert answer.json
    assert [find["name"] for find in answer.json["found"]] == ["App one", "App two"]
    assert [result["name"] for result in answer.json["results"]] == ["App one"]
    run_last(instance)
    assert run(instance, "container", "rockstor") == "App two: runs here\n"
    assert "App two: operation" in run(instance, "container", "rockstor", "--take", "all")
    run_last(instance)
    assert {app.state for app in db.session.scalars(select(Installation))} == {"installed"}
