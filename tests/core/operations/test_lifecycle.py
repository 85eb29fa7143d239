"""What operations make of rock-ons, and which of them queue, join or are refused."""

import pytest

from rockonweb.core.operations.lifecycle import TRANSITIONS, Admission, Kind, Progress, State, decide_admission


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        ("stop", [], Admission.ENQUEUE),
        ("install", [], Admission.ENQUEUE),
        ("stop", ["start"], Admission.ENQUEUE),
        ("start", ["start"], Admission.COALESCE),
        ("start", ["start", "stop"], Admission.ENQUEUE),
        ("restart", ["change"], Admission.ENQUEUE),
        ("update", ["update"], Admission.COALESCE),
        ("update", ["change"], Admission.ENQUEUE),
        ("uninstall", ["change", "stop"], Admission.ENQUEUE),
        ("uninstall", ["uninstall"], Admission.COALESCE),
        ("start", ["stop", "uninstall"], Admission.REJECT),
        ("uninstall", ["install"], Admission.REJECT),
        ("stop", ["install"], Admission.REJECT),
        ("install", ["install"], Admission.REJECT),
        ("change", ["start"], Admission.ENQUEUE),
        ("change", ["change"], Admission.REJECT),
        ("change", ["update", "stop"], Admission.REJECT),
        ("action", ["start"], Admission.REJECT),
    ],
)
def test_the_turn_of_an_operation(kind: str, before: list[str], expected: Admission) -> None:
    assert decide_admission(Kind(kind), [*map(Kind, before)]) is expected


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
    assert State(before) in transition.allowed_states
    assert {progress: transition.state_after(Progress(progress), State(before)) for progress in ends} == ends


def test_an_install_that_stays_is_installed_though_it_failed() -> None:
    found = TRANSITIONS[Kind.INSTALL].state_after(Progress.FAILED, State.AVAILABLE, keep=True)
    assert found is State.INSTALLED


def test_each_kind_has_a_transition() -> None:
    assert {*TRANSITIONS} == {*Kind}
