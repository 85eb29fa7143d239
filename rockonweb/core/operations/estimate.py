"""How far an operation is and how long it will still take, from how long its steps took before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

# Seconds for a kind of step of which nothing is known. They move the bar, and never become words.
_GUESSES = {"pull": 30.0, "fetch_catalogue": 5.0, "stop": 3.0, "run_once": 5.0}
_GUESSES |= dict.fromkeys(("await_health", "await_answer", "await_end"), 12.0)
_GUESS = 1.0
LOADING = 0.85  # of a pull goes on loading, the rest on unpacking
SURE = 3.0  # seconds after which the rate of a pull tells something
OVERDUE = 1.5  # times as long as expected: then nobody knows how long it will still take
LEAST_LEFT = 0.1  # of a step's time is always thought to be left of it while it runs


@dataclass(frozen=True)
class StepTime:
    """A step: its kind and title, whether it has begun and ended, the seconds that it took or has taken so far, the
    bytes of a pull.
    """

    kind: str
    title: str
    begun: bool = False
    ended: bool = False
    seconds: float = 0.0
    current: int = 0
    total: int = 0


@dataclass(frozen=True)
class History:
    """Seconds that steps took before: of this rock-on by kind and title, of all by kind."""

    steps: Mapping[tuple[str, str], float] = field(default_factory=dict)
    kinds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """How much of an operation's time is over, 0 to 100, and the seconds that are left; None where nobody knows."""

    percent: int
    left: float | None = None


def learn(own: Iterable[tuple[str, str, float]], others: Iterable[tuple[str, str, float]]) -> History:
    """Return what steps that ended tell, each its kind, title and seconds, those of this rock-on the newest first."""
    steps: dict[tuple[str, str], float] = {}
    kinds: dict[str, list[float]] = {}
    for kind, title, seconds in own:
        steps.setdefault((kind, title), seconds)
        kinds.setdefault(kind, []).append(seconds)
    for kind, _, seconds in others:
        kinds.setdefault(kind, []).append(seconds)
    return History(steps, {kind: median(found) for kind, found in kinds.items()})


def estimate(steps: Sequence[StepTime], history: History, *, done: bool = False, least: int = 0) -> Estimate:
    """Return how far the steps are.

    `done` says that all has ended well. `least` is what a page shows already: it does not go back, although a pull
    may turn out to be larger than it said.
    """
    if done:
        return Estimate(100)
    if not steps:
        return Estimate(min(max(least, 0), 99))
    over = left = 0.0
    known = True
    for step in steps:
        if step.begun:
            over += step.seconds
        if not step.ended:
            seconds, sure = _left(step, history)
            left += seconds
            known &= sure
    percent = int(100 * over / (over + left)) if over + left > 0 else 0
    return Estimate(min(max(percent, least, 0), 99), left if known else None)


def _left(step: StepTime, history: History) -> tuple[float, bool]:
    """Return how long a step still takes, and whether that is known."""
    seen = history.steps.get((step.kind, step.title), history.kinds.get(step.kind))
    expected = _GUESSES.get(step.kind, _GUESS) if seen is None else seen
    if not step.begun:
        return expected, seen is not None
    if step.total > 0 and step.current > 0 and step.seconds >= SURE:
        part = LOADING * min(step.current / step.total, 1.0)
        return step.seconds * (1 - part) / part, True
    left = max(expected - step.seconds, LEAST_LEFT * max(expected, step.seconds))
    return left, seen is not None and step.seconds <= OVERDUE * max(expected, 1.0)
