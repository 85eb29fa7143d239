"""Whether a container that was just started is healthy, judged from successive observations. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import is_completed
from rockonweb.core.text import TranslatableText, t

HealthOutcome = Literal["healthy", "unhealthy", "waiting"]
BRIEF_SECONDS = 60  # for a container that ran before
MAX_RESTARTS = 5  # of a container that may be waiting for another one; after more it is unhealthy
RESTART_GRACE = 0.2  # fraction of the timeout in which restarts do not count


@dataclass(frozen=True)
class ContainerObservation:
    """A container at one moment.

    `observed_at` is in seconds of a monotonic clock; `page_answered` is whether its page gave an HTTP response, None
    where it has no page.
    """

    observed_at: float
    facts: ContainerFacts | None
    page_answered: bool | None = None


@dataclass(frozen=True)
class HealthLimits:
    """In seconds: how long a container must run without a restart, and how long it may take to become healthy.

    With `only_steady`, neither its page nor its own health check is waited for.
    """

    steady_seconds: float = 10
    timeout_seconds: float = 300
    only_steady: bool = False

    def brief(self) -> HealthLimits:
        """Return the limits for a container that ran before: whether it stays up shows soon."""
        seconds = min(self.timeout_seconds, max(BRIEF_SECONDS, 3 * self.steady_seconds))
        return replace(self, timeout_seconds=seconds, only_steady=True)


@dataclass(frozen=True)
class HealthVerdict:
    """The verdict on observations; `reason` is a sentence on why it is unhealthy, or what is awaited."""

    outcome: HealthOutcome
    reason: TranslatableText | str = ""


def judge_health(name: str, observations: Sequence[ContainerObservation], limits: HealthLimits) -> HealthVerdict:
    """Return the verdict on the container `name` from all observations since its start, the oldest first.

    Its own health check counts where it has one. Otherwise it must run for a while without a restart, and its page
    must answer; a port that accepts a connection proves nothing, since Docker does that itself. One that was meant to
    end and did is healthy.
    """
    latest, elapsed = observations[-1], observations[-1].observed_at - observations[0].observed_at
    facts = latest.facts
    if facts is None:
        return HealthVerdict("unhealthy", t("%(name)s no longer exists.", name=name))
    if is_completed(facts) or facts.health == "healthy":
        return HealthVerdict("healthy")
    if facts.health == "unhealthy":
        return HealthVerdict("unhealthy", t("%(name)s is unhealthy according to its own health check.", name=name))
    if facts.state in ("exited", "dead"):
        return HealthVerdict("unhealthy", t("%(name)s ended with exit code %(code)s.", name=name, code=facts.exit_code))
    if _restart_count(observations) >= MAX_RESTARTS and elapsed >= limits.timeout_seconds * RESTART_GRACE:
        return HealthVerdict("unhealthy", t("%(name)s keeps stopping and restarting.", name=name))
    judged_by_running = facts.state == "running" and (limits.only_steady or not facts.health)
    steady = judged_by_running and _steady_seconds(observations) >= limits.steady_seconds
    if steady and latest.page_answered is not False:
        return HealthVerdict("healthy")
    reason = _waiting_reason(name, latest, steady=steady)
    return HealthVerdict("unhealthy" if elapsed >= limits.timeout_seconds else "waiting", reason)


def _steady_seconds(observations: Sequence[ContainerObservation]) -> float:
    """Return for how many seconds the container has run without a restart."""
    since = observations[-1].observed_at
    for observation in reversed(observations):
        if (
            observation.facts is None
            or observation.facts.state != "running"
            or _run_identity(observation.facts) != _run_identity(observations[-1].facts)
        ):
            break
        since = observation.observed_at
    return observations[-1].observed_at - since


def _restart_count(observations: Sequence[ContainerObservation]) -> int:
    """Return how often a container was restarted since the first observation: one that ran before has older ones."""
    restarts = [observation.facts.restarts for observation in observations if observation.facts]
    return restarts[-1] - restarts[0] if observations[0].facts else restarts[-1]


def _run_identity(facts: ContainerFacts | None) -> tuple[int, str]:
    return (facts.restarts, facts.started) if facts else (0, "")


def _waiting_reason(name: str, observation: ContainerObservation, *, steady: bool) -> TranslatableText:
    facts = observation.facts
    if facts and facts.health:
        return t("%(name)s has not passed its own health check yet.", name=name)
    if facts and facts.state == "restarting":
        return t("%(name)s has stopped and is restarting.", name=name)
    if steady and observation.page_answered is False:
        return t("%(name)s is running, but its page does not answer.", name=name)
    return t("%(name)s has not run for long enough.", name=name)
