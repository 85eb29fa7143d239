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
from tests.support.engine import Engine
from tests.support.person import Person
from tests.support.stack import Stack

STEADY = 3  # seconds that an app must hold: long enough for two operations to meet
PATIENCE = 90  # seconds
ENDED = ("DONE", "FAILED", "CANCELLED", "INTERRUPTED")


class Street:
    """Several rock-ons of one container on one product, and somebody who asks for things by the API and the pages."""

    def __init__(self, stack: Stack, image: str, rockons: dict[str, list[list[str]]]) -> None:
        for name, opts in rockons.items():
            container = {"image": image, "tag": "", "launch_order": 1, "opts": opts}
            body = {"description": "", "version": "1", "website": "", "containers": {name.lower(): container}}
            (stack.local_metastore / f"{name}.json").write_text(json.dumps({name: body}))
        stack.run("catalog", "refresh")
        self.stack = stack
        self.ids = {name: int(self.ask("SELECT id FROM rockon WHERE name = ?", name)) for name in rockons}

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
        return int(self.ask("SELECT max(id) FROM operation WHERE rockon_id = ?", self.ids[name]))

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

    def _wait(self, look: Callable[[], str]) -> str:
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            if found := look():
                return found
            time.sleep(0.1)
        raise AssertionError("it did not come to that")


@pytest.fixture
def street(
    engine: Engine, standin: Callable[..., str], stack: Callable[..., Stack]
) -> Iterator[Callable[[dict[str, list[list[str]]]], Street]]:
    engine.docker("network", "create", "lane")
    product = stack(engine.host, environment={"ROCKONWEB_HEALTH_SECONDS": str(STEADY)})
    image = standin("side")
    yield lambda rockons: Street(product, image, rockons)
    product.close()
    engine.clear()


def test_rock_ons_that_share_nothing_change_side_by_side(street: Callable[..., Street]) -> None:
    here = street({"One": [], "Two": []})
    one, two = here.post("One", "install"), here.post("Two", "install")
    assert (here.outcome(one), here.outcome(two)) == ("DONE", "DONE")
    assert here.time(two, "started") < here.time(one, "finished")


@pytest.mark.parametrize("second", [["--net", "lane"], ["--volumes-from", "one"]], ids=["network", "volumes"])
def test_those_that_share_something_wait_for_each_other(
    street: Callable[..., Street], second: list[str], engine: Engine
) -> None:
    here = street({"One": [["--net", "lane"]], "Two": [second]})
    one = here.post("One", "install")
    here.await_step(one, "wait until")
    two = here.post("Two", "install")
    waiting = here.person().get(f"/operations/{two}").text
    assert "Waiting: next, after" in waiting
    assert "One" in waiting.partition("Waiting: next, after")[2][:200]
    assert (here.outcome(one), here.outcome(two)) == ("DONE", "DONE")
    assert here.time(two, "started") >= here.time(one, "finished")
    assert {*engine.docker("ps", "--format", "{{.Names}}").split()} == {"one", "two"}


@pytest.mark.parametrize(("last", "state"), [("start", "running"), ("stop", "exited")])
def test_ten_presses_in_a_row_end_as_the_last_one_says(
    street: Callable[..., Street], engine: Engine, last: str, state: str
) -> None:
    here = street({"One": []})
    assert here.outcome(here.post("One", "install")) == "DONE"
    other = {"start": "stop", "stop": "start"}[last]
    pressed = [here.post("One", command) for command in (other, last) * 5]
    assert {here.outcome(operation) for operation in pressed} == {"DONE"}
    assert engine.docker("inspect", "--format", "{{.State.Status}}", "one").strip() == state
    status = "SELECT status FROM rockon WHERE id = ?"
    assert here.ask(status, here.ids["One"]) == {"running": "STARTED", "exited": "STOPPED"}[state]


def test_what_waits_can_be_cancelled_and_what_runs_is_taken_back(street: Callable[..., Street], engine: Engine) -> None:
    here = street({"One": [["--net", "lane"]], "Two": [["--net", "lane"]]})
    one = here.post("One", "install")
    here.await_step(one, "wait until")
    two = here.post("Two", "install")
    somebody = here.person()
    assert somebody.press(f"/operations/{two}", f"/operations/{two}/cancel").ok
    assert here.progress(two) == "CANCELLED"
    assert here.progress(one) == "RUNNING"
    assert somebody.press(f"/operations/{one}", f"/operations/{one}/cancel").ok
    assert here.outcome(one) == "CANCELLED"
    assert engine.docker("ps", "-aq").split() == []
    states = {here.ask("SELECT state FROM rockon WHERE id = ?", one) for one in here.ids.values()}
    assert states == {"AVAILABLE"}


def test_an_operation_that_fails_is_a_line_of_the_log(street: Callable[..., Street]) -> None:
    here = street({"One": [["--runtime", "none-of-this-name"]]})
    failed = here.post("One", "install")
    assert here.outcome(failed) == "FAILED"
    sentence = from_stored(here.ask("SELECT error FROM operation WHERE id = ?", failed))
    assert f"operation-{failed} failed: {sentence}" in here.stack.output
    assert "Traceback" not in here.stack.output
