"""The health gate on a real engine: what holds, what does not, and what stays then."""

import threading
import time
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from rockonweb.core.operations.requests import ChangeRequest, blank_request
from rockonweb.core.secret import MASK
from rockonweb.core.status.health import HealthLimits, HealthVerdict
from rockonweb.host import health_gate
from rockonweb.models import Installation, Kind, Operation, Progress, db
from rockonweb.web.labels import ended_title
from rockonweb.work import operations
from tests.support.app import FormClient, create_test_user
from tests.support.apps import fetch_app_page
from tests.support.claims import free_port
from tests.support.engine import DockerDaemon
from tests.support.instance import Instance, chosen_port, describe_steps

WEB = {"8080": {"label": "Web", "description": "The page.", "host_default": 8080, "protocol": "tcp", "ui": True}}
DEAF = {"9": {"label": "Web", "description": "Nothing listens.", "host_default": 8080, "protocol": "tcp", "ui": True}}
CHECKED = [["--health-interval", "300ms"], ["--health-retries", "1"]]


@pytest.fixture(autouse=True)
def _short(instance: Instance) -> None:
    """Limits that a test can wait for; what is to hold gets all the time it needs."""
    limit(instance, HealthLimits(steady_seconds=0.5, timeout_seconds=60))


def limit(instance: Instance, limits: HealthLimits) -> None:
    instance.app.config["SETTINGS"] = replace(instance.settings, health=limits)


def install(instance: Instance, rockon: Installation) -> Operation:
    return instance.run_operation(instance.submit_review(instance.prepare_install(rockon)))


def last(operation: Operation) -> tuple[str, str]:
    step = operation.steps[-1]
    return step.title, step.progress


def test_an_app_that_answers_holds(instance: Instance, app_image: str) -> None:
    rockon = instance.add_rockon("Well", {"well": {"image": app_image, "tag": "", "ports": WEB}})
    operation = install(instance, rockon)
    assert operation.progress == "done", describe_steps(operation)
    assert last(operation) == ("wait until well is healthy", Progress.DONE)
    assert operation.steps[-1].output == ""


def test_the_page_can_be_opened_while_the_gate_goes_on_watching(instance: Instance, app_image: str) -> None:
    limit(instance, HealthLimits(steady_seconds=600, timeout_seconds=1200))
    instance.app.test_client_class = FormClient
    create_test_user()
    person = instance.app.test_client().log_in("ada")  # type: ignore[attr-defined]
    rockon = instance.add_rockon("Early", {"early": {"image": app_image, "tag": "", "ports": WEB}})
    reviewed = instance.prepare_install(rockon)
    operation_id = instance.submit_review(reviewed)
    links: list[bool] = []

    def watch() -> None:
        with instance.app.app_context():
            deadline = time.monotonic() + 60
            while links[-1:] != [True] and time.monotonic() < deadline:
                page = person.get(f"/operations/{operation_id}").text
                links.append(f'id="open" href="http://localhost:{chosen_port(reviewed, "early")}/"' in page)
                time.sleep(0.1)
            operations.cancel_operation(operation_id)

    watcher = threading.Thread(target=watch)
    watcher.start()
    operation = instance.run_operation(operation_id)
    watcher.join()
    assert (links[0], links[-1], operation.progress) == (False, True, "cancelled"), describe_steps(operation)
    assert 'id="open"' not in person.get(f"/operations/{operation_id}").text


UNWELL = {
    "ends again and again": ({"opts": [["-e", "STANDIN_EXIT=3"]]}, "app keeps stopping and restarting."),
    "ended once": ({"opts": [["-e", "STANDIN_EXIT=3"], ["--restart", "no"]]}, "app ended with exit code 3."),
    "never listens": ({"ports": DEAF}, "app is running, but its page does not answer."),
    "says so itself": (
        {"opts": [["--health-cmd", "false"], *CHECKED]},
        "app is unhealthy according to its own health check.",
    ),
}


@pytest.mark.parametrize("how", UNWELL)
def test_a_first_install_that_does_not_hold_stays_with_its_log(
    engine: DockerDaemon, instance: Instance, app_image: str, how: str
) -> None:
    keys, sentence = UNWELL[how]
    # What ends is seen to end, however late a busy machine starts it.
    limit(
        instance,
        HealthLimits(steady_seconds=0, timeout_seconds=1)
        if how == "never listens"
        else HealthLimits(steady_seconds=20, timeout_seconds=60),
    )
    rockon = instance.add_rockon("Unwell", {"app": {"image": app_image, "tag": "", **keys}})
    operation = install(instance, rockon)
    with instance.app.test_request_context():
        assert ended_title(operation) == "Unwell was installed, but is not healthy"
    assert (operation.progress, operation.error) == ("failed", sentence), describe_steps(operation)
    assert last(operation) == ("wait until app is healthy", Progress.FAILED)
    assert "as user 0:0" in operation.steps[-1].app_output  # of its log
    assert (rockon.state, rockon.error) == ("installed", sentence)
    assert engine.run_docker("ps", "-aq", "--filter", "name=app")
    again = operations.retry_operation(operation.id, "tester")  # there is nothing to install: it is started again
    assert instance.run_operation(again).kind is Kind.RESTART
    instance.perform(Kind.UNINSTALL, rockon)
    assert engine.run_docker("ps", "-aq") == ""


