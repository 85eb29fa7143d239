"""When an app counts as down and as well again, what is told of it, and when it is restarted."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from rockonweb.core.status.episodes import EpisodeState, Mending, decide_mending, judge_episode
from rockonweb.core.status.status import Problem

GRACE = 120
DOWN, WELL, STARTING = Problem.ENDED, Problem.NONE, Problem.STARTING


def follow(observations: Iterable[tuple[float, Problem | None]], grace: float = GRACE, held: str = "") -> list[str]:
    """What happens at the observations, as `SECONDS begins`, `tells down`, `tells well`, `ends`."""
    state: EpisodeState | None = None
    lines = []
    start, _, end = held.partition("-")
    for at, problem in observations:
        verdict = judge_episode(state, problem, at, grace, held=bool(held) and int(start) <= at < int(end))
        lines += [f"{at:g} begins"] if verdict.state and not state else []
        lines += [f"{at:g} tells {verdict.news.name.lower()}"] if verdict.news else []
        lines += [f"{at:g} ends"] if state and not verdict.state else []
        state = verdict.state
    return lines


@pytest.mark.parametrize(
    ("observations", "lines"),
    [
        ([(0, WELL), (60, STARTING), (120, None)], []),
        ([(0, DOWN), (60, DOWN), (120, DOWN), (180, DOWN)], ["0 begins", "120 tells down"]),
        ([(0, DOWN), (10, WELL), (70, WELL), (130, WELL)], ["0 begins", "130 ends"]),
        (
            [(0, DOWN), (120, DOWN), (200, WELL), (319, WELL), (320, WELL)],
            ["0 begins", "120 tells down", "320 tells well", "320 ends"],
        ),
        # Somebody stops or removes it: nobody has to be told.
        ([(0, DOWN), (120, DOWN), (130, None)], ["0 begins", "120 tells down", "130 ends"]),
        # What starts is neither.
        ([(0, DOWN), (150, STARTING), (160, DOWN)], ["0 begins", "160 tells down"]),
        ([(0, DOWN), (120, DOWN), (130, STARTING), (900, STARTING)], ["0 begins", "120 tells down"]),
        # A clock that is put back or forward.
        ([(5000, DOWN), (100, DOWN), (160, DOWN), (220, DOWN)], ["5000 begins", "220 tells down"]),
        ([(0, DOWN), (10, WELL), (9000, WELL)], ["0 begins", "9000 ends"]),
        ([(5000, DOWN), (5010, WELL), (100, WELL), (220, WELL)], ["5000 begins", "220 ends"]),
    ],
)
def test_what_is_told_when(observations: list[tuple[float, Problem | None]], lines: list[str]) -> None:
    assert follow(observations) == lines


@pytest.mark.parametrize("period", [5, 60, 120])
def test_a_crash_loop_is_one_episode(period: int) -> None:
    loop = [(at, DOWN if at % period < 2 else WELL) for at in range(40 * period)]
    told = [line for line in follow(loop) if "tells" in line]
    assert [line.split(" ", 1)[1] for line in told] in (["tells down"], [])
    assert len([line for line in follow(loop) if "begins" in line]) == 1


def test_a_crash_loop_is_told_once_it_lasts_for_the_grace() -> None:
    loop = [(at, DOWN if at % 60 < 30 else WELL) for at in range(600)]
    assert follow(loop) == ["0 begins", "120 tells down"]


def test_without_a_grace_it_is_told_at_once_and_a_loop_is_still_one() -> None:
    assert follow([(at, DOWN if at % 9 < 2 else WELL) for at in range(500)], grace=0) == ["0 begins", "0 tells down"]


def test_what_is_held_is_told_afterwards_if_it_still_is_so() -> None:
    down_all_the_time = [(at, DOWN) for at in range(0, 1000, 100)]
    assert follow(down_all_the_time, held="0-500") == ["0 begins", "500 tells down"]
    well_meanwhile = [(0, DOWN), (200, DOWN), (300, WELL), (450, WELL), (600, WELL)]
    assert follow(well_meanwhile, held="0-500") == ["0 begins", "450 ends"]
    assert follow(well_meanwhile, held="250-500") == ["0 begins", "200 tells down", "600 tells well", "600 ends"]


@pytest.mark.parametrize(
    ("at", "restarts", "what"),
    [
        (10, [], Mending.WAIT),
        (30, [], Mending.RESTART),
        (300, [30], Mending.WAIT),
        (330, [30], Mending.RESTART),
        (1229, [30, 330], Mending.WAIT),
        (1230, [30, 330], Mending.RESTART),
        (1240, [30, 330, 1230], Mending.WAIT),
        (1290, [30, 330, 1230], Mending.GIVE_UP),
        (3640, [30, 330, 1230], Mending.RESTART),  # only those of the last hour count
        (100, [500, 600, 700], Mending.WAIT),  # the clock was put back
    ],
)
def test_it_is_restarted_three_times_an_hour_with_growing_pauses(
    at: float, restarts: list[float], what: Mending
) -> None:
    assert decide_mending(EpisodeState(0), DOWN, at, restarts) is what


@pytest.mark.parametrize(
    "problem", [Problem.MISSING, Problem.RESTARTING, Problem.STOPPED, Problem.STARTING, Problem.NONE]
)
def test_what_docker_restarts_or_somebody_stopped_is_left_alone(problem: Problem) -> None:
    assert decide_mending(EpisodeState(0), problem, 9999, []) is Mending.WAIT
    assert decide_mending(EpisodeState(0, well_since=5), DOWN, 9999, []) is Mending.WAIT
