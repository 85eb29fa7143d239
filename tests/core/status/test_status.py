"""What the containers say of their rock-on."""

from dataclasses import replace

import pytest

from rockonweb.core.facts import ContainerEvent, ContainerFacts
from rockonweb.core.status.status import (
    ObservedStatus,
    Problem,
    Status,
    derive_status,
    describe_container,
    is_completed,
    track_signals,
)

KEPT_UP = "unless-stopped"


def facts(
    name: str = "app", state: str = "running", code: int = 0, policy: str = KEPT_UP, error: str = ""
) -> ContainerFacts:
    return ContainerFacts(name, state=state, exit_code=code, restart_policy=policy, error=error)


def seen(*containers: ContainerFacts | None) -> ObservedStatus:
    return derive_status({one.name if one else "gone": one for one in containers})


@pytest.mark.parametrize(
    ("containers", "status"),
    [
        ([facts()], Status.STARTED),
        ([facts("a"), facts("b")], Status.STARTED),
        ([facts(state="exited")], Status.STOPPED),
        # Stopped by hand or by us: an app need not answer SIGTERM with status 0.
        ([facts(state="exited", code=143)], Status.STOPPED),
        ([facts(state="exited", code=137)], Status.STOPPED),
        ([facts("a", "exited"), facts("b", "exited", 1)], Status.STOPPED),
        ([facts(state="exited", code=1, policy="always")], Status.STOPPED),
        ([facts(state="created")], Status.STOPPED),
        # Those that are meant to end, under any name of "no policy", count for nothing.
        ([facts("data", "exited", policy="no"), facts("app")], Status.STARTED),
        ([facts("data", "exited", policy=""), facts("app")], Status.STARTED),
        ([facts("app"), facts("data", "exited", policy="no")], Status.STARTED),
        ([facts("data", "exited", policy="no"), facts("app", "exited")], Status.STOPPED),
        ([facts("data", "exited", policy="no")], Status.STOPPED),
    ],
)
def test_a_healthy_rock_on(containers: list[ContainerFacts], status: Status) -> None:
    assert seen(*containers) == ObservedStatus(status)


@pytest.mark.parametrize(
    ("containers", "code", "words"),
    [
        ([facts(state="restarting", code=1)], 1, "app keeps stopping and restarting"),
        ([facts("a"), facts("b", "restarting", 7)], 7, "b keeps stopping and restarting"),
        ([facts("a", "restarting", 7), facts("b")], 7, "a keeps stopping and restarting"),
        ([facts("a", "exited"), facts("b", "restarting", 7)], 7, "b keeps stopping and restarting"),
        ([facts(state="exited", code=3, policy="no")], 3, "app has ended"),
        ([facts(state="exited", code=3, policy="on-failure")], 3, "app has ended"),
        ([facts(state="dead", code=2)], 2, "app has ended"),
        ([facts("data", "exited", 2, policy="no"), facts("app")], 2, "data has ended"),
        ([facts(state="created", code=128, error="no such device")], 128, "no such device"),
        ([facts(state="exited", code=127, policy="no", error="not found")], 127, "not found"),
        ([facts("a"), facts("b", "exited")], 0, "b is stopped"),
        ([facts("a"), facts("b", "exited", 137)], 137, "b is stopped"),
        ([facts("a", "created"), facts("b")], 0, "a is not started"),
        ([facts("a", "paused"), facts("b")], 0, "a is paused"),
        ([facts("a"), None], -1, "gone does not exist"),
        ([facts("a", "restarting", 1), None], -1, "gone does not exist"),
    ],
)
def test_an_unhealthy_one_names_the_container_and_its_exit_code(
    containers: list[ContainerFacts | None], code: int, words: str
) -> None:
    found = seen(*containers)
    assert (found.status, found.exit_code) == (Status.EXITED, code)
    assert found.error.endswith(words)


@pytest.mark.parametrize(
    ("one", "is_it"),
    [
        (facts(state="exited", policy="no"), True),
        (facts(state="exited", policy=""), True),
        (facts(state="exited", policy=KEPT_UP), False),
        (facts(state="exited", code=1, policy="no"), False),
        (facts(state="running", policy="no"), False),
        (facts(state="created", policy="no"), False),
    ],
)
def test_completed_is_status_0_and_no_restarts(one: ContainerFacts, is_it: bool) -> None:
    assert is_completed(one) is is_it


# -- what is wrong ------------------------------------------------------------------------------------------------


def problem_of(one: ContainerFacts | None) -> tuple[str, str]:
    found = describe_container("app", one)
    return str(found.problem), found.sentence


