"""Operations are begun, cancelled and repeated in one transaction each; no engine is asked."""

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from rq.job import Job

from rockonweb.core.errors import Conflict, QueueUnreachable
from rockonweb.core.operations.requests import blank_request
from rockonweb.core.status.status import Problem
from rockonweb.models import Draft, Installation, Kind, Operation, Progress, State, User, db, repository, transaction
from rockonweb.work import operations, queue, scheduler
from tests.support.claims import free_port
from tests.support.instance import Instance
from tests.support.queue_server import QueueServer
from tests.support.samples import label_questions, port_question

SPEC = {
    "image": "example/app",
    "ports": {"8080": port_question(8080, ui=True)},
    "volumes": label_questions({"/data": "Data"}),
    "environment": label_questions(API_TOKEN="Token"),
}


def installed(instance: Instance, name: str = "App") -> Installation:
    """A rock-on whose row says that it is installed."""
    rockon = instance.add_rockon(name, {name.lower(): SPEC})
    with transaction():
        rockon.state, rockon.installed_source = State.INSTALLED, rockon.entry.source
    return rockon


def ended(operation_id: int, progress: Progress) -> None:
    """Let an operation be over."""
    with transaction() as session:
        operation = session.get_one(Operation, operation_id)
        operation.progress = progress
        if operation.kind is Kind.INSTALL and operation.installation:
            operation.installation.state = State.INSTALL_FAILED


def job(operation_id: int) -> Job:
    return Job.fetch(scheduler.job_id(operation_id), connection=queue.redis_connection())


