"""What the steps of an operation leave on record, on a stand-in for Docker."""

from contextlib import suppress

import pytest
from flask import Flask

from rockonweb.core.errors import EngineError, Unhealthy
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import AwaitHealth, RunOnce, Step
from rockonweb.core.text import AppOutput, t
from rockonweb.host import get_host
from rockonweb.models import Operation, OperationStep, db
from rockonweb.work import operations
from rockonweb.work.executor import Executor
from tests.support.app import add_rockon

PRINTED = AppOutput("the key is 42")


class PrintingEngine:
    """An engine where whatever runs once prints, and nothing becomes healthy."""

    def __init__(self, error: EngineError | None) -> None:
        self.error = error
        self.waiter = type("Waiter", (), {"on_wait": None})()

    def paths_to_mount(self, _argv: object) -> list[str]:
        return []

    def run_once(self, _argv: object, _seconds: int) -> str:
        if self.error:
            raise self.error
        return PRINTED


def perform(engine: PrintingEngine, step: Step, monkeypatch: pytest.MonkeyPatch) -> OperationStep:
    """Perform a step as a worker does, and return its row."""
    operation_id = operations.submit_operation(add_rockon("Notes"), InstallRequest(), "ada")
    executor = Executor(get_host(), engine, db.session.get_one(Operation, operation_id))  # type: ignore[arg-type]
    executor.rolls_back = False

    def fail(*_: object) -> list[str]:
        assert engine.error
        raise engine.error

    monkeypatch.setattr(type(executor.host), "await_health", fail)
    with suppress(EngineError):
        executor.perform_steps((step,))
    db.session.rollback()
    return db.session.get_one(Operation, operation_id).steps[0]


@pytest.mark.parametrize("fails", [False, True])
def test_what_a_one_shot_run_printed_is_kept_apart(app: Flask, monkeypatch: pytest.MonkeyPatch, fails: bool) -> None:
    error = EngineError(t("web ended with exit code 1."), output=PRINTED) if fails else None
    once = RunOnce(container="web", argv=("docker", "run", "image"), why="")
    row = perform(PrintingEngine(error), once, monkeypatch)
    assert (row.output, row.app_output) == ("", PRINTED)


def test_the_log_of_an_unhealthy_container_is_kept_apart(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = AwaitHealth(pages=(("web", None),), why="")
    row = perform(PrintingEngine(Unhealthy(t("web is unhealthy."), output=PRINTED)), gate, monkeypatch)
    assert (row.output, row.app_output) == ("", PRINTED)


def test_what_docker_says_stays_for_all(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    once = RunOnce(container="web", argv=("docker", "run", "image"), why="")
    row = perform(PrintingEngine(EngineError(t("No."), output="no space left")), once, monkeypatch)
    assert (row.output, row.app_output) == ("no space left", "")
