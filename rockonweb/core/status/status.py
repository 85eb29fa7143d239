"""The status of a rock-on, derived from its containers. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.text import t

MISSING_CODE = -1  # instead of an exit code: a container does not exist


class Status(enum.StrEnum):
    """Whether a rock-on runs, with the values of Rockstor's API; `EXITED` comes with an exit code and error."""

    STOPPED = "stopped"
    PENDING_START = "pending_start"
    STARTED = "started"
    START_FAILED = "start_failed"
    PENDING_STOP = "pending_stop"
    STOP_FAILED = "stop_failed"
    EXITED = "exited"


@dataclass(frozen=True)
class ObservedStatus:
    """The status of a rock-on as its containers show it."""

    status: Status
    exit_code: int | None = None
    error: str = ""


def is_completed(facts: ContainerFacts) -> bool:
    """Whether a container was meant to end and did: status 0 and nothing that restarts it."""
    return facts.state == "exited" and facts.exit_code == 0 and facts.restart_policy in ("", "no")


def derive_status(containers: Mapping[str, ContainerFacts | None]) -> ObservedStatus:
    """Return the status of a rock-on from all of its containers; None stands for one that does not exist.

    Completed containers are left out. The worst of the others counts, not the last one.
    """
    missing = [name for name, facts in containers.items() if facts is None]
    long_running = [facts for facts in containers.values() if facts and not is_completed(facts)]
    if missing:
        return ObservedStatus(Status.EXITED, MISSING_CODE, t("the container %(name)s does not exist", name=missing[0]))
    for facts in long_running:
        crashed = facts.state == "exited" and facts.exit_code != 0 and facts.restart_policy in ("", "no", "on-failure")
        if facts.state in ("restarting", "dead") or crashed or (facts.state == "created" and facts.error):
            return ObservedStatus(Status.EXITED, facts.exit_code, _exit_message(facts))
    not_running = [facts for facts in long_running if facts.state != "running"]
    if not_running and len(not_running) < len(long_running):
        return ObservedStatus(
            Status.EXITED,
            not_running[0].exit_code,
            t("the container %(name)s is %(state)s", name=not_running[0].name, state=_state_text(not_running[0])),
        )
    return ObservedStatus(Status.STARTED if long_running and not not_running else Status.STOPPED)


def _exit_message(facts: ContainerFacts) -> str:
    if facts.error:
        return facts.error
    if facts.state == "restarting":
        return t("the container %(name)s keeps stopping and restarting", name=facts.name)
    return t("the container %(name)s has ended", name=facts.name)


def _state_text(facts: ContainerFacts) -> str:
    return {"exited": t("stopped"), "created": t("not started")}.get(facts.state, facts.state)
