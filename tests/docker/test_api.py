"""A script that was written against the original's API, against the whole product on a real engine."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.apps import fetch_app_page
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.person import new_retrying_session
from tests.support.stack import Stack

WAIT_SECONDS = 120
TEXT = {"label": "", "description": ""}
WEB = {**TEXT, "host_default": 8080, "protocol": "tcp"}


class Script:
    """What such scripts do: `requests`, HTTP Basic, and waiting for states."""

    def __init__(self, stack: Stack) -> None:
        self.base = f"{stack.url}/api/rockons"
        self.session = new_retrying_session()
        self.session.auth = (stack.user, stack.password)

    def get(self, path: str = "", **params: Any) -> Any:
        answer = self.session.get(self.base + path, params=params, timeout=60)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(self, part: str, rockon_id: int) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.get(f"/{part}/{rockon_id}", page=1, format="json", page_size=9000)["results"]
        return rows

    def post(self, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json"}
        data = None if body is None else json.dumps(body)
        answer = self.session.post(self.base + path, data=data, headers=headers, timeout=120)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def named(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(one for one in self.get(page_size=100)["results"] if one["name"] == name)
        return found

    def settled(self, rockon_id: int) -> tuple[str, str]:
        """Wait until nothing is pending; return state and status."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            found = self.get(f"/{rockon_id}")
            if "pending" not in found["state"] and "pending" not in found["status"] and found["taskid"] is None:
                assert found["error"] is None, found["error"]
                return found["state"], found["status"]
            assert time.monotonic() < deadline, found
            time.sleep(0.1)


@pytest.fixture
def running(engine: DockerDaemon, stack: Callable[..., Stack], standin: Callable[..., str]) -> Stack:
    """A Rockonweb with the rock-on Twins: two containers, each with the inner port 8080, a volume and a variable."""
    made: Stack = stack(engine.host, started=False, environment={"ROCKONWEB_HEALTH_SECONDS": "0"})
    image = standin("api/app:1")
    containers = {
        name: {
            "image": image,
            "launch_order": order,
            "ports": {"8080": {**WEB, "ui": name == "twin-a"}},
            "volumes": {"/data": TEXT},
            "environment": {"COLOUR": TEXT, **({"DB_PASSWORD": TEXT} if name == "twin-a" else {})},
        }
        for order, name in enumerate(("twin-a", "twin-b"), 1)
    }
    body = {"description": "Two.", "version": "1", "website": "", "containers": containers}
    (made.local_metastore / "twins.json").write_text(json.dumps({"Twins": body}))
    for share in ("one", "two", "more"):
        (made.shares / share).mkdir()
    made.start()
    return made


def inspected(engine: DockerDaemon, name: str) -> dict[str, Any]:
    """What Docker knows of a container."""
    found: dict[str, Any] = json.loads(engine.run_docker("inspect", name))[0]
    return found


def host_port(engine: DockerDaemon, name: str) -> int:
    """The host port of a container's port 8080."""
    return int(inspected(engine, name)["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostPort"])


def variables(engine: DockerDaemon, name: str) -> dict[str, str]:
    """The variables of a container."""
    return dict(pair.split("=", 1) for pair in inspected(engine, name)["Config"]["Env"])


@pytest.mark.timeout(600)
def test_a_script_of_the_original_runs_unchanged(engine: DockerDaemon, running: Stack) -> None:
    script = Script(running)
    try:
        live(engine, script)
    finally:
        engine.remove_everything()


