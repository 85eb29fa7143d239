"""The whole product with its database on PostgreSQL: a catalogue, an app's life, the doctor, and a server that goes."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from tests.docker.test_api import Script
from tests.support.apps import fetch_app_page
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.postgres import PASSWORD, PostgresServer
from tests.support.stack import Stack

TEXT = {"label": "", "description": ""}


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """A server of this test's own, since it is stopped."""
    made = PostgresServer()
    try:
        made.start()
        yield made
    finally:
        made.close()


def done(answer: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert answer.returncode == status, f"{answer.stdout}\n{answer.stderr}"
    assert "Traceback" not in answer.stderr
    assert PASSWORD not in answer.stdout + answer.stderr
    return answer.stdout


def test_an_app_lives_and_the_server_may_go_and_come_back(
    engine: DockerDaemon, server: PostgresServer, stack: Callable[..., Stack], standin: Callable[..., str]
) -> None:
    url = server.create_database()
    home = stack(engine.host, started=False, environment={"DATABASE_URL": url, "ROCKONWEB_HEALTH_SECONDS": "0"})
    port = {**TEXT, "host_default": 8080, "protocol": "tcp", "ui": True}
    spec = {"image": standin("pg/app:1"), "launch_order": 1, "ports": {"8080": port}, "volumes": {"/data": TEXT}}
    spec["environment"] = {"DB_PASSWORD": TEXT}
    body = {"description": "One.", "version": "1", "website": "", "containers": {"pg-app": spec}}
    (home.local_metastore / "app.json").write_text(json.dumps({"App": body}))

    server.stop()
    refused = home.run("up")
    assert refused.returncode == 1
    assert "The database server does not answer. Check that PostgreSQL is running" in refused.stderr
    assert "Traceback" not in refused.stdout + refused.stderr
    server.start()
    home.start()

    report = json.loads(done(home.run("catalog", "refresh", "--json")))
    assert report["added"] == ["App"]
    (home.shares / "data").mkdir()
    script = Script(home)
    app = script.named("App")["id"]
    number = free_port()
    answers: dict[str, Any] = {
        "shares": {"pg-app": {"/data": "data"}},
        "ports": {"pg-app": {"8080": number}},
        "environment": {"pg-app": {"DB_PASSWORD": "s3cret-of-the-app"}},
    }
    done(home.run("install", "App", "--answers", "-", "--wait", stdin=json.dumps(answers)))
    assert fetch_app_page(number)
    assert script.named("App")["state"] == "installed"
    assert not list(home.instance.glob("*.db")), "nothing is in SQLite"
    with server.connect(url) as connection:
        ((stored,),) = connection.execute("SELECT value FROM environment WHERE key = 'DB_PASSWORD'").fetchall()
    assert "s3cret" not in str(stored)

    told = json.loads(done(home.run("doctor", "--json")))
    findings = {one["about"]: one for one in told["findings"]}
    assert [one for one in told["findings"] if one["level"] == "fail"] == []
    assert findings["database"]["facts"]["kind"] == "PostgreSQL"
    assert findings["secrets"]["level"] == findings["containers"]["level"] == findings["ports"]["level"] == "ok"

    for command, status in (("stop", "stopped"), ("start", "started")):
        script.post(f"/{app}/{command}")
        assert script.settled(app) == ("installed", status)

    server.stop()
    answer = requests.get(f"{home.url}/healthz", timeout=30)
    assert (answer.status_code, answer.json()["database"]) == (503, "down")
    broken = json.loads(done(home.run("doctor", "--json"), 1))
    assert {one["about"] for one in broken["findings"] if one["level"] == "fail"} == {"database"}
    server.start()
    assert requests.get(f"{home.url}/healthz", timeout=30).status_code == 200

    script.post(f"/{app}/uninstall")
    assert script.settled(app) == ("available", "stopped")
    assert engine.run_docker("ps", "-aq", "--filter", "name=pg-app").strip() == ""
