"""The status of a rock-on, derived from its containers. Pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rockonweb.core.facts import ContainerEvent, ContainerFacts
from rockonweb.core.text import TranslatableText, t

MISSING_CODE = -1  # instead of an exit code: a container does not exist
FREE_RESTARTS = 2  # by Docker: an app may have to wait for another one
SETTLED_SECONDS = 30  # that a container must run for each further restart, to count as running again
MAX_SETTLED_SECONDS = 600
SIGNAL_BASE = 128  # an exit code above it: a signal ended the process
SIGNAL_NAMES = {
    2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV",
    15: "SIGTERM",
}  # fmt: skip

ENDING_SIGNALS = (2, 3, 6, 9, 15)  # SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGTERM: those that stop an app


class Status(enum.StrEnum):
    """Whether a rock-on runs, with the values of Rockstor's API; `EXITED` comes with an exit code and error."""

    STOPPED = "stopped"
    PENDING_START = "pending_start"
    STARTED = "started"
    START_FAILED = "start_failed"
    PENDING_STOP = "pending_stop"
    STOP_FAILED = "stop_failed"
    EXITED = "exited"


class Problem(enum.StrEnum):
    """What is wrong with a container, or with a rock-on, that should run; the worst comes first."""

    MISSING = "missing"
    OUT_OF_MEMORY = "out_of_memory"
    ENDED = "ended"
    RESTARTING = "restarting"  # by Docker, again and again
    STOPPED = "stopped"  # while other containers of the rock-on run
    UNHEALTHY = "unhealthy"  # by its own health check
    NOT_ANSWERING = "not_answering"  # its page, though it runs
    SHARE_ABSENT = "share_absent"  # so that the rock-on is kept stopped
    STARTING = "starting"  # by its own health check: not wrong, but not well yet
    NONE = "none"

    @property
    def is_down(self) -> bool:
        """Whether a rock-on with it does not do what it should."""
        return self not in (Problem.STARTING, Problem.NONE)


_EXITED = (Problem.MISSING, Problem.OUT_OF_MEMORY, Problem.ENDED, Problem.RESTARTING, Problem.STOPPED)


@dataclass(frozen=True)
class ObservedProblem:
    """What is wrong with a container, as a sentence; blank where nothing is."""

    problem: Problem = Problem.NONE
    sentence: TranslatableText | str = ""


@dataclass(frozen=True)
class ObservedStatus:
    """The status of a rock-on as its containers show it, with its worst problem and the container that has it."""

    status: Status
    exit_code: int | None = None
    error: str = ""
    problem: Problem = Problem.NONE
    container: str = ""


def track_signals(events: Iterable[ContainerEvent]) -> dict[str, int]:
    """Return by container the signal that was sent to it through Docker last, 0 where it was started after that.

    It is how a container that somebody stopped is told from one that crashed. Containers without such events are left
    out, and signals that apps take as messages do not count.
    """
    signals = {}
    for event in events:
        if event.action == "start":
            signals[event.container] = 0
        elif event.action == "kill" and event.signal in ENDING_SIGNALS:
            signals[event.container] = event.signal
    return signals


def is_completed(facts: ContainerFacts) -> bool:
    """Whether a container was meant to end and did: status 0 and nothing that restarts it."""
    return facts.state == "exited" and facts.exit_code == 0 and facts.restart_policy in ("", "no")


def describe_container(name: str, facts: ContainerFacts | None) -> ObservedProblem:
    """Return what is wrong with a container by itself; None stands for one that does not exist.

    Nothing is with one that was stopped: whether it should run shows only beside the others.
    """
    if facts is None:
        return ObservedProblem(Problem.MISSING, t("the container %(name)s does not exist", name=name))
    if facts.state == "restarting" or (facts.state == "running" and _was_just_restarted(facts)):
        return ObservedProblem(Problem.RESTARTING, _restarts_sentence(facts))
    crashed = facts.state == "exited" and facts.exit_code != 0 and facts.restart_policy in ("", "no", "on-failure")
    if facts.state == "dead" or (crashed and not facts.signal) or (facts.state == "created" and facts.error):
        problem = Problem.OUT_OF_MEMORY if facts.out_of_memory else Problem.ENDED
        return ObservedProblem(problem, _end_sentence(facts))
    if facts.state == "running" and facts.health == "unhealthy":
        sentence = t("the container %(name)s is unhealthy according to its own health check", name=name)
        return ObservedProblem(Problem.UNHEALTHY, sentence)
    if facts.state == "running" and facts.health == "starting":
        sentence = t("the container %(name)s has not passed its own health check yet", name=name)
        return ObservedProblem(Problem.STARTING, sentence)
    return ObservedProblem()


