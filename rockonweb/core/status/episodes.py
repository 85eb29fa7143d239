"""Episodes, the times in which an app is down: when one begins and ends, what is told of it, and when the app is
restarted automatically. Pure.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rockonweb.core.status.status import Problem

WELL_SECONDS = 60  # that an app must be well, at least, to count as well again
LONGEST_WELL_SECONDS = 3600  # that an app must be well after relapses, at most
COMMON_SECONDS = 60  # apps that went down within them are told of together
MENDABLE = (Problem.OUT_OF_MEMORY, Problem.ENDED, Problem.UNHEALTHY, Problem.NOT_ANSWERING)
# Seconds before each automatic restart in MEND_PERIOD, since the begin or since the one before: after that, whether a
# page answers again shows within two minutes.
MEND_PAUSES = (30, 300, 900)
MEND_PERIOD = 3600  # seconds


class EpisodeNews(enum.Enum):
    """What is told of an episode."""

    DOWN = enum.auto()
    WELL = enum.auto()


@dataclass(frozen=True)
class EpisodeState:
    """An open episode; times are in Unix seconds. `well_since` is None while the app is down; `relapses` counts how
    often it was well again and did not stay so; `told`: whether it was told that it is down.
    """

    began: float
    well_since: float | None = None
    relapses: int = 0
    told: bool = False


@dataclass(frozen=True)
class EpisodeVerdict:
    """What becomes of an episode: its state, None where there is none (any more), and what is to be told."""

    state: EpisodeState | None
    news: EpisodeNews | None = None


def judge_episode(
    state: EpisodeState | None, problem: Problem | None, at: float, grace: float, *, held: bool = False
) -> EpisodeVerdict:
    """Return what becomes of an app's open episode (None: it has none).

    `problem` is what is wrong with the app now, None where somebody stopped or removed it. It is told that it is down
    once it has been for `grace` seconds, and that it is well again once it stayed so as long, twice as long after each
    relapse: so a crash loop is one episode. While messages are `held`, nothing is told, now or for what ends meanwhile.
    """
    if problem is None or (state is None and not problem.is_down):
        return EpisodeVerdict(None)
    state = state or EpisodeState(at)
    state = replace(state, began=min(state.began, at))  # the clock may have been put back
    if problem is Problem.STARTING:
        return EpisodeVerdict(state)
    if problem.is_down:
        if state.well_since is not None:
            state = replace(state, well_since=None, relapses=state.relapses + 1)
        if state.told or held or at - state.began < grace:
            return EpisodeVerdict(state)
        return EpisodeVerdict(replace(state, told=True), EpisodeNews.DOWN)
    state = replace(state, well_since=at if state.well_since is None else min(state.well_since, at))
    if at - (state.well_since or at) < _well_seconds(state, grace) or (state.told and held):
        return EpisodeVerdict(state)
    return EpisodeVerdict(None, EpisodeNews.WELL if state.told else None)


def _well_seconds(state: EpisodeState, grace: float) -> float:
    return min(max(grace, WELL_SECONDS) * 2.0 ** min(state.relapses, 16), LONGEST_WELL_SECONDS)


class Mending(enum.Enum):
    """What is to be done for an app that is down."""

    WAIT = enum.auto()
    RESTART = enum.auto()
    GIVE_UP = enum.auto()


def decide_mending(state: EpisodeState, problem: Problem, at: float, restarts: Sequence[float]) -> Mending:
    """Return whether an app is restarted automatically now; `restarts` are the times when it was before.

    Docker itself restarts what keeps ending, and a container that somebody stopped or removed stays so.
    """
    recent = [restart for restart in restarts if restart > at - MEND_PERIOD]
    past = [restart for restart in recent if restart <= at]  # the others are from before the clock was put back
    waited = at - max(past, default=state.began)
    if problem not in MENDABLE or state.well_since is not None:
        return Mending.WAIT
    if len(recent) < len(MEND_PAUSES):
        return Mending.RESTART if waited >= MEND_PAUSES[len(recent)] else Mending.WAIT
    return Mending.GIVE_UP if past == recent and waited >= WELL_SECONDS else Mending.WAIT
