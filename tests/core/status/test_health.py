"""Whether a container that was just started holds."""

import pytest

from rockonweb.core.facts import ContainerFacts
from rockonweb.core.status.health import ContainerObservation, HealthLimits, HealthVerdict, judge_health

LIMITS = HealthLimits(steady_seconds=10, timeout_seconds=300)


def facts(state: str = "running", **keys: object) -> ContainerFacts:
    return ContainerFacts("app", state=state, **{"restart_policy": "unless-stopped", **keys})  # type: ignore[arg-type]


def verdict(*looks: tuple[float, ContainerFacts | None] | tuple[float, ContainerFacts | None, bool]) -> HealthVerdict:
    return judge_health("app", [ContainerObservation(*look) for look in looks], LIMITS)


def outcome(*looks: tuple[float, ContainerFacts | None] | tuple[float, ContainerFacts | None, bool]) -> str:
    return verdict(*looks).outcome


def test_it_must_run_for_a_while() -> None:
    assert outcome((0, facts())) == "waiting"
    assert outcome((0, facts()), (9.9, facts())) == "waiting"
    assert outcome((0, facts()), (10, facts())) == "healthy"


def test_a_restart_begins_the_while_anew() -> None:
    again = facts(restarts=1)
    assert outcome((0, facts()), (10, again)) == "waiting"
    assert outcome((0, facts()), (10, again), (19, again)) == "waiting"
    assert outcome((0, facts()), (10, again), (20, again)) == "healthy"


def test_a_restart_by_hand_begins_the_while_anew() -> None:
    assert outcome((0, facts(started="a")), (10, facts(started="b"))) == "waiting"


def test_a_moment_down_begins_the_while_anew() -> None:
    assert outcome((0, facts()), (5, facts("restarting")), (10, facts())) == "waiting"


def test_its_page_must_answer() -> None:
    assert outcome((0, facts(), False), (10, facts(), False)) == "waiting"
    assert outcome((0, facts(), False), (10, facts(), True)) == "healthy"
    assert (
        str(verdict((0, facts(), False), (10, facts(), False)).reason)
        == "app is running, but its page does not answer."
    )
    assert outcome((0, facts(), False), (300, facts(), False)) == "unhealthy"


def test_its_own_health_check_counts_and_nothing_else() -> None:
    assert outcome((0, facts(health="healthy"))) == "healthy"
    assert outcome((0, facts(health="healthy"), False)) == "healthy"
    assert outcome((0, facts(health="starting"), True), (100, facts(health="starting"), True)) == "waiting"
    assert outcome((0, facts(health="unhealthy"), True), (100, facts(health="unhealthy"), True)) == "unhealthy"
    assert outcome((0, facts(health="starting")), (300, facts(health="starting"))) == "unhealthy"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (None, "app no longer exists."),
        (facts("exited", exit_code=3, restart_policy="no"), "app ended with exit code 3."),
        (facts("exited", exit_code=0), "app ended with exit code 0."),  # by a stop: it was to go on
        (facts("dead", exit_code=1), "app ended with exit code 1."),
    ],
)
def test_what_is_gone_is_unhealthy_at_once(found: ContainerFacts | None, why: str) -> None:
    assert verdict((0, found)) == HealthVerdict("unhealthy", why)


def test_what_was_meant_to_end_and_did_is_healthy() -> None:
    assert outcome((0, facts("exited", restart_policy="no"))) == "healthy"
    assert outcome((0, facts("exited", restart_policy=""))) == "healthy"


def test_what_ends_again_and_again_is_given_up_after_a_while() -> None:
    """It may be waiting for another container; so a few restarts in the beginning are no fault."""
    assert outcome((0, facts()), (59, facts("restarting", restarts=20))) == "waiting"
    assert outcome((0, facts()), (60, facts("restarting", restarts=4))) == "waiting"
    assert outcome((0, facts()), (60, facts("restarting", restarts=5))) == "unhealthy"
    assert outcome((0, facts()), (60, facts("running", restarts=5))) == "unhealthy"
    assert outcome((0, facts()), (300, facts("restarting", restarts=1))) == "unhealthy"


def test_what_ran_before_has_to_stay_up_and_no_more() -> None:
    """Neither its page nor its own check is waited for, and restarts of earlier days do not count."""
    brief = LIMITS.brief()
    assert brief.timeout_seconds < LIMITS.timeout_seconds
    old = facts(restarts=40)

    def judged(*looks: tuple[float, ContainerFacts]) -> str:
        return judge_health("app", [ContainerObservation(*look) for look in looks], brief).outcome

    assert judged((0, old), (9, old)) == "waiting"
    assert judged((0, old), (10, old)) == "healthy"
    starting = facts(health="starting")
    assert judged((0, starting), (10, starting)) == "healthy"
    assert judged((0, facts(health="unhealthy"))) == "unhealthy"
    assert judged((0, old), (12, facts("restarting", restarts=44))) == "waiting"
    assert judged((0, old), (12, facts("restarting", restarts=45))) == "unhealthy"
    assert judged((0, facts()), (60, facts("restarting", restarts=1))) == "unhealthy"


def test_a_long_while_has_its_time_also_for_what_ran_before() -> None:
    assert HealthLimits(steady_seconds=100, timeout_seconds=600).brief().timeout_seconds == 300
    assert HealthLimits(steady_seconds=10, timeout_seconds=20).brief().timeout_seconds == 20