def describe_containers(containers: Mapping[str, ContainerFacts | None]) -> dict[str, ObservedProblem]:
    """Return by name what is wrong with each container of a rock-on; one that was meant to end and did is well."""
    expected = [name for name, facts in containers.items() if not (facts and is_completed(facts))]
    problems = {name: describe_container(name, containers[name]) for name in expected}
    not_running = [facts for name in expected if (facts := containers[name]) and facts.state != "running"]
    for facts in not_running if len(not_running) < len(expected) else ():
        if problems[facts.name].problem is Problem.NONE:
            problems[facts.name] = ObservedProblem(Problem.STOPPED, _stopped_sentence(facts))
    return {name: problems.get(name, ObservedProblem()) for name in containers}


def derive_status(
    containers: Mapping[str, ContainerFacts | None], *, page_answers: bool | None = None, lacks_share: bool = False
) -> ObservedStatus:
    """Return the status of a rock-on from all of its containers; None stands for one that does not exist.

    Completed containers are left out. The worst of the others counts, not the last one. `page_answers`: whether its
    page does, None where that is unknown; `lacks_share`: whether a share of it is absent.
    """
    problems = describe_containers(containers)
    expected = [facts for facts in containers.values() if not (facts and is_completed(facts))]
    stopped = not expected or any(facts and facts.state != "running" for facts in expected)
    order = list(Problem)
    worst = min(problems, key=lambda name: order.index(problems[name].problem), default="")
    observed, worst_facts = problems.get(worst, ObservedProblem()), containers.get(worst)
    if observed.problem in _EXITED and (stopped or worst_facts is None):
        exit_code = worst_facts.exit_code if worst_facts else MISSING_CODE
        return ObservedStatus(Status.EXITED, exit_code, observed.sentence, observed.problem, worst)
    if stopped and lacks_share:
        return ObservedStatus(Status.STOPPED, error=t("its share is absent"), problem=Problem.SHARE_ABSENT)
    if stopped:
        return ObservedStatus(Status.STOPPED)
    if page_answers is False and order.index(Problem.NOT_ANSWERING) < order.index(observed.problem):
        sentence = t("its page does not answer any more, although its containers are running")
        return ObservedStatus(Status.STARTED, error=sentence, problem=Problem.NOT_ANSWERING)
    container = worst if observed.problem is not Problem.NONE else ""
    return ObservedStatus(Status.STARTED, None, observed.sentence, observed.problem, container)


def _was_just_restarted(facts: ContainerFacts) -> bool:
    settled_seconds = min((facts.restarts - FREE_RESTARTS) * SETTLED_SECONDS, MAX_SETTLED_SECONDS)
    return facts.up_seconds is not None and facts.up_seconds < settled_seconds


def _restarts_sentence(facts: ContainerFacts) -> TranslatableText:
    if facts.out_of_memory:
        return t("the container %(name)s runs out of memory and is restarted again and again", name=facts.name)
    if facts.restarts > 1:
        return t(
            "the container %(name)s keeps stopping and restarting: %(n)s times so far, last with exit code %(code)s",
            name=facts.name,
            n=facts.restarts,
            code=facts.exit_code,
        )
    return t("the container %(name)s keeps stopping and restarting", name=facts.name)


def _end_sentence(facts: ContainerFacts) -> TranslatableText | str:
    if facts.error:
        return facts.error
    if facts.out_of_memory:
        return t("the container %(name)s was killed because its memory was used up", name=facts.name)
    if signal := SIGNAL_NAMES.get(facts.exit_code - SIGNAL_BASE):
        return t("the container %(name)s was killed by the signal %(signal)s", name=facts.name, signal=signal)
    return t("the container %(name)s has ended", name=facts.name)


def _stopped_sentence(facts: ContainerFacts) -> TranslatableText:
    if facts.state == "exited" and facts.signal in SIGNAL_NAMES:
        return t(
            "the container %(name)s was stopped by a command to Docker (%(signal)s)",
            name=facts.name,
            signal=SIGNAL_NAMES[facts.signal],
        )
    state = {"exited": t("stopped"), "created": t("not started")}.get(facts.state, facts.state)
    return t("the container %(name)s is %(state)s", name=facts.name, state=state)
