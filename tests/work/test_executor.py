"""What the steps of an operation leave on record, on a stand-in for Docker."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest
from flask import Flask

from rockonweb.core.docker.pull_layers import PullProgress
from rockonweb.core.errors import EngineError, Unhealthy
from rockonweb.core.operations.requests import InstallRequest
from rockonweb.core.operations.steps import AwaitHealth, PullImage, RunOnce, Step
from rockonweb.core.text import AppOutput, t
from rockonweb.host import Waiter, get_host
from rockonweb.models import Operation, OperationStep, PulledImage, db
from rockonweb.work import operations
from rockonweb.work.executor import Executor
from rockonweb.work.step_actions import StepAction, action_of
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


def test_every_kind_of_step_has_its_action() -> None:
    kinds = Step.__subclasses__()
    assert [kind for kind in kinds if not isinstance(action_of(kind.__new__(kind)), StepAction)] == []
    assert kinds


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


class PullingEngine:
    """An engine where each pull waits until it may end; that of an image named `bad` fails."""

    def __init__(self, together: int) -> None:
        self.waiter = Waiter()
        self.together = threading.Barrier(together)
        self.active = self.most_active = 0
        self.lock = threading.Lock()

    def pull_image(
        self, image: str, *, required: bool, silent_seconds: float, login: None = None
    ) -> Iterator[PullProgress]:
        with self.lock:
            self.active += 1
            self.most_active = max(self.most_active, self.active)
        self.together.wait(20)
        with self.lock:
            self.active -= 1
        if image == "bad":
            raise EngineError(t("No."), output="refused")
        if image == "slow":
            yield PullProgress(silent_minutes=1)
            threading.Event().wait(60)
        yield PullProgress(outcome=f"{image} is here", new_image_id=f"id of {image}")

    def operation_containers(self, _uid: str) -> list[str]:
        return []


def pull(engine: PullingEngine, *images: str) -> tuple[list[OperationStep], str]:
    """Pull images as a worker does; return the rows, and what was raised."""
    operation_id = operations.submit_operation(add_rockon("Notes"), InstallRequest(), "ada")
    executor = Executor(get_host(), engine, db.session.get_one(Operation, operation_id))  # type: ignore[arg-type]
    raised = ""
    try:
        executor.perform_steps(PullImage(image=image, why="") for image in images)
    except EngineError as error:
        raised = error.sentence
    db.session.rollback()
    return db.session.get_one(Operation, operation_id).steps, raised


def test_images_are_pulled_three_at_a_time_and_each_has_its_own_row(app: Flask) -> None:
    engine = PullingEngine(together=3)
    rows, raised = pull(engine, *"abcdef")
    assert (raised, engine.most_active) == ("", 3)
    assert [(row.progress, row.output) for row in rows] == [("done", f"{image} is here") for image in "abcdef"]
    assert all(row.started and row.finished for row in rows)
    assert rows[3].started >= min(row.finished for row in rows[:3])  # type: ignore[operator, type-var]
    assert {image.reference for image in db.session.query(PulledImage)} == {*"abcdef"}


def test_a_pull_that_fails_cancels_those_beside_it_and_keeps_the_others_from_beginning(app: Flask) -> None:
    rows, raised = pull(PullingEngine(together=3), "slow", "bad", "slow", "a")
    assert raised == "No."
    assert [(row.progress, row.output) for row in rows[1:2]] == [("failed", "refused")]
    assert [row.progress for row in rows] == ["cancelled", "failed", "cancelled", "queued"]
