"""What operations make of rock-ons, and which of them queue, join or are refused."""

import pytest

from rockonweb.core.operations.lifecycle import TRANSITIONS, Kind, Progress, State, Turn, turn


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        ("stop", [], Turn.QUEUE),
        ("install", [], Turn.QUEUE),
        ("stop", ["start"], Turn.QUEUE),
        ("start", ["start"], Turn.JOIN),
        ("start", ["start", "stop"], Turn.QUEUE),
        ("restart", ["change"], Turn.QUEUE),
        ("update", ["update"], Turn.JOIN),
        ("update", ["change"], Turn.QUEUE),
        ("uninstall", ["change", "stop"], Turn.QUEUE),
        ("uninstall", ["uninstall"], Turn.JOIN),
        ("start", ["stop", "uninstall"], Turn.REFUSE),
        ("uninstall", ["install"], Turn.REFUSE),
        ("stop", ["install"], Turn.REFUSE),
        ("install", ["install"], Turn.REFUSE),
        ("change", ["start"], Turn.QUEUE),
        ("change", ["change"], Turn.REFUSE),
        ("change", ["update", "stop"], Turn.REFUSE),
        ("action", ["start"], Turn.REFUSE),
    ],
)
def test_the_turn_of_an_operation(kind: str, before: list[str], expected: Turn) -> None:
    assert turn(Kind(kind), [*map(Kind, before)]) is expected


@pytest.mark.parametrize(
    ("kind", "before", "ends"),
    [
        ("install", "available", {"done": "installed", "failed": "install_failed", "cancelled": "available"}),
        ("install", "install_failed", {"interrupted": "install_failed", "cancelled": "available"}),
        ("change", "installed", {"done": "installed", "failed": "installed", "cancelled": "installed"}),
        ("update", "installed", {"done": "installed", "interrupted": "installed"}),
        ("uninstall", "installed", {"done": "available", "failed": "installed", "cancelled": "installed"}),
        ("uninstall", "install_failed", {"done": "available", "interrupted": "install_failed"}),
        ("stop", "installed", {"done": "installed", "failed": "installed"}),
    ],
)
def test_the_state_at_the_end(kind: str, before: str, ends: dict[str, str]) -> None:
    transition = TRANSITIONS[Kind(kind)]
    assert State(before) in transition.allowed
    assert {progress: transition.state_after(Progress(progress), State(before)) for progress in ends} == ends


def test_an_install_that_stays_is_installed_though_it_failed() -> None:
    found = TRANSITIONS[Kind.INSTALL].state_after(Progress.FAILED, State.AVAILABLE, stays=True)
    assert found is State.INSTALLED


def test_each_kind_but_the_refresh_has_a_transition() -> None:
    assert {*TRANSITIONS} == {*Kind} - {Kind.REFRESH}
