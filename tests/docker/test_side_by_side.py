"""Operations beside each other and one after another, as `rockonweb up` does them on a real engine."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any

import pytest
import requests

from rockonweb.core.text import from_stored
from tests.support.apps import wait_for
from tests.support.engine import DockerDaemon
from tests.support.person import Person
from tests.support.stack import Stack

PATIENCE = 90  # seconds
LANE = ["--net", "lane"]
# Its operation waits for it until a test lets it go: long enough for two operations to meet.
HELD = [["--health-cmd", "test -e /tmp/go"], ["--health-interval", "200ms"], ["--health-start-period", "5m"]]
ROCKONS = {  # each test has its own
    "Alone": HELD,
    "Beside": HELD,
    "Road": [LANE, *HELD],
    "Joins": [LANE],
    "Lender": HELD,
    "Borrower": [["--volumes-from", "lender"]],
    "Pressed": [],
    "Taken": [LANE, *HELD],
    "Waits": [LANE],
    "Free": [],
    "Later": [],
    "Stuck": HELD,
    "Stuck-too": HELD,
    "Broken": [["--runtime", "none-of-this-name"]],
}
ENDED = ("DONE", "FAILED", "CANCELLED", "INTERRUPTED")


class Street:
    """Several rock-ons of one container on one product, and somebody who asks for things by the API and the pages."""

    def __init__(self, engine: DockerDaemon, stack: Stack, image: str) -> None:
        self.engine, self.stack = engine, stack
        for name, opts in ROCKONS.items():
            container = {"image": image, "tag": "", "launch_order": 1, "opts": opts}
            body = {"description": "", "version": "1", "website": "", "containers": {name.lower(): container}}
            (stack.local_metastore / f"{name}.json").write_text(json.dumps({name: body}))
        stack.run("catalog", "refresh")
        self.ids = {name: int(self.ask("SELECT id FROM rockon WHERE name = ?", name)) for name in ROCKONS}

    def ask(self, query: str, *values: object) -> Any:
        """The first value that the database has for a query."""
        with closing(sqlite3.connect(self.stack.instance / "rockonweb.db", timeout=30)) as file:
            row = file.execute(query, values).fetchone()
            return row[0] if row else None

    def post(self, name: str, command: str) -> int:
        """Ask for an operation; returns its id."""
        answer = requests.post(
            f"{self.stack.url}/api/rockons/{self.ids[name]}/{command}",
            json={},
            auth=(self.stack.user, self.stack.password),
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        return int(self.ask("SELECT max(id) FROM operation WHERE installation_id = ?", self.ids[name]))

    def person(self) -> Person:
        """Somebody at the pages."""
        return Person(self.stack.url, self.stack.user, self.stack.password)

    def outcome(self, operation: int) -> str:
        """How an operation ended, waiting for its end."""
        return self._wait(lambda: found if (found := self.progress(operation)) in ENDED else "")

    def progress(self, operation: int) -> str:
        """How far an operation is."""
        return str(self.ask("SELECT progress FROM operation WHERE id = ?", operation))

    def await_step(self, operation: int, words: str) -> None:
        """Wait until a step of an operation runs whose words are so."""
        query = "SELECT 1 FROM operation_step WHERE operation_id = ? AND title LIKE ? AND progress = 'RUNNING'"
        self._wait(lambda: "it runs" if self.ask(query, operation, f"%{words}%") else "")

    def time(self, operation: int, column: str) -> datetime:
        """When an operation began or ended."""
        return datetime.fromisoformat(self.ask(f"SELECT {column} FROM operation WHERE id = ?", operation))

    def let_go(self, name: str) -> None:
        """Let an app that is waited for be well."""
        self.engine.run_docker("exec", name.lower(), "touch", "/tmp/go")

    def _wait(self, look: Callable[[], str]) -> str:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.1)
        raise AssertionError("it did not come to that")


@pytest.fixture(scope="module")
def here(engine: DockerDaemon, standin: Callable[..., str]) -> Iterator[Street]:
    """The street of all tests of this module."""
    engine.run_docker("network", "create", "lane")
    limits = {"ROCKONWEB_HEALTH_SECONDS": "0", "ROCKONWEB_HEALTH_TIMEOUT": "240"}
    product = Stack(engine.host, environment=limits)
    try:
        product.start()
        yield Street(engine, product, standin("side"))
    finally:
        product.close()
        engine.remove_everything()


def test_rock_ons_that_share_nothing_change_side_by_side(here: Street) -> None:
    one, two = here.post("Alone", "install"), here.post("Beside", "install")
    for operation in (one, two):
        here.await_step(operation, "wait until")
    for name in ("Alone", "Beside"):
        here.let_go(name)
    assert (here.outcome(one), here.outcome(two)) == ("DONE", "DONE")
    assert here.time(two, "started") < here.time(one, "finished")


@pytest.mark.parametrize(("first", "second"), [("Road", "Joins"), ("Lender", "Borrower")], ids=["network", "volumes"])
def test_those_that_share_something_wait_for_each_other(here: Street, first: str, second: str) -> None:
    one = here.post(first, "install")
    here.await_step(one, "wait until")
    two = here.post(second, "install")
    waiting = here.person().get(f"/operations/{two}").text
    assert "Waiting: next in the queue, after" in waiting
    assert first in waiting.partition("Waiting: next in the queue, after")[2][:200]
    assert here.progress(two) == "QUEUED"
    here.let_go(first)
    assert (here.outcome(one), here.outcome(two)) == ("DONE", "DONE")
    assert here.time(two, "started") >= here.time(one, "finished")
    assert {first.lower(), second.lower()} <= {*here.engine.run_docker("ps", "--format", "{{.Names}}").split()}


def test_many_presses_in_a_row_end_as_the_last_one_says(here: Street) -> None:
    assert here.outcome(here.post("Pressed", "install")) == "DONE"
    stop_start = (("stop", "start") * 5, "running", "STARTED")
    for commands, state, status in (stop_start, (("start", "stop") * 2, "exited", "STOPPED")):
        pressed = [here.post("Pressed", command) for command in commands]
        assert {here.outcome(operation) for operation in pressed} == {"DONE"}
        assert here.engine.run_docker("inspect", "--format", "{{.State.Status}}", "pressed") == state
        assert here.ask("SELECT status FROM installation WHERE id = ?", here.ids["Pressed"]) == status


def test_what_waits_can_be_cancelled_and_what_runs_is_taken_back(here: Street) -> None:
    one = here.post("Taken", "install")
    here.await_step(one, "wait until")
    two = here.post("Waits", "install")
    somebody = here.person()
    assert somebody.press_button(f"/operations/{two}", f"/operations/{two}/cancel").ok
    assert here.progress(two) == "CANCELLED"
    assert here.progress(one) == "RUNNING"
    assert somebody.press_button(f"/operations/{one}", f"/operations/{one}/cancel").ok
    assert here.outcome(one) == "CANCELLED"
    assert not {"taken", "waits"} & {*here.engine.run_docker("ps", "-a", "--format", "{{.Names}}").split()}
    states = {here.ask("SELECT state FROM installation WHERE id = ?", here.ids[name]) for name in ("Taken", "Waits")}
    assert states == {"AVAILABLE"}


def test_while_installs_hold_all_workers_others_are_stopped_started_and_uninstalled(here: Street) -> None:
    assert here.outcome(here.post("Free", "install")) == "DONE"
    stuck = [here.post(name, "install") for name in ("Stuck", "Stuck-too")]  # as many as there are workers
    for operation in stuck:
        here.await_step(operation, "wait until")
    waiting = here.post("Later", "install")
    assert [here.outcome(here.post("Free", command)) for command in ("stop", "start", "uninstall")] == ["DONE"] * 3
    assert [here.progress(operation) for operation in (*stuck, waiting)] == ["RUNNING", "RUNNING", "QUEUED"]
    for name in ("Stuck", "Stuck-too"):
        here.let_go(name)
    assert {here.outcome(operation) for operation in (*stuck, waiting)} == {"DONE"}
    health = requests.get(f"{here.stack.url}/healthz", timeout=20).json()
    assert health["workers"] == 2


def test_an_operation_that_fails_is_a_line_of_the_log(here: Street) -> None:
    failed = here.post("Broken", "install")
    assert here.outcome(failed) == "FAILED"
    sentence = from_stored(here.ask("SELECT error FROM operation WHERE id = ?", failed))
    wait_for(lambda: f"operation-{failed} failed: {sentence}" in here.stack.output)
    assert "Traceback" not in here.stack.output
