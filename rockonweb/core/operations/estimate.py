"""The progress and remaining time of an operation, from how long its steps took before. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from rockonweb.core.text import TranslatableText, t

# Seconds for kinds of steps without history. They move the progress bar, but no remaining time is shown.
_GUESSED_SECONDS = {"pull": 30.0, "fetch_catalogue": 5.0, "stop": 3.0, "run_once": 5.0}
_GUESSED_SECONDS |= dict.fromkeys(("await_health", "await_answer", "await_end"), 12.0)
_DEFAULT_SECONDS = 1.0
DOWNLOAD_FRACTION = 0.85  # of a pull's time is for downloading, the rest for unpacking
MIN_RATE_SECONDS = 3.0  # seconds after which the rate of a pull is meaningful
OVERDUE_FACTOR = 1.5  # times the expected duration: after it, the remaining time is unknown
MIN_LEFT_FRACTION = 0.1  # of a step's time always counts as remaining while it runs


@dataclass(frozen=True)
class StepTime:
    """A step: kind and title, whether it has started and finished, its seconds until now, and the bytes of a pull."""

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
    """The elapsed percentage of an operation's time, 0 to 100, and the seconds that are left; None where unknown."""

    percent: int
    seconds_left: float | None = None


def build_history(
    own_steps: Iterable[tuple[str, str, float]], all_steps: Iterable[tuple[str, str, float]]
) -> DurationHistory:
    """Return the history of finished steps, each given as kind, title and seconds; `own_steps` are newest first."""
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
    """Return the progress and remaining time of the steps.

    `done`: the operation has succeeded. `least` is the percentage that a page shows already: it never decreases,
    although a pull may turn out to be larger than reported.
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
    """Return the remaining seconds of a step, and whether they are based on data."""
    usual = history.by_step.get((step.kind, step.title), history.by_kind.get(step.kind))
    expected = _GUESSED_SECONDS.get(step.kind, _DEFAULT_SECONDS) if usual is None else usual
    if not step.started:
        return expected, usual is not None
    if step.total > 0 and step.current > 0 and step.seconds >= MIN_RATE_SECONDS:
        fraction_done = DOWNLOAD_FRACTION * min(step.current / step.total, 1.0)
        return step.seconds * (1 - fraction_done) / fraction_done, True
    remaining = max(expected - step.seconds, MIN_LEFT_FRACTION * max(expected, step.seconds))
    return remaining, usual is not None and step.seconds <= OVERDUE_FACTOR * max(expected, 1.0)


def describe_downtime(recreated: Collection[str], containers: int, *, running: bool) -> TranslatableText:
    """Return how long the app is unavailable, when these of its containers are recreated."""
    if not running:
        return t("The app is stopped now and stays stopped; the next start uses the new settings.")
    if not recreated:
        return t("Nothing is recreated: the app keeps running the whole time.")
    if len(recreated) == containers:
        return t(
            "The app is unavailable from the moment its old containers stop until the new ones have started, usually "
            "for a few seconds. Anything that must be downloaded is downloaded beforehand."
        )
    return t(
        "%(count)s of %(containers)s containers are replaced; the others keep running. What the replaced ones provide "
        "is unavailable in the meantime, usually for a few seconds. Anything that must be downloaded is downloaded "
        "beforehand.",
        count=len(recreated),
        containers=containers,
    )