def live(engine: DockerDaemon, script: Script) -> None:
    """List, install twice, update, stop, uninstall."""
    script.post("/update")
    twins = script.named("Twins")
    assert (twins["state"], twins["status"], twins["ui"]) == ("available", "stopped", True)
    here = twins["id"]
    ids = {one["name"]: one["id"] for one in script.rows("docker/containers", here)}
    assert list(ids) == ["twin-a", "twin-b"]
    assert [(one["container_name"], one["containerp"], one["publish"]) for one in script.rows("ports", here)] == [
        ("twin-a", 8080, True),
        ("twin-b", 8080, True),
    ]

    # The flat body. Both containers have the port 8080, and each gets its own.
    first, second = free_port(), free_port()
    flat = {
        "ports": {str(first): 8080, str(second): 8080},
        "shares": {"one": "/data"},
        "cc": {},
        "devices": {},
        "environment": {"COLOUR": "red", "DB_PASSWORD": "first-secret"},
    }
    answer = script.post(f"/{here}/install", flat)
    assert (answer["id"], answer["state"]) == (here, "pending_install")
    assert script.settled(here) == ("installed", "started")
    assert (host_port(engine, "twin-a"), host_port(engine, "twin-b")) == (first, second)
    assert "api/app:1" in fetch_app_page(first)
    assert "api/app:1" in fetch_app_page(second)
    assert script.get(f"/{here}")["ui_port"] == first
    assert [variables(engine, name)["COLOUR"] for name in ids] == ["red", "red"]

    assert script.post(f"/{here}/stop")["status"] == "pending_stop"
    assert script.settled(here) == ("installed", "stopped")
    assert script.post(f"/{here}/uninstall")["state"] == "pending_uninstall"
    assert script.settled(here) == ("available", "stopped")
    assert engine.run_docker("ps", "-aq") == ""

    # The body by container. What is not sent is as it was at the last install; a mask keeps what it stands for.
    masked = {one["key"]: one["val"] for one in script.rows("environment", here) if one["container"] == ids["twin-a"]}
    assert masked == {"COLOUR": "red", "DB_PASSWORD": "********"}
    by_container = {
        "shares": {str(ids["twin-a"]): {"one": "/data"}, str(ids["twin-b"]): {"two": "/data"}},
        "ports": {str(ids["twin-a"]): {"8080": second}, str(ids["twin-b"]): {"8080": first}},
        "environment": {str(ids["twin-a"]): masked, str(ids["twin-b"]): {"COLOUR": "blue"}},
    }
    script.post(f"/{here}/install", by_container)
    assert script.settled(here) == ("installed", "started")
    assert (host_port(engine, "twin-a"), host_port(engine, "twin-b")) == (second, first)
    assert variables(engine, "twin-a")["DB_PASSWORD"] == "first-secret"
    assert [variables(engine, name)["COLOUR"] for name in ids] == ["red", "blue"]
    assert [one["share_name"] for one in script.rows("volumes", here)] == ["one", "two"]

    # Networks alone: joined while it runs, and made for it.
    before = {name: inspected(engine, name)["Id"] for name in ids}
    answer = script.post(
        f"/{here}/update", {"cnets": {"twin-a": ["garden"], "twin-b": ["garden"]}, "update_mode": "live"}
    )
    assert answer["state"] == "pending_update"
    assert script.settled(here) == ("installed", "started")
    assert {name: inspected(engine, name)["Id"] for name in ids} == before
    assert all("garden" in inspected(engine, name)["NetworkSettings"]["Networks"] for name in ids)
    assert [(one["docker_name"], one["container_name"]) for one in script.rows("networks", here)] == [
        ("garden", "twin-a"),
        ("garden", "twin-b"),
    ]

    # A label of one container: the other one is not touched. As the original wants it, while it is stopped.
    script.post(f"/{here}/stop")
    script.settled(here)
    script.post(f"/{here}/update", {"labels": {"team=home": "twin-b"}})
    assert script.settled(here) == ("installed", "stopped")
    after = {name: inspected(engine, name)["Id"] for name in ids}
    assert (after["twin-a"] == before["twin-a"], after["twin-b"] == before["twin-b"]) == (True, False)
    assert inspected(engine, "twin-b")["Config"]["Labels"]["team"] == "home"
    assert [(one["key"], one["val"]) for one in script.rows("labels", here)] == [("twin-b", "team=home")]

    # More storage, a port that is no longer published, and other networks, all at once.
    ports = {one["container_name"]: one["id"] for one in script.rows("ports", here)}
    body = {
        "shares": {"/photos": "more"},
        "edit_ports": {str(ports["twin-a"]): "checked", str(ports["twin-b"]): "unchecked"},
        "cnets": {"twin-b": ["garden", "orchard"]},
        "update_mode": "normal",
    }
    script.post(f"/{here}/update", body)
    assert script.settled(here) == ("installed", "stopped")
    assert script.post(f"/{here}/start")["status"] == "pending_start"
    assert script.settled(here) == ("installed", "started")
    for name in ids:
        assert any(bind.endswith("/more:/photos") for bind in inspected(engine, name)["HostConfig"]["Binds"])
    assert not inspected(engine, "twin-b")["HostConfig"]["PortBindings"]
    assert host_port(engine, "twin-a") == second
    joined = {name: set(inspected(engine, name)["NetworkSettings"]["Networks"]) for name in ids}
    assert "garden" not in joined["twin-a"]
    assert {"garden", "orchard"} <= joined["twin-b"]
    assert [one["publish"] for one in script.rows("ports", here)] == [True, False]
    assert variables(engine, "twin-a")["DB_PASSWORD"] == "first-secret"

    script.post(f"/{here}/stop")
    script.settled(here)
    script.post(f"/{here}/uninstall")
    assert script.settled(here) == ("available", "stopped")
    assert engine.run_docker("ps", "-aq") == ""
    assert script.rows("labels", here) == []
    assert script.rows("networks", here) == []
    assert [one["uservol"] for one in script.rows("volumes", here)] == [False, False]