@pytest.mark.both_databases
def test_an_install_stores_answers_lines_and_ports_and_forgets_the_drafts(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    with transaction() as session:
        user = User(name="me", password_hash="x")
        session.add(user)
        session.flush()
        session.add(Draft(user_id=user.id, rockon_id=rockon.id, definition_hash="x"))
    reviewed = instance.prepare_install(rockon, new_shares=["new"], shares={"app": {"/data": "new/folder"}})
    operation = db.session.get_one(Operation, instance.submit_review(reviewed))
    assert (operation.kind, operation.progress, operation.user) == ("install", "queued", "tester")
    assert operation.reviewed_commands == reviewed.plan.masked_lines
    assert operation.request == reviewed.request
    assert (rockon.state, rockon.status) == ("pending_install", "pending_start")
    assert rockon.installed_source == rockon.entry.source
    assert repository.load_answers(rockon) == reviewed.final_answers
    assert not db.session.query(Draft).count()


@pytest.mark.both_databases
def test_only_the_id_crosses_the_queue_and_only_after_the_commit(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    committed: list[object] = []
    enqueue = queue.enqueue_job

    def look(function: str, *ids: int, **options: Any) -> None:
        with db.engine.connect() as other:
            committed.extend(map(tuple, other.exec_driver_sql("SELECT id, progress FROM operation")))
        enqueue(function, *ids, **options)

    monkeypatch.setattr(queue, "enqueue_job", look)
    operation_id = instance.submit_review(instance.prepare_install(instance.add_rockon("App", {"app": SPEC})))
    assert committed == [(operation_id, "QUEUED")]
    assert (job(operation_id).func_name, job(operation_id).args) == ("rockonweb.jobs.run", (operation_id,))
    assert not job(operation_id).kwargs
    assert (job(operation_id).timeout or 0) >= 3600  # a pull takes long


def test_a_queue_that_goes_in_between_leaves_an_operation_that_waits(
    instance: Instance, queue_server: QueueServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rockon = installed(instance)
    ping = queue.ping

    def last_words() -> dict[str, object]:
        found = ping()
        queue_server.stop()
        return found

    monkeypatch.setattr(queue, "ping", last_words)
    operation = db.session.get_one(Operation, operations.submit_operation(rockon, blank_request(Kind.STOP), "me"))
    assert operation.progress == "queued"


def test_without_a_queue_nothing_is_written(instance: Instance, queue_server: QueueServer) -> None:
    rockon = installed(instance)
    before = instance.rows_of()
    queue_server.stop()
    with pytest.raises(QueueUnreachable):
        operations.submit_operation(rockon, blank_request(Kind.STOP), "me")
    with pytest.raises(QueueUnreachable):
        operations.submit_refresh("me")
    assert instance.rows_of() == before


@pytest.mark.both_databases
def test_of_many_who_begin_the_same_at_once_all_get_one_operation(instance: Instance) -> None:
    rockon_id = installed(instance).id
    together = threading.Barrier(6)

    def click(_: int) -> int:
        with instance.app.app_context():
            rockon = db.session.get_one(Installation, rockon_id)
            together.wait()
            return operations.submit_operation(rockon, blank_request(Kind.STOP), "me")

    with ThreadPoolExecutor(6) as pool:
        outcomes = [*pool.map(click, range(6))]
    db.session.rollback()
    assert outcomes == outcomes[:1] * 6
    assert db.session.query(Operation).count() == 1


def test_operations_of_different_rock_ons_wait_side_by_side(instance: Instance) -> None:
    for name in ("One", "Two", "Three"):
        operations.submit_operation(installed(instance, name), blank_request(Kind.STOP), "me")
    assert db.session.query(Operation).filter_by(progress=Progress.QUEUED).count() == 3


STATE_WORDS = {
    State.AVAILABLE: "not installed",
    State.PENDING_INSTALL: "being installed",
    State.INSTALL_FAILED: "not installed (installation failed)",
    State.PENDING_UPDATE: "being changed",
    State.PENDING_UNINSTALL: "being uninstalled",
}


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("kind", [Kind.START, Kind.STOP, Kind.RESTART, Kind.UNINSTALL])
def test_what_a_state_allows(instance: Instance, state: State, kind: Kind) -> None:
    rockon = installed(instance)
    with transaction():
        rockon.state = state
    before = instance.rows_of()
    if state is State.INSTALLED or (state is State.INSTALL_FAILED and kind is Kind.UNINSTALL):
        operations.submit_operation(rockon, blank_request(kind), "me")
        assert rockon.is_pending
    else:
        with pytest.raises(Conflict, match=f"App is {re.escape(STATE_WORDS[state])}\\."):
            operations.submit_operation(rockon, blank_request(kind), "me")
        assert instance.rows_of() == before


def test_an_installed_rock_on_is_not_installed_over(instance: Instance) -> None:
    rockon = installed(instance)
    before = instance.rows_of()
    with pytest.raises(Conflict, match="App is already installed"):
        instance.submit_review(instance.prepare_install(rockon))
    assert instance.rows_of() == before


@pytest.mark.both_databases
def test_a_port_that_another_rock_on_reserved_is_refused_and_nothing_is_stored(instance: Instance) -> None:
    number = free_port()
    first, second = (instance.add_rockon(name, {name.lower(): SPEC}) for name in ("First", "Second"))
    mine = instance.prepare_install(first, ports={"first": {"8080": number}})
    theirs = instance.prepare_install(second, ports={"second": {"8080": number}})
    instance.submit_review(mine)
    before = instance.rows_of()
    with pytest.raises(Conflict) as caught:
        instance.submit_review(theirs)
    assert caught.value.sentence == f"Host port {number} (tcp) is now in use by the rock-on First."
    assert instance.rows_of() == before
    # A rock-on that is not installed holds nothing.
    ended(1, Progress.FAILED)
    instance.submit_review(theirs)


@pytest.mark.both_databases
def test_the_same_number_is_free_for_the_other_protocol(instance: Instance) -> None:
    number = free_port()
    udp = {"8080": port_question(8080, protocol="udp", ui=True)}
    first, second = (
        instance.add_rockon("First", {"first": SPEC}),
        instance.add_rockon("Second", {"second": {**SPEC, "ports": udp}}),
    )
    instance.submit_review(instance.prepare_install(first, ports={"first": {"8080": number}}))
    instance.submit_review(instance.prepare_install(second, ports={"second": {"8080": number}}))


@pytest.mark.both_databases
def test_one_refresh_at_a_time_and_whoever_asks_joins_it(instance: Instance) -> None:
    first = operations.submit_refresh("me")
    assert operations.submit_refresh("you") == first
    ended(first, Progress.DONE)
    assert operations.submit_refresh("you") != first


@pytest.mark.parametrize("progress", [Progress.DONE, Progress.FAILED, Progress.CANCELLED, Progress.INTERRUPTED])
def test_what_has_ended_can_not_be_cancelled(instance: Instance, progress: Progress) -> None:
    operation_id = operations.submit_operation(installed(instance), blank_request(Kind.STOP), "me")
    operations.cancel_operation(operation_id)
    assert db.session.get_one(Operation, operation_id).cancel_requested
    ended(operation_id, progress)
    with pytest.raises(Conflict, match="already ended"):
        operations.cancel_operation(operation_id)


@pytest.mark.both_databases
def test_a_retry_begins_the_same_again_with_the_answers_that_were_kept(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    reviewed = instance.prepare_install(rockon, environment={"app": {"API_TOKEN": "t0ken"}})
    first = instance.submit_review(reviewed)
    with pytest.raises(Conflict, match="nothing to repeat"):
        operations.retry_operation(first, "you")  # it waits
    ended(first, Progress.FAILED)
    second = db.session.get_one(Operation, operations.retry_operation(first, "you"))
    assert (second.kind, second.user, second.reviewed_commands) == ("install", "you", reviewed.plan.masked_lines)
    assert repository.load_answers(rockon) == reviewed.final_answers
    ended(second.id, Progress.DONE)
    with pytest.raises(Conflict, match="nothing to repeat"):
        operations.retry_operation(second.id, "you")
    with pytest.raises(Conflict, match="nothing to repeat"):
        operations.retry_operation(4711, "you")


@pytest.mark.both_databases
def test_a_secret_answer_is_in_no_row_in_the_clear(instance: Instance) -> None:
    rockon = instance.add_rockon("App", {"app": SPEC})
    instance.submit_review(instance.prepare_install(rockon, environment={"app": {"API_TOKEN": "t0ken-of-mine"}}))
    assert "t0ken-of-mine" not in instance.rows_of()
    assert "API_TOKEN=********" in instance.rows_of("operation")
    assert repository.load_answers(rockon).environment == {"app": {"API_TOKEN": "t0ken-of-mine"}}
    assert b"t0ken-of-mine" not in job(1).data


def test_what_was_wrong_with_an_app_goes_with_it(instance: Instance) -> None:
    rockon = installed(instance)
    with transaction():
        rockon.state, rockon.problem, rockon.status_error = State.AVAILABLE, Problem.UNHEALTHY, "it is unhealthy"
        operations.reset_uninstalled(rockon)
    assert (rockon.problem, rockon.status_error) == (Problem.NONE, "")
