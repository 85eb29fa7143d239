"""How a rock-on is, from how its containers are. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from rockonweb.core.facts import ContainerFacts


class Status(enum.StrEnum):
    """Whether a rock-on runs, as the original names it; `EXITED` has the exit code and error beside it."""

    STOPPED = "stopped"
    PENDING_START = "pending_start"
    STARTED = "started"
    START_FAILED = "start_failed"
    PENDING_STOP = "pending_stop"
    STOP_FAILED = "stop_failed"
    EXITED = "exited"


@dataclass(frozen=True)
class Observed:
    """What the containers say of their rock-on."""

    status: Status
    exit_code: int | None = None
    error: str = ""


def completed(facts: ContainerFacts) -> bool:
    """Whether a container was meant to end and did: status 0 and nothing that restarts it."""
    return facts.state == "exited" and facts.exit_code == 0 and facts.restart_policy in ("", "no")


def observe(containers: Mapping[str, ContainerFacts | None]) -> Observed:
    """Return the status of a rock-on from all of its containers; None stands for one that does not exist.

    Completed containers are left out. The worst of the others counts, not the last one.
    """
    missing = [name for name, facts in containers.items() if facts is None]
    lasting = [facts for facts in containers.values() if facts and not completed(facts)]
    if missing:
        return Observed(Status.EXITED, -1, f"the container {missing[0]} does not exist")
    for facts in lasting:
        crashed = facts.state == "exited" and facts.exit_code != 0 and facts.restart_policy in ("", "no", "on-failure")
        if facts.state in ("restarting", "dead") or crashed or (facts.state == "created" and facts.error):
            return Observed(Status.EXITED, facts.exit_code, _words(facts))
    down = [facts for facts in lasting if facts.state != "running"]
    if down and len(down) < len(lasting):
        return Observed(Status.EXITED, down[0].exit_code, f"the container {down[0].name} is {_state(down[0])}")
    return Observed(Status.STARTED if lasting and not down else Status.STOPPED)


def _words(facts: ContainerFacts) -> str:
    if facts.error:
        return facts.error
    return f"the container {facts.name} {'ends again and again' if facts.state == 'restarting' else 'has ended'}"


def _state(facts: ContainerFacts) -> str:
    return {"exited": "stopped", "created": "not started"}.get(facts.state, facts.state)