@pytest.mark.parametrize(
    ("one", "problem", "sentence"),
    [
        (None, "missing", "the container app does not exist"),
        (facts(), "none", ""),
        (replace(facts(), health="healthy"), "none", ""),
        (replace(facts(), health="starting"), "starting", "the container app has not passed its own health check yet"),
        (
            replace(facts(), health="unhealthy"),
            "unhealthy",
            "the container app is unhealthy according to its own health check",
        ),
        (facts(state="exited", code=3, policy="no"), "ended", "the container app has ended"),
        (facts(state="exited", code=139, policy="no"), "ended", "the container app was killed by the signal SIGSEGV"),
        (
            replace(facts(state="exited", code=137, policy="no"), out_of_memory=True),
            "out_of_memory",
            "the container app was killed because its memory was used up",
        ),
        # Somebody sent the signal by Docker: it was stopped, and did not crash.
        (replace(facts(state="exited", code=137, policy="no"), signal=9), "none", ""),
        (
            replace(facts(state="restarting", code=7), restarts=4),
            "restarting",
            "the container app keeps stopping and restarting: 4 times so far, last with exit code 7",
        ),
        # Between two ends it runs, and is not well for that.
        (
            replace(facts(), restarts=4, up_seconds=59.0),
            "restarting",
            "the container app keeps stopping and restarting: 4 times so far, last with exit code 0",
        ),
        (replace(facts(), restarts=4, up_seconds=61.0), "none", ""),
        (replace(facts(), restarts=2, up_seconds=1.0), "none", ""),  # it may have waited for a database
        (replace(facts(), restarts=9, up_seconds=3600.0), "none", ""),
        (
            replace(facts(state="restarting", code=137), restarts=2, out_of_memory=True),
            "restarting",
            "the container app runs out of memory and is restarted again and again",
        ),
    ],
)
def test_each_container_says_what_is_wrong_with_it(one: ContainerFacts | None, problem: str, sentence: str) -> None:
    assert problem_of(one) == (problem, sentence)


def test_an_unhealthy_rock_on_has_started_and_names_its_container() -> None:
    found = seen(facts("a"), replace(facts("b"), health="unhealthy"))
    assert (found.status, found.exit_code, found.problem, found.container) == (
        Status.STARTED,
        None,
        Problem.UNHEALTHY,
        "b",
    )
    assert found.error == "the container b is unhealthy according to its own health check"


def test_the_worst_problem_counts() -> None:
    unhealthy, starting = replace(facts("a"), health="unhealthy"), replace(facts("b"), health="starting")
    assert seen(starting, unhealthy).problem is Problem.UNHEALTHY
    assert seen(unhealthy, facts("c", "exited")).problem is Problem.STOPPED
    assert seen(unhealthy, facts("c", "exited"), facts("d", "exited", 1, policy="no")).container == "d"
    again = replace(facts("e"), restarts=3, up_seconds=1.0)
    assert (seen(again).status, seen(again, facts("c", "exited")).status) == (Status.STARTED, Status.EXITED)


def test_a_part_that_somebody_stopped_by_docker_is_told_from_one_that_ended() -> None:
    stopped = replace(facts("b", "exited", 143), signal=15)
    assert seen(facts("a"), stopped).error == "the container b was stopped by a command to Docker (SIGTERM)"


def test_a_page_that_stopped_answering_counts_while_the_containers_run() -> None:
    found = derive_status({"app": facts("app")}, page_answers=False)
    assert (found.status, found.problem) == (Status.STARTED, Problem.NOT_ANSWERING)
    assert derive_status({"app": facts("app")}, page_answers=True) == ObservedStatus(Status.STARTED)
    assert derive_status({"app": facts("app", "exited")}, page_answers=False) == ObservedStatus(Status.STOPPED)
    unhealthy = {"app": replace(facts("app"), health="unhealthy")}
    assert derive_status(unhealthy, page_answers=False).problem is Problem.UNHEALTHY


def test_signals_through_docker_count_until_the_next_start() -> None:
    def event(action: str, signal: int = 0, container: str = "app") -> ContainerEvent:
        return ContainerEvent("App", container, action, signal)

    assert track_signals([event("kill", 15), event("die"), event("stop")]) == {"app": 15}
    assert track_signals([event("kill", 9), event("die"), event("start")]) == {"app": 0}
    assert track_signals([event("kill", 1), event("oom"), event("die", container="b")]) == {}


def test_what_is_kept_stopped_without_its_share_says_so_and_what_runs_does_not() -> None:
    stopped, running = {"app": facts(state="exited")}, {"app": facts()}
    observed = derive_status(stopped, lacks_share=True)
    assert (observed.status, observed.problem) == (Status.STOPPED, Problem.SHARE_ABSENT)
    assert derive_status(running, lacks_share=True).problem is Problem.NONE
