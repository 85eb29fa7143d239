"""How far an operation is and how long it will still take, from how long its steps took before. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

# Seconds for a kind of step of which nothing is known. They move the bar, and never become words.
_GUESSED_SECONDS = {"pull": 30.0, "fetch_catalogue": 5.0, "stop": 3.0, "run_once": 5.0}
_GUESSED_SECONDS |= dict.fromkeys(("await_health", "await_answer", "await_end"), 12.0)
_DEFAULT_SECONDS = 1.0
DOWNLOAD_FRACTION = 0.85  # of a pull goes on loading, the rest on unpacking
MIN_RATE_SECONDS = 3.0  # seconds after which the rate of a pull tells something
OVERDUE_FACTOR = 1.5  # times as long as expected: then nobody knows how long it will still take
MIN_LEFT_FRACTION = 0.1  # of a step's time is always thought to be left of it while it runs


@dataclass(frozen=True)
class StepTime:
    """A step: its kind and title, whether it has begun and ended, the seconds that it took or has taken so far, the
    bytes of a pull.
    """

    kind: str
    title: str
    started: bool = False
    finished: bool = False
    seconds: float = 0.0
    current: int = 0
    total: int = 0


@dataclass(frozen=True)
class DurationHistory:
    """Seconds that steps took before: of this rock-on by kind and title, of all by kind."""

    by_step: Mapping[tuple[str, str], float] = field(default_factory=dict)
    by_kind: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Estimate:
    """How much of an operation's time is over, 0 to 100, and the seconds that are left; None where nobody knows."""

    percent: int
    seconds_left: float | None = None


def build_history(
    own_steps: Iterable[tuple[str, str, float]], all_steps: Iterable[tuple[str, str, float]]
) -> DurationHistory:
    """Return what steps that ended tell, each its kind, title and seconds, those of this rock-on the newest first."""
    steps: dict[tuple[str, str], float] = {}
    kinds: dict[str, list[float]] = {}
    for kind, title, seconds in own_steps:
        steps.setdefault((kind, title), seconds)
        kinds.setdefault(kind, []).append(seconds)
    for kind, _, seconds in all_steps:
        kinds.setdefault(kind, []).append(seconds)
    return DurationHistory(steps, {kind: median(durations) for kind, durations in kinds.items()})


def estimate_progress(
    steps: Sequence[StepTime], history: DurationHistory, *, done: bool = False, least: int = 0
) -> Estimate:
    """Return how far the steps are.

    `done` says that all has ended well. `least` is what a page shows already: it does not go back, although a pull
    may turn out to be larger than it said.
    """
    if done:
        return Estimate(100)
    if not steps:
        return Estimate(min(max(least, 0), 99))
    elapsed = remaining = 0.0
    is_certain = True
    for step in steps:
        if step.started:
            elapsed += step.seconds
        if not step.finished:
            seconds, certain = _expected_seconds(step, history)
            remaining += seconds
            is_certain &= certain
    percent = int(100 * elapsed / (elapsed + remaining)) if elapsed + remaining > 0 else 0
    return Estimate(min(max(percent, least, 0), 99), remaining if is_certain else None)


def _expected_seconds(step: StepTime, history: DurationHistory) -> tuple[float, bool]:
    """Return how long a step still takes, and whether that is known."""
    usual = history.by_step.get((step.kind, step.title), history.by_kind.get(step.kind))
    expected = _GUESSED_SECONDS.get(step.kind, _DEFAULT_SECONDS) if usual is None else usual
    if not step.started:
        return expected, usual is not None
    if step.total > 0 and step.current > 0 and step.seconds >= MIN_RATE_SECONDS:
        fraction_done = DOWNLOAD_FRACTION * min(step.current / step.total, 1.0)
        return step.seconds * (1 - fraction_done) / fraction_done, True
    remaining = max(expected - step.seconds, MIN_LEFT_FRACTION * max(expected, step.seconds))
    return remaining, usual is not None and step.seconds <= OVERDUE_FACTOR * max(expected, 1.0)
