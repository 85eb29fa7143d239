"""What the containers say of their rock-on."""

import pytest

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.status import ObservedStatus, Status, derive_status, is_completed

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
