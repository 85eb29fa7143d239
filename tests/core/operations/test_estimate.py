"""How far an operation is, and how long it will still take."""

import pytest

from rockonweb.core.operations.estimate import DurationHistory, Estimate, StepTime, build_history, estimate_progress

Step = tuple[str, str]  # kind and title
PULL = ("pull", "pull box.example/app:1")
MAKE = ("create", "create container app")
WAIT = ("await_health", "wait until app is healthy")


def ended(step: Step, seconds: float) -> StepTime:
    return StepTime(*step, started=True, finished=True, seconds=seconds)


def running(step: Step, seconds: float, current: int = 0, total: int = 0) -> StepTime:
    return StepTime(*step, started=True, seconds=seconds, current=current, total=total)


def test_the_newest_time_of_a_step_counts_and_the_median_of_its_kind() -> None:
    others = [("pull", "pull other", 10.0), (*WAIT, 4.0), ("await_health", "auf b warten", 8.0)]
    history = build_history([(*PULL, 40.0), (*PULL, 90.0)], others)
    assert history.by_step == {PULL: 40.0}
    assert history.by_kind == {"pull": 40.0, "await_health": 6.0}


def test_what_took_long_before_takes_most_of_the_bar() -> None:
    history = DurationHistory({PULL: 80.0, MAKE: 1.0, WAIT: 19.0})
    steps = [running(PULL, 40.0), StepTime(*MAKE), StepTime(*WAIT)]
    assert estimate_progress(steps, history) == Estimate(40, 60.0)
    steps = [ended(PULL, 80.0), ended(MAKE, 1.0), running(WAIT, 9.0)]
    assert estimate_progress(steps, history) == Estimate(90, 10.0)


def test_a_pull_goes_by_its_bytes_and_its_rate() -> None:
    steps = [running(PULL, 17.0, 100, 400)]
    assert estimate_progress(steps, DurationHistory({PULL: 5.0})) == Estimate(21, pytest.approx(63.0))
    early = [running(PULL, 1.0, 100, 400)]  # the rate of a moment tells nothing
    assert estimate_progress(early, DurationHistory({PULL: 5.0})) == Estimate(20, 4.0)


def test_what_was_never_seen_moves_the_bar_and_has_no_words() -> None:
    found = estimate_progress(
        [ended(("make_share", "create share a"), 0.1), running(("", "something new"), 0.5)], DurationHistory()
    )
    assert 0 < found.percent < 100
    assert found.seconds_left is None


def test_what_takes_longer_than_ever_is_not_about_to_end() -> None:
    history = DurationHistory({WAIT: 10.0})
    assert estimate_progress([running(WAIT, 9.0)], history) == Estimate(90, 1.0)
    late = estimate_progress([running(WAIT, 60.0)], history)
    assert late.seconds_left is None
    assert late.percent < 100


def test_the_bar_of_one_page_does_not_go_back() -> None:
    history = DurationHistory({PULL: 10.0})
    assert estimate_progress([running(PULL, 5.0)], history).percent == 50
    grown = [running(PULL, 6.0, 10, 1000)]
    assert estimate_progress(grown, history).percent < 50
    assert estimate_progress(grown, history, least=50).percent == 50


@pytest.mark.parametrize("least", [-5, 100, 4000])
def test_it_stays_within_its_range_and_only_an_end_is_all(least: int) -> None:
    assert 0 <= estimate_progress([running(WAIT, 1.0)], DurationHistory(), least=least).percent <= 99
    assert estimate_progress([ended(WAIT, 1.0)], DurationHistory()).percent == 99
    assert estimate_progress([], DurationHistory()).percent == 0
    assert estimate_progress([], DurationHistory(), done=True) == Estimate(100)


def test_while_time_goes_by_it_only_grows() -> None:
    history = DurationHistory({WAIT: 10.0, MAKE: 1.0})
    seen = [estimate_progress([running(WAIT, tenth / 10), StepTime(*MAKE)], history).percent for tenth in range(400)]
    assert seen == sorted(seen)
    assert seen[-1] < 100