@pytest.mark.parametrize("kind", [Kind.START, Kind.RESTART])
def test_a_start_of_what_ends_again_and_again_fails_and_is_not_undone(
    engine: DockerDaemon, instance: Instance, app_image: str, kind: Kind
) -> None:
    limit(instance, HealthLimits(steady_seconds=20, timeout_seconds=60))
    crashing = {"app": {"image": app_image, "tag": "", "opts": [["-e", "STANDIN_EXIT=3"]]}}
    rockon = instance.add_rockon("Unwell", crashing)
    install(instance, rockon)
    instance.perform(Kind.STOP, rockon)
    operation = instance.run_operation(operations.submit_operation(rockon, blank_request(kind), "tester"))
    assert (operation.progress, operation.error) == ("failed", "app keeps stopping and restarting.")
    assert last(operation) == ("check that it stays up: app", Progress.FAILED)
    assert "as user 0:0" in operation.steps[-1].app_output  # of its log
    assert (rockon.state, rockon.status) == ("installed", "start_failed")
    assert engine.run_docker("inspect", "-f", "{{.State.Status}}", "app") != "exited"


def test_a_start_of_what_answers_late_is_done_once_it_stays_up(instance: Instance, app_image: str) -> None:
    limit(instance, HealthLimits(steady_seconds=0.5, timeout_seconds=60))
    rockon = instance.add_rockon("Late", {"app": {"image": app_image, "tag": "", "ports": WEB, "opts": CHECKED}})
    install(instance, rockon)
    instance.perform(Kind.STOP, rockon)
    operation = instance.perform(Kind.START, rockon)
    assert last(operation) == ("check that it stays up: app", Progress.DONE)


def test_its_own_health_check_is_waited_for(instance: Instance, app_image: str) -> None:
    opts = [["--health-cmd", "sleep 1"], *CHECKED]
    rockon = instance.add_rockon("Checked", {"app": {"image": app_image, "tag": "", "opts": opts, "ports": DEAF}})
    operation = install(instance, rockon)
    assert operation.progress == "done", describe_steps(operation)


def test_what_is_meant_to_end_holds(instance: Instance, ending_image: str) -> None:
    rockon = instance.add_rockon("Ends", {"app": {"image": ending_image, "tag": "", "opts": [["--restart", "no"]]}})
    assert install(instance, rockon).progress == "done"


def test_a_cancel_while_it_is_waited_for_takes_the_install_back(
    engine: DockerDaemon, instance: Instance, app_image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = instance.add_rockon("Deaf", {"app": {"image": app_image, "tag": "", "ports": DEAF}})
    operation_id = instance.submit_review(instance.prepare_install(rockon))
    judge = health_gate.judge_health

    def meanwhile(*looks: Any) -> HealthVerdict:
        if not db.session.get_one(Operation, operation_id).cancel_requested:
            operations.cancel_operation(operation_id)
        return judge(*looks)

    monkeypatch.setattr(health_gate, "judge_health", meanwhile)
    assert instance.run_operation(operation_id).progress == "cancelled"
    assert rockon.state == "available"
    assert engine.run_docker("ps", "-aq") == ""


@pytest.mark.parametrize("how", [how for how in UNWELL if how != "never listens"])
def test_a_replacement_that_does_not_hold_brings_the_old_one_back(
    engine: DockerDaemon, instance: Instance, app_image: str, how: str
) -> None:
    rockon = instance.add_rockon("Well", {"app": {"image": app_image, "tag": "", "ports": WEB}})
    assert install(instance, rockon).progress == "done"
    port = rockon.containers[0].ports[0].host
    before = engine.run_docker("inspect", "-f", "{{.Id}}", "app")
    keys, sentence = UNWELL[how]
    instance.add_rockon("Well", {"app": {"image": app_image, "tag": "", "ports": WEB, **keys}})
    wanted = instance.changed_answers(rockon, ports={"app": {8080: free_port()}})
    operation = instance.run_operation(
        operations.submit_operation(rockon, ChangeRequest(wanted, source=rockon.entry.source), "tester")
    )
    assert (operation.progress, operation.error) == ("failed", sentence), describe_steps(operation)
    assert engine.run_docker("inspect", "-f", "{{.Id}}", "app") == before
    assert (rockon.state, rockon.status) == ("installed", "started")
    fetch_app_page(port or 0)


def test_what_an_app_prints_when_it_fails_shows_no_secret(instance: Instance, app_image: str) -> None:
    asked = {key: {"label": key, "description": ""} for key in ("PASSWORD", "DATABASE_LINK", "TITLE")}
    spec = {"image": app_image, "tag": "", "environment": asked, "opts": [["-e", "STANDIN_EXIT=3"]]}
    rockon = instance.add_rockon("Talks", {"app": spec})
    secret = "blue horses & dream"
    values = {"PASSWORD": secret, "DATABASE_LINK": f"db://u:{quote(secret, safe='')}@db", "TITLE": "Family"}
    operation = instance.run_operation(
        instance.submit_review(instance.prepare_install(rockon, environment={"app": values}))
    )
    printed = operation.steps[-1].app_output
    assert operation.progress == "failed", describe_steps(operation)
    assert "environment: TITLE=Family" in printed
    assert f"environment: PASSWORD={MASK}" in printed
    assert f"environment: DATABASE_LINK=db://u:{MASK}@db" in printed
    assert "horses" not in describe_steps(operation)
    instance.perform(Kind.UNINSTALL, rockon)
