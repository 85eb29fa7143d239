"""Whether a container that was just started holds: judged from one look after the other. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import completed
from rockonweb.core.text import Text, t

Outcome = Literal["healthy", "unhealthy", "waiting"]
MOST_RESTARTS = 5  # of a container that may be waiting for another one; past them patience has an end
PATIENCE = 0.2  # the part of the timeout in which a container may restart as often as it likes


@dataclass(frozen=True)
class Look:
    """A container at one moment.

    `at` is in seconds on a clock that only goes forward; `answered` tells whether its page gave an HTTP answer, None
    where it has no page that could be asked.
    """

    at: float
    facts: ContainerFacts | None
    answered: bool | None = None


@dataclass(frozen=True)
class Limits:
    """In seconds: how long a container must run without a restart, and how long that may take to begin with."""

    steady: float = 10
    timeout: float = 300


@dataclass(frozen=True)
class Verdict:
    """What the looks come to; `why` is a sentence for one that is unhealthy, and what is awaited otherwise."""

    outcome: Outcome
    why: Text | str = ""


def judge(name: str, looks: Sequence[Look], limits: Limits) -> Verdict:
    """Return the verdict on the container `name` from all looks since its start, the first one first.

    Its own health check counts where it has one. Otherwise it must run for a while without a restart, and its page
    must answer; a port that accepts a connection proves nothing, since Docker does that itself. One that was meant to
    end and did is healthy.
    """
    latest, elapsed = looks[-1], looks[-1].at - looks[0].at
    facts = latest.facts
    if facts is None:
        return Verdict("unhealthy", t("%(name)s does not exist any more.", name=name))
    if completed(facts) or facts.health == "healthy":
        return Verdict("healthy")
    if facts.health == "unhealthy":
        return Verdict("unhealthy", t("%(name)s says itself that it is not healthy.", name=name))
    if facts.state in ("exited", "dead"):
        return Verdict("unhealthy", t("%(name)s ended with status %(code)s.", name=name, code=facts.exit_code))
    if facts.restarts >= MOST_RESTARTS and elapsed >= limits.timeout * PATIENCE:
        return Verdict("unhealthy", t("%(name)s ends again and again.", name=name))
    steady = facts.state == "running" and not facts.health and _steady_for(looks) >= limits.steady
    if steady and latest.answered is not False:
        return Verdict("healthy")
    awaited = _awaited(name, latest, steady=steady)
    return Verdict("unhealthy" if elapsed >= limits.timeout else "waiting", awaited)


def _steady_for(looks: Sequence[Look]) -> float:
    """Return for how many seconds the container has run without a restart."""
    since = looks[-1].at
    for look in reversed(looks):
        if look.facts is None or look.facts.state != "running" or _life(look.facts) != _life(looks[-1].facts):
            break
        since = look.at
    return looks[-1].at - since


def _life(facts: ContainerFacts | None) -> tuple[int, str]:
    return (facts.restarts, facts.started) if facts else (0, "")


def _awaited(name: str, look: Look, *, steady: bool) -> Text:
    facts = look.facts
    if facts and facts.health:
        return t("%(name)s has not passed its own health check yet.", name=name)
    if facts and facts.state == "restarting":
        return t("%(name)s ends and is started again.", name=name)
    if steady and look.answered is False:
        return t("%(name)s runs, but its page does not answer.", name=name)
    return t("%(name)s has not run for long enough.", name=name)
